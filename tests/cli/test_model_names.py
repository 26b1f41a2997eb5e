"""What `model show` says that a bundle calls itself: the tool's own name is that of the tool's own bundle alone."""

import json
import shutil
from pathlib import Path

import pytest

from fusiondiff_audit.weights.pins import PINNED
from tests.cli.conftest import Tool

CERAMIC, PIN = next(iter(PINNED.items()))


def calls_itself(lab: Tool, folder: Path) -> str | None:
    done = lab("model", "show", folder, "--json")
    assert done.code == 0, done.out
    name: str | None = done.json["callsItself"]
    assert name is None or name in lab("model", "show", folder).out
    return name


@pytest.mark.parametrize("name", [CERAMIC, "Fusion-Diff-V1-ceramic", f"my {CERAMIC}"])
def test_a_bundle_signed_anew_is_not_shown_as_the_tool_s_own(lab: Tool, name: str) -> None:
    assert lab("keygen", "--role", "model", "--out", "model.pem", "--no-passphrase").code == 0
    Path("copy").mkdir()
    settings = json.loads((PIN.folder / "bundle.json").read_bytes()) | {"name": name}
    Path("copy", "bundle.json").write_text(json.dumps(settings))
    assert lab("model", "sign", "copy", "--key", "model.pem").code == 0
    assert calls_itself(lab, Path("copy")) == f"another {CERAMIC}"
    Path("copy", "bundle.json").write_text(json.dumps(settings | {"name": "birch", "base": name}))
    base = CERAMIC if name == CERAMIC else f"another {CERAMIC}"
    assert calls_itself(lab, Path("copy")) == f"birch, enrolled on {base}"
    Path("copy", "bundle.json").write_text(json.dumps(settings | {"name": f"birch, enrolled on {CERAMIC}"}))
    assert calls_itself(lab, Path("copy")) is None


def test_the_tool_s_own_name_is_shown_of_listed_settings_alone(lab: Tool) -> None:
    assert calls_itself(lab, PIN.folder) == CERAMIC
    Path("copy").mkdir()
    shutil.copy(PIN.folder / "model.sig", "copy")  # which lists the tool's files
    settings = json.loads((PIN.folder / "bundle.json").read_bytes()) | {"reference": "Ming"}
    Path("copy", "bundle.json").write_text(json.dumps(settings))
    assert calls_itself(lab, Path("copy")) == f"another {CERAMIC}"
