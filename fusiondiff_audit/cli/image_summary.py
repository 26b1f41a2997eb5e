"""What `inspect` shows of images: size, scale, whether they can be judged, and which have equal pixels."""

import errno
from pathlib import Path
from typing import Any

import signing
from fusiondiff_audit.cli.text import count
from fusiondiff_audit.images.data_bar import data_bar_rows
from fusiondiff_audit.images.micrograph import SignedMicrograph
from fusiondiff_audit.images.quality import Quality, measure_quality
from fusiondiff_audit.images.thumbnails import thumbnail
from fusiondiff_audit.inputs.folders import make_folder

_COLOUR = "`audit` refuses it unless the model names a channel; save one channel as grey, before signing"
_OF_NAMES = frozenset({errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG, errno.ENOTDIR})


class ImageSummary:
    """Collects the facts of a batch's images, and writes thumbnails if there is a folder for them."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        if folder is not None:
            make_folder(folder, new=True)
        self._first: dict[str, str] = {}  # name by pixel digest
        self.decoded = 0
        self.remarks: list[str] = []

    def add(self, micrograph: SignedMicrograph) -> tuple[tuple[str, str, str], dict[str, Any]]:
        """Return an image's cells in the table, and the same as data."""
        self.decoded += 1
        height, width, channels = micrograph.pixels.shape
        bits = micrograph.pixels.dtype.itemsize * 8
        bar = len(micrograph.pixels) - (micrograph.claims.rows or height) or data_bar_rows(micrograph.pixels[:, :, 0])
        quality = measure_quality(micrograph.pixels[: height - bar, :, 0])
        first = self._first.setdefault(micrograph.pixel_digest, micrograph.name)
        if first != micrograph.name:
            self.remarks.append(f"{micrograph.name!a} has the pixels of {first!a}")
        if channels > 1:
            self.remarks.append(f"{micrograph.name!a}: {channels} channels that differ; {_COLOUR}")
        if quality.faults:
            self.remarks.append(f"{micrograph.name!a}: {quality}")
        self.remarks += (f"{micrograph.name!a}: two sizes of a pixel: {text}" for text in micrograph.claims.conflicts)
        if self._folder is not None:
            self._draw(micrograph, self._folder / f"{micrograph.name}.png")
        colour = "" if channels == 1 else ", colour"
        size = f"{width} x {height}, {bits} bits{colour}{', lossy' if micrograph.header.lossy else ''}"
        fit = ", ".join([*(["colour"] if channels > 1 else []), *quality.faults]) or "fit"
        scale = micrograph.claims.scale
        pixel = f"{scale} ({scale.source})" if scale else "unknown"
        cells = (size, pixel, f"same as {first}" if first != micrograph.name else fit)
        return cells, _data(micrograph, quality, bar, None if first == micrograph.name else first)

    def _draw(self, micrograph: SignedMicrograph, path: Path) -> None:
        """Write a thumbnail; a name that is too long or taken by a folder becomes a remark."""
        try:
            make_folder(path.parent)
            signing.create(path, thumbnail(micrograph))
        except signing.SigningError as e:
            if getattr(e.__cause__, "errno", None) not in _OF_NAMES:  # such as a full disk
                raise
            self.remarks.append(f"{micrograph.name!a} has no thumbnail: {e}")

    def sentence(self) -> str:
        """Return the clause that counts the decoded images."""
        return f", {count(self.decoded, 'image')} decoded" if self.decoded else ""


def _data(micrograph: SignedMicrograph, quality: Quality, bar: int, same: str | None) -> dict[str, Any]:
    height, width, channels = micrograph.pixels.shape
    claims = micrograph.claims
    return {
        "image": {
            "pixels": micrograph.pixel_digest,
            "container": micrograph.header.format,
            "width": width,
            "height": height,
            "channels": channels,
            "kind": micrograph.pixels.dtype.str[1:],
            "lossy": micrograph.header.lossy,
            "decoder": micrograph.decoder,
            "steps": micrograph.steps,
            "unreferenced": micrograph.header.unreferenced,
            "sameAs": same,
            "dataBarRows": bar,
        },
        "claims": {
            "nanometresPerPixel": [{"value": f"{s.nanometres:f}", "source": s.source.value} for s in claims.scales],
            "conflicts": claims.conflicts,
            "detector": claims.detector,
            "magnification": claims.magnification,
        },
        "quality": {
            "white": round(quality.white, 6),
            "black": round(quality.black, 6),
            "contrast": round(quality.contrast, 6),
            "focus": round(quality.focus, 6),
            "notAssessable": [fault.value for fault in quality.faults],
        },
    }
