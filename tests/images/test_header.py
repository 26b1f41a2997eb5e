"""What a file says of its image, checked without decoding: real variants pass, lies do not."""

import io
import random
import struct
import time
import tracemalloc
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fusiondiff_audit.images.errors import ImageError, ImageReason
from fusiondiff_audit.images.formats.recognition import read_image_header
from fusiondiff_audit.images.formats.registry import FORMATS
from fusiondiff_audit.images.header import ImageHeader
from tests.attacker import mutant
from tests.images.synthetic import written
from tests.vectors.images import make

FOLDER = Path(make.__file__).parent
CASES = {f"{outcome}/{name}": data for outcome, files in make.ALL.items() for name, data in files.items()}


def test_the_files_are_those_that_the_script_makes() -> None:
    files = {p.relative_to(FOLDER).as_posix(): p.read_bytes() for p in FOLDER.rglob("*/*") if "__" not in str(p)}
    assert files == CASES


@pytest.mark.parametrize("name", CASES)
def test_each_vector_is_refused_by_the_reason_of_its_folder(name: str) -> None:
    outcome, _, file = name.partition("/")
    tracemalloc.start()
    try:
        if outcome == "good":
            header = read_image_header(CASES[name], file)
            assert (header.width, header.height, header.channels, header.bits) == (4, 4, 1, 8)
            return
        with pytest.raises(ImageError) as caught:
            read_image_header(CASES[name], file)
        assert caught.value.reason == outcome, caught.value
        assert str(caught.value).isprintable()
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 16 * 2**20  # a claim of gigabytes costs nothing


GREY8 = np.arange(48 * 40, dtype=np.uint8).reshape(40, 48)
GREY16 = np.arange(48 * 40, dtype=np.uint16).reshape(40, 48) * 31
RGB8 = np.dstack([GREY8, GREY8 + 1, GREY8 + 2])
RGB16 = np.dstack([GREY16, GREY16 + 1, GREY16 + 2])
RGBA8 = np.dstack([RGB8, np.full((40, 48), 255, np.uint8)])
# what tifffile writes -> the header that it must have: channels, bits, alpha
TIFFS: dict[str, tuple[np.ndarray[Any, Any], dict[str, Any], tuple[int, int, bool]]] = {
    "grey": (GREY8, {}, (1, 8, False)),
    "grey 16": (GREY16, {}, (1, 16, False)),
    "big-endian": (GREY16.astype(">u2"), {"byteorder": ">"}, (1, 16, False)),
    "BigTIFF": (GREY16, {"bigtiff": True}, (1, 16, False)),
    "strips": (GREY16, {"rowsperstrip": 7}, (1, 16, False)),
    "tiles": (GREY16, {"tile": (16, 32)}, (1, 16, False)),
    "LZW": (GREY16, {"compression": "lzw", "predictor": True}, (1, 16, False)),
    "deflate": (GREY16, {"compression": "deflate", "rowsperstrip": 5}, (1, 16, False)),
    "PackBits": (GREY8, {"compression": "packbits"}, (1, 8, False)),
    "tiled deflate": (RGB16, {"compression": "deflate", "tile": (16, 16), "photometric": "rgb"}, (3, 16, False)),
    "RGB": (RGB8, {"photometric": "rgb"}, (3, 8, False)),
    "RGBA": (RGBA8, {"photometric": "rgb", "extrasamples": ["unassalpha"]}, (4, 8, True)),
    "ImageJ": (GREY16, {"imagej": True, "resolution": (1, 1), "metadata": {"unit": "um"}}, (1, 16, False)),
    "OME": (GREY16, {"ome": True, "metadata": {"PhysicalSizeX": 0.0125}}, (1, 16, False)),
}


@pytest.mark.parametrize("case", TIFFS)
def test_every_variant_that_laboratories_write_is_read(case: str) -> None:
    pixels, options, (channels, bits, alpha) = TIFFS[case]
    data = written(pixels, **dict(options))
    header = read_image_header(data, "x.tif")
    assert (header.width, header.height) == (48, 40)
    assert (header.channels, header.bits, header.alpha) == (channels, bits, alpha)
    assert header.unreferenced < 256  # what a writer leaves between the parts
    assert read_image_header(data + bytes(1000), "x.tiff").unreferenced == header.unreferenced + 1000
    assert header.nbytes == pixels.nbytes


