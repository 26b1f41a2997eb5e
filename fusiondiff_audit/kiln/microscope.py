"""What a scanning electron microscope makes of a section: contrast, faults of the column, noise, and numbers.

The order is that of the instrument: yield, charging, drift, focus, electrons counted, gain, quantisation. Settings have
nothing to do with what is authentic, so a benchmark draws them alike for all classes.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from fusiondiff_audit.kiln.canvas import Canvas
from fusiondiff_audit.kiln.section import Section
from fusiondiff_audit.kiln.shapes import draw_value_noise

_HOLE = 2  # pixels deep: what charges
_TAIL = 61  # pixels


class Detector(StrEnum):
    """Which electrons are counted."""

    BACKSCATTER = "BSE"
    SECONDARY = "SE"


@dataclass(frozen=True, slots=True)
class Microscope:
    """Settings of one session."""

    detector: Detector = Detector.BACKSCATTER
    electrons: float = 150.0  # counted per pixel at full yield; shot noise goes with its root
    focus: float = 0.7  # blur, pixels
    astigmatism: float = 0.0  # blur along the rows, added
    gain: float = 1.0
    offset: float = 0.0
    gamma: float = 1.0  # below 1: dark parts are lifted
    tilt: float = 0.0  # brightness from left to right, share
    charging: float = 0.0  # strength of streaks after holes
    drift: float = 0.0  # pixels that rows wander
    zoom: float = 1.0  # micrometres per pixel, over what the recipe says
    bits: int = 8


def acquire_image(section: Section, microscope: Microscope, rng: np.random.Generator, canvas: Canvas) -> Any:
    """Return the picture, of 8 or 16 bits."""
    xp = canvas.xp
    side = len(section.grey)
    signal = _yield(section, microscope.detector, canvas)
    across = canvas.array(np.linspace(-0.5, 0.5, side, dtype=np.float32))
    signal = signal * (1 + microscope.tilt * across[None, :])
    if microscope.charging:  # bright tails behind holes, along the scan, that die away
        edges = 1.0 * (section.depth > _HOLE)
        signal = signal + microscope.charging * (canvas.trail(edges, _TAIL) - 0.5 * edges)
    if microscope.drift:
        walk = canvas.smooth(draw_value_noise(rng, side, side / 4))[:, 0]
        signal = canvas.shifted(signal, microscope.drift * walk)
    signal = canvas.blurred(signal, microscope.focus, microscope.focus + microscope.astigmatism)
    counted = xp.clip(signal, 0, None) * microscope.electrons
    counted = counted + xp.sqrt(counted + 1) * canvas.noise(rng, side)
    tone = xp.clip(counted / microscope.electrons, 0, None) ** microscope.gamma
    return canvas.pixels(microscope.offset + microscope.gain * tone, microscope.bits)


def _yield(section: Section, detector: Detector, canvas: Canvas) -> Any:
    """Return how many electrons each pixel sends, by what it is made of or by its edges."""
    if detector is Detector.BACKSCATTER:
        return section.grey
    xp = canvas.xp
    relief = canvas.blurred(xp.clip(section.depth, 0, 6), 1.0, 1.0)
    down, across = xp.gradient(relief)
    facing = xp.clip(0.5 * (across - down), -1, 1)  # the detector stands to one side
    edges = xp.tanh(xp.hypot(down, across))
    return 0.35 + 0.25 * section.grey + 0.5 * edges + 0.12 * facing - 0.2 * xp.tanh(relief / 4)
