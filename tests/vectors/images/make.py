"""Makes the pictures beside this file, each named after its defect: `python tests/vectors/images/make.py`."""

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).parent
Tag = tuple[int, int, int, int]  # number, type, count, value or offset
LONG, SHORT = 4, 3


def chunk(kind: bytes, body: bytes = b"", *, crc: int | None = None, length: int | None = None) -> bytes:
    """Return a PNG chunk, perhaps with a false CRC or length."""
    checked = zlib.crc32(kind + body) if crc is None else crc
    return struct.pack(">I", len(body) if length is None else length) + kind + body + struct.pack(">I", checked)


def ihdr(width: int = 4, height: int = 4, bits: int = 8, colour: int = 0, interlace: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlace))


def png(*chunks: bytes, end: bytes = b"") -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + chunk(b"IEND") + end


GREY = zlib.compress(b"\0\x10\x20\x30\x40" * 4)
IDAT = chunk(b"IDAT", GREY)


def tiff(tags: Iterable[Tag], *, pixels: bytes = bytes(range(16)), after: bytes = b"", following: int = 0) -> bytes:
    """Return a little-endian TIFF: header, the pixels at 8, then one directory, then whatever comes after."""
    entries = sorted(tags)
    packed = b"".join(
        struct.pack("<HHII", *tag) if tag[1] != SHORT or tag[2] != 1 else struct.pack("<HHIHH", *tag, 0)
        for tag in entries
    )
    offset = 8 + len(pixels) + len(pixels) % 2
    body = pixels + b"\0" * (len(pixels) % 2)
    directory = struct.pack("<H", len(entries)) + packed + struct.pack("<I", following)
    return b"II*\0" + struct.pack("<I", offset) + body + directory + after


def plain(**changes: int | None) -> list[Tag]:
    """Return the tags of a 4 x 4 grey picture of one strip, some of them changed or left out."""
    values: dict[str, int | None] = {
        "width": 4, "height": 4, "bits": 8, "compression": 1, "photometric": 1, "strips": 8, "samples": 1, "rows": 4,
        "sizes": 16, "orientation": None, "predictor": None, "planar": None, "format": None, "extra": None,
    } | changes  # fmt: skip
    numbers = {
        "width": 256, "height": 257, "bits": 258, "compression": 259, "photometric": 262, "strips": 273,
        "orientation": 274, "samples": 277, "rows": 278, "sizes": 279, "planar": 284, "predictor": 317, "extra": 338,
        "format": 339,
    }  # fmt: skip
    long = {"width", "height", "strips", "rows", "sizes"}
    return [(numbers[k], LONG if k in long else SHORT, 1, v) for k, v in values.items() if v is not None]


def jpeg(*segments: bytes, scan: bytes = b"\x12\x34", end: bytes = b"\xff\xd9") -> bytes:
    return b"\xff\xd8" + b"".join(segments) + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + scan + end


def frame(marker: int = 0xC0, bits: int = 8, height: int = 4, width: int = 4) -> bytes:
    return struct.pack(">BBHBHHB", 0xFF, marker, 11, bits, height, width, 1) + b"\x01\x11\x00"


LOOP = 8 + 16  # where the directory of a plain picture lies
TWO_STRIPS = [(256, LONG, 1, 4), (257, LONG, 1, 4), (258, SHORT, 1, 8), (262, SHORT, 1, 1), (277, SHORT, 1, 1),
              (278, LONG, 1, 2), (259, SHORT, 1, 1)]  # fmt: skip
AFTER = 8 + 16 + 2 + 9 * 12 + 4  # what follows a directory of nine entries


def two_strips(first: int, second: int) -> bytes:
    """Return a picture of two strips at these offsets."""
    tags = [*TWO_STRIPS, (273, LONG, 2, AFTER), (279, LONG, 2, AFTER + 8)]
    return tiff(tags, after=struct.pack("<IIII", first, second, 8, 8))


def bigtiff_lie() -> bytes:
    return b"II+\0" + struct.pack("<HHQ", 4, 0, 16)


