"""What an audit takes beside the model's own work: signatures, decoding, thumbnails, journal, ledger and report.

    python -P benchmarks/auditing.py [BUNDLE] [--large]

Images per second of `audit` are held against those of `model.judge_each` on the same images, decoded before, in
interleaved rounds. `--large` asks for time per image and peak memory of batches of N to 16 N small files, with a judge
that is no model: what the tool keeps of each image must not grow with the batch.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile

sys.path.insert(0, str(Path(__file__).parents[1]))  # -P keeps it out
import signing
from benchmarks.trust_store import write_trust_store
from fusiondiff_audit.audit.order import AuditOrder
from fusiondiff_audit.audit.run import Judge, audit
from fusiondiff_audit.evaluation.extraction import no_progress
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.micrograph import LooseFile, decode
from fusiondiff_audit.kiln.specimens import specimen
from fusiondiff_audit.ledger import CheckpointKeys, Ledger
from fusiondiff_audit.origin import check_origin
from fusiondiff_audit.policy.audit import AuditPolicy, RobustnessRequirement
from reports.identity import Key
from tests.audit.judges import DigestJudge

BUNDLE, PICTURES, SIDE, ROUNDS, LEAST = "fusion-diff-v1-ceramic", 12, 512, 9, 0.85
SMALL, GROWTH, FLAT, ROOM = 500, 1.25, 1.05, 32 * 2**20


class House:
    """Keys, a trust store and a signed batch."""

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
        """Return the seconds that one whole audit takes."""
        self._rounds += 1
        out, book = self.folder / f"out{self._rounds}", self.folder / f"ledger{self._rounds}"
        out.mkdir()
        trust = signing.load_trust(self.folder / "trust.json", at=signing.now())
        begun = time.perf_counter()
        batch = signing.open_batch(self.folder / "batch", trust=trust)
        who = Key("auditor-1", self.auditor.public.keyid)
        order = AuditOrder(
            batch, trust, who, AuditPolicy(robustness=RobustnessRequirement(result="optional")), check_origin(), out
        )
        with Ledger(book, key=self.auditor, keys=CheckpointKeys.of_auditors(trust), clock=signing.now) as ledger:
            done = audit(order, judge, key=self.auditor, ledger=ledger, watch=no_progress)
        took = time.perf_counter() - begun
        if done.judged != len(batch.manifest.files):
            sys.exit(f"{done.judged} of {len(batch.manifest.files)} images were judged")
        return took


def rate(bundle: str) -> bool:
    """Print both rates, and say whether the audit's is high enough."""
    from fusiondiff_audit.audit.judge import ModelJudge
    from fusiondiff_audit.model.classifier import DiffusionModel

    with tempfile.TemporaryDirectory() as name, Guard() as guard:
        folder = Path(name)
        (folder / "batch").mkdir()
        for number in range(PICTURES):
            plane = specimen("birch", None, "auditing", str(number)).field(0, SIDE)
            tifffile.imwrite(folder / "batch" / f"{number:02d}.tif", plane)
        house = House(folder)
        model = DiffusionModel.from_pretrained(bundle, unverified=bundle != BUNDLE)
        samples = [decode(LooseFile.read(path), guard=guard) for path in sorted((folder / "batch").glob("*.tif"))]
        judge = ModelJudge(model)
        took: dict[str, list[float]] = {"judge": [], "audit": []}
        for turn in range(ROUNDS + 1):
            for what in ("judge", "audit") if turn % 2 else ("audit", "judge"):
                begun = time.perf_counter()
                if what == "judge":
                    list(model.judge_each(samples))
                seconds = house.audit(judge) if what == "audit" else time.perf_counter() - begun
                took[what] += [seconds] if turn else []
    best = {what: PICTURES / min(seconds) for what, seconds in took.items()}
    spread = {what: max(seconds) / min(seconds) for what, seconds in took.items()}
    share = best["audit"] / best["judge"]
    print(f"{PICTURES} pictures of {SIDE} pixels: judge {best['judge']:.2f} a second, audit {best['audit']:.2f}")
    print(f"share {share:.3f}, at least {LEAST} (rounds spread by {spread['judge']:.2f} and {spread['audit']:.2f})")
    return share >= LEAST


def large(count: int) -> None:
    """Audit so many small files with a judge that is no model, and print seconds and peak memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "batch").mkdir()
        for number in range(count):
            pixels = np.random.default_rng(number).integers(0, 255, (64, 64)).astype(np.uint8)
            tifffile.imwrite(folder / "batch" / f"{number:06d}.tif", pixels)
        took = House(folder).audit(DigestJudge())
    print(took / count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def growth() -> bool:
    """Print time per image and memory at several sizes, and say whether they stay."""
    seen = []
    for count in (SMALL, 4 * SMALL, 10 * SMALL, 16 * SMALL):
        words = [sys.executable, "-P", __file__, "--one", str(count)]
        found = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
        seen.append((float(found[0]), float(found[1])))
        print(f"{count:,} images: {1000 * seen[-1][0]:.2f} ms each, peak {seen[-1][1] / 2**20:.0f} MiB")
    slower = max(each for each, _ in seen) / seen[0][0]
    flat = seen[2][1] <= FLAT * seen[0][1] + ROOM
    print(f"growth of time per image {slower:.2f}, at most {GROWTH}; memory {'flat' if flat else 'grows'}")
    return slower <= GROWTH and flat


def main() -> None:
    """Measure, print, and fail outside the bounds."""
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
