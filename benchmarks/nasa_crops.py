"""Crops of NASA's coatings and superalloys, the tasks on them, and their folds of cross-validation.

The folder holds `ebc` and `super`, as in benchmark_segmentation_data of nasa/pretrained-microscopy-models.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float64]
REFERENCE = "S0440"  # the one specimen that counts as authentic in task A
SPECIMENS = (
    REFERENCE,
    "S2480",
    "S2470",
    "S0410",
    "S1160",
    "1426_100Cyc",
    "1426C",
    "_10_100cyc",
    "_6_100cyc",
    "S127",
    "S879",
)


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """A square of one image, unchanged and with zero mean and unit variance."""

    pixels: Floats  # z-scored
    raw: Floats
    image: str
    specimen: str
    row: int
    authentic: bool


def crops(path: Path, side: int, specimen: str, authentic: bool) -> Iterator[Crop]:
    """Yield the adjacent squares of one image."""
    greys = np.asarray(Image.open(path), dtype=float)
    greys = greys / (65535 if greys.max() > 255 else 255)
    for top in range(0, greys.shape[0] - side + 1, side):
        for left in range(0, greys.shape[1] - side + 1, side):
            raw = greys[top : top + side, left : left + side]
            yield Crop(standard(raw), raw, path.name, specimen, top // side, authentic)


def standard(greys: Floats) -> Floats:
    """Return greys of zero mean and unit variance."""
    result: Floats = (greys - greys.mean()) / max(float(greys.std()), 1e-9)
    return result


def averaged(crop: Crop) -> Crop:
    """Return the crop after 4x averaging, with zero mean and unit variance."""
    side = len(crop.pixels) // 4
    small, raw = (grey.reshape(side, 4, side, 4).mean((1, 3)) for grey in (crop.pixels, crop.raw))
    return Crop(standard(small), raw, crop.image, crop.specimen, crop.row, crop.authentic)


def as_pixels(crop: Crop) -> npt.NDArray[np.uint16]:
    """Return z-scored greys as 16-bit pixels, five deviations to each side."""
    pixels: npt.NDArray[np.uint16] = np.clip((crop.pixels + 5) / 10 * 65535, 0, 65535).astype(np.uint16)
    return pixels


def task_a(folder: Path) -> list[Crop]:
    """Return 256 px crops of the coatings."""
    coatings: list[Crop] = []
    for path in sorted((folder / "ebc").glob("*.png")):
        specimen = next((name for name in SPECIMENS if name in path.name), None)
        if specimen is None:
            sys.exit(f"{path}: of an unknown specimen")
        coatings += crops(path, 256, specimen, specimen == REFERENCE)
    return coatings


def task_b(folder: Path) -> list[Crop]:
    """Return 128 px crops of the superalloys' spots; 0d is the positive class."""
    alloys: list[Crop] = []
    for path in sorted((folder / "super").glob("spot*.png")):
        spot, treatment = re.match(r"(spot\d)_(\d+d)_", path.name).groups()  # type: ignore[union-attr]
        alloys += crops(path, 128, spot, treatment == "0d")
    return alloys


def folds_a(all_crops: Sequence[Crop], *, by_specimen: bool) -> Iterator[set[str]]:
    """Yield the test images of each fold: one of S0440, and others by image or by specimen."""
    authentic = sorted({crop.image for crop in all_crops if crop.authentic})
    others: dict[str, list[str]] = {}
    for crop in all_crops:
        if not crop.authentic:
            group = crop.specimen if by_specimen else crop.image
            others.setdefault(group, [])
            if crop.image not in others[group]:
                others[group].append(crop.image)
    groups = sorted(others)
    for place, image in enumerate(authentic):
        yield {image, *(name for group in groups[place :: len(authentic)] for name in others[group])}


def folds_b(all_crops: Sequence[Crop]) -> Iterator[set[str]]:
    """Yield the images of each spot."""
    for spot in sorted({crop.specimen for crop in all_crops}):
        yield {crop.image for crop in all_crops if crop.specimen == spot}
