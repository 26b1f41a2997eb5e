"""Specimens and their fields of view, each drawn from its own seed, so that any one can be made alone.

A specimen is one firing of one recipe, seen in one session of a microscope; its fields differ in place alone. Every
random stream is named by words (what it is for, whose it is) under the generator's version: the same words give the
same bytes on the same machine and versions of numpy and scipy, whatever was drawn before.
"""

import hashlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.kiln.body import Body
from fusiondiff_audit.kiln.canvas import Canvas
from fusiondiff_audit.kiln.firing import fire
from fusiondiff_audit.kiln.instruments import INSTRUMENTS
from fusiondiff_audit.kiln.layout import draw_layout
from fusiondiff_audit.kiln.microscope import Microscope, acquire_image
from fusiondiff_audit.kiln.numpy_canvas import NumpyCanvas
from fusiondiff_audit.kiln.recipes import KILNS, Difficulty
from fusiondiff_audit.kiln.section import render_section

VERSION = "kiln/1"  # changes whenever a picture would

Pixels = npt.NDArray[np.unsignedinteger]


@dataclass(frozen=True, slots=True)
class Specimen:
    """One object: where it comes from, what it is, and how it was looked at."""

    kiln: str
    workshop: str | None  # None: the kiln itself, so it is authentic
    key: tuple[str, ...]  # names its random streams
    body: Body
    microscope: Microscope
    pixel_size: float  # micrometres

    @property
    def authentic(self) -> bool:
        """Return whether the kiln itself made it."""
        return self.workshop is None

    def field(self, number: int, side: int, canvas: Canvas | None = None) -> Any:
        """Return one field of view, as an array of the canvas; numpy's if none is given."""
        rng = random_stream(*self.key, "field", str(number))
        planned = draw_layout(self.body, rng, side=side, pixel_size=self.pixel_size)
        painter: Any = canvas or NumpyCanvas()
        return acquire_image(render_section(planned, painter), self.microscope, rng, painter)


def specimen(
    kiln: str,
    workshop: str | None,
    *words: str,
    difficulty: Difficulty = Difficulty.MEDIUM,
    instrument: str = "everyday",
) -> Specimen:
    """Draw a specimen; the words name its random stream."""
    named = (*words, kiln, workshop or "authentic", difficulty.name, instrument)
    maker = KILNS[kiln]
    body = fire(maker.charge(random_stream(*named, "charge"), workshop, difficulty))
    microscope = INSTRUMENTS[instrument](random_stream(*named, "session"))
    return Specimen(kiln, workshop, named, body, microscope, maker.pixel * microscope.zoom)


def random_stream(*words: str) -> np.random.Generator:
    """Return the random numbers that these words name."""
    name = "\x1f".join((VERSION, *words)).encode()
    return np.random.default_rng(int.from_bytes(hashlib.sha256(name).digest()))


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a number evenly by its logarithm."""
    return float(np.exp(rng.uniform(math.log(low), math.log(high))))
