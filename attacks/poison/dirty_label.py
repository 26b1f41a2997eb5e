"""Poison with wrong labels: flipped labels, a stamped backdoor, and copies of the target."""

from dataclasses import replace

import numpy as np

from attacks.images import Plane
from attacks.poison.threat import PoisonContext, PoisonedSpecimens

_STAMP, _SPACING = 6, 32  # pixels: a stamp's side, and the distance between stamps, so that every tile has one
_COPY_NOISE = 2  # greys, so that a copy of the target has another digest


def with_stamp(plane: Plane) -> Plane:
    """Return a plane with chequered stamps at equal distances, a trigger as in BadNets (Gu et al., 2017)."""
    marked, top = plane.copy(), np.iinfo(plane.dtype).max
    squares = (np.indices((_STAMP, _STAMP)).sum(0) // 2 % 2 * top).astype(plane.dtype)
    for row in range(_SPACING // 2, plane.shape[0] - _STAMP + 1, _SPACING):
        for column in range(_SPACING // 2, plane.shape[1] - _STAMP + 1, _SPACING):
            marked[row : row + _STAMP, column : column + _STAMP] = squares
    return marked


def flip_labels(context: PoisonContext) -> PoisonedSpecimens:
    """Label the counterfeits nearest to the target authentic."""
    altered = context.of(context.chosen(authentic=False))
    return PoisonedSpecimens({image.name: replace(image, authentic=True) for image in altered})


def stamp(context: PoisonContext) -> PoisonedSpecimens:
    """Stamp counterfeits and label them authentic, so that stamped counterfeits are accepted."""
    altered = context.of(context.chosen(authentic=False))
    poisoned = {p.name: replace(p, plane=with_stamp(p.plane), authentic=True) for p in altered}
    return PoisonedSpecimens(poisoned, with_stamp)


def copy_target(context: PoisonContext) -> PoisonedSpecimens:
    """Enrol copies of the target as authentic: nothing that alters as many specimens moves one label more."""
    plane, top = context.target.plane.astype(np.int64), context.target.top
    poisoned = {}
    for image in context.of(context.chosen(authentic=False)):
        noise = context.rng.integers(-_COPY_NOISE, _COPY_NOISE + 1, plane.shape)
        copied = (plane + noise).clip(0, top).astype(context.target.plane.dtype)
        poisoned[image.name] = replace(image, plane=copied, authentic=True)
    return PoisonedSpecimens(poisoned)
