"""Sixty images that are no ceramic micrographs: photographs, test charts and noise, on which nothing was trained.

The photographs lie in the packages scikit-image, scikit-learn and matplotlib; charts and noise are drawn here.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import matplotlib
import numpy as np
import numpy.typing as npt
import skimage
import sklearn
from PIL import Image
from scipy import ndimage

Pixels = npt.NDArray[np.uint8]
_SIDE = 512
_PHOTOGRAPHS = (
    *("astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "clock_motion.png", "coffee.png"),
    *("coins.png", "color.png", "grass.png", "gravel.png", "horse.png", "hubble_deep_field.jpg", "ihc.png"),
    *("microaneurysms.png", "moon.png", "motorcycle_left.png", "page.png", "phantom.png", "retina.jpg"),
    *("rocket.jpg", "text.png"),
)


def other_images() -> Iterator[tuple[str, Pixels]]:
    """Yield the name and the greys of each image."""
    folder = Path(skimage.__file__).parent / "data"
    files = [folder / name for name in _PHOTOGRAPHS]
    files += [Path(sklearn.__file__).parent / "datasets" / "images" / name for name in ("china.jpg", "flower.jpg")]
    files.append(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg")
    for file in files:
        yield file.stem, _greys(file)
    for file in files[:11]:  # in closer view, and compressed
        yield f"{file.stem}, closer", _closer(_greys(file))
    yield from _charts()
    yield from _noises()


def _greys(file: Path) -> Pixels:
    """Return the middle of a photograph; a small one is enlarged to a side of 256 pixels at least."""
    image = Image.open(BytesIO(file.read_bytes())).convert("L")
    enlarge = max(1, -(-256 // min(image.size)))
    greys = np.asarray(image.resize((image.width * enlarge, image.height * enlarge)), dtype=np.uint8)
    top, left = (max(0, length - _SIDE) // 2 for length in greys.shape)
    return greys[top : top + _SIDE, left : left + _SIDE]


def _closer(greys: Pixels) -> Pixels:
    """Return the middle quarter, twice as large, after JPEG compression."""
    height, width = greys.shape
    middle = Image.fromarray(greys[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4])
    stream = BytesIO()
    middle.resize((width, height)).save(stream, "JPEG", quality=60)
    return np.asarray(Image.open(stream), dtype=np.uint8)


def _charts() -> Iterator[tuple[str, Pixels]]:
    rows, columns = np.mgrid[:_SIDE, :_SIDE].astype(float)
    radius = np.hypot(rows - _SIDE / 2, columns - _SIDE / 2)
    angle = np.arctan2(rows - _SIDE / 2, columns - _SIDE / 2)
    for step in (4, 16, 64):
        yield f"chessboard of {step} pixels", _scaled((rows // step + columns // step) % 2)
    yield "star of spokes", _scaled(np.sin(36 * angle) > 0)
    yield "zone plate", _scaled(np.cos(radius**2 / 260))
    yield "rings", _scaled(np.cos(radius / 4))
    yield "line pairs", _scaled(np.sin(columns**2 / 800) > 0)
    yield "wedge of greys", _scaled(np.floor(columns / 32))
    yield "dots", _scaled((rows % 24 - 12) ** 2 + (columns % 24 - 12) ** 2 < 49)
    yield "waves in two directions", _scaled(np.sin(rows / 5) + np.sin(columns / 7))
    yield "hexagons", _scaled(sum(np.cos((rows * np.sin(turn) + columns * np.cos(turn)) / 6) for turn in (0, 2.1, 4.2)))
    yield "spiral", _scaled(np.sin(radius / 6 + 3 * angle))


def _noises() -> Iterator[tuple[str, Pixels]]:
    rng = np.random.default_rng(60)
    white = rng.normal(size=(_SIDE, _SIDE))
    yield "white noise", _scaled(white)
    for width in (1, 3, 8, 20):
        yield f"noise, blurred over {width} pixels", _scaled(ndimage.gaussian_filter(white, width))
    frequency = np.hypot(np.fft.fftfreq(_SIDE)[:, None], np.fft.rfftfreq(_SIDE)) + 1 / _SIDE
    for power in (0.5, 1.0, 1.5):
        yield f"noise of slope {power}", _scaled(np.fft.irfft2(np.fft.rfft2(white) / frequency**power))
    yield "salt and pepper", _scaled(np.where(rng.random(white.shape) < 0.1, 3 * np.sign(white), 0))
    yield "worms", _scaled(ndimage.gaussian_filter(white, 2) - ndimage.gaussian_filter(white, 4) > 0)
    yield "stripes of noise", _scaled(np.broadcast_to(white[0], white.shape) + 0.2 * white)
    yield "photon noise", _scaled(rng.poisson(3, white.shape))


def _scaled(greys: npt.NDArray[np.generic]) -> Pixels:
    plane = greys.astype(float)
    low, high = plane.min(), plane.max()
    scaled: Pixels = (255 * (plane - low) / (high - low)).astype(np.uint8)
    return scaled
