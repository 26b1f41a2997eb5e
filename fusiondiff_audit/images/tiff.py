"""TIFF, walked without decoding (TIFF 6.0): one page, every strip or tile where and as long as it must be."""

from collections.abc import Iterator
from itertools import chain, repeat
from typing import Literal

from fusiondiff_audit.images.errors import ImageError, malformed, unsupported
from fusiondiff_audit.images.header import Compression, Container, Header, Layout, Limits, check_size, check_trailing
from fusiondiff_audit.images.ifd import Directory, byte_order, read_directories

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
STRIPS, ORIENTATION, SAMPLES, ROWS, STRIP_SIZES, PLANAR = 273, 274, 277, 278, 279, 284
PREDICTOR, COLOURS, TILE_WIDTH, TILE_HEIGHT, TILES, TILE_SIZES = 317, 320, 322, 323, 324, 325
SUBDIRECTORIES, EXTRA, FORMAT, JPEG_TABLES = 330, 338, 339, 347
LEAST_TILE = 16  # pixels a side, as TIFF 6.0 asks; smaller ones would be millions
MAX_TILE = 1024  # pixels a side, or the picture rounded up to 16
MAX_RATIO = 10_000  # of decoded to stored bytes; deflate itself reaches 1,030
_COMPRESSIONS = {
    1: Compression.NONE,
    5: Compression.LZW,
    8: Compression.DEFLATE,
    32946: Compression.DEFLATE,
    32773: Compression.PACKBITS,
}
_FORMATS = {1: "unsigned whole numbers", 2: "signed numbers", 3: "floating point"}
_PHOTOMETRICS = {0: "white is zero", 4: "a mask", 5: "CMYK", 6: "YCbCr", 8: "CIELab", 32803: "a colour filter"}


