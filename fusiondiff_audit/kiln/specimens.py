"""Synthetic specimens and their fields of view, each drawn from its own random stream.

A specimen is one firing of one recipe, imaged in one session of a microscope; its fields differ in place alone. The key
of a random stream is a tuple of strings under the generator's version: the same key gives the same bytes on the same
machine and versions of numpy and scipy, whatever was drawn before. The strings in keys ("charge", "session", "field")
therefore never change within a version.
"""

import hashlib
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.kiln.body import Body
from fusiondiff_audit.kiln.firing import fire
from fusiondiff_audit.kiln.instruments import INSTRUMENTS
from fusiondiff_audit.kiln.layout import FieldLayout, draw_layout
from fusiondiff_audit.kiln.microscope import Microscope, acquire_image
from fusiondiff_audit.kiln.recipes import KILNS, Difficulty, Kiln
from fusiondiff_audit.kiln.section import render_section

KILN_VERSION = "kiln/1"  # must change whenever an image would

Pixels = npt.NDArray[np.unsignedinteger]


@dataclass(frozen=True, slots=True)
class Specimen:
    """A synthetic specimen: its maker, its body, and the session in which it is imaged."""

    kiln: str
    workshop: str | None  # None: the kiln itself, so it is authentic
    key: tuple[str, ...]  # names its random streams
    body: Body
    microscope: Microscope
    pixel_size: float  # micrometres

    @property
    def authentic(self) -> bool:
        return self.workshop is None

    def field(self, number: int, side: int) -> Pixels:
        """Draw the image of a field of view, `side` pixels wide."""
        layout, rng = self._layout(number, side)
        return acquire_image(render_section(layout), self.microscope, rng)

    def layout(self, number: int, side: int) -> FieldLayout:
        """Draw the layout of the field of view that `field` images."""
        return self._layout(number, side)[0]

    def _layout(self, number: int, side: int) -> tuple[FieldLayout, np.random.Generator]:
        """Return a field's layout, and its random generator as it stands after the layout."""
        rng = random_stream(*self.key, "field", str(number))
        return draw_layout(self.body, rng, side=side, pixel_size=self.pixel_size), rng


def specimen(
    kiln: str,
    workshop: str | None,
    *key: str,
    difficulty: Difficulty = Difficulty.MEDIUM,
    instrument: str = "everyday",
    again: int = 0,
) -> Specimen:
    """Draw a specimen by a kiln, or a copy by one of its workshops, from the random stream of this key.

    With `again` it is the same specimen, imaged in another session of the microscope.
    """
    full_key = (*key, kiln, workshop or "authentic", difficulty.name, instrument)
    session = (*full_key, "again", str(again)) if again else None
    return draw_specimen(KILNS[kiln], workshop, full_key, difficulty=difficulty, instrument=instrument, session=session)


def draw_specimen(
    kiln: Kiln,
    workshop: str | None,
    key: tuple[str, ...],
    *,
    difficulty: Difficulty,
    instrument: str,
    session: tuple[str, ...] | None = None,
) -> Specimen:
    """Draw a specimen by any kiln under its whole key, imaged in a session of its own, or of the key `session`."""
    body = fire(kiln.draw_firing(random_stream(*key, "charge"), workshop, difficulty))
    microscope = INSTRUMENTS[instrument](random_stream(*(session or key), "session"))
    return Specimen(kiln.name, workshop, key, body, microscope, kiln.pixel * microscope.zoom)


def random_stream(*key: str) -> np.random.Generator:
    """Return the random generator of a key."""
    name = "\x1f".join((KILN_VERSION, *key)).encode()
    return np.random.default_rng(int.from_bytes(hashlib.sha256(name).digest()))


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(math.log(low), math.log(high))))
