"""Arrays written as MRC, DM3, DM4 and SER files."""

from typing import Any

import numpy as np

from tests.images.dm_model import dm_model
from tests.images.microscope_models import MrcModel, SerModel

MRC_MODES = {"i1": 0, "i2": 1, "f4": 2, "u2": 6}
DM_TYPES = {
    "i2": (1, 2),
    "f4": (2, 6),
    "u1": (6, 10),
    "i4": (7, 3),
    "i1": (9, 9),
    "u2": (10, 4),
    "u4": (11, 5),
    "f8": (12, 7),
}
SER_TYPES = {"u1": 1, "u2": 2, "u4": 3, "i1": 4, "i2": 5, "i4": 6, "f4": 7, "f8": 8}


def mrc(pixels: np.ndarray[Any, Any], order: str = "<", **options: Any) -> bytes:
    kind, (height, width) = pixels.dtype.str[1:], pixels.shape
    samples = pixels.astype(order + kind).tobytes()
    return MrcModel(width, height, mode=MRC_MODES[kind], samples=samples, order=order, **options).to_bytes()


def dm(pixels: np.ndarray[Any, Any], version: int = 3, **options: Any) -> bytes:
    kind, type_ = DM_TYPES[pixels.dtype.str[1:]]
    sides = pixels.shape[::-1]
    depth = pixels.dtype.itemsize
    return dm_model(version, pixels.tobytes(), type_=type_, kind=kind, depth=depth, sides=sides, **options).to_bytes()


def ser(pixels: np.ndarray[Any, Any], **options: Any) -> bytes:
    kind, (height, width) = pixels.dtype.str[1:], pixels.shape
    samples = pixels[::-1].tobytes()  # from the lowest row on
    return SerModel(width=width, height=height, type=SER_TYPES[kind], samples=samples, **options).to_bytes()
