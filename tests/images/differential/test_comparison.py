"""The comparison sees what it must: an image turned, inverted, multiplied or guessed is a disagreement."""

import struct
import zlib
from collections.abc import Sequence
from random import Random

import numpy as np
import pytest

from tests.images.differential.comparison import disagreement
from tests.images.differential.exif import exif, orientation_in_xmp
from tests.images.differential.jpeg_model import APP, SOS, Segment
from tests.images.differential.jpeg_model import draw as draw_jpeg
from tests.images.differential.png_model import Png, filtered
from tests.images.differential.tiff_model import ASCII, LONG, SHORT, Field, Page, Place, Tiff, Value
from tests.images.differential.tiff_tags import text
from tests.images.differential.views import Samples, View, look

PICTURE = np.random.default_rng(3).permutation(16 * 12).reshape(12, 16, 1).astype(np.uint8)


def plain() -> Tiff:
    """Return a grey TIFF of one strip."""
    fields = [
        *(Field(tag, SHORT, [value]) for tag, value in ((256, 16), (257, 12), (258, 8), (259, 1), (262, 1))),
        Field(273, LONG, [Place(0, 0)]),
        *(Field(tag, SHORT, [value]) for tag, value in ((277, 1), (278, 12))),
        Field(279, LONG, [PICTURE.size]),
    ]
    return Tiff("<", False, [Page(fields, [PICTURE.tobytes()])])


def disagreeing(data: bytes, suffix: str, ours: Samples = PICTURE) -> set[str]:
    views = look(data, suffix)
    return {name for name, view in views.items() if isinstance(view, View) and disagreement(ours, view)}


def opened(data: bytes, suffix: str) -> set[str]:
    return {name for name, view in look(data, suffix).items() if isinstance(view, View)}


def test_a_plain_tiff_is_seen_alike_by_all() -> None:
    data = plain().to_bytes()
    assert len(opened(data, ".tif")) == 7
    assert disagreeing(data, ".tif") == set()


OPENCV, PILLOW = {"OpenCV", "OpenCV turned", "OpenCV pages"}, {"Pillow", "Pillow turned"}
TAGS: dict[str, tuple[tuple[int, int, Sequence[Value]], set[str]]] = {
    "fill order": ((266, SHORT, [2]), OPENCV | PILLOW | {"tifffile page", "tifffile series"}),
    "white is zero": ((262, SHORT, [0]), OPENCV | PILLOW | {"tifffile page", "tifffile series"}),
    "turned": ((274, SHORT, [6]), PILLOW | {"OpenCV turned"}),
    "depth": ((32997, LONG, [2]), {"tifffile page", "tifffile series"}),
    "a stack of ImageJ": ((270, *text("ImageJ=1.53t\nimages=2\nslices=2\n")), {"tifffile series"}),
}


@pytest.mark.parametrize("case", TAGS)
def test_a_tag_that_changes_the_image_is_seen(case: str) -> None:
    (tag, kind, values), readers = TAGS[case]
    tiff = plain()
    tiff.page.put(tag, kind, list(values))
    tiff.directories_first, tiff.after = True, PICTURE.tobytes()
    assert disagreeing(tiff.to_bytes(), ".tif") >= readers


def test_one_sample_too_dark_is_seen() -> None:
    other = PICTURE.copy()
    other[7, 9, 0] ^= 1
    assert disagreeing(plain().to_bytes(), ".tif", other) == opened(plain().to_bytes(), ".tif")


@pytest.mark.parametrize("kind", ["eXIf", "iTXt"])
def test_a_png_that_asks_to_be_turned_is_seen(kind: str) -> None:
    png = Png(16, 12, 8, 0, filtered(PICTURE, [0, 1, 2, 3, 4]))
    assert disagreeing(png.to_bytes(), ".png") == set()
    body = {"eXIf": exif(6, "<"), "iTXt": b"XML:com.adobe.xmp\0\0\0\0\0" + orientation_in_xmp(6)}[kind]
    png.before.append((kind.encode(), body))
    assert "Pillow turned" in disagreeing(png.to_bytes(), ".png")


def test_an_image_of_other_filters_is_the_same_image() -> None:
    rows = [filtered(PICTURE, [kind]) for kind in range(5)]
    assert len(set(rows)) == 5
    for raw in rows:
        assert opened(Png(16, 12, 8, 0, raw).to_bytes(), ".png") == {*OPENCV, *PILLOW}
        assert disagreeing(Png(16, 12, 8, 0, raw).to_bytes(), ".png") == set()


def test_a_jpeg_that_is_turned_or_cut_is_seen() -> None:
    jpeg = draw_jpeg(Random(8))
    first = look(jpeg.to_bytes(), ".jpg")["OpenCV"]
    assert isinstance(first, View)
    ours = first.samples
    assert disagreeing(jpeg.to_bytes(), ".jpg", ours) == set()
    jpeg.insert(turned := Segment(APP + 1, b"Exif\0\0" + exif(6, ">")))
    assert disagreeing(jpeg.to_bytes(), ".jpg", ours) == {"Pillow turned", "OpenCV turned"}
    jpeg.segments.remove(turned)
    scan = jpeg.first(SOS)
    scan.data = scan.data[: len(scan.data) // 2]
    assert disagreeing(jpeg.to_bytes(), ".jpg", ours) >= {"OpenCV", "OpenCV turned"}


def test_a_constant_opacity_is_left_out_on_both_sides() -> None:
    opaque = np.concatenate([PICTURE, np.full_like(PICTURE, 255)], axis=2)
    png = Png(16, 12, 8, 4, filtered(opaque, [0]))
    assert disagreeing(png.to_bytes(), ".png") == set()
    opaque[3, 3, 1] = 7
    png.stream = zlib.compress(filtered(opaque, [0]))
    assert disagreeing(png.to_bytes(), ".png") == {"OpenCV", "OpenCV pages", *PILLOW}  # colour alone has no opacity


def test_a_chunk_is_written_with_its_length_and_check() -> None:
    data = Png(16, 12, 8, 0, filtered(PICTURE, [0])).to_bytes()
    assert data[8:16] == struct.pack(">I", 13) + b"IHDR"
    assert data.endswith(b"IEND" + struct.pack(">I", zlib.crc32(b"IEND")))


def test_indices_are_looked_up_whatever_axes_a_description_gives_them() -> None:
    tiff = plain()
    greys = np.random.default_rng(4).permutation(256)
    tiff.page.put(262, SHORT, [3])
    palette: list[Value] = [int(grey) * 257 for grey in greys]
    tiff.page.put(320, SHORT, palette * 3)
    tiff.page.put(270, ASCII, [*text('{"shape": [12, 16, 1], "axes": "YXS"}')[1]])
    assert disagreeing(tiff.to_bytes(), ".tif", greys[PICTURE].astype(np.uint8)) == set()
    assert len(opened(tiff.to_bytes(), ".tif")) == 7
