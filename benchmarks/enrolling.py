"""How long it takes to enrol 50 pictures of 512 pixels with a bundle, from files to forests.

python -P benchmarks/enrolling.py
"""

import sys
import tempfile
import time
from pathlib import Path

import tifffile

sys.path.insert(0, str(Path(__file__).parents[1]))  # -P keeps it out
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.micrograph import LooseFile, decode
from fusiondiff_audit.kiln.specimens import specimen
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.enrolment import LabelledExample

BUNDLE, PICTURES, SIDE, MOST = "fusion-diff-v1-ceramic", 50, 512, 60.0


def main() -> None:
    """Measure, print, and fail above the bound."""
    with tempfile.TemporaryDirectory() as name, Guard() as guard:
        for number in range(PICTURES):
            made = specimen("birch", None if number % 2 else "hurried", "enrolling", str(number))
            tifffile.imwrite(Path(name, f"{number}.tif"), made.field(0, SIDE))
        start = time.perf_counter()
        own = sys.argv[1] if len(sys.argv) > 1 else BUNDLE
        model = DiffusionModel.from_pretrained(own, unverified=own != BUNDLE)
        samples = (decode(LooseFile.read(Path(name, f"{number}.tif")), guard=guard) for number in range(PICTURES))
        pairs = ((s, LabelledExample(s.pixel_digest, str(n), bool(n % 2))) for n, s in enumerate(samples))
        model.enrol(pairs, reference="birch, for a benchmark")
        took = time.perf_counter() - start
    print(f"{PICTURES} pictures of {SIDE} x {SIDE} pixels enrolled in {took:.1f} s; at most {MOST:.0f}")
    if took > MOST:
        sys.exit("above the bound")


if __name__ == "__main__":
    main()
