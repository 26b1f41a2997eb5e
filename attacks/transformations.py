"""What happens to pictures on their way, with no ill will: platforms, screens, printers and other microscopes.

Each goes from mild to strong, and the first that changes the answer is handed in. No change of a grey is too large for
them, so their budget is all of it, and more of the same change would be another one.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from attacks.images import Budget, Norm, UnitPlane
from attacks.target import AttackSession

Transform = Callable[[UnitPlane, float, np.random.Generator], UnitPlane]


@dataclass(frozen=True, slots=True)
class Transformation:
    """A kind of change, of several strengths."""

    budget: Budget
    way: Transform
    strengths: tuple[float, ...]  # from mild to strong

    def __post_init__(self) -> None:
        """Refuse a budget that would make it another change."""
        if self.budget != Budget(Norm.LINF, 1.0):
            raise ValueError(f"a budget of {self.budget}; changes by platforms are asked for with norm linf and size 1")

    def __call__(self, session: AttackSession) -> UnitPlane:
        """Return the mildest change that is taken for the other class, or gets no answer, or else the strongest."""
        picture = session.log.image
        found, silent = picture.unit, None
        for strength in self.strengths:
            found = np.clip(self.way(picture.unit, strength, session.rng), 0, 1)
            (answer,) = session.predict_units(found[None])
            if answer.authentic is (not picture.authentic):
                return found
            if answer.authentic is None and silent is None:
                silent = found
        return found if silent is None else silent


def jpeg(unit: UnitPlane, quality: float, rng: np.random.Generator) -> UnitPlane:
    """Return a picture of 8 bits, compressed."""
    file = io.BytesIO()
    Image.fromarray(np.rint(unit * 255).astype(np.uint8)).save(file, format="jpeg", quality=int(quality))
    with Image.open(file) as picture:
        return np.asarray(picture).astype(np.float64) / 255


def resize(unit: UnitPlane, share: float, rng: np.random.Generator) -> UnitPlane:
    """Return a picture made smaller, and large again."""
    height, width = unit.shape
    small = _scaled(unit, (max(1, round(width * share)), max(1, round(height * share))))
    return _scaled(small, (width, height))


def crop(unit: UnitPlane, share: float, rng: np.random.Generator) -> UnitPlane:
    """Return a part of a picture, somewhere, enlarged to the size of the whole."""
    height, width = unit.shape
    rows, columns = max(1, round(height * share)), max(1, round(width * share))
    top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
    return _scaled(unit[top : top + rows, left : left + columns], (width, height))


def blur(unit: UnitPlane, deviation: float, rng: np.random.Generator) -> UnitPlane:
    """Return a picture out of focus by so many pixels."""
    return np.asarray(ndimage.gaussian_filter(unit, deviation, mode="nearest"))


def contrast(unit: UnitPlane, stops: float, rng: np.random.Generator) -> UnitPlane:
    """Return a picture with another gamma and less contrast, as viewers and editors make it."""
    bent = unit ** (2.0**stops)
    return np.asarray(0.5 + (bent - 0.5) * (1 - abs(stops) / 4))


def scanner(unit: UnitPlane, noise: float, rng: np.random.Generator) -> UnitPlane:
    """Return a print that was scanned: a little soft, turned by a fraction of a degree, with noise and streaks."""
    turned = ndimage.rotate(blur(unit, 0.6, rng), float(rng.uniform(-0.5, 0.5)), reshape=False, order=1, mode="nearest")
    streaks = rng.normal(0, noise / 2, (1, unit.shape[1]))
    return np.asarray(turned + rng.normal(0, noise, unit.shape) + streaks)


def screenshot(unit: UnitPlane, zoom: float, rng: np.random.Generator) -> UnitPlane:
    """Return what a screen shows at a zoom that is no whole number, with the screen's gamma, caught and compressed."""
    return jpeg(np.clip(resize(unit, zoom, rng), 0, 1) ** (1 / 1.1), 90, rng)


def microscope(unit: UnitPlane, amount: float, rng: np.random.Generator) -> UnitPlane:
    """Return the same place in another microscope: softer, shaded, with rows that drift and few electrons."""
    height, width = unit.shape
    drift = np.cumsum(rng.normal(0, amount * 0.3, height))
    rows, columns = np.indices(unit.shape, dtype=np.float64)
    seen = ndimage.map_coordinates(blur(unit, amount, rng), [rows, columns + drift[:, None]], order=1, mode="nearest")
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.cos(angle) * (rows / height - 0.5) + np.sin(angle) * (columns / width - 0.5)
    electrons = 400 / amount
    return np.asarray(rng.poisson(np.clip(seen * (1 + 0.2 * amount * slope), 0, 1) * electrons) / electrons)


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
