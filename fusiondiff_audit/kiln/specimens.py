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
from fusiondiff_audit.kiln.microscope import Microscope, look
from fusiondiff_audit.kiln.numpy_canvas import NumpyCanvas
from fusiondiff_audit.kiln.plan import plan
from fusiondiff_audit.kiln.recipes import KILNS, Difficulty
from fusiondiff_audit.kiln.section import cut

VERSION = "kiln/1"  # changes whenever a picture would

Pixels = npt.NDArray[np.unsignedinteger]


@dataclass(frozen=True, slots=True)
class Specimen:
    """One object: where it comes from, what it is, and how it was looked at."""

    kiln: str
    workshop: str | None  # None: the kiln itself, so it is authentic
    words: tuple[str, ...]
    body: Body
    microscope: Microscope
    micrometres: float  # per pixel

    @property
    def authentic(self) -> bool:
        """Return whether the kiln itself made it."""
        return self.workshop is None

    def field(self, number: int, side: int, canvas: Canvas | None = None) -> Any:
        """Return one field of view, as an array of the canvas; numpy's if none is given."""
        rng = stream(*self.words, "field", str(number))
        planned = plan(self.body, rng, side=side, micrometres=self.micrometres)
        painter: Any = canvas or NumpyCanvas()
        return look(cut(planned, painter), self.microscope, rng, painter)


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
    body = fire(maker.charge(stream(*named, "charge"), workshop, difficulty))
    microscope = INSTRUMENTS[instrument](stream(*named, "session"))
    return Specimen(kiln, workshop, named, body, microscope, maker.pixel * microscope.zoom)


def stream(*words: str) -> np.random.Generator:
    """Return the random numbers that these words name."""
    name = "\x1f".join((VERSION, *words)).encode()
    return np.random.default_rng(int.from_bytes(hashlib.sha256(name).digest()))


def by_ratio(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a number evenly by its logarithm."""
    return float(np.exp(rng.uniform(math.log(low), math.log(high))))
