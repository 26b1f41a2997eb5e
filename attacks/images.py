"""Images under attack, budgets, and the projection of a change to one that a file can hold."""

import io
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Plane = npt.NDArray[Any]  # greys at a file's depth: unsigned, 8 or 16 bits
UnitPlane = npt.NDArray[np.float64]  # greys from 0 to 1
_HALVINGS = 60


class Norm(StrEnum):
    LINF = "linf"
    L2 = "l2"
    L0 = "l0"  # the share of pixels that changed, however much


@dataclass(frozen=True, slots=True)
class Budget:
    """How much an image may change; from black to white is 1."""

    norm: Norm
    size: float

    def __post_init__(self) -> None:
        if not 0 < self.size < float("inf"):
            raise ValueError(f"a budget of {self.size}; a number above 0 is expected")

    @property
    def bounded(self) -> bool:
        """Whether some change exceeds it; the budget of transformations, which are no attacks, has no bound."""
        return self.norm is not Norm.LINF or self.size < 1

    def __str__(self) -> str:
        if not self.bounded:
            return f"{self.norm} 1 (any change)"
        grey = f" ({self.size * 255:.3g} of 255 greys)" if self.norm is Norm.LINF else ""
        return f"{self.norm} {self.size:.4g}{grey}"


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImage:
    """A plane, after the geometry of preparation, with its true class."""

    name: str
    plane: Plane = field(repr=False)
    authentic: bool
    specimen: str

    def __post_init__(self) -> None:
        if self.plane.ndim != 2 or not self.plane.size or self.plane.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"{self.name}: {self.plane.dtype} of shape {self.plane.shape}; a grey plane is expected")

    @property
    def top(self) -> int:
        """The grey that is white."""
        return int(np.iinfo(self.plane.dtype).max)

    @property
    def unit(self) -> UnitPlane:
        """The plane from 0 to 1."""
        return self.plane.astype(np.float64) / self.top

    @property
    def digest(self) -> str:
        return plane_digest(self.plane)

    def greys(self, unit: npt.NDArray[np.floating]) -> Plane:
        """Return a plane from 0 to 1 rounded to this image's depth."""
        plane: Plane = np.rint(unit.astype(np.float64).clip(0, 1) * self.top).astype(self.plane.dtype)
        return plane


def plane_digest(plane: Plane) -> str:
    """Return the SHA-256 over a plane's shape, depth and greys, little-endian."""
    head = f"{plane.shape[0]} {plane.shape[1]} {plane.dtype.itemsize}\n".encode()
    return sha256(head + np.ascontiguousarray(plane, plane.dtype.newbyteorder("<")).tobytes()).hexdigest()


def distance(first: Plane, second: Plane, norm: Norm) -> float:
    """Return the distance between two planes of one depth, in units of full scale and double precision."""
    return norm_of((second.astype(np.float64) - first.astype(np.float64)) / np.iinfo(first.dtype).max, norm)


def norm_of(change: UnitPlane, norm: Norm) -> float:
    match norm:
        case Norm.LINF:
            return float(np.abs(change).max())
        case Norm.L2:
            return float(np.sqrt((change**2).sum()))
        case Norm.L0:
            return float((change != 0).mean())


def quantise(image: LabelledImage, unit: npt.NDArray[np.floating], budget: Budget) -> Plane:
    """Return the plane of whole greys within the budget that is nearest to `unit`.

    Values that are not finite or out of range are replaced; another shape raises.
    """
    if unit.shape != image.plane.shape:
        raise ValueError(f"{image.name}: the attack gave {unit.shape} for {image.plane.shape}")
    change = np.nan_to_num(unit.astype(np.float64), nan=0.5, posinf=1.0, neginf=0.0).clip(0, 1) * image.top
    change -= image.plane
    match budget.norm:
        case Norm.LINF:
            most = np.floor(budget.size * image.top * (1 + 1e-9))
            greys = np.clip(np.rint(change), -most, most)
        case Norm.L2:
            greys = _rounded(change, budget.size * image.top)
        case Norm.L0:
            greys = _largest(np.rint(change), int(budget.size * change.size * (1 + 1e-9)))
    plane: Plane = (image.plane + greys).clip(0, image.top).astype(image.plane.dtype)
    return plane


def scale_to_budget(image: LabelledImage, unit: npt.NDArray[np.floating], budget: Budget) -> UnitPlane | None:
    """Return a change enlarged to the whole budget, or None where it is none, fills the budget, or has no bound.

    Minimum-norm attacks stop at the decision boundary, where rounding to greys decides.
    """
    change = unit.astype(np.float64) - image.unit
    length = norm_of(change, budget.norm)
    if budget.norm is Norm.L0 or not budget.bounded or not 0 < length < budget.size:  # false for NaN, too
        return None
    return image.unit + change * (budget.size / length)


def _rounded(change: UnitPlane, most: float) -> UnitPlane:
    """Return whole greys of Euclidean length `most` at most, by the smallest threshold that rounds changes up."""
    length = float(np.sqrt((change**2).sum()))
    if length > most:
        change = change * (most / length)

    def rounded(bias: float) -> UnitPlane:
        return np.sign(change) * np.floor(np.abs(change) + bias)

    low, high = 0.0, 0.5  # from truncation to rounding to the nearest
    if (rounded(high) ** 2).sum() <= most**2:
        return rounded(high)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if (rounded(middle) ** 2).sum() <= most**2 else (low, middle)
    return rounded(low)


def _largest(greys: UnitPlane, count: int) -> UnitPlane:
    """Return the `count` largest changes; of equal ones the first."""
    kept = np.argsort(-np.abs(greys), axis=None, kind="stable")[:count]
    sparse = np.zeros_like(greys)
    sparse.flat[kept] = greys.flat[kept]
    return sparse


def centre_crop(plane: Plane, height: int, width: int) -> Plane:
    """Return the centre of a plane; a plane that is too small is padded by reflection."""
    for axis, length in enumerate((height, width)):
        short = max(0, length - plane.shape[axis])
        plane = np.pad(plane, [(short // 2, short - short // 2) if at == axis else (0, 0) for at in (0, 1)], "reflect")
        first = (plane.shape[axis] - length) // 2
        plane = plane.take(range(first, first + length), axis)
    return plane


def encode_png(plane: Plane) -> bytes:
    """Return a plane as a PNG file of its own depth."""
    file = io.BytesIO()
    Image.fromarray(plane).save(file, format="png")
    return file.getvalue()


def decode_png(data: bytes) -> Plane:
    """Return the plane of a PNG file of ours."""
    with Image.open(io.BytesIO(data)) as picture:
        plane = np.asarray(picture)
    return plane if plane.dtype == np.uint8 else plane.astype(np.uint16)
