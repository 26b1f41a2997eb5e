"""Procedural height maps of surfaces, each described by a few parameters that hold all over the image.

Each function takes parameters (`synthetic_textures.py` draws them), a random generator and a side, and returns a height
for each pixel, from about 0 to 1. Contrast, pits and imaging are added in `synthetic_textures.py`.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

HeightMap = npt.NDArray[np.floating]
Parameters = Mapping[str, float]
HeightMapFunction = Callable[[Parameters, np.random.Generator, int], HeightMap]
_MOST = 4000  # leaves in an image
_BOW = 0.3  # of a fibre, over the width of an image


def clouds(parameters: Parameters, rng: np.random.Generator, side: int) -> HeightMap:
    """Noise with a power-law spectrum at wavelengths below `length`."""
    lowest, slope = parameters["length"] ** -2.0, parameters["slope"]
    field = _filtered(rng, side, parameters["stretch"], lambda f: (f**2 + lowest) ** (-slope / 2))
    return _tone(np.sign(field) * np.abs(field) ** parameters["bend"])


def labyrinth(parameters: Parameters, rng: np.random.Generator, side: int) -> HeightMap:
    """Two interlaced phases, as after spinodal decomposition: noise of one wavelength, thresholded at a level."""
    wave, band = 1 / parameters["wavelength"], parameters["disorder"] / parameters["wavelength"]
    field = _filtered(rng, side, parameters["stretch"], lambda f: np.exp(-(((f - wave) / band) ** 2) / 2))
    level = np.quantile(field, 1 - parameters["share"])
    return 0.5 + 0.4 * np.tanh(parameters["sharpness"] * (field - level))


def leaves(parameters: Parameters, rng: np.random.Generator, side: int) -> HeightMap:
    """Dead leaves model: discs or squares that occlude each other, of sizes that follow a power law."""
    least, most, power = parameters["smallest"], parameters["smallest"] * parameters["range"], 1 - parameters["power"]
    count = int(min(_MOST, 3 * side**2 / (np.pi * least**2)))
    sizes = (least**power + rng.random(count) * (most**power - least**power)) ** (1 / power)
    square, heights = rng.random() < 0.5, np.full((side, side), 0.5)
    for size, (down, across), tone in zip(sizes, rng.uniform(0, side, (count, 2)), rng.random(count), strict=True):
        top, left = max(0, int(down - size)), max(0, int(across - size))
        window = heights[top : int(down + size) + 1, left : int(across + size) + 1]
        if square:
            window[:] = tone
            continue
        y, x = np.ogrid[top : top + window.shape[0], left : left + window.shape[1]]
        window[(y - down) ** 2 + (x - across) ** 2 < size**2] = tone
    return heights


def fibres(parameters: Parameters, rng: np.random.Generator, side: int) -> HeightMap:
    """Round fibres that lie on one another, with directions scattered about one."""
    y, x = np.mgrid[:side, :side]
    heights = np.full((side, side), 0.1)
    half, direction = parameters["width"] / 2, rng.uniform(0, np.pi)
    for _ in range(int(parameters["cover"] * side / parameters["width"])):
        angle = direction + parameters["spread"] * rng.normal()
        down, across = rng.uniform(0, side, 2)
        off = (x - across) * np.sin(angle) - (y - down) * np.cos(angle)
        bow = _BOW * rng.normal() * ((x - across) * np.cos(angle) + (y - down) * np.sin(angle)) ** 2 / side
        inside = np.abs(off + bow) < half
        heights[inside] = (0.35 + 0.6 * rng.random()) * np.sqrt(1 - ((off + bow)[inside] / half) ** 2)
    return heights


def foam(parameters: Parameters, rng: np.random.Generator, side: int) -> HeightMap:
    """Cells with walls between them, from a regular lattice to a random one."""
    centres, _ = _lattice(rng, side, parameters["cell"], parameters["disorder"])
    (near, far), (cell, _) = _nearest(centres, side, 2)
    wall = _soft((parameters["wall"] * parameters["cell"] - (far - near)) / 2)
    tint = 0.35 + parameters["tint"] * rng.normal(size=len(centres))[cell]
    heights: HeightMap = tint + wall * (0.9 - tint) + parameters["dome"] * (1 - wall) * near / parameters["cell"]
    return heights


def cuboids(parameters: Parameters, rng: np.random.Generator, side: int) -> HeightMap:
    """Blocks with rounded corners in a matrix, like the precipitates of a superalloy."""
    centres, turn = _lattice(rng, side, parameters["spacing"], parameters["disorder"], square=True)
    _, (block,) = _nearest(centres, side, 1)
    offset = np.moveaxis(np.mgrid[:side, :side], 0, -1) - centres[block]
    along = offset @ [np.cos(turn), np.sin(turn)]
    across = offset @ [-np.sin(turn), np.cos(turn)]
    half, power = parameters["spacing"] / 2 * parameters["filled"], parameters["corners"]
    size = half * np.exp(parameters["spread"] * rng.normal(size=len(centres)))[block]
    reach = (np.abs(along) ** power + np.abs(across) ** power) ** (1 / power)
    return 0.2 + 0.6 * _soft(size - reach)


def lamellae(parameters: Parameters, rng: np.random.Generator, side: int) -> HeightMap:
    """Grains, each striped in its own direction."""
    centres, _ = _lattice(rng, side, parameters["grain"], 1.0)
    (near, far), (grain, _) = _nearest(centres, side, 2)
    angle = rng.uniform(0, np.pi, len(centres))[grain]
    y, x = np.mgrid[:side, :side]
    spacing = parameters["spacing"] * np.exp(parameters["spread"] * rng.normal(size=len(centres)))[grain]
    stripes = np.tanh(parameters["sharpness"] * np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / spacing))
    tint = 0.1 * rng.normal(size=len(centres))[grain]
    heights: HeightMap = (0.5 + tint + parameters["relief"] * stripes) * (1 - 0.6 * _soft(1 - (far - near) / 2))
    return heights


def smooth_noise(rng: np.random.Generator, side: int, size: float) -> HeightMap:
    """Return noise of unit variance that is smooth over `size` pixels."""
    return _filtered(rng, side, 1.0, lambda f: np.exp(-2 * (size * f) ** 2))


def _filtered(rng: np.random.Generator, side: int, stretch: float, gain: Callable[[HeightMap], HeightMap]) -> HeightMap:
    """Return noise of unit variance with this gain at each frequency, stretched along a random direction."""
    turn = rng.uniform(0, np.pi)
    down, across = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)
    along = (down * np.cos(turn) + across * np.sin(turn)) * stretch
    frequency = np.hypot(along, down * np.sin(turn) - across * np.cos(turn))
    shaped = gain(frequency)
    shaped[0, 0] = 0
    noise = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(side, side))) * shaped, (side, side))
    return noise / max(float(noise.std()), 1e-9)


def _lattice(
    rng: np.random.Generator, side: int, spacing: float, disorder: float, *, square: bool = False
) -> tuple[HeightMap, float]:
    """Return the jittered points of a rotated lattice that reaches past the image, and the rotation."""
    steps = np.arange(-side, side, spacing)
    down, across = np.meshgrid(steps, steps, indexing="ij")
    if not square:
        across = across + spacing / 2 * (np.arange(len(steps)) % 2)[:, None]
    points = np.stack([down, across], -1).reshape(-1, 2) + disorder * spacing / 2 * rng.normal(size=(down.size, 2))
    turn = float(rng.uniform(0, np.pi))
    points = points @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) + side / 2
    near: HeightMap = points[((points > -2 * spacing) & (points < side + 2 * spacing)).all(1)]
    return near, turn


def _nearest(points: HeightMap, side: int, count: int) -> tuple[HeightMap, npt.NDArray[np.intp]]:
    """Return the distances of each pixel from its nearest points, and their indices: count x side x side."""
    distances, indices = cKDTree(points).query(np.moveaxis(np.mgrid[:side, :side], 0, -1), range(1, count + 1))
    return np.moveaxis(distances, -1, 0), np.moveaxis(indices, -1, 0)


def _soft(depth: HeightMap) -> HeightMap:
    """Return 1 inside and 0 outside, with an edge one pixel wide."""
    inside: HeightMap = np.clip(depth + 0.5, 0, 1)
    return inside


def _tone(field: HeightMap) -> HeightMap:
    tone: HeightMap = np.clip(0.5 + 0.18 * field, 0, 1)
    return tone
