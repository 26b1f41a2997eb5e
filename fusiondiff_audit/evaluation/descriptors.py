"""The descriptors of the baselines: statistics of the histogram, and classical texture descriptors.

They are implemented as their users would: grey statistics from images scaled to their bit depth, textures from images
of zero mean and unit variance.
"""

import numpy as np
import numpy.typing as npt
from scipy import ndimage, stats
from skimage.feature import graycomatrix, graycoprops, local_binary_pattern

Floats = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.unsignedinteger]
_QUANTILES = np.array([0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999])
_LEVELS = 32
_DISTANCES = (1, 2, 4, 8)
_ANGLES = (0.0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)
_PROPERTIES = ("contrast", "dissimilarity", "homogeneity", "ASM", "correlation")
_RADII = (1, 2, 3)
_SCALES = (0.7, 1.5, 3.0, 6.0)


def grey_statistics(pixels: Pixels) -> Floats:
    """Return 53 numbers of the histogram alone: moments, quantiles, entropy, and the histogram of z-scores."""
    grey = _unit(pixels)
    flat = grey.ravel()
    shape = np.nan_to_num([stats.skew(flat), stats.kurtosis(flat)])  # undefined for a uniform image
    moments = [flat.mean(), flat.std(), *shape, flat.min(), flat.max()]
    coarse = np.histogram(flat, 64, (0, 1))[0] / flat.size
    entropy = -(coarse[coarse > 0] * np.log(coarse[coarse > 0])).sum()
    z_scores = np.histogram(_standard(grey), 35, (-3.5, 3.5))[0] / flat.size
    return np.concatenate([moments, np.quantile(flat, _QUANTILES), [entropy], z_scores])


def texture_statistics(pixels: Pixels) -> Floats:
    """Return local binary patterns, co-occurrence properties and gradients at several scales."""
    grey = _standard(_unit(pixels))
    return np.concatenate([_patterns(grey), _cooccurrence(grey), _gradients(grey)])


def _unit(pixels: Pixels) -> Floats:
    unit: Floats = pixels / np.float64(np.iinfo(pixels.dtype).max)
    return unit


def _standard(grey: Floats) -> Floats:
    standard: Floats = (grey - grey.mean()) / max(float(grey.std()), 1e-9)
    return standard


def _patterns(grey: Floats) -> Floats:
    """Return histograms of uniform, rotation-invariant local binary patterns, of the image and of a smoothed copy."""
    histograms = []
    for sigma in (0.0, 1.5):
        smoothed = ndimage.gaussian_filter(grey, sigma) if sigma else grey
        integers = np.rint(smoothed * 4096).astype(np.int32)
        for radius in _RADII:
            points = 8 * radius if radius < 3 else 16
            codes = local_binary_pattern(integers, points, radius, "uniform")
            histograms.append(np.bincount(codes.astype(np.intp).ravel(), minlength=points + 2) / codes.size)
    return np.concatenate(histograms)


def _cooccurrence(grey: Floats) -> Floats:
    """Return the mean and the range over directions of each co-occurrence property at each distance."""
    levels = np.clip((grey + 3) / 6 * _LEVELS, 0, _LEVELS - 1).astype(np.uint8)
    matrix = graycomatrix(levels, _DISTANCES, _ANGLES, _LEVELS, symmetric=True, normed=True)
    values = [graycoprops(matrix, name) for name in _PROPERTIES]
    return np.concatenate([part for value in values for part in (value.mean(1), np.ptp(value, 1))])


def _gradients(grey: Floats) -> Floats:
    """Return quantiles of gradient magnitude and curvature at several scales."""
    quantiles = []
    for sigma in _SCALES:
        magnitude = ndimage.gaussian_gradient_magnitude(grey, sigma)
        curvature = ndimage.gaussian_laplace(grey, sigma)
        quantiles += [np.quantile(magnitude, _QUANTILES[3:]), np.quantile(curvature, _QUANTILES[1:-1])]
    return np.concatenate(quantiles)
