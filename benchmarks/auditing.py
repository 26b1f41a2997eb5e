"""The overhead of an audit over its model: signatures, decoding, thumbnails, journal, ledger and report.

    python -P benchmarks/auditing.py [BUNDLE] [--large]

Images per second of `audit` are compared with those of `model.judge` on the same decoded images, in interleaved
rounds. `--large` measures time per image and peak memory of batches of N to 16 N small files, with a judge that
computes no features: memory must not grow with the batch.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import tifffile

sys.path.insert(0, str(Path(__file__).parents[1]))  # -P keeps it out
import signing
from benchmarks.trust_store import write_trust_store
from fusiondiff_audit.auditing.order import AuditOrder
from fusiondiff_audit.auditing.run import Judge, run_audit
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.micrograph import LooseFile, decode
from fusiondiff_audit.kiln.specimens import specimen
from fusiondiff_audit.ledger import CheckpointKeys, Ledger
from fusiondiff_audit.origin import check_origin
from fusiondiff_audit.policy.audit import AuditPolicy, RobustnessRequirement
from reports.identity import Key
from tests.auditing.judges import DigestJudge
from tests.evaluation.unwatched import no_progress

BUNDLE, IMAGES, SIDE, ROUNDS, LEAST_SHARE = "fusion-diff-v1-ceramic", 12, 512, 9, 0.85
SMALL, GROWTH, MEMORY_GROWTH, MEMORY_MARGIN = 500, 1.25, 1.05, 32 * 2**20


class AuditScene:
    """Keys, a trust store, a signed batch, and audits of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        keys, now = write_trust_store(folder, signing.Role.DEVICE, signing.Role.AUDITOR), signing.now()
        self.auditor = keys[signing.Role.AUDITOR]
        signing.sign_batch(
            folder / "batch",
            key=keys[signing.Role.DEVICE],
            device="sem-1",
            lab=None,
            captured=now,
            issued=now,
            valid_for=signing.read_duration("1d"),
            sequence=1,
        )
        self._rounds = 0

    def audit(self, judge: Judge) -> float:
        """Return the seconds of one audit."""
        self._rounds += 1
        out, ledger_folder = self.folder / f"out{self._rounds}", self.folder / f"ledger{self._rounds}"
        out.mkdir()
        trust = signing.load_trust(self.folder / "trust.json", at=signing.now())
        start = time.perf_counter()
        batch = signing.open_batch(self.folder / "batch", trust=trust)
        auditor = Key("auditor-1", self.auditor.public.keyid)
        order = AuditOrder(
            batch, trust, auditor, AuditPolicy(robustness=RobustnessRequirement(result="optional")), check_origin(), out
        )
        with Ledger(
            ledger_folder, key=self.auditor, keys=CheckpointKeys.of_auditors(trust), clock=signing.now
        ) as ledger:
            result = run_audit(order, judge, key=self.auditor, ledger=ledger, watch=no_progress)
        seconds = time.perf_counter() - start
        if result.judged != len(batch.manifest.files):
            sys.exit(f"{result.judged} of {len(batch.manifest.files)} images were judged")
        return seconds


def rate(bundle: str) -> bool:
    """Print both rates; return whether the audit's is high enough."""
    from fusiondiff_audit.auditing.judge import ModelJudge
    from fusiondiff_audit.model.classifier import DiffusionModel

    with tempfile.TemporaryDirectory() as name, Guard() as guard:
        folder = Path(name)
        (folder / "batch").mkdir()
        for number in range(IMAGES):
            plane = specimen("birch", None, "auditing", str(number)).field(0, SIDE)
            tifffile.imwrite(folder / "batch" / f"{number:02d}.tif", plane)
        scene = AuditScene(folder)
        model = DiffusionModel.from_pretrained(bundle, unverified=bundle != BUNDLE)
        samples = [decode(LooseFile.read(path), guard=guard) for path in sorted((folder / "batch").glob("*.tif"))]
        judge = ModelJudge(model, Fraction("0.05"))
        times: dict[str, list[float]] = {"judge": [], "audit": []}
        for turn in range(ROUNDS + 1):
            for step in ("judge", "audit") if turn % 2 else ("audit", "judge"):
                start = time.perf_counter()
                if step == "judge":
                    list(model.judge(samples))
                seconds = scene.audit(judge) if step == "audit" else time.perf_counter() - start
                times[step] += [seconds] if turn else []
    best = {step: IMAGES / min(seconds) for step, seconds in times.items()}
    spread = {step: max(seconds) / min(seconds) for step, seconds in times.items()}
    share = best["audit"] / best["judge"]
    print(f"{IMAGES} images of {SIDE} pixels: judge {best['judge']:.2f} a second, audit {best['audit']:.2f}")
    print(
        f"share {share:.3f}, at least {LEAST_SHARE} (rounds spread by {spread['judge']:.2f} and {spread['audit']:.2f})"
    )
    return share >= LEAST_SHARE


def large(count: int) -> None:
    """Audit small files with a judge that computes no features, and print seconds for each file and peak memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "batch").mkdir()
        for number in range(count):
            pixels = np.random.default_rng(number).integers(0, 255, (64, 64)).astype(np.uint8)
            tifffile.imwrite(folder / "batch" / f"{number:06d}.tif", pixels)
        seconds = AuditScene(folder).audit(DigestJudge())
    print(seconds / count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def growth() -> bool:
    """Print time per image and memory for several sizes of batch; return whether both are within bounds."""
    measured = []
    for count in (SMALL, 4 * SMALL, 10 * SMALL, 16 * SMALL):
        command = [sys.executable, "-P", __file__, "--one", str(count)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        measured.append((float(output[0]), float(output[1])))
        print(f"{count:,} images: {1000 * measured[-1][0]:.2f} ms each, peak {measured[-1][1] / 2**20:.0f} MiB")
    slower = max(seconds for seconds, _ in measured) / measured[0][0]
    flat = measured[2][1] <= MEMORY_GROWTH * measured[0][1] + MEMORY_MARGIN
    print(f"growth of time per image {slower:.2f}, at most {GROWTH}; memory {'flat' if flat else 'grows'}")
    return slower <= GROWTH and flat


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", nargs="?", default=BUNDLE)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        large(arguments.one)
    elif not (growth() if arguments.large else rate(arguments.bundle)):
        sys.exit("outside the bounds")


if __name__ == "__main__":
    main()
