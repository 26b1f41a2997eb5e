"""TIFF, read without decoding (TIFF 6.0): exactly one page, with strips or tiles that lie within the file and fit."""

from collections.abc import Iterator
from itertools import chain, repeat
from typing import Literal

from fusiondiff_audit.images.errors import ambiguous, malformed, unsupported
from fusiondiff_audit.images.formats import tiff_tags as tags
from fusiondiff_audit.images.formats.ifd import Directory, byte_order, header_size, read_directories
from fusiondiff_audit.images.formats.image_format import ImageFormat, Spans
from fusiondiff_audit.images.formats.tiff_subdirectories import nested_spans
from fusiondiff_audit.images.header import Compression, ImageHeader, TiffLayout, check_bytes, check_size

LEAST_TILE = 16  # pixels a side, as TIFF 6.0 asks; smaller ones would be millions
MAX_TILE = 1024  # pixels a side, or the image rounded up to 16
_PACKED_SPARE = 64  # bytes; incompressible data grows to less than twice its size and this
MAX_RATIO = 10_000  # of decoded to stored bytes; deflate itself reaches 1,030
_STRIPPED = (tags.STRIPS, tags.STRIP_SIZES, tags.ROWS)
_TILED = (tags.TILES, tags.TILE_SIZES, tags.TILE_WIDTH, tags.TILE_HEIGHT)
_COMPRESSIONS = {
    1: Compression.NONE,
    5: Compression.LZW,
    8: Compression.DEFLATE,
    32946: Compression.DEFLATE,
    32773: Compression.PACKBITS,
}
_FORMATS = {1: "unsigned whole numbers", 2: "signed numbers", 3: "floating point"}
_PHOTOMETRICS = {0: "white is zero", 4: "a mask", 5: "CMYK", 6: "YCbCr", 8: "CIELab", 32803: "a colour filter"}
_PALETTE = 3  # photometric


