"""When another reader agrees with us: in the form in which our pixels are digested, nothing differs."""

import numpy as np

from tests.images.differential.views import Samples, View

GUESSES = ("Corrupt JPEG data", "Premature end of JPEG", "Invalid SOS", "Inconsistent progression", "Invalid JPEG")


def disagreement(ours: Samples, view: View) -> str | None:
    """Say how a reader's image differs from ours; None where it does not, or has fewer bits than the file."""
    if view.images != 1:
        return f"{view.images} images"
    if guess := next((line for line in view.remarks.splitlines() if line.startswith(GUESSES)), None):
        return f"guessed: {guess}"
    theirs = canonical(view)
    if theirs.shape != ours.shape:
        return f"shape {theirs.shape}, ours {ours.shape}"
    if theirs.dtype.itemsize == ours.dtype.itemsize and {theirs.dtype.kind, ours.dtype.kind} == {"i", "u"}:
        theirs = theirs.view(ours.dtype)  # Pillow and OpenCV keep 32 unsigned bits as signed ones
    if theirs.dtype != ours.dtype:
        return f"{theirs.dtype}, ours {ours.dtype}"
    if (different := int((theirs != ours).sum())) == 0:
        return None
    return f"{different} of {ours.size} samples differ"


def is_full_depth(ours: Samples, view: View) -> bool:
    return view.samples.dtype.itemsize >= ours.dtype.itemsize


def canonical(view: View) -> Samples:
    """Return an image without a constant opacity, and with one channel where three are equal everywhere."""
    samples = view.samples
    if samples.ndim != 3:  # no image at all; its shape says so
        return samples
    if view.alpha and samples.size and (samples[:, :, -1] == samples[0, 0, -1]).all():
        samples = samples[:, :, :-1]
    if samples.shape[2] == 3 and (samples[:, :, 1:] == samples[:, :, :1]).all():
        samples = samples[:, :, :1]
    return np.ascontiguousarray(samples)