def test_a_palette_is_kept_as_it_is_used() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint16)[None], 3, 0) * 257
    ramp[0, 9] = 65535  # an overlay's colour, as on every ninth index of Zeiss originals
    header = read_image_header(written(GREY8, photometric="palette", colormap=ramp), "zeiss.tif")
    assert header.palette[:6] == bytes([0, 0, 0, 1, 1, 1])
    assert header.palette[27:30] == bytes([255, 9, 9])


@pytest.mark.parametrize("mode", ["L", "I;16", "RGB", "RGBA", "LA", "P"])
def test_every_png_that_pillow_writes_is_read(mode: str) -> None:
    file = io.BytesIO()
    image = Image.fromarray(GREY16) if mode == "I;16" else Image.fromarray(GREY8).convert(mode)
    image.save(file, "PNG")
    header = read_image_header(file.getvalue(), "x.png")
    channels = {"L": 1, "I;16": 1, "RGB": 3, "RGBA": 4, "LA": 2, "P": 1}[mode]
    assert (header.channels, header.bits) == (channels, 16 if mode == "I;16" else 8)
    assert bool(header.palette) is (mode == "P")


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}, {"restart_marker_blocks": 2}])
def test_every_jpeg_that_pillow_writes_is_read(options: dict[str, Any]) -> None:
    for mode, channels in (("L", 1), ("RGB", 3)):
        file = io.BytesIO()
        Image.fromarray(GREY8).convert(mode).save(file, "JPEG", **options)
        header = read_image_header(file.getvalue(), "x.jpg")
        assert (header.format, header.channels, header.lossy) == ("jpeg", channels, True)


def test_several_pages_are_refused() -> None:
    data = written(np.stack([GREY8, GREY8]), photometric="minisblack")
    with pytest.raises(ImageError, match="2 pages"):
        read_image_header(data, "x.tif")


XMPS = {
    b'<a tiff:Orientation="1"/>': True,
    b"<tiff:Orientation>1</tiff:Orientation>": True,
    b"<tiff:Orientation>\n1\n</tiff:Orientation>\n<b/>": True,
    b"no orientation is meant": True,
    b'<a tiff:Orientation="3"/>': False,
    b"<a tiff:Orientation = ' 8'/>": False,
    b"<x:ORIENTATION>6</x:ORIENTATION>": False,
    b"<tiff:Orientation x='" + 4000 * b"y" + b"'>6</tiff:Orientation>": False,
    b"<tiff:Orientation><![CDATA[6]]></tiff:Orientation>": False,
    b"<tiff:Orientation><rdf:value>6</rdf:value></tiff:Orientation>": False,
    b"<tiff:Orientation>&#54;</tiff:Orientation>": False,
    b"</tiff:Orientation>6": False,
    b"<!-- tiff:Orientation>6 -->": False,
    b" tiff:Orientation>6": False,
    b'<a b="tiff:Orientation>6"/>': False,
    b"<" + 101 * b"a" + b":Orientation>6</a>": False,
    b"<" + 500 * b"a" + b":Orientation x='1'>6</a>": False,
    b"<a tiff:Orientation='\"6\"'/>": False,
    b"<tiff:Orientation>1</tiff:Orientation>\n": True,
    '<a tiff:Orientation="6"/>'.encode("utf-16"): False,
}


@pytest.mark.parametrize(("text", "upright"), XMPS.items())
def test_xmp_that_turns_the_image_is_refused(text: bytes, upright: bool) -> None:
    data = make.tagged((700, make.BYTE, text))
    if upright:
        assert read_image_header(data, "x.tif").notes == ("tags ignored: 700",)
    else:
        with pytest.raises(ImageError, match="turn the image") as caught:
            read_image_header(data, "x.tif")
        assert caught.value.reason is ImageReason.AMBIGUOUS


def hiding_jpeg(marker: int, body: bytes) -> bytes:
    return make.jpeg(*[make.segment(marker, body.ljust(60_000, b"x"))] * 20, make.frame())


HIDING: dict[str, tuple[str, bytes]] = {
    "comments": ("x.jpg", hiding_jpeg(0xFE, b"PK\3\4")),
    "tables": ("x.jpg", hiding_jpeg(0xC4, b"")),
    "quantisation": ("x.jpg", hiding_jpeg(0xDB, b"")),
    "a directory below": ("x.tif", make.tiff([*make.plain(), (330, make.LONG, 1, make.BELOW)],
        after=struct.pack("<HHHIII", 1, 65_000, make.UNDEFINED, 2_000_000, make.BELOW + 18, 0) + bytes(2_000_000))),
    "texts that inflate": ("x.png", make.png(make.ihdr(),
        *[make.chunk(b"zTXt", b"a\0\0" + zlib.compress(b"<>" * (1 << 18)))] * 40, make.IDAT)),
}  # fmt: skip


