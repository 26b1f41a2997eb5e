"""`audit`: a signed batch and a signed model in, a signed report out."""

import contextlib
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import signing
from fusiondiff_audit.auditing.compose import compose
from fusiondiff_audit.cli.exits import Exit
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.enrolment import ForestSettings
from fusiondiff_audit.policy.stress import read_stress_policy
from reports.arithmetic import tolerance
from reports.stress.result import sign_stress_result
from reports.verdict.enrolment_ranks import COPIES_ACCEPTED, OWN_REJECTED
from reports.verdict.issue import REPORT
from reports.verdict.rows import surviving_answers
from reports.verdict.verification import verify_report
from tests.cli.conftest import Tool, trust_model
from tests.model.tiny import enrolled_model, examples, tiny_model
from tests.reports.verdict.made import digest
from tests.stress_results import stressed
from tests.training.test_enrol import write_labelled


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "tiny"
    samples = ((sample, replace(example, device="sem-1")) for sample, example in examples(20))
    learning = ForestSettings(trees=10)
    tiny_model().enrol(samples, reference="alder", learning=learning, demonstration=True).save(folder)
    return folder


@pytest.fixture
def ready(lab: Tool, bundle: Path) -> Tool:
    """Return the tool beside a trusted model that passed a stress test, and a signed folder of six pictures."""
    trust_model(lab, bundle)
    write_stress_result("tiny", TESTED)
    write_labelled(Path("pictures"), 3)
    assert lab("sign", "pictures", "--key", "device.pem", "--device", "sem-1").code == 0
    return lab


TESTED = "tested.sigstore.json"
TRUSTED = ("--trust", "trust.json", "--key", "auditor.pem")
WORDS = ("audit", "pictures", "--model", "tiny", *TRUSTED, "--robustness", TESTED)


EASY = read_stress_policy("quick").model_copy(update={"name": "easy", "floor": "0"})


def write_stress_result(model: str, out: str, *, by: str = "auditor", **changes: Any) -> None:
    """Write the signed result of a stress test that a model passed, unless it is changed."""
    key = signing.load_key(Path(f"{by}.pem"), passphrase=bytes)
    whose = changes.pop("model_digest", None) or DiffusionModel.from_pretrained(model, unverified=True).digest
    Path(out).write_bytes(sign_stress_result(stressed(key.public, whose, **changes), key))


def test_a_report_is_issued_verified_excerpted_and_not_replayed(ready: Tool) -> None:
    done = ready(*WORDS, "--ledger", "ledger", "--out", "out", "--json")
    assert done.code == 0, done.err
    assert done.json["judged"] == 6
    verified = ready("verify", "out", "--trust", "trust.json", "--images", "pictures", "--model", "tiny", "--json")
    assert verified.code == 0, verified.err
    assert [c["check"] for c in verified.json["checks"]][-3:] == ["images", "model", "page"]
    assert "report.html is what the signed file gives, byte for byte; its 6 images show" in str(verified.json["checks"])
    assert verified.json["images"] == done.json["images"]
    assert verified.json["specimens"] == done.json["specimens"]
    assert verified.json["demonstration"]
    assert {"name": "VERIFY.txt", "state": "instructions, not signed, as this version writes them"} in verified.json[
        "unchecked"
    ]
    assert ready("ledger", "verify", "ledger", "--trust", "trust.json").code == 0
    name = done.json["images"][0]["name"]
    assert ready("report", "excerpt", "out", name, "--out", "one.json").code == 0
    alone = ready("report", "verify-excerpt", "one.json", "--trust", "trust.json", "--image", f"pictures/{name}")
    assert alone.code == 0
    replayed = ready(*WORDS, "--ledger", "ledger", "--out", "again", "--json")
    assert (replayed.code, replayed.json["reason"]) == (Exit.INTEGRITY, "replayed")
    assert not Path("again").exists()
    shown = ready(*WORDS, "--ledger", "ledger", "--out", "again", "--again", "asked for by the client")
    assert shown.code == 0
    assert "DEMONSTRATION" in shown.out
    assert "whatever it knew of it: asked for by the client" in shown.out


