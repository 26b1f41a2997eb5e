"""Two microscopes as distributions of session settings: one for training and testing, the other for distribution shift.

Settings are drawn before the specimen and independently of it.
"""

from collections.abc import Callable

import numpy as np

from fusiondiff_audit.kiln.microscope import Microscope


def _everyday(rng: np.random.Generator) -> Microscope:
    return Microscope(
        electrons=float(np.exp(rng.uniform(np.log(150), np.log(600)))),
        focus=rng.uniform(0.5, 0.95),
        astigmatism=rng.uniform(0, 0.2),
        gain=rng.uniform(0.65, 1.3),
        offset=rng.uniform(-0.12, 0.15),
        gamma=float(np.exp(rng.normal(0, 0.2))),
        tilt=rng.uniform(-0.2, 0.2),
        charging=rng.uniform(0, 0.06),
        drift=rng.uniform(0, 1.2),
        zoom=float(np.exp(rng.normal(0, 0.08))),
        bits=16 if rng.random() < 0.25 else 8,
    )


def _other(rng: np.random.Generator) -> Microscope:
    """Draw a session with fewer electrons, a softer focus, flatter contrast and a coarser pixel."""
    return Microscope(
        electrons=float(np.exp(rng.uniform(np.log(50), np.log(150)))),
        focus=rng.uniform(0.8, 1.2),
        astigmatism=rng.uniform(0, 0.35),
        gain=rng.uniform(0.45, 0.75),
        offset=rng.uniform(0.1, 0.3),
        gamma=float(np.exp(rng.normal(-0.2, 0.2))),
        tilt=rng.uniform(-0.3, 0.3),
        charging=rng.uniform(0, 0.12),
        drift=rng.uniform(0.5, 2.0),
        zoom=float(np.exp(rng.normal(0.1, 0.08))),
        bits=8,
    )


INSTRUMENTS: dict[str, Callable[[np.random.Generator], Microscope]] = {"everyday": _everyday, "other": _other}
