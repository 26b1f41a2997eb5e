"""Micrographs, and the one function that decodes a file into one.

1. The bytes are those that were signed (`signing`), or a loose file's, read once.
2. Our own code reads the header (`formats`), checked against the suffix of the file's name.
3. A sandboxed process decodes (`guard`); the parent checks its result.
4. Metadata is read as claims (`claims`), never as facts.
"""

import functools
import hashlib
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.images.claims import Claims
from fusiondiff_audit.images.errors import ImageError
from fusiondiff_audit.images.file_claims import read_claims
from fusiondiff_audit.images.formats.recognition import read_image_header
from fusiondiff_audit.images.formats.registry import format_of
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.header import MAX_IMAGE_FILE, ImageHeader
from fusiondiff_audit.images.pixels import Samples
from signing import FileEntry, SignedFile, read_capped


@dataclass(frozen=True, slots=True)
class LooseFile:
    """A file that nobody signed. It can be scored, never certified or reported."""

    name: str
    digest: str
    data: bytes = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> "LooseFile":
        """Read a file, once."""
        return cls.of(path.name, read_capped(path, limit=MAX_IMAGE_FILE))

    @classmethod
    def of(cls, name: str, data: bytes) -> "LooseFile":
        """Return a file whose bytes were read."""
        return cls(name, hashlib.sha256(data).hexdigest(), data)


@dataclass(frozen=True, slots=True, eq=False)
class Micrograph:
    """An image at full depth, rows x columns x channels, read-only, with its digests and claims."""

    name: str
    digest: str
    pixel_digest: str
    pixels: Samples = field(repr=False)
    header: ImageHeader = field(repr=False)
    decoder: str
    claims: Claims
    steps: tuple[str, ...]

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Return the pixels, so that numpy and matplotlib take a micrograph for an array."""
        pixels = np.asarray(self.pixels, dtype)
        return pixels.copy() if copy else pixels


@dataclass(frozen=True, slots=True, eq=False)
class SignedMicrograph(Micrograph):
    """A micrograph of a signed batch: the only kind that can be certified or reported."""

    entry: FileEntry


@dataclass(frozen=True, slots=True, eq=False)
class LooseMicrograph(Micrograph):
    """A micrograph that nobody vouches for."""


@overload
def decode(file: SignedFile, *, guard: Guard, sidecar: tuple[Claims, ...] = ()) -> SignedMicrograph: ...
@overload
def decode(file: LooseFile, *, guard: Guard, sidecar: tuple[Claims, ...] = ()) -> LooseMicrograph: ...


def decode(file: SignedFile | LooseFile, *, guard: Guard, sidecar: tuple[Claims, ...] = ()) -> Micrograph:
    """Return a file's micrograph, or refuse it with a reason; `sidecar` are the claims of its sidecar."""
    try:
        header = read_image_header(file.data, file.name)
        decoded = guard.decode(file.data, header)
        entry = file.entry if isinstance(file, SignedFile) else None
        size = entry.pixel_size if entry else None
        signed = (size.value, size.unit) if size else None
        claims = read_claims(file.data, header, signed=signed, sidecar=sidecar)
    except ImageError as e:
        raise e.of(file.name) from e
    steps = (*header.notes, *decoded.steps)
    content = (decoded.digest, decoded.pixels, header, _decoder(header), claims, steps)
    if entry is None:
        return LooseMicrograph(file.name, file.digest, *content)
    return SignedMicrograph(file.name, file.digest, *content, entry)


def _decoder(header: ImageHeader) -> str:
    """Return the library that decoded the pixels, and its version: another one may round a JPEG otherwise."""
    if header.raw_plane is not None:
        return "none: the samples are stored as they are"
    return _library(format_of(header).library)


@functools.cache
def _library(name: str) -> str:
    return f"{name} {version(name)}"
