"""`kill -9` of whole audits at random moments, full disks and folders that cannot be written: nothing is lost."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import signing
from fusiondiff_audit.cli.exits import Exit
from fusiondiff_audit.ledger import CheckpointKeys, ReportIssued, verify_ledger
from reports.verdict.verification import verify_report
from tests.auditing.process import read, setup
from tests.conftest import NOW

ROOT = Path(__file__).parents[2]
IMAGES = 200


def walk(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.auditing.process", *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, complaints = process.communicate(timeout=300)
    return process.returncode, complaints


def begun(home: Path, out: Path) -> tuple[subprocess.Popen[str], float]:
    process = walk(home, out)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process, time.monotonic()


def looked_at(out: Path) -> int:
    """Return how many pictures an audit has looked at; one that was looked at twice counts twice."""
    notes = out.with_suffix(".looked")
    return len(notes.read_text().split()) if notes.exists() else 0


def kill_often(home: Path, *, kills: int) -> None:
    """Kill one audit again and again while it goes on, and compare its end with one that nobody killed.

    Every other time it dies after so many more pictures, since the clock alone may miss the middle of the work.
    """
    rng = random.Random(11)
    setup(home, IMAGES)
    process, started = begun(home, home / "whole")
    assert ended(process)[0] == 0
    whole = time.monotonic() - started
    shutil.rmtree(home / "ledger")
    killed, runs, moments = 0, 0, set[int]()
    while killed < kills:
        out = home / f"out{runs}"
        while True:
            aim = looked_at(out) + rng.randrange(1, IMAGES // 2)
            process, started = begun(home, out)
            if killed % 2:
                while process.poll() is None and looked_at(out) < aim:
                    time.sleep(0.001)
            else:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(rng.uniform(0.02, 1.4) * whole)
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
            code, complaints = ended(process)
            if code == 0:
                break
            assert code == -signal.SIGKILL, complaints
            killed += 1
            moments.add(looked_at(out))
        check(home, out, killed)
        runs += 1
        shutil.rmtree(home / "ledger")  # so that the batch may come in again
    assert any(0 < looked < IMAGES for looked in moments)  # some came in the middle of the work


def check(home: Path, out: Path, kills: int) -> None:
    """A report that was killed on the way is whole, and the one that nobody would have killed."""
    trust = signing.load_trust(home / "trust.json", at=NOW)
    found = verify_report(out, trust=trust, images=home / "batch")
    assert len(found.images) == IMAGES
    looked = out.with_suffix(".looked").read_text().split()
    assert set(looked) == {row.name for row in found.images}
    assert len(looked) <= IMAGES + kills  # of each death one picture, at most, is looked at again
    again = out.with_name(f"{out.name}-again")
    assert ended(walk(home, again, out)) == (0, "")
    assert read(again).to_payload() == found.to_payload()
    entries = verify_ledger(home / "ledger", keys=CheckpointKeys.of_auditors(trust)).entries
    assert sum(isinstance(e, ReportIssued) for e in entries) == 1


@pytest.mark.slow
def test_five_kills_lose_nothing(tmp_path: Path) -> None:
    kill_often(tmp_path / "home", kills=5)


@pytest.mark.soak
def test_thirty_kills_lose_nothing(tmp_path: Path) -> None:
    kill_often(tmp_path / "home", kills=30)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder on a disk of two megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.mounts
def test_a_full_disk_is_reported_and_the_run_resumes_with_more_room(tmp_path: Path, small_disk: Path) -> None:
    home = tmp_path / "home"
    setup(home, 30)
    (small_disk / "filler").write_bytes(bytes(1896 * 1024))
    code, complaints = ended(walk(home, small_disk / "out"))
    assert (code, complaints.split("\n")[0]) == (Exit.ENVIRONMENT, "cannot-write"), complaints
    assert "--resume" in complaints
    (small_disk / "filler").unlink()
    assert ended(walk(home, small_disk / "out")) == (0, "")
    assert len(read(small_disk / "out").images) == 30


@pytest.mark.mounts
def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path, small_disk: Path) -> None:
    home = tmp_path / "home"
    setup(home, 3)
    (small_disk / "out").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    code, complaints = ended(walk(home, small_disk / "out"))
    assert (code, complaints.split("\n")[0]) == (Exit.ENVIRONMENT, "cannot-write"), complaints
