"""Connected regions of a mask, or labelled ones: area, place, axes of the ellipse of the same moments, and outline."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Values = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.intp]
_SIDES = np.pi / 4  # mean length of an outline for each side of a pixel on it, over all directions


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """One entry for each region; lengths in pixels."""

    labels: Labels  # of each pixel, from 1; 0 is outside
    area: Values
    row: Values
    column: Values
    spread: Values  # second moments about the centre: regions x 2 x 2
    long: Values  # axis of the ellipse of the same moments
    short: Values
    angle: Values  # of the long axis, from columns to rows
    outline: Values
    beyond: Values  # share of the region outside that ellipse
    whole: Mask  # not cut by the border of the image or of the area

    def __len__(self) -> int:
        return len(self.area)

    def mean(self, plane: Any) -> Values:
        """Return the mean of a plane over each region."""
        sums = np.bincount(self.labels.ravel(), np.asarray(plane, np.float64).ravel(), len(self) + 1)
        means: Values = sums[1:] / self.area
        return means


def connected_regions(mask: Mask, within: Mask) -> Regions:
    """Return the regions of a mask that are connected by sides; `within` is the area that can be seen."""
    return labelled_regions(ndimage.label(mask & within)[0].astype(np.intp), within)


def labelled_regions(labels: Labels, within: Mask) -> Regions:
    """Return the regions of equal labels above 0."""
    present, compact = np.unique(np.where(within, labels, 0), return_inverse=True)
    compact = compact.reshape(labels.shape) + (present[0] > 0)
    inside = np.flatnonzero(compact)
    rows, columns = np.divmod(inside, labels.shape[1])
    of_pixel = compact.ravel()[inside] - 1
    count = int(compact.max(initial=0))

    def total(weights: Any = None) -> Values:
        return np.bincount(of_pixel, weights, count).astype(np.float64)

    area = total()
    row, column = total(rows) / area, total(columns) / area
    down, across = rows - row[of_pixel], columns - column[of_pixel]
    own = 1 / 12  # the second moment of a pixel
    yy, xx, xy = total(down**2) / area + own, total(across**2) / area + own, total(down * across) / area
    middle, half = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    determinant = np.maximum(xx * yy - xy**2, 1e-12)
    distance = (yy[of_pixel] * across**2 - 2 * xy[of_pixel] * down * across + xx[of_pixel] * down**2) / determinant[
        of_pixel
    ]
    cut = ~ndimage.binary_erosion(within)  # the border of the image counts as outside
    return Regions(
        compact,
        area,
        row,
        column,
        np.moveaxis(np.array([[yy, xy], [xy, xx]]), -1, 0),
        4 * np.sqrt(middle + half),
        4 * np.sqrt(np.maximum(middle - half, own)),
        np.arctan2(2 * xy, xx - yy) / 2,
        _SIDES * _sides(compact, count),
        total(distance > 4) / area,
        total(cut.ravel()[inside]) == 0,
    )


def _sides(labels: Labels, count: int) -> Values:
    """Return for each region the number of pixels' sides on its outline."""
    padded = np.pad(labels, 1)
    sides = np.zeros(count + 1)
    for axis in (0, 1):
        one, other = (padded[:-1], padded[1:]) if axis == 0 else (padded[:, :-1], padded[:, 1:])
        differ = one != other
        sides += np.bincount(one[differ], minlength=count + 1) + np.bincount(other[differ], minlength=count + 1)
    return sides[1:]
