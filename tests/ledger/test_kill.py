"""`kill -9` of a run at random moments: the ledger verifies, and every admitted batch has its entries exactly once."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import signing
from fusiondiff_audit.ledger import BatchAdmitted, CheckpointKeys, ImagesDecoded, ReportIssued, verify_ledger
from tests.conftest import NOW
from tests.ledger.journey import IMAGES

ROOT = Path(__file__).parents[2]


def journey(*words: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.ledger.journey", *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_begun(process: subprocess.Popen[bytes]) -> None:
    """Wait until all is imported and the work begins."""
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"


def finished(process: subprocess.Popen[bytes]) -> None:
    _, complaints = process.communicate(timeout=120)
    assert process.returncode == 0, complaints.decode()


def kill_often(home: Path, *, kills: int) -> None:
    """Kill runs at random moments until `kills` were killed, and resume each until it ends; then verify the ledger."""
    rng = random.Random(7)
    finished(journey("setup", home, 3 * kills))
    process = journey("walk", home, "batch-0")
    wait_begun(process)
    started = time.monotonic()
    finished(process)
    duration = time.monotonic() - started
    keys = CheckpointKeys.of_auditors(signing.load_trust(home / "trust.json", at=NOW))
    killed, number, stages = 0, 1, set[int]()
    while killed < kills or (len(stages) <= kills // 5 and killed < 3 * kills):  # at different moments
        name = f"batch-{number}"
        process = journey("walk", home, name)
        wait_begun(process)
        try:
            process.wait(rng.uniform(0, 1.8) * duration)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        if process.returncode == -signal.SIGKILL:
            killed += 1
            stages.add(len(verify_ledger(home / "ledger", keys=keys).entries))
            continue
        assert process.returncode == 0
        number += 1
    for i in range(number + 1):
        if (home / f"batch-{i}").exists():
            finished(journey("walk", home, f"batch-{i}"))
    done = [f"batch-{i}" for i in range(number + 1) if (home / f"batch-{i}").exists()]
    ledger = verify_ledger(home / "ledger", keys=keys)
    assert sorted(e.run for e in ledger.entries if isinstance(e, BatchAdmitted)) == sorted(done)
    assert sorted(e.run for e in ledger.entries if isinstance(e, ReportIssued)) == sorted(done)
    images = [(e.run, image.name) for e in ledger.entries if isinstance(e, ImagesDecoded) for image in e.images]
    assert sorted(images) == [(name, f"{i:02d}.tif") for name in sorted(done) for i in range(IMAGES)]
    for name in done:  # the rows of a killed run are those of a run that was not killed
        rows = json.loads((home / f"{name}.json").read_text())
        first = 100 * int(name.rpartition("-")[2])
        assert rows.pop("01.tif") == f"duplicate of {name}/00.tif"
        assert rows == {f"{i:02d}.tif": str(first + max(i, 1)) for i in range(IMAGES) if i != 1}
    assert len(stages) > kills // 5


@pytest.mark.slow
def test_five_kills_lose_nothing(tmp_path: Path) -> None:
    kill_often(tmp_path, kills=5)


@pytest.mark.soak
def test_fifty_kills_lose_nothing(tmp_path: Path) -> None:
    kill_often(tmp_path, kills=50)