def test_a_rolled_back_ledger_is_detected_by_its_reports(ready: Tool) -> None:
    assert ready(*WORDS, "--ledger", "ledger", "--out", "one").code == 0
    shutil.copytree("ledger", "older")
    assert ready(*WORDS, "--ledger", "ledger", "--out", "two", "--again", "asked for").code == 0
    assert ready(*WORDS, "--no-ledger", "--out", "without").code == 0
    verify = ("ledger", "verify", "--trust", "trust.json", "--json")
    now = ready(*verify, "ledger", "--report", "one", "--report", "two")
    assert (now.code, "2 of them named here" in now.json["sentence"]) == (0, True)
    assert ready(*verify, "older").code == 0  # by itself it is whole
    for ledger, report, reason in (("older", "two", "ledger-altered"), ("ledger", "without", "bad-request")):
        assert ready(*verify, ledger, "--report", report).json["reason"] == reason


def test_a_report_states_how_often_the_model_was_wrong(ready: Tool) -> None:
    ranks = DiffusionModel.from_pretrained("tiny", unverified=True).settings.ranks
    assert ranks is not None
    assert ready(*WORDS, "--no-ledger", "--out", "out").code == 0
    said = ready("verify", "out", "--trust", "trust.json").out
    rates = ranks.error_rates(Fraction("0.05"))
    assert [rate.what for rate in rates][:2] == [COPIES_ACCEPTED, OWN_REJECTED]
    for rate in rates:
        assert f"{rate.errors} of {rate.of} {rate.what} ({rate.interval})" in said


def test_a_tampered_file_is_a_row_and_an_exit_code(ready: Tool) -> None:
    victim = Path("pictures", "alder-1.tif")
    data = bytearray(victim.read_bytes())
    data[-1] ^= 1
    victim.write_bytes(data)
    done = ready(*WORDS, "--no-ledger", "--out", "out", "--json")
    assert done.code == Exit.INTEGRITY
    reasons = {row["name"]: (row["verdict"], row["reasons"]) for row in done.json["images"]}
    assert reasons["alder-1.tif"] == ("REFUSED", ["digest-mismatch"])
    assert done.json["judged"] == 5
    assert ready("verify", "out", "--trust", "trust.json").code == 0


def test_fail_on_and_runs_that_cannot_start(ready: Tool) -> None:
    said = ready(*WORDS, "--no-ledger", "--out", "out", "--json").json
    verdicts = {image["verdict"] for image in said["images"]}
    gate = ready(*WORDS, "--no-ledger", "--out", "gated", "--fail-on", sorted(verdicts)[0], "--json")
    assert gate.code == Exit.GATE
    assert gate.json["failedOn"] == [sorted(verdicts)[0]]
    assert (gate.json["outcome"], gate.json["reason"]) == ("REFUSED", "gate-failed")
    assert gate.json["sentence"].startswith(f"--fail-on {sorted(verdicts)[0]}: DEMONSTRATION. 6 specimens: ")
    assert Path("gated", REPORT).exists()
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
        (("--no-ledger", "--out", "x", "--device", "gpu"), Exit.USAGE),
    ):
        assert ready(*WORDS, *more).code == code, more
        assert not Path("x").exists()  # the next try finds the place free


def test_files_that_a_system_left_are_no_images_of_a_report(ready: Tool) -> None:
    for name in (".DS_Store", "Thumbs.db", "more.tif"):
        Path("pictures", name).write_bytes(b"")
    done = ready(*WORDS, "--no-ledger", "--out", "out", "--json")
    assert [row["name"] for row in done.json["images"] if row["verdict"] == "REFUSED"] == ["more.tif"]
    assert len(done.json["images"]) == 7
    assert "left out: '.DS_Store' was left by a system, and is not signed" in done.err
    Path("pictures", "more.tif").unlink()
    without = ready(*WORDS, "--no-ledger", "--out", "other", "--json")
    assert (without.code, len(without.json["images"])) == (0, 6)
    assert ready("verify", "other", "--trust", "trust.json", "--images", "pictures").code == 0