def _read_header(data: bytes, name: str) -> tuple[ImageHeader, Spans]:
    """Return the header of a TIFF's one page."""
    directories = read_directories(data)
    if len(directories) > 1:
        hint = "write the page as a file of its own, before signing"
        raise unsupported(f"a TIFF of {len(directories)} pages: readers would show one or another", hint=hint)
    (directory,) = directories
    if not directory.is_sorted:  # libtiff reads a palette before it knows its depth
        raise ambiguous("a TIFF whose tags are not in order")
    ignored = tags.check_tags(directory)
    width, height = directory.integer(tags.WIDTH), directory.integer(tags.HEIGHT)
    check_size(width, height)
    channels, bits, alpha = _read_samples(directory)
    tags.check_metadata(directory, name, width, height, channels)
    layout = _read_layout(directory, byte_order(data), width, height)
    if layout.tiled and channels == 2:  # which OpenCV reads unlike all other readers
        raise ambiguous("a TIFF of grey with opacity, in tiles")
    rows = len(layout.pieces) * layout.rows if layout.tiled else height  # tiles reach beyond the image
    check_bytes(rows * layout.columns * channels * bits // 8)
    expected = _expected(layout, height, channels * bits // 8)
    _check_pieces(data, layout, expected)
    spans = [(0, header_size(data)), *directory.spans(), *((place, place + size) for place, size in layout.pieces)]
    nested = nested_spans(data, directory)
    tags.check_metadata_size(directory, ignored, nested)
    header = ImageHeader(
        format="tiff",
        width=width,
        height=height,
        channels=channels,
        bits=bits,
        palette=_palette(directory),
        alpha=alpha,
        notes=(f"tags ignored: {', '.join(map(str, ignored))}",) if ignored else (),
        layout=layout,
    )
    return header, [*spans, *nested]


def _read_samples(directory: Directory) -> tuple[int, int, bool]:
    """Return channels, bits, and whether the last channel is opacity; samples of 32 bits are refused, never reduced."""
    if tags.PHOTOMETRIC not in directory:  # TIFF 6.0 gives no default, and readers take 0, 1 or none
        raise ambiguous("a TIFF that does not say whether zero is black (tag 262)")
    photometric = directory.integer(tags.PHOTOMETRIC)
    if photometric not in (1, 2, _PALETTE):
        raise unsupported(f"a TIFF of photometric {photometric} ({_PHOTOMETRICS.get(photometric, 'unknown')})")
    channels = directory.integer(tags.SAMPLES, 1)
    extra = directory.integers(tags.EXTRA)
    colours = 3 if photometric == 2 else 1
    if channels != colours + len(extra) or len(extra) > (0 if photometric == _PALETTE else 1):
        raise unsupported(f"a TIFF of {channels} channels, {len(extra)} of them beside the image")
    depths, formats = directory.integers(tags.BITS, (1,)), directory.integers(tags.FORMAT, (1,) * channels)
    if len(depths) != channels or len(formats) != channels:
        raise ambiguous(f"a TIFF of {channels} channels that gives {len(depths)} depths and {len(formats)} formats")
    if len(set(depths)) != 1:
        raise unsupported(f"a TIFF whose channels have {sorted(set(depths))} bits")
    depth = depths[0]
    kind = formats[0] if len(set(formats)) == 1 else 0
    if depth == 32 and kind in (1, 3) and photometric != _PALETTE:
        hint = "write them as 16 bits, before signing"
        raise unsupported(f"a TIFF of 32 bits, {_FORMATS[kind]}; 8 and 16 are read", hint=hint)
    if depth not in (8, 16) or (photometric == _PALETTE and depth != 8):
        raise unsupported(f"a TIFF of {depth} bits; 8 and 16 are read")
    if kind != 1:
        raise unsupported(f"a TIFF of {_FORMATS.get(kind, 'mixed or complex numbers')}; unsigned ones are read")
    if directory.integer(tags.PLANAR, 1) != 1:
        raise unsupported("a TIFF that stores its channels apart", hint="write them side by side, before signing")
    return channels, depth, bool(extra)


def _read_layout(directory: Directory, order: Literal["<", ">"], width: int, height: int) -> TiffLayout:
    compression = directory.integer(tags.COMPRESSION, 1)
    if compression not in _COMPRESSIONS:
        raise unsupported(f"a TIFF of compression {compression}; none, LZW, deflate and PackBits are read")
    if (predictor := directory.integer(tags.PREDICTOR, 1)) not in (1, 2):
        raise unsupported(f"a TIFF of predictor {predictor}")
    packed, predicted = _COMPRESSIONS[compression], predictor == 2
    if predicted and packed not in (Compression.LZW, Compression.DEFLATE):  # some readers heed it, some do not
        raise unsupported(f"a TIFF of predictor 2 with compression {packed}")
    tiled = any(tag in directory for tag in _TILED)
    if both := [tag for tag in (_STRIPPED if tiled else ()) if tag in directory]:
        raise ambiguous(f"a TIFF of tiles that speaks of strips, too (tag {both[0]}): readers take one or the other")
    if tiled:
        columns, rows = directory.integer(tags.TILE_WIDTH), directory.integer(tags.TILE_HEIGHT)
        for side, whole in ((columns, width), (rows, height)):
            if not LEAST_TILE <= side <= max(MAX_TILE, -(-whole // 16) * 16) or side % LEAST_TILE:
                raise malformed(f"tiles of {columns} x {rows} pixels")
    else:
        columns, rows = width, min(directory.integer(tags.ROWS, height), height)
        if not rows:
            raise malformed("strips of no rows")
    count = -(-width // columns) * -(-height // rows)
    places, lengths = (tags.TILES, tags.TILE_SIZES) if tiled else (tags.STRIPS, tags.STRIP_SIZES)
    offsets, sizes = directory.integers(places), directory.integers(lengths)
    if len(offsets) != count or len(sizes) != count:
        raise malformed(f"its size means {count:,} pieces, found {len(offsets):,} and {len(sizes):,} sizes")
    return TiffLayout(order, packed, predicted, tiled, rows, columns, tuple(zip(offsets, sizes, strict=True)))


def _expected(layout: TiffLayout, height: int, pixel: int) -> Iterator[int]:
    """Yield the number of bytes that each piece must decode to; only the last strip may be shorter."""
    full = layout.rows * layout.columns * pixel
    if layout.tiled:
        return repeat(full)
    whole, rest = divmod(height, layout.rows)
    return chain(repeat(full, whole), [rest * layout.columns * pixel] if rest else [])


def _check_pieces(data: bytes, layout: TiffLayout, expected: Iterator[int]) -> None:
    """Refuse pieces that are empty, overlap, lie outside the file, or are too small or too large for their pixels."""
    pieces, compression, first = layout.pieces, layout.compression, header_size(data)
    for (offset, size), decoded in zip(pieces, expected, strict=False):
        if not size or offset < first or offset + size > len(data):
            raise malformed("a piece of the image is empty, or lies outside the file")
        if compression is Compression.NONE and size != decoded:
            raise malformed(f"a piece has {size:,} bytes, its size means {decoded:,}")
        if decoded > size * MAX_RATIO:
            raise malformed(f"a piece of {size:,} bytes would hold {decoded:,}")
        if size > 2 * decoded + _PACKED_SPARE:
            raise malformed(f"a piece of {size:,} bytes for {decoded:,}: something else is stored in it")
        if compression is Compression.LZW and not _begins_as_lzw(data[offset : offset + 2]):
            raise ambiguous("a piece of LZW that does not begin with its clear code: readers differ")
    end = 0
    for offset, size in sorted(pieces):
        if offset < end:
            raise malformed("two pieces of the image overlap")
        end = offset + size


def _begins_as_lzw(start: bytes) -> bool:
    """Say whether the first code, of nine bits, is the clear code 256 (TIFF 6.0, section 13)."""
    return len(start) == 2 and start[0] == 0x80 and start[1] < 0x80


def _palette(directory: Directory) -> bytes:
    """Return the palette as 256 times red, green and blue of 8 bits; `decoding` refuses colours in use."""
    if directory.integer(tags.PHOTOMETRIC) != _PALETTE:
        if tags.COLOURS in directory:
            raise ambiguous(f"a TIFF with a palette (tag {tags.COLOURS}) that says it has none")
        return b""
    values = directory.integers(tags.COLOURS)
    if len(values) != 768:
        raise malformed(f"a palette of {len(values)} values, 768 are needed")
    wide = any(v % 257 for v in values)  # 0xABAB is the specified form of 0xAB; many instruments write 0xAB00
    if wide and any(v & 0xFF for v in values):
        raise unsupported("a palette finer than 8 bits")
    eight = [v >> 8 for v in values]
    return bytes(eight[i + 256 * colour] for i in range(256) for colour in range(3))


def _decoder_memory(header: ImageHeader, _size: int) -> int:
    """Return the bytes of a decompressed piece, of a row of tiles, and of colour channels that are compared."""
    layout = header.layout
    if layout is None:
        raise ValueError("not the header of a TIFF")
    pixel = header.channels * header.bits // 8
    piece = 0 if layout.compression is Compression.NONE else layout.rows * layout.columns * pixel
    across = layout.rows * header.width * pixel if layout.tiled and layout.columns < header.width else 0
    return piece + across + (header.nbytes if header.channels - header.alpha == 3 else 0)


TIFF = ImageFormat(
    name="tiff",
    suffixes=(".tif", ".tiff"),
    signatures=(rb"II[*+]\0", rb"MM\0[*+]"),
    read_header=_read_header,
    decoder_memory=_decoder_memory,
    decoder="fusiondiff_audit.images.formats.tiff_decoder",
    library="imagecodecs",
)
