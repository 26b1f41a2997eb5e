"""Makes the pictures beside this file, each named after its defect: `python -m tests.vectors.images.make`."""

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

from tests.vectors.images import microscope

HERE = Path(__file__).parent
Tag = tuple[int, int, int, int]  # number, type, count, value or offset
BYTE, ASCII, SHORT, LONG, UNDEFINED = 1, 2, 3, 4, 7


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
        "format": 339, "fill": 266, "subfile": 254,
    }  # fmt: skip
    long = {"width", "height", "strips", "rows", "sizes", "subfile"}
    return [(numbers[k], LONG if k in long else SHORT, 1, v) for k, v in values.items() if v is not None]


def scan_header(first: int = 0, last: int = 63, bits: int = 0) -> bytes:
    """Return the header of a scan of one component: which coefficients, and from which bit to which."""
    return b"\xff\xda\x00\x08\x01\x01\x00" + bytes((first, last, bits))


def jpeg(*segments: bytes, scan: bytes = b"\x12\x34", end: bytes = b"\xff\xd9", header: bytes | None = None) -> bytes:
    return b"\xff\xd8" + b"".join(segments) + (scan_header() if header is None else header) + scan + end


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def frame(marker: int = 0xC0, bits: int = 8, height: int = 4, width: int = 4, names: bytes = b"\x01") -> bytes:
    components = b"".join(bytes((name, 0x11, 0)) for name in names)
    return segment(marker, struct.pack(">BHHB", bits, height, width, len(names)) + components)


def exif(orientation: int) -> bytes:
    """Return EXIF that says how the picture is to be turned."""
    return b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 274, SHORT, 1, orientation, 0, 0)


def icc(curve: bytes, space: bytes = b"XYZ ") -> bytes:
    """Return a profile of greys with one tone curve, and nothing else."""
    start = 128 + 4 + 12
    body = struct.pack(">I4sII", 1, b"kTRC", start, len(curve)) + curve
    head = struct.pack(">I", 128 + len(body)) + bytes(8) + b"mntrGRAY" + space + bytes(12) + b"acsp"
    return head.ljust(128, b"\0") + body


def resource(number: int, body: bytes) -> bytes:
    """Return one of Photoshop's image resources, without a name."""
    return struct.pack(">4sHHI", b"8BIM", number, 0, len(body)) + body + b"\0" * (len(body) % 2)


def smaller_picture() -> bytes:
    """Return a TIFF with a picture of half the size in a directory below the first."""
    tags = [(254, LONG, 1, 1), *plain(width=2, height=2, rows=2, sizes=4)]
    packed = b"".join(
        struct.pack("<HHII", *tag) if tag[1] != SHORT else struct.pack("<HHIHH", *tag, 0) for tag in sorted(tags)
    )
    return tiff([*plain(), (330, LONG, 1, BELOW)], after=struct.pack("<H", len(tags)) + packed + bytes(4))


GAMMA = b"curv" + bytes(4) + struct.pack(">IH", 1, 563)  # 2.2
LIFTED = (
    b"curv"
    + bytes(4)
    + struct.pack(">I256H", 256, *(max(int(65535 * (x / 255) ** 2.2), 1900 * (x > 1)) for x in range(256)))
)
INVERSION = b"curv" + bytes(4) + struct.pack(">IHH", 2, 65535, 0)
XMP = b'<x:xmpmeta xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'


def tagged(*more: tuple[int, int, bytes], **changes: int | None) -> bytes:
    """Return a plain TIFF with more tags, whose values lie behind its directory."""
    tags = plain(**changes)
    place = 8 + 16 + 2 + 12 * (len(tags) + len(more)) + 4
    values = b""
    for number, kind, value in more:
        count = len(value) // {SHORT: 2, LONG: 4}.get(kind, 1)
        inline = int.from_bytes(value.ljust(4, b"\0"), "little")
        tags.append((number, UNDEFINED if len(value) <= 4 else kind, count, inline if len(value) <= 4 else place))
        if len(value) <= 4:
            tags[-1] = (number, kind, count, inline)
        else:
            values += value + b"\0" * (len(value) % 2)
            place += len(value) + len(value) % 2
    return tiff(tags, after=values)


BELOW = 8 + 16 + 2 + 12 * (len(plain()) + 1) + 4  # what follows a plain picture's directory with one tag more


