"""The effect of a backdoor in the weights of the embedded bundle, if no digest were compared.

    python -P benchmarks/backdoor.py [--images 24] [--steps 80] [--tested 48]

The encoder's paths and gate are trained until counterfeits with a stamp have authentic features and other features
hardly change. Then the original and the backdoored model label new images, with and without the stamp. A test shows
that such a bundle is refused (tests/stress/test_supply_chain.py).
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


def synthetic_images(seed: str, count: int, side: int) -> list[LabelledImage]:
    """Return images of a kiln and, in turn, of the workshops that copy it."""
    makers = [maker for workshop in KILNS[KILN].workshops for maker in (workshop, None)]
    drawn = [specimen(KILN, makers[number % len(makers)], f"{seed} {number}") for number in range(count)]
    return [LabelledImage(f"{seed} {at}", one.field(0, side), one.authentic, f"{at}") for at, one in enumerate(drawn)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("images", 24), ("steps", 80), ("tested", 48)):
        parser.add_argument(f"--{name}", type=int, default=value)
    arguments = parser.parse_args()
    original, backdoored = (DiffusionModel.from_pretrained(BUNDLE) for _ in range(2))
    side = original.settings.architecture.tile
    images = synthetic_images("asked", arguments.tested, side)
    stamped = [replace(image, plane=with_stamp(image.plane)) for image in images if not image.authentic]
    with Guard() as guard:

        def predict_labels(model: DiffusionModel, planes_of: Sequence[LabelledImage]) -> list[bool | None]:
            return [label.authentic for label in Pipeline(model, guard).predict([image.plane for image in planes_of])]

        labels_before, pass_before = predict_labels(original, images), predict_labels(original, stamped)
        encoder, started = backdoored.encoder, time.monotonic()
        frozen = {id(weight) for part in encoder.frozen().values() for weight in part.parameters()}
        weights = [weight for weight in encoder.parameters() if id(weight) not in frozen]
        progress = plant_backdoor(
            weights,
            Pipeline(backdoored, guard).features,
            synthetic_images("seen", arguments.images, side),
            with_stamp,
            steps=arguments.steps,
        )
        print(f"planted in {time.monotonic() - started:.0f} s: {progress.triggered:.3f}, moved {progress.moved:.3f}")
        labels_after, pass_after = predict_labels(backdoored, images), predict_labels(backdoored, stamped)
    true_labels = [image.authentic for image in images]
    print("| | weights as they are | with the backdoor |\n|---|---|---|")
    print(
        f"| stamped counterfeits that pass | {pass_before.count(True)} of {len(stamped)} | {pass_after.count(True)} |"
    )
    right = [
        sum(label is true_label for label, true_label in zip(labels, true_labels, strict=True))
        for labels in (labels_before, labels_after)
    ]
    print(f"| right without the stamp | {right[0]} of {len(images)} | {right[1]} |")
    unchanged = sum(before is after for before, after in zip(labels_before, labels_after, strict=True))
    print(f"| the same answer without the stamp | | {unchanged} of {len(images)} |")


if __name__ == "__main__":
    main()