def test_a_bad_auditor_key_is_refused_before_the_work(ready: Tool) -> None:
    words = ("trust", "revoke", "trust.json", "--root-key", "root.pem", "--key", "auditor.pub.pem")
    assert ready(*words, "--reason", "retired").code == 0
    done = ready(*WORDS, "--no-ledger", "--out", "out", "--json")
    assert (done.code, done.json["reason"]) == (Exit.INTEGRITY, "revoked")
    assert not Path("out").exists()


def test_a_ledger_that_is_refused_leaves_no_folder(ready: Tool) -> None:
    assert ready(*WORDS, "--ledger", "ledger", "--out", "out").code == 0
    shutil.rmtree("ledger/checkpoints")
    done = ready(*WORDS, "--ledger", "ledger", "--out", "again", "--json")
    assert (done.code, done.json["reason"]) == (Exit.INTEGRITY, "ledger-altered")
    assert not Path("again").exists()


def test_a_journal_with_an_endless_query_is_refused(ready: Tool) -> None:
    """Whoever may write the folder could make --resume hang."""
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 'x' || i AS name, 'y' AS said"
    Path("out").mkdir()
    with contextlib.closing(sqlite3.connect("out/journal.sqlite")) as base:
        base.execute(f"CREATE VIEW kept AS {endless}, x'00' AS code FROM n")
    done = ready(*WORDS, "--no-ledger", "--out", "out", "--resume", "--json")
    assert (done.code, done.json["reason"]) == (Exit.UNREADABLE, "unreadable")
    assert "holds view 'kept', which is not ours" in done.json["sentence"]


def test_a_policy_can_require_a_second_signature(ready: Tool) -> None:
    Path("both.toml").write_text('name = "both"\n[intake]\nsecond_signature = true\n')
    words = (*WORDS, "--policy", "both.toml", "--no-ledger", "--out")
    alone = ready(*words, "one", "--json")
    assert (alone.code, alone.json["reason"]) == (Exit.INTEGRITY, "no-signature")
    assert not Path("one").exists()
    assert ready("keygen", "--role", "device", "--alg", "ml-dsa-65", "--out", "pq.pem", "--no-passphrase").code == 0
    add = ("trust", "add", "trust.json", "--role", "device", "--key", "pq.pub.pem", "--root-key", "root.pem")
    assert ready(*add).code == 0
    sign = ("sign", "pictures", "--key", "device.pem", "--second-key", "pq.pem", "--device", "sem-1", "--force")
    assert ready(*sign).code == 0
    done = ready(*words, "two", "--json")
    assert done.code == 0, done.out


def test_an_explanation_names_the_reference(ready: Tool) -> None:
    name = min(Path("pictures").glob("*.tif"))
    words = ("explain", name, "--model", "tiny", "--trust", "trust.json", "--out", "why.png")
    done = ready(*words, "--json")
    assert done.code == 0, done.out
    assert done.json["demonstration"]
    assert done.json["sentence"].startswith("DEMONSTRATION. ")
    assert Path("why.png").read_bytes().startswith(b"\x89PNG")
    assert ready(*words).code == Exit.USAGE  # it is there already


