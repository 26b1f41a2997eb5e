"""Transformations that images undergo without any attacker: compression, screens, printers, other microscopes.

Each has strengths from mild to strong. They change greys without bound, so their budget is unbounded, and the harness
does not enlarge them.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from attacks.images import Budget, Norm, UnitPlane
from attacks.target import AttackSession

Transform = Callable[[UnitPlane, float, np.random.Generator], UnitPlane]  # of a plane, by a strength


@dataclass(frozen=True, slots=True)
class Transformation:
    budget: Budget
    transform: Transform
    strengths: tuple[float, ...]  # from mild to strong

    def __post_init__(self) -> None:
        if self.budget != Budget(Norm.LINF, 1.0):
            raise ValueError(f"a budget of {self.budget}; transformations have norm linf and size 1")

    def __call__(self, session: AttackSession) -> UnitPlane:
        """Return the mildest change that turns the label, else the mildest without a label, else the strongest."""
        image = session.log.image
        changed, unlabelled = image.unit, None
        for strength in self.strengths:
            changed = np.clip(self.transform(image.unit, strength, session.rng), 0, 1)
            (prediction,) = session.predict_units(changed[None])
            if prediction.authentic is (not image.authentic):
                return changed
            if prediction.authentic is None and unlabelled is None:
                unlabelled = changed
        return changed if unlabelled is None else unlabelled


def jpeg(unit: UnitPlane, quality: float, rng: np.random.Generator) -> UnitPlane:
    """Reduce to 8 bits and compress."""
    file = io.BytesIO()
    Image.fromarray(np.rint(unit * 255).astype(np.uint8)).save(file, format="jpeg", quality=int(quality))
    with Image.open(file) as picture:
        return np.asarray(picture).astype(np.float64) / 255


def resize(unit: UnitPlane, share: float, rng: np.random.Generator) -> UnitPlane:
    """Resize to a share of each side, and back."""
    height, width = unit.shape
    small = _scaled(unit, (max(1, round(width * share)), max(1, round(height * share))))
    return _scaled(small, (width, height))


def crop(unit: UnitPlane, share: float, rng: np.random.Generator) -> UnitPlane:
    """Enlarge a random crop of a share of each side to the whole size."""
    height, width = unit.shape
    rows, columns = max(1, round(height * share)), max(1, round(width * share))
    top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
    return _scaled(unit[top : top + rows, left : left + columns], (width, height))


def blur(unit: UnitPlane, deviation: float, rng: np.random.Generator) -> UnitPlane:
    """Blur by a Gaussian, in pixels."""
    return np.asarray(ndimage.gaussian_filter(unit, deviation, mode="nearest"))


def contrast(unit: UnitPlane, stops: float, rng: np.random.Generator) -> UnitPlane:
    """Change gamma and lower contrast, as viewers and editors do."""
    curved = unit ** (2.0**stops)
    return np.asarray(0.5 + (curved - 0.5) * (1 - abs(stops) / 4))


def scanner(unit: UnitPlane, noise: float, rng: np.random.Generator) -> UnitPlane:
    """Print and scan: slightly soft, rotated by a fraction of a degree, with noise and streaks."""
    turned = ndimage.rotate(blur(unit, 0.6, rng), float(rng.uniform(-0.5, 0.5)), reshape=False, order=1, mode="nearest")
    streaks = rng.normal(0, noise / 2, (1, unit.shape[1]))
    return np.asarray(turned + rng.normal(0, noise, unit.shape) + streaks)


def screenshot(unit: UnitPlane, zoom: float, rng: np.random.Generator) -> UnitPlane:
    """Show on a screen at a fractional zoom, with the screen's gamma, and compress."""
    return jpeg(np.clip(resize(unit, zoom, rng), 0, 1) ** (1 / 1.1), 90, rng)


def microscope(unit: UnitPlane, amount: float, rng: np.random.Generator) -> UnitPlane:
    """Image the same place in another microscope: softer, shaded, with drifting rows and shot noise."""
    height, width = unit.shape
    drift = np.cumsum(rng.normal(0, amount * 0.3, height))
    rows, columns = np.indices(unit.shape, dtype=np.float64)
    moved = ndimage.map_coordinates(blur(unit, amount, rng), [rows, columns + drift[:, None]], order=1, mode="nearest")
    angle = rng.uniform(0, 2 * np.pi)
    shade = np.cos(angle) * (rows / height - 0.5) + np.sin(angle) * (columns / width - 0.5)
    electrons = 400 / amount
    return np.asarray(rng.poisson(np.clip(moved * (1 + 0.2 * amount * shade), 0, 1) * electrons) / electrons)


def _scaled(unit: UnitPlane, size: tuple[int, int]) -> UnitPlane:
    return np.asarray(Image.fromarray(unit.astype(np.float32)).resize(size, Image.Resampling.BICUBIC), dtype=np.float64)


TRANSFORMATIONS: dict[str, tuple[Transform, tuple[float, ...]]] = {
    "jpeg": (jpeg, (95, 85, 70, 50)),
    "resize": (resize, (0.9, 0.75, 0.5)),
    "crop": (crop, (0.95, 0.85, 0.7)),
    "blur": (blur, (0.5, 1.0, 1.5)),
    "contrast": (contrast, (0.2, -0.2, 0.5, -0.5)),
    "scanner": (scanner, (0.01, 0.03, 0.06)),
    "screenshot": (screenshot, (1.25, 0.8, 0.67)),
    "microscope": (microscope, (0.5, 1.0, 1.5)),
}
