"""What competent readers show of a file: each view is the image that a user of the reader gets without asking twice.

tifffile   `series[0]`, which is what `imread` returns, with its axes beside rows, columns and samples as further
           images; and the first page by itself. Indices are looked up in the page's colour map, and an image that
           says that white is zero is inverted, as everybody does who shows it.
Pillow     `Image.open`, with all frames; and what `ImageOps.exif_transpose` makes of it, as viewers built on Pillow
           do. Indices and transparent colours are looked up.
OpenCV     `imdecode` with IMREAD_UNCHANGED; with IMREAD_COLOR and IMREAD_ANYDEPTH, where the orientation that the file
           asks for is applied, as `imread` does; and the pages that `imdecodemulti` finds. What libjpeg says meanwhile
           on standard error (that data is missing or damaged, so that it guessed) is part of the view.

mrcfile, ncempy  what they return of a file; numbers of other types as unsigned ones of 16 bits, where all of them are
           (8 where the file has 8).

A reader that gives fewer bits than the file holds (Pillow reads 16 bits of colour as 8) does not open it at full depth,
and is left out there.
"""

import io
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

import cv2
import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image, ImageOps

Samples = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """An image, rows x columns x channels, whether its last channel is opacity, and how many images there are."""

    samples: Samples
    alpha: bool
    images: int = 1
    remarks: str = ""  # what the reader's libraries said on standard error


def look(data: bytes, suffix: str) -> dict[str, View | str]:
    """Return what each reader of such files shows; where it refuses, why."""
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    found: dict[str, View | str] = {}
    for name, (suffixes, view) in VIEWS.items():
        if suffix not in suffixes:
            continue
        try:
            with warnings.catch_warnings(), _standard_error() as remarks:
                warnings.simplefilter("ignore")
                shown = view(data)
            found[name] = replace(shown, remarks=remarks.decode(errors="replace")) if shown else "no image"
        except Exception as e:  # whatever a reader raises, it shows nothing
            found[name] = f"{type(e).__name__}: {e}"
    return found


@contextmanager
def _standard_error() -> Iterator[bytearray]:
    """Collect what C libraries write to standard error."""
    words, kept = bytearray(), os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield words
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            words += file.read()


def _tifffile_series(data: bytes) -> View:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        series = file.series[0]
        images = len(file.series)
        samples, axes = np.asarray(series.asarray()), series.axes
        for axis in [a for a in axes if a not in "YXS"]:
            place = axes.index(axis)
            images *= samples.shape[place]
            samples, axes = samples.take(0, place), axes[:place] + axes[place + 1 :]
        for axis in [a for a in "XY" if a not in axes]:
            samples, axes = samples[None], axis + axes
        rows = np.moveaxis(samples, axes.index("S"), -1) if "S" in axes else samples
        return _of_page(rows, file.pages.first, images)


def _tifffile_page(data: bytes) -> View:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        samples, axes = np.asarray(page.asarray()), page.axes
        rows = np.moveaxis(samples, axes.index("S"), -1) if "S" in axes else samples
        return _of_page(rows, page, len(file.pages))


def _of_page(samples: Samples, page: Any, images: int) -> View:
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and samples.dtype.kind == "u":
        samples = np.iinfo(samples.dtype).max - samples
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE and (colours := page.colormap) is not None:
        finer = (colours % 257).any() and (colours & 0xFF).any()
        eight = samples.dtype == np.uint8 and not finer
        indices = samples[:, :, 0] if samples.ndim == 3 and samples.shape[2] == 1 else samples
        samples = np.moveaxis(colours[:, indices], 0, -1)
        samples = (samples >> 8).astype(np.uint8) if eight else samples
    return View(_with_channels(samples), bool(page.extrasamples), images)


def _pillow(data: bytes) -> View:
    with Image.open(io.BytesIO(data)) as image:
        frames = getattr(image, "n_frames", 1)
        return _of_image(image, frames)


def _pillow_turned(data: bytes) -> View:
    with Image.open(io.BytesIO(data)) as image:
        return _of_image(ImageOps.exif_transpose(image), 1)


