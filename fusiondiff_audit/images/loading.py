"""Loose files as micrographs, for callers in Python."""

import os
from collections.abc import Sequence
from pathlib import Path

from fusiondiff_audit.extras import require
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.micrograph import LooseFile, LooseMicrograph, Micrograph, decode

ImageSource = Micrograph | str | os.PathLike[str]


def load_microstructure_data(path: str | os.PathLike[str]) -> LooseMicrograph:
    """Read and decode one loose file, in a guarded process of its own."""
    require("images", "decoding micrographs")
    with Guard() as guard:
        return decode(LooseFile.read(Path(path)), guard=guard)


def micrographs_of(samples: ImageSource | Sequence[ImageSource]) -> tuple[list[Micrograph], bool]:
    """Return micrographs of images or paths, and whether there was one alone; an array raises TypeError."""
    if isinstance(samples, Micrograph | str | os.PathLike):
        return [_micrograph_of(samples)], True
    return [_micrograph_of(sample) for sample in samples], False


def _micrograph_of(sample: object) -> Micrograph:
    if isinstance(sample, Micrograph):
        return sample
    if isinstance(sample, str | os.PathLike):
        return load_microstructure_data(sample)
    fault = f"{type(sample).__name__} is no micrograph: its file is part of the evidence"
    raise TypeError(f"{fault}; save it as TIFF or PNG, and give the path, or load_microstructure_data(path)")
