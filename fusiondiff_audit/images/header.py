"""Image headers, read by our own code before any decoder sees a byte.

A header is a claim that was checked as far as it can be without decoding: every offset lies within the file, the
counts add up, every competent reader would see the same samples, and no other file hides beside them.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from fusiondiff_audit.images.errors import malformed, too_large

MAX_IMAGE_FILE = 256 * 1024 * 1024  # bytes; the largest real micrograph seen has 4 MB
MAX_PIXELS = 100_000_000  # 16384 x 5000 zeros deflate to 83 KB, so pixels are the limit and not the file's size
MAX_SIDE = 32_768
MAX_METADATA = 1024 * 1024  # bytes of a file, unpacked, that are not the image
MAX_BYTES = 256 * 1024 * 1024  # of samples as stored: 100 megapixels of 16 bits fit; the largest real file has 104 MB


class Compression(StrEnum):
    """The compression of a TIFF's pieces."""

    NONE = "none"
    LZW = "LZW"
    DEFLATE = "deflate"
    PACKBITS = "PackBits"


@dataclass(frozen=True, slots=True)
class TiffLayout:
    """How a TIFF stores its image: in pieces (strips or tiles) of so many rows and columns."""

    order: Literal["<", ">"]
    compression: Compression
    predictor: bool
    tiled: bool
    rows: int
    columns: int
    pieces: tuple[tuple[int, int], ...]  # offset and size of each


@dataclass(frozen=True, slots=True)
class PlaneLayout:
    """How a file stores one grey plane without compression: numbers of one type, row after row."""

    kind: str  # of the numbers, as numpy names it with its byte order, such as `<i2`
    offset: int
    upward: bool = False  # the first stored row is the lowest of the image


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """An image as its container describes it. `channels` counts what is stored, a constant alpha included."""

    format: str  # by its name in `formats.registry`
    width: int
    height: int
    channels: int
    bits: int
    lossy: bool = False
    palette: bytes = b""  # red, green and blue of each index, where the image is one of indices
    alpha: bool = False  # the last channel is opacity
    unreferenced: int = 0  # bytes that belong to no part of the image, wherever they lie
    notes: tuple[str, ...] = ()
    layout: TiffLayout | None = None  # of a TIFF
    plane: PlaneLayout | None = None  # of a microscope's own format

    def to_data(self) -> dict[str, Any]:
        """Return the header as JSON has it; the law is `ImageHeader.from_data(h.to_data()) == h`."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        layout = self.layout and {name: getattr(self.layout, name) for name in self.layout.__slots__}
        plane = self.plane and {name: getattr(self.plane, name) for name in self.plane.__slots__}
        return fields | {"palette": self.palette.hex(), "layout": layout, "plane": plane}

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> "ImageHeader":
        """Return a header that this program wrote."""
        own: dict[str, Any] = {"notes": tuple(data["notes"])}
        if layout := data["layout"]:
            pieces = tuple((offset, size) for offset, size in layout["pieces"])
            own["layout"] = TiffLayout(**layout | {"compression": Compression(layout["compression"]), "pieces": pieces})
        if plane := data["plane"]:
            own["plane"] = PlaneLayout(**plane)
        return cls(**data | own | {"palette": bytes.fromhex(data["palette"])})

    @property
    def dtype(self) -> str:
        """Return the type of samples, as numpy names it."""
        return f"u{self.bits // 8}"

    @property
    def compression(self) -> str:
        """Return how the samples are compressed, in one word."""
        if self.layout is not None:
            return self.layout.compression.value
        if self.plane is not None:
            return Compression.NONE.value
        return "lossy" if self.lossy else "lossless"

    @property
    def raw_plane(self) -> PlaneLayout | None:
        """Return the place of samples that are stored as they are, grey and contiguous: they need no decoder."""
        if self.plane is not None:
            return self.plane if self.plane.kind[1:] == self.dtype and not self.plane.upward else None
        layout = self.layout
        if layout is None or layout.compression is not Compression.NONE or layout.tiled:
            return None
        if self.channels > 1 or self.palette:
            return None
        follow = all(a + size == b for (a, size), (b, _) in zip(layout.pieces, layout.pieces[1:], strict=False))
        return PlaneLayout(f"{layout.order}{self.dtype}", layout.pieces[0][0]) if follow else None

    @property
    def nbytes(self) -> int:
        """Return the number of bytes of the stored samples."""
        return self.width * self.height * self.channels * (self.bits // 8)

    @property
    def decoded(self) -> int:
        """Return the number of bytes of all decoded pieces: the stored samples, and the padding of a TIFF's tiles."""
        layout = self.layout
        if layout is None or not layout.tiled:
            return self.nbytes
        return len(layout.pieces) * layout.rows * layout.columns * self.channels * (self.bits // 8)


def check_size(width: int, height: int) -> None:
    """Refuse images without pixels, or with more than are read."""
    if width < 1 or height < 1:
        raise malformed(f"an image of {width} x {height} pixels")
    if width > MAX_SIDE or height > MAX_SIDE or width * height > MAX_PIXELS:
        raise too_large(f"{width} x {height} pixels, at most {MAX_PIXELS:,} and {MAX_SIDE:,} a side")


def check_bytes(decoded: int) -> None:
    """Refuse images whose samples, with the padding of tiles, have too many bytes."""
    if decoded > MAX_BYTES:
        raise too_large(f"its samples have {decoded:,} bytes, at most {MAX_BYTES:,}")