MALFORMED: dict[str, bytes] = {
    "empty.tif": b"",
    "png-bad-crc.png": png(ihdr(), chunk(b"IDAT", GREY, crc=1)),
    "png-length-beyond-the-file.png": png(ihdr(), chunk(b"IDAT", GREY, length=2**31 - 1)),
    "png-no-end.png": png(ihdr(), IDAT)[:-12],
    "png-two-headers.png": png(ihdr(), ihdr(), IDAT),
    "png-header-not-first.png": png(chunk(b"tEXt", b"a\0b"), ihdr(), IDAT),
    "png-zero-width.png": png(ihdr(width=0), IDAT),
    "png-inflates-to-more.png": png(ihdr(), chunk(b"IDAT", zlib.compress(bytes(100)))),
    "png-inflates-to-less.png": png(ihdr(), chunk(b"IDAT", zlib.compress(bytes(10)))),
    "png-bomb.png": png(ihdr(), chunk(b"IDAT", zlib.compress(bytes(3_000_000)))),
    "png-unknown-critical-chunk.png": png(ihdr(), chunk(b"EVIL"), IDAT),
    "png-data-interrupted.png": png(
        ihdr(), chunk(b"IDAT", GREY[:5]), chunk(b"tEXt", b"a\0b"), chunk(b"IDAT", GREY[5:])
    ),
    "png-end-not-empty.png": b"\x89PNG\r\n\x1a\n" + ihdr() + IDAT + chunk(b"IEND", b"x"),
    "png-and-zip.png": png(ihdr(), IDAT, end=b"PK\x03\x04" + bytes(30)),
    "png-and-png.png": png(ihdr(), IDAT, end=png(ihdr(), IDAT)),
    "png-and-very-much.png": png(ihdr(), IDAT, end=bytes(70_000)),
    "png-by-another-name.tif": png(ihdr(), IDAT),
    "tiff-cut-in-its-directory.tif": tiff(plain())[:-20],
    "tiff-directory-loop.tif": tiff(plain(), following=LOOP),
    "tiff-directory-outside.tif": tiff(plain(), following=10**6),
    "tiff-strip-outside.tif": tiff(plain(strips=10**6)),
    "tiff-strip-empty.tif": tiff(plain(sizes=0)),
    "tiff-strip-too-short.tif": tiff(plain(sizes=15)),
    "tiff-strip-over-the-header.tif": tiff(plain(strips=0)),
    "tiff-strips-overlap.tif": two_strips(8, 12),
    "tiff-too-few-strips.tif": tiff(plain(rows=2)),
    "tiff-no-rows.tif": tiff(plain(rows=0)),
    "tiff-tag-twice.tif": tiff([*plain(), (256, LONG, 1, 4)]),
    "tiff-tag-outside.tif": tiff([*plain(), (700, LONG, 1000, 10**6)]),
    "tiff-tag-of-no-type.tif": tiff([*plain(), (700, 99, 1, 0)]),
    "tiff-count-overflow.tif": tiff([*plain(), (700, LONG, 2**32 - 1, 8)]),
    "tiff-bomb.tif": tiff(plain(width=10_000, height=10_000, rows=10_000, compression=8)),
    "tiff-and-pdf.tif": tiff(plain(), after=b"%PDF-1.7" + bytes(30)),
    "tiff-and-very-much.tif": tiff(plain(), after=bytes(70_000)),
    "tiff-no-page.tif": b"II*\0\0\0\0\0",
    "bigtiff-offset-size.tif": bigtiff_lie(),
    "jpeg-cut-in-its-scan.jpg": jpeg(frame(), end=b""),
    "jpeg-no-frame.jpg": jpeg(),
    "jpeg-two-frames.jpg": jpeg(frame(), frame()),
    "jpeg-segment-outside.jpg": b"\xff\xd8\xff\xe0\xff\xff",
    "jpeg-in-jpeg.jpg": jpeg(frame(), b"\xff\xd8\x00\x02"),
    "jpeg-and-zip.jpg": jpeg(frame()) + b"PK\x03\x04",
    "jpeg-zero-height.jpg": jpeg(frame(height=0)),
}
TOO_LARGE: dict[str, bytes] = {
    "png-side.png": png(ihdr(width=40_000, height=1), IDAT),
    "png-area.png": png(ihdr(width=30_000, height=30_000), IDAT),
    "png-beside.png": png(ihdr(), *(chunk(b"teXt", bytes(300_000)) for _ in range(4)), IDAT),
    "tiff-200000-square.tif": tiff(plain(width=200_000, height=200_000, rows=200_000, compression=8)),
    "jpeg-area.jpg": jpeg(frame(width=30_000, height=30_000)),
}
UNSUPPORTED: dict[str, bytes] = {
    "gif.gif": b"GIF89a" + bytes(20),
    "pdf.png": b"%PDF-1.7\n",
    "png-interlaced.png": png(ihdr(interlace=1), IDAT),
    "png-one-bit.png": png(ihdr(bits=1), IDAT),
    "png-animated.png": png(ihdr(), chunk(b"acTL", bytes(8)), IDAT),
    "png-transparent-colour.png": png(ihdr(), chunk(b"tRNS", b"\0\0"), IDAT),
    "tiff-white-is-zero.tif": tiff(plain(photometric=0)),
    "tiff-turned.tif": tiff(plain(orientation=6)),
    "tiff-signed.tif": tiff(plain(format=2)),
    "tiff-twelve-bits.tif": tiff(plain(bits=12)),
    "tiff-cmyk.tif": tiff(plain(photometric=5)),
    "tiff-jpeg-inside.tif": tiff(plain(compression=7)),
    "tiff-float-predictor.tif": tiff(plain(predictor=3)),
    "jpeg-lossless.jpg": jpeg(frame(marker=0xC3)),
    "jpeg-twelve-bits.jpg": jpeg(frame(bits=12)),
}
GOOD: dict[str, bytes] = {
    "good.png": png(ihdr(), IDAT),
    "good.tif": tiff(plain()),
    "good-with-little-after.tif": tiff(plain(), after=bytes(100)),
    "good-two-strips.tif": two_strips(8, 16),
}
ALL = {"malformed": MALFORMED, "too-large": TOO_LARGE, "unsupported": UNSUPPORTED, "good": GOOD}


def main() -> None:
    """Write every file into the folder of what becomes of it."""
    for outcome, files in ALL.items():
        (HERE / outcome).mkdir(exist_ok=True)
        for name, data in files.items():
            (HERE / outcome / name).write_bytes(data)


if __name__ == "__main__":
    main()