def _of_image(image: Image.Image, frames: int) -> View:
    transparent = "transparency" in image.info or image.mode == "PA"
    if not image.mode.startswith("I") and (transparent or image.mode == "P"):
        image = image.convert("RGBA" if transparent else "RGB")
    if image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        image = image.convert("RGB")
    samples = np.asarray(image)
    if samples.dtype == bool:
        samples = samples.astype(np.uint8) * 255
    return View(_with_channels(samples), image.mode in ("LA", "RGBA", "La", "RGBa", "RGBX"), frames)


def _opencv(data: bytes) -> View | None:
    return _of_matrix(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED))


def _opencv_turned(data: bytes) -> View | None:
    return _of_matrix(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH))


def _opencv_pages(data: bytes) -> View | None:
    opened, pages = cv2.imdecodemulti(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return _of_matrix(pages[0], len(pages)) if opened and pages else None


def _of_matrix(found: Any, images: int = 1) -> View | None:
    """Return OpenCV's blue, green and red as red, green and blue."""
    if found is None:
        return None
    samples = _with_channels(np.asarray(found))
    if samples.shape[2] >= 3:
        samples = samples[:, :, [2, 1, 0, *range(3, samples.shape[2])]]
    return View(samples, samples.shape[2] in (2, 4), images)


def _with_channels(samples: Samples) -> Samples:
    """Return samples in this machine's byte order, with channels."""
    native = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    return native[:, :, None] if native.ndim == 2 else native


def _mrcfile(data: bytes) -> View:
    import mrcfile  # with readers of microscopes' files come libraries that take seconds to load

    with _file(data, ".mrc") as name, mrcfile.open(name) as file:
        return _of_numbers(file.data)


def _ncempy_mrc(data: bytes) -> View:
    from ncempy.io import mrc

    with _file(data, ".mrc") as name:
        return _of_numbers(mrc.mrcReader(name)["data"])


def _ncempy_dm(data: bytes) -> View:
    from ncempy.io import dm

    with _file(data, ".dm3") as name:
        return _of_numbers(dm.dmReader(name)["data"])


def _ncempy_ser(data: bytes) -> View:
    from ncempy.io import ser

    types = ser.fileSER._dictDataType | {1: "<u1"}  # 1.16 has a blank in it, which numpy 2 refuses
    with _file(data, ".ser") as name, mock.patch.object(ser.fileSER, "_dictDataType", types), ser.fileSER(name) as file:
        return _of_numbers(file.getDataset(0)[0])  # `serReader` turns a column into a row


@contextmanager
def _file(data: bytes, suffix: str) -> Iterator[str]:
    """Write a file for readers that take nothing else."""
    with tempfile.NamedTemporaryFile(suffix=suffix) as file:
        file.write(data)
        file.flush()
        yield file.name


def _of_numbers(found: Any) -> View:
    """Return the last plane, and how many there are."""
    numbers = np.asarray(found)
    if numbers.ndim < 2:
        numbers = numbers.reshape(1, -1)
    planes = numbers.reshape(-1, *numbers.shape[-2:])
    plane, most = planes[-1], 255 if numbers.dtype.itemsize == 1 else 65_535
    if ((plane >= 0) & (plane <= most) & (plane == np.floor(plane))).all():
        plane = plane.astype(np.uint8 if most == 255 else np.uint16)
    return View(_with_channels(plane), False, len(planes))


_ALL = (".png", ".tif", ".jpg")
VIEWS: dict[str, tuple[tuple[str, ...], Callable[[bytes], View | None]]] = {
    "tifffile series": ((".tif",), _tifffile_series),
    "tifffile page": ((".tif",), _tifffile_page),
    "Pillow": (_ALL, _pillow),
    "Pillow turned": (_ALL, _pillow_turned),
    "OpenCV": (_ALL, _opencv),
    "OpenCV turned": (_ALL, _opencv_turned),
    "OpenCV pages": ((".tif", ".png"), _opencv_pages),
    "mrcfile": ((".mrc",), _mrcfile),
    "ncempy MRC": ((".mrc",), _ncempy_mrc),
    "ncempy DM": ((".dm3", ".dm4"), _ncempy_dm),
    "ncempy SER": ((".ser",), _ncempy_ser),
}
