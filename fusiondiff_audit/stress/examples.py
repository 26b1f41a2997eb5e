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

MOST, SIDE, ENLARGED = 6, 192, 10


def examples_of(outcome: SuiteResult, pictures: Sequence[LabelledImage]) -> list[AttackExample]:
    """Return an example of each picture that was fooled, by the run that moved its pixels least, the smallest first."""
    known = {picture.name: picture for picture in pictures}
    best: dict[str, tuple[float, str, Plane]] = {}
    for run in outcome.runs:
        if not run.result.budget.bounded:
            continue  # what happens to pictures is no small change
        for trial in run.result.trials:
            share = trial.steps / known[trial.picture].top
            if trial.end is End.FOOLED and (trial.picture not in best or share < best[trial.picture][0]):
                best[trial.picture] = (share, run.plan.name, run.planes[trial.picture])
    chosen = sorted(best.items(), key=lambda one: (one[1][0], one[0]))[:MOST]
    return [_example(known[name], attack, plane) for name, (_, attack, plane) in chosen]


def _example(picture: LabelledImage, attack: str, plane: Plane) -> AttackExample:
    before, after = (one.astype(np.float64) / picture.top for one in (picture.plane, plane))
    change = after - before
    top, left = _busiest(np.abs(change))
    parts = (before, after, 0.5 + ENLARGED * change)  # grey is no change
    cut = [part[top : top + SIDE, left : left + SIDE] for part in parts]
    greys = ceil(float(np.abs(change).max()) * 2550 - 1e-9) / 10  # rounded up: nothing looks smaller than it is
    return AttackExample(picture.name, picture.authentic, attack, greys, *map(_png, cut))


def _busiest(change: np.ndarray) -> tuple[int, int]:
    """Return where the square begins that holds most of a change."""
    rows, columns = (max(1, length - SIDE + 1) for length in change.shape)
    sums = ndimage.uniform_filter(change, SIDE, mode="constant", origin=-(SIDE // 2))[:rows, :columns]
    top, left = np.unravel_index(int(sums.argmax()), sums.shape)
    return int(top), int(left)


def _png(unit: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.rint(unit.clip(0, 1) * 255).astype(np.uint8)).save(file, format="png", optimize=True)
    return file.getvalue()
