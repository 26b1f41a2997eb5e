"""A simulated scanning electron microscope: from a section to an image of 8 or 16 bits.

The order is that of the instrument: yield, charging, drift, focus, shot noise, gain, quantisation. Settings do not
depend on what is authentic, so a benchmark draws them from one distribution for all classes.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from fusiondiff_audit.kiln.raster import smooth_field
from fusiondiff_audit.kiln.section import Section
from fusiondiff_audit.kiln.shapes import Floats, draw_value_noise

_HOLE = 2  # pixels; deeper places charge
_TAIL = 61  # pixels
_BLUR_REACH = 3.0  # standard deviations


class ElectronDetector(StrEnum):
    BACKSCATTER = "BSE"
    SECONDARY = "SE"


@dataclass(frozen=True, slots=True)
class Microscope:
    """Settings of one session."""

    detector: ElectronDetector = ElectronDetector.BACKSCATTER
    electrons: float = 150.0  # counted per pixel at full yield; shot noise goes with its root
    focus: float = 0.7  # blur, pixels
    astigmatism: float = 0.0  # blur along the rows, added
    gain: float = 1.0
    offset: float = 0.0
    gamma: float = 1.0  # below 1: dark parts are lifted
    tilt: float = 0.0  # brightness from left to right, share
    charging: float = 0.0  # strength of streaks after pores
    drift: float = 0.0  # pixels that rows are displaced
    zoom: float = 1.0  # factor on the recipe's pixel size
    bits: int = 8


def acquire_image(
    section: Section, microscope: Microscope, rng: np.random.Generator
) -> npt.NDArray[np.unsignedinteger]:
    """Return the image of a section, of 8 or 16 bits."""
    side = len(section.grey)
    signal = _electron_yield(section, microscope.detector)
    columns = np.linspace(-0.5, 0.5, side, dtype=np.float32)
    signal = signal * (1 + microscope.tilt * columns[None, :])
    if microscope.charging:  # bright tails behind pores, along the scan, that die away
        edges = 1.0 * (section.depth > _HOLE)
        signal = signal + microscope.charging * (_trailing_mean(edges, _TAIL) - 0.5 * edges)
    if microscope.drift:
        walk = smooth_field(draw_value_noise(rng, side, side / 4))[:, 0]
        signal = _shift_rows(signal, microscope.drift * walk)
    signal = _blurred(signal, microscope.focus, microscope.focus + microscope.astigmatism)
    counted = np.clip(signal, 0, None) * microscope.electrons
    counted = counted + np.sqrt(counted + 1) * rng.standard_normal((side, side), dtype=np.float32)
    tone = np.clip(counted / microscope.electrons, 0, None) ** microscope.gamma
    return _quantised(microscope.offset + microscope.gain * tone, microscope.bits)


def _electron_yield(section: Section, detector: ElectronDetector) -> Any:
    """Return the yield of each pixel: by its composition, or by edges and relief for secondary electrons."""
    if detector is ElectronDetector.BACKSCATTER:
        return section.grey
    relief = _blurred(np.clip(section.depth, 0, 6), 1.0, 1.0)
    down, across = np.gradient(relief)
    facing = np.clip(0.5 * (across - down), -1, 1)  # the detector stands to one side
    edges = np.tanh(np.hypot(down, across))
    return 0.35 + 0.25 * section.grey + 0.5 * edges + 0.12 * facing - 0.2 * np.tanh(relief / 4)


def _blurred(field: Floats, down: float, across: float) -> Floats:
    """Apply a Gaussian blur with these standard deviations along columns and rows."""
    blurred: Floats = ndimage.gaussian_filter(field, (down, across), truncate=_BLUR_REACH, mode="nearest")
    return blurred


def _trailing_mean(field: Floats, length: int) -> Floats:
    """Return the mean over each pixel and those on its left, `length` pixels in all."""
    mean: Floats = ndimage.uniform_filter1d(field, length, axis=1, origin=length // 2, mode="nearest")
    return mean


def _shift_rows(field: Floats, shift: Floats) -> Floats:
    """Move each row to the left by its shift, rounded to whole pixels."""
    side = len(field)
    columns = np.clip(np.arange(side)[None, :] + np.round(shift).astype(np.intp)[:, None], 0, side - 1)
    return np.take_along_axis(field, columns, axis=1)


def _quantised(values: Floats, bits: int) -> npt.NDArray[np.unsignedinteger]:
    """Return greys from 0 to 1 as integers of 8 or 16 bits."""
    top = 2**bits - 1
    dtype = np.uint8 if bits == 8 else np.uint16
    pixels: npt.NDArray[np.unsignedinteger] = np.clip(np.round(values * top), 0, top).astype(dtype)
    return pixels