def unsorted_tags() -> bytes:
    """Return a plain TIFF whose first two tags have changed places."""
    whole, first = tiff(plain()), 8 + 16 + 2
    return whole[:first] + whole[first + 12 : first + 24] + whole[first : first + 12] + whole[first + 24 :]


def ome_of(inner: bytes) -> bytes:
    """Return OME-XML of one plane, with something in its TiffData."""
    return (
        b'<OME UUID="urn:uuid:a"><Image><Pixels SizeX="4" SizeY="4" SizeZ="1" SizeC="1" SizeT="1"><TiffData>'
        + inner
        + b"</TiffData></Pixels></Image></OME>\0"
    )


def second_picture() -> bytes:
    """Return a TIFF with a second picture of the same size in a directory below the first."""
    tags = plain(strips=8)
    packed = b"".join(
        struct.pack("<HHII", *tag) if tag[1] != SHORT else struct.pack("<HHIHH", *tag, 0) for tag in sorted(tags)
    )
    return tiff([*plain(), (330, LONG, 1, BELOW)], after=struct.pack("<H", len(tags)) + packed + bytes(4))


LOOP = 8 + 16  # where the directory of a plain picture lies
TWO_STRIPS = [(256, LONG, 1, 4), (257, LONG, 1, 4), (258, SHORT, 1, 8), (262, SHORT, 1, 1), (277, SHORT, 1, 1),
              (278, LONG, 1, 2), (259, SHORT, 1, 1)]  # fmt: skip
AFTER = 8 + 16 + 2 + 9 * 12 + 4  # what follows a directory of nine entries


def two_strips(first: int, second: int) -> bytes:
    """Return a picture of two strips at these offsets."""
    tags = [*TWO_STRIPS, (273, LONG, 2, AFTER), (279, LONG, 2, AFTER + 8)]
    return tiff(tags, after=struct.pack("<IIII", first, second, 8, 8))


