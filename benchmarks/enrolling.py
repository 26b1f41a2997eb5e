"""The time to enrol 50 images of 512 pixels with a bundle, from files to forests.

python -P benchmarks/enrolling.py [BUNDLE]
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

BUNDLE, IMAGES, SIDE, BOUND = "fusion-diff-v1-ceramic", 50, 512, 60.0


def main() -> None:
    with tempfile.TemporaryDirectory() as name, Guard() as guard:
        for number in range(IMAGES):
            drawn = specimen("birch", None if number % 2 else "hurried", "enrolling", str(number))
            tifffile.imwrite(Path(name, f"{number}.tif"), drawn.field(0, SIDE))
        start = time.perf_counter()
        bundle = sys.argv[1] if len(sys.argv) > 1 else BUNDLE
        model = DiffusionModel.from_pretrained(bundle, unverified=bundle != BUNDLE)
        micrographs = (decode(LooseFile.read(Path(name, f"{number}.tif")), guard=guard) for number in range(IMAGES))
        examples = (
            (micrograph, LabelledExample(micrograph.pixel_digest, str(place), bool(place % 2)))
            for place, micrograph in enumerate(micrographs)
        )
        model.enrol(examples, reference="birch, for a benchmark")
        seconds = time.perf_counter() - start
    print(f"{IMAGES} images of {SIDE} x {SIDE} pixels enrolled in {seconds:.1f} s; at most {BOUND:.0f}")
    if seconds > BOUND:
        sys.exit("above the bound")


if __name__ == "__main__":
    main()
