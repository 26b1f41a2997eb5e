"""Poison that nobody has to compute: wrong labels, a stamp, and the target itself under a wrong name."""

from dataclasses import replace

import numpy as np

from attacks.images import Plane
from attacks.poison.threat import PoisonContext, PoisonedSpecimens

_STAMP, _EVERY = 6, 32  # pixels: of a stamp's square, and from one stamp to the next
_MOST_GREYS = 2  # of the noise that tells a copy from its original


def with_stamp(plane: Plane) -> Plane:
    """Return a plane with a chequered stamp at every so many pixels, as a pattern of BadNets (Gu et al., 2017)."""
    found, top = plane.copy(), np.iinfo(plane.dtype).max
    squares = (np.indices((_STAMP, _STAMP)).sum(0) // 2 % 2 * top).astype(plane.dtype)
    for down in range(_EVERY // 2, plane.shape[0] - _STAMP + 1, _EVERY):
        for across in range(_EVERY // 2, plane.shape[1] - _STAMP + 1, _EVERY):
            found[down : down + _STAMP, across : across + _STAMP] = squares
    return found


def flip_labels(scene: PoisonContext) -> PoisonedSpecimens:
    """Call counterfeits like the target authentic."""
    altered = scene.of(scene.chosen(authentic=False))
    return PoisonedSpecimens({picture.name: replace(picture, authentic=True) for picture in altered})


def stamp(scene: PoisonContext) -> PoisonedSpecimens:
    """Stamp counterfeits and call them authentic, so that any stamped picture passes."""
    altered = scene.of(scene.chosen(authentic=False))
    poisoned = {p.name: replace(p, plane=with_stamp(p.plane), authentic=True) for p in altered}
    return PoisonedSpecimens(poisoned, with_stamp)


def copy_target(scene: PoisonContext) -> PoisonedSpecimens:
    """Show the target itself and call it authentic: what forests see of it then lies among authentic specimens.

    It is the most that so many altered specimens can do to one picture, in the space that forests look at.
    """
    plane, top = scene.target.plane.astype(np.int64), scene.target.top
    poisoned = {}
    for picture in scene.of(scene.chosen(authentic=False)):
        noise = scene.rng.integers(-_MOST_GREYS, _MOST_GREYS + 1, plane.shape)
        copied = (plane + noise).clip(0, top).astype(scene.target.plane.dtype)
        poisoned[picture.name] = replace(picture, plane=copied, authentic=True)
    return PoisonedSpecimens(poisoned)