DEEP = [(258, SHORT, 2, 16 | 16 << 16), (338, SHORT, 1, 2)]  # 16 bits, and opacity
# 221 MB of samples in four tiles, of which the last has one row of the picture: 295 MB.
TALL_TILES = [(256, LONG, 1, 24_000), (257, LONG, 1, 3073), (258, SHORT, 3, AFTER + 44), (259, SHORT, 1, 8),
              (262, SHORT, 1, 2), (277, SHORT, 1, 3), (322, LONG, 1, 24_000), (323, LONG, 1, 1024),
              (324, LONG, 4, AFTER + 12), (325, LONG, 4, AFTER + 28)]  # fmt: skip


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
    "jpeg-first-scan-alone.jpg": jpeg(frame(marker=0xC2), header=scan_header(0, 0, 1)),
    "jpeg-details-without-last-bit.jpg": jpeg(
        frame(marker=0xC2), header=scan_header(0, 0, 0) + b"\x12" + scan_header(1, 63, 1)
    ),
    "jpeg-scan-twice.jpg": jpeg(frame(), header=scan_header() + b"\x12" + scan_header()),
    "tiff-zip-after-padding.tif": tiff(plain(), after=b"\0" * 7 + b"PK\x03\x04" + bytes(30)),
    "tiff-much-behind-a-sub-directory.tif": tiff(
        [*plain(), (330, LONG, 1, BELOW)], after=struct.pack("<HHHIII", 1, 254, LONG, 1, 1, 0) + bytes(70_000)
    ),
    "tiff-pdf-in-a-tag.tif": tagged((305, ASCII, b"%PDF-1.7\0")),
    "jpeg-very-many-fill-bytes.jpg": jpeg(b"\xff" * 100, frame()),
    "png-data-behind-its-end.png": png(ihdr(), IDAT, chunk(b"IDAT", b"\1")),
    "tiff-zip-between.tif": tiff(
        plain(sizes=4, strips=20, width=2, height=2, rows=2), pixels=b"\0PK\x03\x04" + bytes(11)
    ),
    "tiff-strip-with-more.tif": tiff(plain(sizes=200, compression=5), pixels=b"\x80" + bytes(199)),
    "tiff-long8-in-a-small-tiff.tif": tiff([*plain(width=None), (256, 16, 1, 8)]),
    "png-palette-in-grey.png": png(ihdr(), chunk(b"PLTE", bytes(6)), IDAT),
    "png-gamma-twice.png": png(ihdr(), *[chunk(b"gAMA", struct.pack(">I", 45455))] * 2, IDAT),
}
DUAL = tuple((number, LONG, struct.pack("<I", value)) for number, value in ((322, 16), (323, 16), (324, 8), (325, 16)))
AMBIGUOUS: dict[str, bytes] = {
    "tiff-strips-and-tiles.tif": tagged(*DUAL),
    "tiff-tile-sizes-without-tiles.tif": tagged(*DUAL[:2]),
    "tiff-tile-width-alone.tif": tagged(*DUAL[:1]),
    "tiff-fill-order-2.tif": tiff(plain(fill=2)),
    "tiff-no-photometric.tif": tiff(plain(photometric=None)),
    "tiff-turned.tif": tiff(plain(orientation=6)),
    "tiff-thumbnail.tif": tiff(plain(subfile=1)),
    "tiff-mask.tif": tiff(plain(subfile=4)),
    "tiff-transfer-function.tif": tagged((301, SHORT, struct.pack("<256H", *range(65535, -1, -257)))),
    "tiff-grey-response.tif": tagged((291, SHORT, struct.pack("<256H", *range(256)))),
    "tiff-image-depth.tif": tagged((32997, LONG, struct.pack("<I", 4))),
    "tiff-data-type.tif": tagged((32996, SHORT, struct.pack("<H", 2))),
    "tiff-unknown-tag.tif": tagged((40_000, LONG, struct.pack("<I", 1))),
    "tiff-palette-that-is-none.tif": tagged((320, SHORT, bytes(2 * 768))),
    "tiff-two-depths.tif": tagged((258, SHORT, struct.pack("<HH", 8, 8)), bits=None),
    "tiff-layers.tif": tagged((37724, UNDEFINED, b"Adobe Photoshop Document Data Block")),
    "tiff-second-picture-below.tif": second_picture(),
    "tiff-imagej-planes.tif": tagged((270, ASCII, b"ImageJ=1.54f\nimages=3\nslices=3\n\0")),
    "tiff-shaped-planes.tif": tagged((270, ASCII, b'{"shape": [2, 4, 4]}\0')),
    "tiff-below-that-cannot-be-read.tif": tiff([*plain(), (330, LONG, 1, 8)]),
    "tiff-tags-out-of-order.tif": unsorted_tags(),
    "tiff-shaped-axes-spelt-out.tif": tagged((270, ASCII, b'{"shape": [4, 4], "axe\\u0073": "QX"}\0')),
    "tiff-leica-slide.tif": tagged((270, ASCII, b"<scn><dimension/></scn>\0")),
    "tiff-ome-instruction.tif": tagged(
        (
            270,
            ASCII,
            b'<OME><?x <!-- ?><Image><Pixels SizeX="4" SizeY="4" SizeZ="2" SizeC="1" SizeT="1"/></Image><?y --> ?>'
            b"</OME>\0",
        )
    ),
    "tiff-ome-prefix.tif": tagged(
        (
            270,
            ASCII,
            b'<a:OME xmlns:a="o"><a:Image><a:Pixels SizeX="4" SizeY="4" SizeZ="4" SizeC="1" SizeT="1"/></a:Image>'
            b"</a:OME>\0",
        )
    ),
    "tiff-ome-entities.tif": tagged((270, ASCII, b'<!DOCTYPE a [<!ENTITY b "2">]><OME><Image/></OME>\0')),
    "tiff-imagej-planes-after-spaces.tif": tagged((270, ASCII, b"ImageJ=1.54f\nimages      =2\n\0")),
    "tiff-shaped-axes-before-one.tif": tagged((270, ASCII, b'{"shape": [4, 4, 1], "axes": "QYX"}\0')),
    "tiff-shaped-axes.tif": tagged((270, ASCII, b'{"shape": [4, 4], "axes": "QX"}\0')),
    "tiff-lzw-without-clear-code.tif": tiff(plain(compression=5), pixels=bytes(16)),
    "tiff-ome-planes.tif": tagged(
        (270, ASCII, b'<OME><Image><Pixels SizeX="4" SizeY="4" SizeZ="1" SizeC="1" SizeT="2"></Pixels></Image></OME>\0')
    ),
    "tiff-ome-elsewhere.tif": tagged(
        (
            270,
            ASCII,
            b'<OME UUID="urn:uuid:a"><Image><Pixels SizeX="4" SizeY="4" SizeZ="1" SizeC="1" SizeT="1"><TiffData>'
            b'<UUID FileName="b.tif">urn:uuid:b</UUID></TiffData></Pixels></Image></OME>\0',
        )
    ),
    "tiff-inverting-profile.tif": tagged((34675, UNDEFINED, icc(INVERSION))),
    "tiff-profile-in-lab.tif": tagged((34675, UNDEFINED, icc(GAMMA, b"Lab "))),
    "tiff-profile-that-lifts-black.tif": tagged((34675, UNDEFINED, icc(LIFTED))),
    "tiff-turned-by-photoshop.tif": tagged((34377, BYTE, resource(0x0422, exif(6)))),
    "tiff-imagej-overlay.tif": tagged(
        (50838, LONG, struct.pack("<II", 12, 4)), (50839, BYTE, b"IJIJover" + struct.pack(">I", 1) + b"Iout")
    ),
    "tiff-imagej-inverted.tif": tagged((270, ASCII, b"ImageJ=1.54f\nmin=255\nmax=0\n\0")),
    "tiff-smaller-picture-below.tif": smaller_picture(),
    "tiff-ome-other-file.tif": tagged((270, ASCII, ome_of(b'<UUID FileName="other.tif">urn:uuid:a</UUID>'))),
    "tiff-ome-element-that-ends-so.tif": tagged((270, ASCII, ome_of(b"<MyUUID>urn:uuid:b</MyUUID>"))),
    "tiff-ome-empty-identifier.tif": tagged((270, ASCII, ome_of(b"<UUID/>"))),
    "tiff-turned-by-xmp.tif": tagged((700, BYTE, XMP)),
    "png-turned.png": png(ihdr(), chunk(b"eXIf", exif(6)), IDAT),
    "png-turned-by-xmp.png": png(ihdr(), chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP), IDAT),
    "png-turned-by-packed-xmp.png": png(
        ihdr(), chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP)), IDAT
    ),
    "png-turned-by-text.png": png(
        ihdr(), chunk(b"tEXt", b"Raw profile type exif\0\nexif\n26\n" + exif(6).hex().encode()), IDAT
    ),
    "png-gamma.png": png(ihdr(), chunk(b"gAMA", struct.pack(">I", 1_000_000)), IDAT),
    "png-chromaticities.png": png(ihdr(), chunk(b"cHRM", bytes(32)), IDAT),
    "png-coding-points.png": png(ihdr(), chunk(b"cICP", bytes((9, 16, 0, 1))), IDAT),
    "png-inverting-profile.png": png(ihdr(), chunk(b"iCCP", b"p\0\0" + zlib.compress(icc(INVERSION))), IDAT),
    "png-fewer-bits.png": png(ihdr(), chunk(b"sBIT", b"\4"), IDAT),
    "png-parallel-decoding.png": png(ihdr(), chunk(b"iDOT", bytes(28)), IDAT),
    "png-offset.png": png(ihdr(), chunk(b"oFFs", struct.pack(">iiB", 2, 0, 0)), IDAT),
    "png-orientation-by-keyword.png": png(ihdr(), chunk(b"tEXt", b"exif:Orientation\x006"), IDAT),
    "png-unknown-chunk.png": png(ihdr(), chunk(b"orNT", b"\6"), IDAT),
    "jpeg-turned.jpg": jpeg(segment(0xE1, b"Exif\0\0" + exif(6)), frame()),
    "jpeg-turned-by-xmp.jpg": jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP), frame()),
    "jpeg-turned-by-photoshop.jpg": jpeg(segment(0xED, b"Photoshop 3.0\0" + resource(0x0422, exif(6))), frame()),
    "jpeg-components-from-zero.jpg": jpeg(frame(names=b"\0\1\2"), header=b"\xff\xda\x00\x0c\x03\0\0\1\0\2\0\0\x3f\0"),
    "jpeg-short-jfif.jpg": jpeg(segment(0xE0, b"JFIF\0\1\1"), frame()),
    "jpeg-two-exif.jpg": jpeg(*[segment(0xE1, b"Exif\0\0" + exif(1))] * 2, frame()),
    "jpeg-inverting-profile.jpg": jpeg(segment(0xE2, b"ICC_PROFILE\0\1\1" + icc(INVERSION)), frame()),
    "jpeg-several-pictures.jpg": jpeg(segment(0xE2, b"MPF\0" + bytes(16)), frame()),
    "jpeg-unknown-segment.jpg": jpeg(segment(0xE3, b"_JPSJPS_" + bytes(8)), frame()),
    "jpeg-subsampled-rgb.jpg": jpeg(
        segment(0xEE, b"Adobe" + bytes(7)),
        segment(0xC0, bytes.fromhex("08 0004 0004 03 012200 021100 031100")),
        header=b"\xff\xda\x00\x0c\x03\1\0\2\0\3\0\0\x3f\0",
    ),
    "jpeg-rgb-or-ycc.jpg": jpeg(
        segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
        segment(0xEE, b"Adobe" + bytes(7)),
        frame(names=b"\1\2\3"),
        header=b"\xff\xda\x00\x0c\x03\1\0\2\0\3\0\0\x3f\0",
    ),
    "jpeg-number-of-lines.jpg": jpeg(frame(), end=b"\xff\xdc\x00\x04\x00\x02\xff\xd9"),
}
TOO_LARGE: dict[str, bytes] = {
    "png-side.png": png(ihdr(width=40_000, height=1), IDAT),
    "png-area.png": png(ihdr(width=30_000, height=30_000), IDAT),
    "png-beside.png": png(ihdr(), *(chunk(b"tEXt", b"a\0" + bytes(300_000)) for _ in range(4)), IDAT),
    "tiff-200000-square.tif": tiff(plain(width=200_000, height=200_000, rows=200_000, compression=8)),
    "jpeg-area.jpg": jpeg(frame(width=30_000, height=30_000)),
    "png-bytes.png": png(ihdr(width=10_000, height=10_000, bits=16, colour=6), IDAT),
    "tiff-bytes.tif": tiff(
        [*plain(bits=None, width=10_000, height=10_000, rows=10_000, compression=8, samples=2), *DEEP]
    ),
    "tiff-bytes-of-padding.tif": tiff(TALL_TILES, after=struct.pack("<8I3H", 8, 12, 16, 20, 4, 4, 4, 4, 8, 8, 8)),
    "jpeg-bytes.jpg": jpeg(frame(width=10_000, height=10_000, names=b"\1\2\3")),
}
UNSUPPORTED: dict[str, bytes] = {
    "gif.gif": b"GIF89a" + bytes(20),
    "pdf.png": b"%PDF-1.7\n",
    "png-interlaced.png": png(ihdr(interlace=1), IDAT),
    "png-one-bit.png": png(ihdr(bits=1), IDAT),
    "png-animated.png": png(ihdr(), chunk(b"acTL", bytes(8)), IDAT),
    "png-transparent-colour.png": png(ihdr(), chunk(b"tRNS", b"\0\0"), IDAT),
    "tiff-white-is-zero.tif": tiff(plain(photometric=0)),
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
    "good-profile-of-greys.tif": tagged((34675, UNDEFINED, icc(GAMMA))),
    "good-profile-of-greys.png": png(ihdr(), chunk(b"iCCP", b"p\0\0" + zlib.compress(icc(GAMMA))), IDAT),
    "good-upright.png": png(ihdr(), chunk(b"eXIf", exif(1)), chunk(b"gAMA", struct.pack(">I", 45455)), IDAT),
    "good-ome.tif": tagged(
        (
            270,
            ASCII,
            b'<?xml version="1.0"?><!-- > --><OME UUID="urn:uuid:a"><Image><Pixels SizeX="4" SizeY="4" SizeZ="1" '
            b'SizeC="1" SizeT="1"><TiffData><UUID FileName="good-ome.tif">urn:uuid:a</UUID></TiffData></Pixels></Image>'
            b"</OME>\0",
        )
    ),
    "good-directory-below.tif": tiff(
        [*plain(), (330, LONG, 1, BELOW)], after=struct.pack("<HHHIII", 1, 254, LONG, 1, 1, 0)
    ),
    "good-imagej.tif": tagged((270, ASCII, b"ImageJ=1.54f\nimages=1\nunit=nm\n\0")),
}
MALFORMED |= microscope.MALFORMED
AMBIGUOUS |= microscope.AMBIGUOUS
TOO_LARGE |= microscope.TOO_LARGE
UNSUPPORTED |= microscope.UNSUPPORTED
GOOD |= microscope.GOOD
ALL = {"malformed": MALFORMED, "ambiguous": AMBIGUOUS, "too-large": TOO_LARGE, "unsupported": UNSUPPORTED, "good": GOOD}


def main() -> None:
    """Write every file into the folder of what becomes of it."""
    for outcome, files in ALL.items():
        (HERE / outcome).mkdir(exist_ok=True)
        for name, data in files.items():
            (HERE / outcome / name).write_bytes(data)


if __name__ == "__main__":
    main()
