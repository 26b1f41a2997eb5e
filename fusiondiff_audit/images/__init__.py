"""Signed image files, decoded once and whole, in sandboxed processes.

Goals: exactly the signed bytes; headers read by our own code before any decoder sees a file; decoders that can do
nothing but compute; full depth; one reason that an auditor can quote where a file is refused.
Not-goals: repairing files, guessing, formats beyond PNG, TIFF and JPEG, and metadata that decides anything.

    >>> from fusiondiff_audit.images import Guard, LooseFile, decode
    >>> from tests.vectors.images import make
    >>> with Guard() as guard:
    ...     micrograph = decode(LooseFile("good.tif", "", make.GOOD["good.tif"]), guard=guard)
    >>> micrograph.pixels.shape, micrograph.pixels.dtype, micrograph.pixel_digest[:12]
    ((4, 4, 1), dtype('uint8'), '062e9c81afa2')
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fusiondiff_audit.images.batch import RefusedImage, decode_batch
    from fusiondiff_audit.images.claims import Claims, Scale, ScaleSource
    from fusiondiff_audit.images.errors import ImageError, ImageReason
    from fusiondiff_audit.images.guard import Guard
    from fusiondiff_audit.images.header import ImageHeader
    from fusiondiff_audit.images.micrograph import LooseFile, LooseMicrograph, Micrograph, SignedMicrograph, decode

__all__ = [
    "Claims",
    "Guard",
    "ImageError",
    "ImageHeader",
    "ImageReason",
    "LooseFile",
    "LooseMicrograph",
    "Micrograph",
    "RefusedImage",
    "Scale",
    "ScaleSource",
    "SignedMicrograph",
    "decode",
    "decode_batch",
]

# Imported when asked for: decoder processes copy whatever was imported, and light installs have no numpy.
_HOMES = {
    "batch": ("RefusedImage", "decode_batch"),
    "claims": ("Claims", "Scale", "ScaleSource"),
    "errors": ("ImageError", "ImageReason"),
    "guard": ("Guard",),
    "header": ("ImageHeader",),
    "micrograph": ("LooseFile", "LooseMicrograph", "Micrograph", "SignedMicrograph", "decode"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