def walk(data: bytes, limits: Limits) -> Header:
    """Return the header of a TIFF's one page, or of the page that the limits name."""
    directories, reach = read_directories(data)
    page = limits.page
    if page is None:
        if len(directories) > 1:
            hint = "write the page as a file of its own, before signing"
            raise unsupported(f"a TIFF of {len(directories)} pages, of which none is named", hint=hint)
        page = 0
    if page >= len(directories):
        raise unsupported(f"a TIFF of {len(directories)} pages has no page {page}")
    directory = directories[page]
    width, height = directory.integer(WIDTH), directory.integer(HEIGHT)
    check_size(width, height)
    channels, bits, alpha, floating = _read_samples(directory, limits)
    layout = _read_layout(directory, page, byte_order(data), width, height)
    if layout.predictor and floating:
        raise unsupported("a TIFF of floating point with a predictor")
    expected = _expected(layout, height, channels * bits // 8)
    end = _check_pieces(layout.pieces, expected, len(data), layout.compression)
    notes = ("sub-directories passed over",) if SUBDIRECTORIES in directory else ()
    for other in directories:  # whatever the other pages hold is referred to, and no hidden rest
        end = max(end, *(stop for _, stop in _outer_spans(other)))
    return Header(
        container=Container.TIFF,
        width=width,
        height=height,
        channels=channels,
        bits=bits,
        palette=_palette(directory),
        alpha=alpha,
        trailing=0 if SUBDIRECTORIES in directory else check_trailing(memoryview(data)[max(end, reach) :]),
        notes=notes,
        floating=floating,
        layout=layout,
    )


def _read_samples(directory: Directory, limits: Limits) -> tuple[int, int, bool, bool]:
    """Return channels, bits, whether the last is opacity, and floats; what a decoder would reduce is refused."""
    photometric = directory.integer(PHOTOMETRIC, 1)
    if photometric not in (1, 2, 3):
        raise unsupported(f"a TIFF of photometric {photometric} ({_PHOTOMETRICS.get(photometric, 'unknown')})")
    channels = directory.integer(SAMPLES, 1)
    extra = directory.integers(EXTRA)
    colours = 3 if photometric == 2 else 1
    if channels != colours + len(extra) or len(extra) > 1:
        raise unsupported(f"a TIFF of {channels} channels, {len(extra)} of them beside the picture")
    bits = set(directory.integers(BITS, (1,) * channels))
    if len(directory.integers(BITS, (1,) * channels)) not in (1, channels) or len(bits) != 1:
        raise unsupported(f"a TIFF whose channels have {sorted(bits)} bits")
    depth = bits.pop()
    formats = set(directory.integers(FORMAT, (1,)))
    kind = formats.pop() if len(formats) == 1 else 0
    if depth == 32 and kind in (1, 3) and photometric != 3:
        if not limits.deep:
            hint = "write them as 16 bits, before signing"
            raise unsupported(f"a TIFF of 32 bits, {_FORMATS[kind]}; 8 and 16 are read", hint=hint)
    elif depth not in (8, 16) or (photometric == 3 and depth != 8):
        raise unsupported(f"a TIFF of {depth} bits; 8 and 16 are read")
    elif kind != 1:
        raise unsupported(f"a TIFF of {_FORMATS.get(kind, 'mixed or complex numbers')}; unsigned ones are read")
    if channels > 1 and directory.integer(PLANAR, 1) != 1:
        raise unsupported("a TIFF that stores its channels apart")
    return channels, depth, bool(extra), kind == 3


def _read_layout(directory: Directory, page: int, order: Literal["<", ">"], width: int, height: int) -> Layout:
    compression = directory.integer(COMPRESSION, 1)
    if compression not in _COMPRESSIONS:
        raise unsupported(f"a TIFF of compression {compression}; none, LZW, deflate and PackBits are read")
    if (predictor := directory.integer(PREDICTOR, 1)) not in (1, 2):
        raise unsupported(f"a TIFF of predictor {predictor}")
    if (orientation := directory.integer(ORIENTATION, 1)) != 1:
        raise unsupported(f"a TIFF of orientation {orientation}: it would be turned")
    packed, predicted = _COMPRESSIONS[compression], predictor == 2
    if predicted and packed not in (Compression.LZW, Compression.DEFLATE):  # some readers heed it, some do not
        raise unsupported(f"a TIFF of predictor 2 with compression {packed}")
    if tiled := TILES in directory:
        columns, rows = directory.integer(TILE_WIDTH), directory.integer(TILE_HEIGHT)
        for side, whole in ((columns, width), (rows, height)):
            if not LEAST_TILE <= side <= max(MAX_TILE, -(-whole // 16) * 16):
                raise malformed(f"tiles of {columns} x {rows} pixels")
    else:
        columns, rows = width, min(directory.integer(ROWS, height), height)
        if not rows:
            raise malformed("strips of no rows")
    count = -(-width // columns) * -(-height // rows)
    places, lengths = (TILES, TILE_SIZES) if tiled else (STRIPS, STRIP_SIZES)
    offsets, sizes = directory.integers(places), directory.integers(lengths)
    if len(offsets) != count or len(sizes) != count:
        raise malformed(f"its size means {count:,} pieces, found {len(offsets):,} and {len(sizes):,} sizes")
    return Layout(page, order, packed, predicted, tiled, rows, columns, tuple(zip(offsets, sizes, strict=True)))


def _expected(layout: Layout, height: int, pixel: int) -> Iterator[int]:
    """Yield how many bytes each piece must decode to; only the last strip may be shorter."""
    full = layout.rows * layout.columns * pixel
    if layout.tiled:
        return repeat(full)
    whole, rest = divmod(height, layout.rows)
    return chain(repeat(full, whole), [rest * layout.columns * pixel] if rest else [])


def _check_pieces(
    pieces: tuple[tuple[int, int], ...], expected: Iterator[int], total: int, compression: Compression
) -> int:
    """Refuse pieces that are empty, overlap, lie outside or cannot hold what they must; return where the last ends."""
    end = 8
    for (offset, size), decoded in zip(pieces, expected, strict=False):
        if not size or offset < 8 or offset + size > total:
            raise malformed("a piece of the picture is empty, or lies outside the file")
        if compression is Compression.NONE and size != decoded:
            raise malformed(f"a piece has {size:,} bytes, its size means {decoded:,}")
        if decoded > size * MAX_RATIO:
            raise malformed(f"a piece of {size:,} bytes would hold {decoded:,}")
    for offset, size in sorted(pieces):
        if offset < end and end > 8:
            raise malformed("two pieces of the picture overlap")
        end = offset + size
    return end


def _outer_spans(directory: Directory) -> list[tuple[int, int]]:
    spans = directory.spans()
    for offsets, sizes in ((STRIPS, STRIP_SIZES), (TILES, TILE_SIZES)):
        try:
            places, lengths = directory.integers(offsets), directory.integers(sizes)
        except ImageError:  # a page that is not read may be odd; then it refers to nothing
            continue
        spans += [(place, place + length) for place, length in zip(places, lengths, strict=False)]
    return spans


def _palette(directory: Directory) -> bytes:
    """Return the palette as 256 times red, green and blue of 8 bits; whether it is grey is seen by its use."""
    if directory.integer(PHOTOMETRIC, 1) != 3:
        return b""
    values = directory.integers(COLOURS)
    if len(values) != 768:
        raise malformed(f"a palette of {len(values)} values, 768 are needed")
    wide = any(v % 257 for v in values)  # 0xABAB is the specified form of 0xAB; many instruments write 0xAB00
    if wide and any(v & 0xFF for v in values):
        raise unsupported("a palette finer than 8 bits")
    eight = [v >> 8 for v in values]
    return bytes(eight[i + 256 * colour] for i in range(256) for colour in range(3))