@pytest.mark.parametrize("case", HIDING)
def test_much_beside_the_image_is_refused(case: str) -> None:
    """Whoever signs an image signs all that its file holds."""
    name, data = HIDING[case]
    with pytest.raises(ImageError) as caught:
        read_image_header(data, name)
    assert caught.value.reason is ImageReason.TOO_LARGE


BEHIND = make.chunk(b"IDAT", b"\1" * 1024)
KINDS = [*[make.chunk(b"sPLT", b"a")] * 30_000, *[make.chunk(b"tEXt", b"a\0")] * 30_000]
SLOW: dict[str, tuple[str, bytes]] = {
    "data behind the end of a PNG's": ("x.png", make.png(make.ihdr(), make.IDAT, *[BEHIND] * 16_000)),
    "many kinds of chunk": ("x.png", make.png(make.ihdr(), *KINDS, make.IDAT)),
    "fill bytes": ("x.jpg", make.jpeg(b"\xff" * 20_000_000, make.frame())),
}


@pytest.mark.parametrize("case", SLOW)
def test_reading_a_header_takes_time_linear_in_the_file(case: str) -> None:
    name, data = SLOW[case]
    started = time.process_time()
    with suppress(ImageError):
        read_image_header(data, name)
    assert time.process_time() - started < 5  # each took 20 s and more where work grew with the square


def test_a_nested_directory_that_is_named_often_is_read_once() -> None:
    """32 names of one directory with 65,536 strips and tiles took 700 MB of a file of 527 KB."""
    lists = struct.pack("<I", 8) * 65_536
    place = make.BELOW + 4 * 32
    tags = [
        (273, make.LONG, 65_536, place + 54),
        (279, make.LONG, 65_536, place + 54),
        (324, make.LONG, 65_536, place + 54),
    ]
    below = struct.pack("<H", 4) + b"".join(
        struct.pack("<HHII", *tag) for tag in [*tags, (325, make.LONG, 65_536, place + 54)]
    )
    data = make.tiff(
        [*make.plain(), (330, make.LONG, 32, make.BELOW)],
        after=struct.pack("<I", place) * 32 + below + bytes(4) + lists,
    )
    tracemalloc.start()
    with pytest.raises(ImageError, match="second image"):
        read_image_header(data, "x.tif")
    assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    tracemalloc.stop()


# What is left of the damaged files that once crashed other readers; two more have EXIF that lies outside itself.
PILLOW_GOOD = {
    "broken_exif_dpi.jpg",
    "invalid-exif-without-x-resolution.jpg",
}


@pytest.mark.vectors
def test_damaged_files_are_refused_by_the_expected_reason(vectors: Path) -> None:
    folder = vectors / "images-pillow"
    files = [p for p in folder.iterdir() if p.name != "LICENSE"]
    assert len(files) == 23
    good: set[str] = set()
    for path in files:
        try:
            read_image_header(path.read_bytes(), path.name)
        except ImageError as e:
            assert e.reason in (ImageReason.MALFORMED, ImageReason.AMBIGUOUS), (path.name, e)
        else:
            good.add(path.name)
    assert good == PILLOW_GOOD


@pytest.mark.parametrize("count", [300, pytest.param(5_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("suffixes", [image.suffixes for image in FORMATS], ids=[image.name for image in FORMATS])
def test_mutants_end_in_our_own_errors(suffixes: tuple[str, ...], count: int) -> None:
    rng = random.Random(6)
    samples = [data for name, data in written_files().items() if name.endswith(suffixes)]
    read = 0
    for _ in range(count):
        try:
            header = read_image_header(mutant(rng.choice(samples), rng), f"x{suffixes[0]}")
        except ImageError as e:
            assert str(e).isprintable()
            continue
        assert isinstance(header, ImageHeader)
        read += 1
    assert read < count * 0.9


def written_files() -> dict[str, bytes]:
    """Return the good vectors, and what tifffile and Pillow write."""
    tiffs = {f"{case}.tif": written(pixels, **dict(options)) for case, (pixels, options, _) in TIFFS.items()}
    return make.GOOD | tiffs | {"pillow.png": saved("PNG"), "pillow.jpg": saved("JPEG")}


def saved(form: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(GREY8).save(file, form)
    return file.getvalue()
