"""Two audits of one batch at once: one is admitted, the other leaves nothing behind and is told what to do."""

import subprocess
from contextlib import closing
from pathlib import Path

import pytest

import signing
from fusiondiff_audit.auditing.journal import Journal
from fusiondiff_audit.cli.exits import Exit
from fusiondiff_audit.ledger import BatchAdmitted, CheckpointKeys, verify_ledger
from reports.verdict.issue import JOURNAL, REPORT
from tests.auditing.process import read, setup
from tests.auditing.test_kill import ended, walk
from tests.conftest import NOW

IMAGES = 40


def both(home: Path, *outs: Path) -> dict[Path, tuple[int, str]]:
    """Audit the batch of a home into both folders at once, and return how each ended."""
    racers: dict[Path, subprocess.Popen[str]] = {out: walk(home, out) for out in outs}
    return {out: ended(racer) for out, racer in racers.items()}


@pytest.mark.parametrize("turn", [0, *(pytest.param(turn, marks=pytest.mark.soak) for turn in range(1, 20))])
def test_the_loser_of_two_audits_leaves_nothing_that_cannot_be_ended(turn: int, tmp_path: Path) -> None:
    home = tmp_path / f"home-{turn}"
    setup(home, IMAGES)
    found = both(home, home / "one", home / "other")
    winner, loser = sorted(found, key=lambda out: found[out][0])
    assert found[winner] == (0, "")
    assert len(read(winner).images) == IMAGES
    code, complaints = found[loser]
    assert (code, complaints.split("\n")[0]) == (Exit.INTEGRITY, "replayed")
    assert "--resume in its own --out" in complaints
    assert not loser.exists()
    assert ended(walk(home, loser))[1] == complaints  # the same again, and no run that waits to be resumed
    assert not loser.exists()
    trust = signing.load_trust(home / "trust.json", at=NOW)
    entries = verify_ledger(home / "ledger", keys=CheckpointKeys.of_auditors(trust)).entries
    assert sum(isinstance(entry, BatchAdmitted) for entry in entries) == 1


def test_two_audits_into_one_folder_end_in_one_report(tmp_path: Path) -> None:
    """Both go on with the same run, as a second one does that is told to resume while the first is not dead."""
    home = tmp_path / "home"
    setup(home, IMAGES)
    racers = [walk(home, home / "out") for _ in range(2)]
    assert [ended(racer) for racer in racers] == [(0, "")] * 2
    assert {file.name for file in (home / "out").iterdir()} >= {JOURNAL, REPORT}
    assert len(read(home / "out").images) == IMAGES


def test_of_two_processes_that_draw_a_value_at_once_the_first_one_counts(tmp_path: Path) -> None:
    key = signing.PrivateKey.generate(signing.Algorithm.ED25519)
    with closing(Journal(tmp_path / JOURNAL, key)) as one, closing(Journal(tmp_path / JOURNAL, key)) as other:

        def overtaken() -> str:
            assert other.keep_once("nonce", lambda: "first") == "first"
            return "second"

        assert one.keep_once("nonce", overtaken) == "first"
        assert other.keep_once("nonce", lambda: "third") == "first"
