"""The changes that fooled a model while changing the least, cut out at full size for people to look at."""

import io
from collections.abc import Sequence
from math import ceil

import numpy as np
from PIL import Image
from scipy import ndimage

from attacks.images import LabelledImage, Plane
from attacks.suite import SuiteResult
from attacks.trials import End
from fusiondiff_audit.page.stress import AttackExample

MOST, SIDE = 6, 192  # examples; pixels
_ENLARGED = 10  # times that the difference is shown


def examples_of(outcome: SuiteResult, images: Sequence[LabelledImage]) -> list[AttackExample]:
    """Return the smallest change of each fooled image, by its largest change of a pixel, the smallest first."""
    image_of = {image.name: image for image in images}
    best: dict[str, tuple[float, str, Plane]] = {}
    for run in outcome.runs:
        if not run.result.budget.bounded:
            continue  # a transformation without a bound is no small change
        for trial in run.result.trials:
            share = trial.steps / image_of[trial.picture].top
            if trial.end is End.FOOLED and (trial.picture not in best or share < best[trial.picture][0]):
                best[trial.picture] = (share, run.plan.name, run.planes[trial.picture])
    chosen = sorted(best.items(), key=lambda item: (item[1][0], item[0]))[:MOST]
    return [_example(image_of[name], attack, plane) for name, (_, attack, plane) in chosen]


def _example(image: LabelledImage, attack: str, plane: Plane) -> AttackExample:
    before, after = (whole.astype(np.float64) / image.top for whole in (image.plane, plane))
    change = after - before
    top, left = _busiest(np.abs(change))
    parts = (before, after, 0.5 + _ENLARGED * change)  # grey is no change
    cut = [part[top : top + SIDE, left : left + SIDE] for part in parts]
    greys = ceil(float(np.abs(change).max()) * 2550 - 1e-9) / 10  # rounded up: no change is shown as smaller than it is
    return AttackExample(image.name, image.authentic, attack, greys, *map(_png, cut))


def _busiest(change: np.ndarray) -> tuple[int, int]:
    """Return top and left of the square with the largest sum of changes."""
    rows, columns = (max(1, length - SIDE + 1) for length in change.shape)
    sums = ndimage.uniform_filter(change, SIDE, mode="constant", origin=-(SIDE // 2))[:rows, :columns]
    top, left = np.unravel_index(int(sums.argmax()), sums.shape)
    return int(top), int(left)


def _png(unit: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.rint(unit.clip(0, 1) * 255).astype(np.uint8)).save(file, format="png", optimize=True)
    return file.getvalue()
