"""Pictures that are attacked, how far one may be changed, and what is left of a change that a file can hold."""

import io
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Plane = npt.NDArray[Any]  # greys at their own depth, unsigned, 8 or 16 bits
UnitPlane = npt.NDArray[np.float64]  # the same from 0 to 1
_HALVINGS = 60


class Norm(StrEnum):
    """How the size of a change is measured."""

    LINF = "linf"
    L2 = "l2"
    L0 = "l0"  # the share of pixels that changed, however much


@dataclass(frozen=True, slots=True)
class Budget:
    """How much a picture may change, in units of its full scale: black to white is 1."""

    norm: Norm
    size: float

    def __post_init__(self) -> None:
        """Refuse what bounds nothing."""
        if not 0 < self.size < float("inf"):
            raise ValueError(f"a budget of {self.size}; a number above 0 is asked for")

    @property
    def bounded(self) -> bool:
        """Say whether it bounds anything: changes that happen to pictures, and not by attack, have no bound."""
        return self.norm is not Norm.LINF or self.size < 1

    def __str__(self) -> str:
        if not self.bounded:
            return f"{self.norm} 1 (any change)"
        grey = f" ({self.size * 255:.3g} of 255 greys)" if self.norm is Norm.LINF else ""
        return f"{self.norm} {self.size:.4g}{grey}"


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImage:
    """A plane that a model looks at, after all geometry, with its true class."""

    name: str
    plane: Plane = field(repr=False)
    authentic: bool
    specimen: str

    def __post_init__(self) -> None:
        """Refuse what is no plane of greys that a file can hold."""
        if self.plane.ndim != 2 or not self.plane.size or self.plane.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"{self.name}: {self.plane.dtype} of shape {self.plane.shape}; a grey plane is asked for")

    @property
    def top(self) -> int:
        """Return the grey that is white."""
        return int(np.iinfo(self.plane.dtype).max)

    @property
    def unit(self) -> UnitPlane:
        """Return the plane from 0 to 1."""
        return self.plane.astype(np.float64) / self.top

    @property
    def digest(self) -> str:
        """Return the SHA-256 over shape, depth and greys."""
        return plane_digest(self.plane)

    def greys(self, unit: npt.NDArray[np.floating]) -> Plane:
        """Return a plane from 0 to 1 as a file of this picture's depth would hold it."""
        plane: Plane = np.rint(unit.astype(np.float64).clip(0, 1) * self.top).astype(self.plane.dtype)
        return plane


def plane_digest(plane: Plane) -> str:
    """Return the SHA-256 over a plane's shape, depth and greys, the larger byte last."""
    head = f"{plane.shape[0]} {plane.shape[1]} {plane.dtype.itemsize}\n".encode()
    return sha256(head + np.ascontiguousarray(plane, plane.dtype.newbyteorder("<")).tobytes()).hexdigest()


def distance(first: Plane, second: Plane, norm: Norm) -> float:
    """Return how far two planes of one depth are apart, in units of full scale, computed in double precision."""
    return norm_of((second.astype(np.float64) - first.astype(np.float64)) / np.iinfo(first.dtype).max, norm)


def norm_of(change: UnitPlane, norm: Norm) -> float:
    """Return how large a change is."""
    match norm:
        case Norm.LINF:
            return float(np.abs(change).max())
        case Norm.L2:
            return float(np.sqrt((change**2).sum()))
        case Norm.L0:
            return float((change != 0).mean())


def quantise(picture: LabelledImage, found: npt.NDArray[np.floating], budget: Budget) -> Plane:
    """Return the plane nearest to what an attack found that a file can hold and the budget allows.

    Nothing here trusts the attack: what is not finite, out of range or too far is brought back.
    """
    if found.shape != picture.plane.shape:
        raise ValueError(f"{picture.name}: the attack gave {found.shape} for {picture.plane.shape}")
    change = np.nan_to_num(found.astype(np.float64), nan=0.5, posinf=1.0, neginf=0.0).clip(0, 1) * picture.top
    change -= picture.plane
    match budget.norm:
        case Norm.LINF:
            most = np.floor(budget.size * picture.top * (1 + 1e-9))
            whole = np.clip(np.rint(change), -most, most)
        case Norm.L2:
            whole = _rounded(change, budget.size * picture.top)
        case Norm.L0:
            whole = _sparse(np.rint(change), int(budget.size * change.size * (1 + 1e-9)))
    settled: Plane = (picture.plane + whole).clip(0, picture.top).astype(picture.plane.dtype)
    return settled


def scale_to_budget(picture: LabelledImage, found: npt.NDArray[np.floating], budget: Budget) -> UnitPlane | None:
    """Return a change enlarged to the whole budget; None if it fills it, or is none, or nothing bounds it.

    What looks for the smallest change stops at the boundary, where rounding to greys decides.
    """
    change = found.astype(np.float64) - picture.unit
    length = norm_of(change, budget.norm)
    if budget.norm is Norm.L0 or not budget.bounded or not 0 < length < budget.size:  # nor where it is not a number
        return None
    return picture.unit + change * (budget.size / length)


def _rounded(change: UnitPlane, most: float) -> UnitPlane:
    """Return whole steps of at most so long together: what is larger is kept first, as it is where an attack acts."""
    length = float(np.sqrt((change**2).sum()))
    if length > most:
        change = change * (most / length)

    def at(bias: float) -> UnitPlane:
        return np.sign(change) * np.floor(np.abs(change) + bias)

    low, high = 0.0, 0.5  # from cutting off to rounding to the nearest
    if (at(high) ** 2).sum() <= most**2:
        return at(high)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if (at(middle) ** 2).sum() <= most**2 else (low, middle)
    return at(low)


def _sparse(steps: UnitPlane, most: int) -> UnitPlane:
    """Return the largest so many steps; of equal ones the first."""
    kept = np.argsort(-np.abs(steps), axis=None, kind="stable")[:most]
    found = np.zeros_like(steps)
    found.flat[kept] = steps.flat[kept]
    return found


def centre_crop(plane: Plane, height: int, width: int) -> Plane:
    """Return the middle of a plane; what is too small goes on in its mirror."""
    for axis, length in enumerate((height, width)):
        short = max(0, length - plane.shape[axis])
        plane = np.pad(plane, [(short // 2, short - short // 2) if at == axis else (0, 0) for at in (0, 1)], "reflect")
        first = (plane.shape[axis] - length) // 2
        plane = plane.take(range(first, first + length), axis)
    return plane


def encode_png(plane: Plane) -> bytes:
    """Return a plane as a PNG file of its own depth: what an attacker can hand in."""
    file = io.BytesIO()
    Image.fromarray(plane).save(file, format="png")
    return file.getvalue()


def decode_png(data: bytes) -> Plane:
    """Return the plane of such a file."""
    with Image.open(io.BytesIO(data)) as picture:
        plane = np.asarray(picture)
    return plane if plane.dtype == np.uint8 else plane.astype(np.uint16)
