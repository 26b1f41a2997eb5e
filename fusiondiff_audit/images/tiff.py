"""TIFF, walked without decoding (TIFF 6.0): one page, every strip or tile where and as long as it must be."""

from dataclasses import dataclass

from fusiondiff_audit.images.errors import ImageError, malformed, unsupported
from fusiondiff_audit.images.header import Container, Header, check_size, check_trailing
from fusiondiff_audit.images.ifd import Directory, read_directories

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
STRIPS, ORIENTATION, SAMPLES, ROWS, STRIP_SIZES, PLANAR = 273, 274, 277, 278, 279, 284
PREDICTOR, COLOURS, TILE_WIDTH, TILE_HEIGHT, TILES, TILE_SIZES = 317, 320, 322, 323, 324, 325
SUBDIRECTORIES, EXTRA, FORMAT, JPEG_TABLES = 330, 338, 339, 347
MAX_TILE = 1024  # pixels a side, or the picture rounded up to 16
MAX_RATIO = 10_000  # of decoded to stored bytes; deflate itself reaches 1,030
_COMPRESSIONS = frozenset({1, 5, 8, 32946, 32773})
_PHOTOMETRICS = {0: "white is zero", 4: "a mask", 5: "CMYK", 6: "YCbCr", 8: "CIELab", 32803: "a colour filter"}


@dataclass(frozen=True, slots=True)
class Layout:
    """What the decoder of a TIFF must know: the page, and how its pieces are stored."""

    page: int
    compression: int
    tiled: bool


def walk(data: bytes, page: int | None = None) -> Header:
    """Return the header of a TIFF's one page, or of the page asked for."""
    directories, reach = read_directories(data)
    if page is None:
        if len(directories) > 1:
            raise unsupported(f"a TIFF of {len(directories)} pages", hint="the policy may name the one to read")
        page = 0
    if page >= len(directories):
        raise unsupported(f"a TIFF of {len(directories)} pages has no page {page}")
    directory = directories[page]
    width, height = directory.integer(WIDTH), directory.integer(HEIGHT)
    check_size(width, height)
    channels, bits, alpha = _read_samples(directory)
    compression = directory.integer(COMPRESSION, 1)
    if compression not in _COMPRESSIONS:
        raise unsupported(f"a TIFF of compression {compression}; none, LZW, deflate and PackBits are read")
    if directory.integer(PREDICTOR, 1) not in (1, 2):
        raise unsupported(f"a TIFF of predictor {directory.integer(PREDICTOR)}")
    if (orientation := directory.integer(ORIENTATION, 1)) != 1:
        raise unsupported(f"a TIFF of orientation {orientation}: it would be turned")
    tiled = TILES in directory
    pieces = _tiles(directory, width, height) if tiled else _strips(directory, height)
    expected = _expected(directory, width, height, channels * bits // 8, tiled=tiled)
    end = _check_pieces(pieces, expected, len(data), exact=compression == 1)
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
        detail=Layout(page, compression, tiled),
    )


def _read_samples(directory: Directory) -> tuple[int, int, bool]:
    """Return channels, bits and whether the last channel is opacity; what a decoder would reduce is refused."""
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
    if depth not in (8, 16) or (photometric == 3 and depth != 8):
        raise unsupported(f"a TIFF of {depth} bits; 8 and 16 are read")
    formats = set(directory.integers(FORMAT, (1,)))
    if formats != {1}:
        raise unsupported(f"a TIFF of sample format {sorted(formats)}; unsigned whole numbers are read")
    if channels > 1 and directory.integer(PLANAR, 1) != 1:
        raise unsupported("a TIFF that stores its channels apart")
    return channels, depth, bool(extra)


def _strips(directory: Directory, height: int) -> list[tuple[int, int]]:
    rows = min(directory.integer(ROWS, height), height)
    count = -(-height // rows) if rows else 0
    return _pieces(directory.integers(STRIPS), directory.integers(STRIP_SIZES), count)


def _tiles(directory: Directory, width: int, height: int) -> list[tuple[int, int]]:
    across, down = directory.integer(TILE_WIDTH), directory.integer(TILE_HEIGHT)
    for side, whole in ((across, width), (down, height)):
        if not 1 <= side <= max(MAX_TILE, -(-whole // 16) * 16):
            raise malformed(f"tiles of {across} x {down} pixels")
    count = -(-width // across) * -(-height // down)
    return _pieces(directory.integers(TILES), directory.integers(TILE_SIZES), count)


def _pieces(offsets: tuple[int, ...], sizes: tuple[int, ...], count: int) -> list[tuple[int, int]]:
    if not count or len(offsets) != count or len(sizes) != count:
        raise malformed(f"its size means {count:,} pieces, found {len(offsets):,} and {len(sizes):,} sizes")
    return list(zip(offsets, sizes, strict=True))


def _expected(directory: Directory, width: int, height: int, pixel: int, *, tiled: bool) -> list[int]:
    """Return how many bytes each piece must decode to."""
    if tiled:
        side = directory.integer(TILE_WIDTH) * directory.integer(TILE_HEIGHT) * pixel
        return [side] * len(directory.integers(TILES))
    rows = min(directory.integer(ROWS, height), height)
    full, rest = divmod(height, rows)
    return [rows * width * pixel] * full + ([rest * width * pixel] if rest else [])


def _check_pieces(pieces: list[tuple[int, int]], expected: list[int], total: int, *, exact: bool) -> int:
    """Refuse pieces that are empty, overlap, lie outside or cannot hold what they must; return where the last ends."""
    end = 8
    for (offset, size), decoded in zip(pieces, expected, strict=True):
        if not size or offset < 8 or offset + size > total:
            raise malformed("a piece of the picture is empty, or lies outside the file")
        if exact and size != decoded:
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
