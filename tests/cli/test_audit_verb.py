"""`audit`: a signed batch and a signed model in, a signed report out."""

import shutil
from pathlib import Path

import pytest

from fusiondiff_audit.cli.exits import Exit
from tests.cli.conftest import Tool
from tests.model.tiny import enrolled_model
from tests.training.test_enrol import written


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "tiny"
    enrolled_model(4, calibrate=19).save(folder)
    return folder


@pytest.fixture
def ready(house: Tool, bundle: Path) -> Tool:
    """Return the tool beside a trusted model and a signed folder of six pictures."""
    assert house("keygen", "--role", "model", "--out", "model.pem", "--no-passphrase").code == 0
    for role in ("model", "auditor"):
        add = ("trust", "add", "trust.json", "--role", role, "--key", f"{role}.pub.pem", "--root-key", "root.pem")
        assert house(*add).code == 0
    shutil.copytree(bundle, "tiny")
    assert house("model", "sign", "tiny", "--key", "model.pem").code == 0
    written(Path("pictures"), 3)
    assert house("sign", "pictures", "--key", "device.pem", "--device", "sem-1").code == 0
    return house


WORDS = ("audit", "pictures", "--model", "tiny", "--trust", "trust.json", "--key", "auditor.pem")


def test_the_whole_way_and_back(ready: Tool) -> None:
    done = ready(*WORDS, "--ledger", "ledger", "--out", "out", "--json")
    assert done.code == 0, done.err
    assert done.json["judged"] == 6
    verified = ready("verify", "out", "--trust", "trust.json", "--images", "pictures", "--model", "tiny", "--json")
    assert verified.code == 0, verified.err
    assert [c["check"] for c in verified.json["checks"]][-2:] == ["images", "model"]
    assert verified.json["images"] == done.json["images"]
    assert verified.json["demonstration"]
    assert ready("ledger", "verify", "ledger", "--trust", "trust.json").code == 0
    name = done.json["images"][0]["name"]
    assert ready("report", "excerpt", "out", name, "--out", "one.json").code == 0
    alone = ready("report", "verify-excerpt", "one.json", "--trust", "trust.json", "--image", f"pictures/{name}")
    assert alone.code == 0
    replayed = ready(*WORDS, "--ledger", "ledger", "--out", "again", "--json")
    assert (replayed.code, replayed.json["reason"]) == (Exit.INTEGRITY, "replayed")
    shown = ready(*WORDS, "--ledger", "ledger", "--out", "third", "--again", "asked for by the client")
    assert shown.code == 0
    assert "DEMONSTRATION" in shown.out


def test_a_tampered_file_is_a_row_and_an_exit_code(ready: Tool) -> None:
    victim = Path("pictures", "alder-1.tif")
    data = bytearray(victim.read_bytes())
    data[-1] ^= 1
    victim.write_bytes(data)
    done = ready(*WORDS, "--no-ledger", "--out", "out", "--json")
    assert done.code == Exit.INTEGRITY
    assert {"name": "alder-1.tif", "verdict": "REFUSED", "reasons": ["digest-mismatch"]} in done.json["images"]
    assert done.json["judged"] == 5
    assert ready("verify", "out", "--trust", "trust.json").code == 0


def test_a_gate_and_what_cannot_be_begun(ready: Tool) -> None:
    said = ready(*WORDS, "--no-ledger", "--out", "out", "--json").json
    verdicts = {image["verdict"] for image in said["images"]}
    gate = ready(*WORDS, "--no-ledger", "--out", "gated", "--fail-on", sorted(verdicts)[0], "--json")
    assert gate.code == Exit.GATE
    assert gate.json["failedOn"] == [sorted(verdicts)[0]]
    Path("bad.toml").write_text("name = 3")
    for more, code in (
        (("--out", "x"), Exit.USAGE),
        (("--no-ledger", "--out", "out"), Exit.USAGE),
        (("--no-ledger", "--out", "pictures/inside"), Exit.USAGE),
        (("--no-ledger", "--out", "x", "--again", "because"), Exit.USAGE),
        (("--no-ledger", "--out", "x", "--resume"), Exit.UNREADABLE),
        (("--no-ledger", "--out", "x", "--policy", "bad.toml"), Exit.UNREADABLE),
        (("--no-ledger", "--out", "x", "--key", "device.pem"), Exit.INTEGRITY),
        (("--no-ledger", "--out", "x", "--model", "pictures"), Exit.INTEGRITY),
        (("--no-ledger", "--out", "x", "--device", "cuda"), Exit.ENVIRONMENT),
    ):
        assert ready(*WORDS, *more).code == code, more
        assert not Path("x", "report.sigstore.json").exists()
        shutil.rmtree("x", ignore_errors=True)


def test_a_policy_is_quoted_and_a_resumed_run_ends_the_same(ready: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("audit.toml").write_text('name = "ours"\n[case]\ntext = ["Sale 12"]\n[decide]\nerror_rate = "0.1"\n')
    from fusiondiff_audit.judging import ModelJudge

    real, left = ModelJudge.judge_each, [2]

    def dying(self: ModelJudge, samples: object) -> object:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return real(self, samples)  # type: ignore[arg-type]

    monkeypatch.setattr(ModelJudge, "judge_each", dying)
    words = (*WORDS, "--no-ledger", "--out", "out", "--policy", "audit.toml")
    assert ready(*words).code == Exit.ENVIRONMENT
    monkeypatch.setattr(ModelJudge, "judge_each", real)
    done = ready(*words, "--resume", "--json")
    assert done.code == 0, done.err
    assert done.json["judged"] == 4
    assert "Sale 12" in ready("verify", "out", "--trust", "trust.json").out
    assert ready(*words, "--resume").code == Exit.USAGE