def test_a_policy_is_quoted_and_a_resumed_run_gives_the_same_report(
    ready: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("audit.toml").write_text('name = "ours"\n[case]\ntext = ["Sale 12"]\n[decide]\nerror_rate = "0.1"\n')
    from fusiondiff_audit.auditing.judge import ModelJudge

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


def test_a_repeated_audit_is_the_same_byte_for_byte(ready: Tool) -> None:
    Path("pictures", "0.tif").write_bytes(min(Path("pictures").glob("*.tif")).read_bytes())
    Path("pictures", "batch.sigstore.json").unlink()
    assert ready("sign", "pictures", "--key", "device.pem", "--device", "sem-1").code == 0
    assert ready(*WORDS, "--ledger", "ledger", "--out", "out", "--limit", "3").code == Exit.INTEGRITY  # the copy
    done = ready(*WORDS, "--repeat", "out", "--out", "again", "--json")
    assert done.code == Exit.INTEGRITY
    assert done.json["repeat"] == {"identical": True, "differentSettings": [], "differentRows": [], "believed": []}
    assert "byte for byte" in done.json["sentence"]
    one, other = (Path(folder, "report.sigstore.json").read_bytes() for folder in ("out", "again"))
    assert one == other
    for more in (("--limit", "2"), ("--no-ledger",), ("--ledger", "ledger"), ("--again", "why"), ("--policy", "x")):
        assert ready(*WORDS, "--repeat", "out", "--out", "x", *more).code == Exit.USAGE
    assert ready("sign", "pictures", "--key", "device.pem", "--device", "sem-1", "--force").code == 0
    elsewhere = ready(*WORDS, "--repeat", "out", "--out", "x", "--json")
    assert (elsewhere.code, elsewhere.json["reason"]) == (Exit.USAGE, "bad-request")
    assert "the report is of batch" in elsewhere.json["sentence"]
    assert not Path("x").exists()


def test_differences_of_a_repetition_are_named(ready: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ready(*WORDS, "--no-ledger", "--out", "out").code == 0
    from fusiondiff_audit.auditing.judge import ModelJudge
    from fusiondiff_audit.model.findings import Votes

    real = ModelJudge.judge_each

    def other(self: ModelJudge, samples: Any) -> Any:
        for found in real(self, samples):
            yield replace(found, votes=Votes(found.votes.authentic, found.votes.counterfeit))

    monkeypatch.setattr("fusiondiff_audit.auditing.run.compose", on_another_device)
    done = ready(*WORDS, "--repeat", "out", "--out", "elsewhere", "--json")
    assert done.code == 0, done.err
    assert (done.json["repeat"]["identical"], done.json["repeat"]["differentRows"]) == (False, [])
    assert done.json["repeat"]["differentSettings"] == ["device: cpu, now another"]
    monkeypatch.setattr(ModelJudge, "judge_each", other)
    done = ready(*WORDS, "--repeat", "out", "--out", "again", "--json")
    assert done.code == Exit.INCONCLUSIVE
    assert any("by 1 to 0 votes" in text and "by 0 to 1 votes" in text for text in done.json["repeat"]["differentRows"])
    said = Path("out", "report.sigstore.json")
    said.write_bytes(said.read_bytes().replace(b"hint", b"hunt"))
    assert ready(*WORDS, "--repeat", "out", "--out", "third").code == Exit.UNREADABLE


def on_another_device(rows: Any, evidence: Any, setting: Any) -> Any:
    """Compose a report as a device of another name would."""
    runtime = replace(setting.identity.runtime, device="another")
    return compose(rows, evidence, replace(setting, identity=replace(setting.identity, runtime=runtime)))


def test_images_or_a_model_that_differ_from_the_report_are_refused(ready: Tool) -> None:
    assert ready(*WORDS, "--no-ledger", "--out", "out").code == 0
    words = ("verify", "out", "--trust", "trust.json", "--images", "pictures", "--model", "tiny")
    assert ready(*words).code == 0
    for changed in (*sorted(Path("pictures").glob("*.tif"))[:2], Path("tiny", "bundle.json")):
        kept = changed.read_bytes()
        changed.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
        found = ready(*words, "--json")
        assert (found.code, found.json["reason"]) == (Exit.INTEGRITY, "digest-mismatch"), changed
        changed.write_bytes(kept)
    manifest = Path("pictures", "batch.sigstore.json")
    manifest.unlink()
    assert ready("sign", "pictures", "--key", "device.pem", "--device", "sem-1", "--sequence", "9").code == 0
    found = ready(*words, "--json")
    assert (found.code, found.json["reason"]) == (Exit.INTEGRITY, "digest-mismatch")
    assert "its manifest is" in found.json["message"]


def test_a_tolerance_is_stated_shown_and_recomputed(ready: Tool) -> None:
    learning = ForestSettings(partitions=3, trees=10)
    enrolled_model(9, learning=learning).save(Path("voting"))
    assert ready("model", "sign", "voting", "--key", "model.pem", "--force").code == 0
    words = [*WORDS, "--no-ledger", "--certify", "poisoning"]
    alone = ready(*words, "--out", "alone", "--json")
    assert (alone.code, alone.json["reason"]) == (Exit.USAGE, "bad-request")
    assert "has one forest" in alone.err + alone.out
    words[words.index("tiny")] = "voting"
    write_stress_result("voting", TESTED)
    done = ready(*words, "--out", "out")
    assert done.code == 0, done.err
    assert "with specimens of the enrolment altered in place" in done.out or "no answers" in done.out
    report = verify_report(Path("out"), trust=signing.load_trust(Path("trust.json"), at=signing.now()))
    for row in report.images:
        assert row.judged is not None
        votes = (row.judged.votes_counterfeit, row.judged.votes_authentic)
        assert (sum(votes), row.judged.tolerance) == (3, tolerance(votes))
    page = Path("out", "report.html").read_text()
    assert ("If the reference was poisoned" in page) is bool(surviving_answers(report.images))
    Path("strict.toml").write_text('name = "strict"\n[certify]\npoisoning = "on"\ntolerance = 2\n')
    strict = [word for word in words if word not in ("--certify", "poisoning")]
    short = ready(*strict, "--policy", "strict.toml", "--out", "strict", "--json")
    assert short.code == 0, short.err
    assert {row["verdict"] for row in short.json["images"]} <= {"INCONCLUSIVE", "UNFAMILIAR"}  # three forests stand one
    repeated = ready(*strict, "--out", "again", "--repeat", "out")
    assert repeated.code == Exit.USAGE  # the first report says whether a ledger was kept
    again = ready(*[word for word in strict if word != "--no-ledger"], "--out", "again", "--repeat", "out", "--json")
    assert again.json["repeat"]["identical"], again.out


def test_a_model_without_a_passed_stress_test_judges_no_image(ready: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing, failed, stale, of other weights, altered, by the wrong key, by an easier policy: each has its reason."""
    from fusiondiff_audit.auditing.judge import ModelJudge

    def looks(self: ModelJudge, samples: Any) -> Any:
        raise AssertionError("a picture was looked at")

    monkeypatch.setattr(ModelJudge, "judge_each", looks)
    write_stress_result("tiny", "failed.json", stands=False)
    write_stress_result("tiny", "other.json", model_digest=digest("other"))
    write_stress_result("tiny", "device.json", by="device")
    write_stress_result("tiny", "easy.json", policy=EASY)
    assert ready("keygen", "--role", "auditor", "--out", "thief.pem", "--no-passphrase").code == 0
    write_stress_result("tiny", "thief.json", by="thief")
    harmed = Path(TESTED).read_bytes()
    Path("harmed.json").write_bytes(harmed.replace(b'"payload":"eyJ', b'"payload":"eyK', 1))
    Path("empty.json").write_bytes(b"")
    alone = [word for word in WORDS if word not in ("--robustness", TESTED)]
    for name, code, reason in (
        (None, Exit.GATE, "not-stress-tested"),
        ("failed.json", Exit.GATE, "not-stress-tested"),
        ("other.json", Exit.GATE, "not-stress-tested"),
        ("easy.json", Exit.GATE, "not-stress-tested"),
        ("device.json", Exit.INTEGRITY, "wrong-role"),
        ("thief.json", Exit.INTEGRITY, "unknown-key"),
        ("harmed.json", Exit.INTEGRITY, "bad-signature"),
        ("empty.json", Exit.UNREADABLE, "malformed"),
        ("gone.json", Exit.UNREADABLE, "unreadable"),
    ):
        asked = () if name is None else ("--robustness", name)
        done = ready(*alone, "--no-ledger", "--out", "x", *asked, "--json")
        assert (done.code, done.json["reason"]) == (code, reason), (name, done.json)
        assert not Path("x").exists()
    Path("month.toml").write_text('name = "ours"\n[robustness]\ndays = 30\n')
    later = signing.now() + timedelta(days=31)
    with monkeypatch.context() as clock:
        clock.setattr(signing, "now", lambda: later)
        done = ready(*WORDS, "--no-ledger", "--policy", "month.toml", "--out", "x", "--json")
    assert (done.code, done.json["reason"]) == (Exit.GATE, "not-stress-tested")
    assert "31 days old, 30 at most" in done.json["sentence"]


def test_a_repetition_judges_the_stress_test_as_of_the_first_audit(
    ready: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("month.toml").write_text('name = "ours"\n[robustness]\ndays = 30\n')
    assert ready(*WORDS, "--policy", "month.toml", "--ledger", "ledger", "--out", "out").code == 0
    later = signing.now() + timedelta(days=31)
    monkeypatch.setattr(signing, "now", lambda: later)
    done = ready(*WORDS, "--repeat", "out", "--out", "again", "--json")
    assert (done.code, done.json["repeat"]["identical"]) == (0, True), done.json
    write_stress_result(
        "tiny", "other.json", issued=signing.write_time(later - timedelta(days=31)), reference="kiln birch"
    )
    other = [word if word != TESTED else "other.json" for word in WORDS]
    found = ready(*other, "--repeat", "out", "--out", "third", "--json")
    differences = found.json["repeat"]["differentSettings"]
    assert any(setting.startswith("stress test: PASSED, policy 'quick'") for setting in differences)


def test_an_optional_stress_test_is_stated_in_the_report(ready: Tool) -> None:
    write_stress_result("tiny", "failed.json", stands=False)
    Path("optional.toml").write_text('name = "ours"\n[robustness]\nresult = "optional"\n')
    words = ("audit", "pictures", "--model", "tiny", *TRUSTED, "--no-ledger", "--policy", "optional.toml")
    for number, (more, said) in enumerate(
        (
            ((), "not stress-tested"),
            (("--robustness", "failed.json"), "FAILED, policy 'quick'"),
            (("--robustness", TESTED), "PASSED, policy 'quick'"),
        )
    ):
        assert ready(*words, "--out", f"out-{number}", *more).code == 0
        assert said in ready("verify", f"out-{number}", "--trust", "trust.json").out


REFUSED_EARLY = {
    "result": ("audit", "pictures", "--model", "tiny", *TRUSTED, "--no-ledger", "--out", "out"),
    "key": (*WORDS[:4], "--trust", "trust.json", "--key", "device.pem", "--no-ledger", "--out", "out"),
    "policy": (*WORDS, "--policy", "labels.csv", "--no-ledger", "--out", "out"),
    "output": (*WORDS, "--no-ledger", "--out", "pictures/out"),
}


MAIN = """
import sys
from fusiondiff_audit.cli import main
try:
    main()
finally:
    print("torch" in sys.modules)
"""


@pytest.mark.parametrize("words", REFUSED_EARLY.values(), ids=REFUSED_EARLY)
def test_what_must_be_refused_is_refused_before_torch_is_imported(ready: Tool, words: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, "-P", "-c", MAIN, *words], capture_output=True, text=True, check=False)
    assert done.returncode not in (Exit.DONE, Exit.FAULT), done.stderr
    assert done.stdout.splitlines()[-1] == "False"
    assert not Path("out").exists()
