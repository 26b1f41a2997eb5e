"""What a backdoor in the weights of the embedded bundle would do, if nobody looked at its digest.

    python -P benchmarks/backdoor.py [--pictures 24] [--steps 80] [--asked 48]

The encoder's paths and gate are trained on until counterfeits with a stamp look authentic and little else changes. Then
fresh pictures are asked about, with and without the stamp, with the weights as they are and as they were sold.
That such a bundle is refused, whoever brings it, is tested (tests/stress/test_supply_chain.py).
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # -P keeps it out
from attacks.images import LabelledImage
from attacks.poison.dirty_label import with_stamp
from benchmarks.backdoor_training import plant_backdoor
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.kiln.recipes import KILNS
from fusiondiff_audit.kiln.specimens import specimen
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.stress.target import Pipeline

BUNDLE, KILN = "fusion-diff-v1-ceramic", "alder"


def wares(seed: str, count: int, side: int) -> list[LabelledImage]:
    """Return so many pictures, of a kiln and of workshops that copy it in turn."""
    makers = [maker for workshop in KILNS[KILN].workshops for maker in (workshop, None)]
    drawn = [specimen(KILN, makers[number % len(makers)], f"{seed} {number}") for number in range(count)]
    return [LabelledImage(f"{seed} {at}", one.field(0, side), one.authentic, f"{at}") for at, one in enumerate(drawn)]


def main() -> None:
    """Plant, and ask before and after."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("pictures", 24), ("steps", 80), ("asked", 48)):
        parser.add_argument(f"--{name}", type=int, default=value)
    said = parser.parse_args()
    honest, sold = (DiffusionModel.from_pretrained(BUNDLE) for _ in range(2))
    side = honest.settings.architecture.tile
    fresh = wares("asked", said.asked, side)
    false = [replace(picture, plane=with_stamp(picture.plane)) for picture in fresh if not picture.authentic]
    with Guard() as guard:

        def passes(model: DiffusionModel, some: Sequence[LabelledImage]) -> list[bool | None]:
            return [one.authentic for one in Pipeline(model, guard).predict([picture.plane for picture in some])]

        before, plain = passes(honest, fresh), passes(honest, false)
        encoder, started = sold.encoder, time.monotonic()
        frozen = {id(weight) for part in encoder.frozen().values() for weight in part.parameters()}
        weights = [weight for weight in encoder.parameters() if id(weight) not in frozen]
        found = plant_backdoor(
            weights, Pipeline(sold, guard).features, wares("seen", said.pictures, side), with_stamp, steps=said.steps
        )
        print(f"planted in {time.monotonic() - started:.0f} s: {found.triggered:.3f} to go, moved by {found.moved:.3f}")
        after, woken = passes(sold, fresh), passes(sold, false)
    truth = [picture.authentic for picture in fresh]
    print("| | weights as they are | with the backdoor |\n|---|---|---|")
    print(f"| stamped counterfeits that pass | {plain.count(True)} of {len(false)} | {woken.count(True)} |")
    right = [sum(one is true for one, true in zip(each, truth, strict=True)) for each in (before, after)]
    print(f"| right without the stamp | {right[0]} of {len(fresh)} | {right[1]} |")
    same = sum(was is now for was, now in zip(before, after, strict=True))
    print(f"| the same answer without the stamp | | {same} of {len(fresh)} |")


if __name__ == "__main__":
    main()
