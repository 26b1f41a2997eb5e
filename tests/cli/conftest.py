"""The tool, called as tests of the command line need it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import signing
from fusiondiff_audit.cli import verbs
from fusiondiff_audit.cli.answer import run_verbs
from reports.verdict.issue import issue
from tests.reports.verdict.made import report
from tests.vectors.images import make

ADD_AUDITOR = (
    *("trust", "add", "trust.json", "--role", "auditor", "--key", "auditor.pub.pem"),
    *("--root-key", "root.pem"),
)


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Tool = Callable[..., Done]


@pytest.fixture
def tool(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """Return the tool, called in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> Done:
        capsys.readouterr()
        code = run_verbs(verbs, [str(w) for w in words])
        return Done(code, *capsys.readouterr())

    return call


@pytest.fixture
def lab(tool: Tool) -> Tool:
    """Return the tool in a folder with keys, a trust store and a signed batch."""
    Path("batch").mkdir()
    Path("batch", "a.tif").write_bytes(make.GOOD["good.tif"])
    Path("batch", "b.tif").write_bytes(make.GOOD["good-with-little-after.tif"])
    Path("batch", "notes.txt").write_text("notes.txt")
    Path("pass").write_text("correct horse\n")
    Path("pass").chmod(0o600)
    for role in ("root", "device", "auditor"):
        assert tool("keygen", "--role", role, "--out", f"{role}.pem", "--no-passphrase").code == 0
    init = ("trust", "init", "--root-key", "root.pem", "--add", "device=device.pub.pem", "--out", "trust.json")
    assert tool(*init).code == 0
    assert tool("sign", "batch", "--key", "device.pem", "--device", "sem-1", "--pixel-size", "12.5 nm").code == 0
    return tool


def trust_model(lab: Tool, bundle: Path) -> None:
    """Copy a bundle to `tiny`, sign it, and put its key and the auditor's into the trust store."""
    assert lab("keygen", "--role", "model", "--out", "model.pem", "--no-passphrase").code == 0
    for role in ("model", "auditor"):
        add = ("trust", "add", "trust.json", "--role", role, "--key", f"{role}.pub.pem", "--root-key", "root.pem")
        assert lab(*add).code == 0
    shutil.copytree(bundle, "tiny")
    assert lab("model", "sign", "tiny", "--key", "model.pem").code == 0


@pytest.fixture
def received(lab: Tool) -> Callable[..., Path]:
    """Return what writes a report that the lab's auditor signed."""
    add = ("trust", "add", "trust.json", "--role", "auditor", "--key", "auditor.pub.pem", "--root-key", "root.pem")
    assert lab(*add).code == 0
    key = signing.load_key(Path("auditor.pem"), passphrase=lambda: b"")

    def write(name: str = "out", count: int = 30, **changes: Any) -> Path:
        issued = signing.write_time(signing.now())
        said = report(key.public, count, principal="auditor", issued=issued, **changes)
        folder = Path(name)
        folder.mkdir()
        for file, data in issue(said, key).items():
            (folder / file).write_bytes(data)
        return folder

    return write
