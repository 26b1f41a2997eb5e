"""A page beside a report passes if every byte of it is what the signed file gives, and is refused else."""

import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fusiondiff_audit.page import comparison
from fusiondiff_audit.page.comparison import PageComparison, compare_page
from fusiondiff_audit.page.language import Language
from fusiondiff_audit.page.png import read_plain_png
from fusiondiff_audit.page.render import render
from fusiondiff_audit.page.thumbnails import page_thumbnail
from reports.verdict.verdicts import Verdict
from signing import Algorithm, PrivateKey, Reason, SigningError
from tests.images.test_prepare import micrograph
from tests.reports.verdict.made import ORIGIN, changed, redecided, report

REPORT = report(PrivateKey.generate(Algorithm.ED25519).public, 24)
NAMES = [row.name for row in REPORT.images if row.verdict is not Verdict.REFUSED][:3]


def thumbnail(seed: int = 0) -> bytes:
    greys = np.random.default_rng(seed).integers(0, 255, (300, 400), dtype=np.uint8)
    return page_thumbnail(micrograph(greys))


def page(language: Language = Language.ENGLISH, thumbnails: int = 3) -> bytes:
    images = {name: thumbnail(number) for number, name in enumerate(NAMES[:thumbnails])}
    return render(REPORT, images, language=language, origin=ORIGIN)


def compared(data: bytes) -> PageComparison:
    return compare_page(data, "report.html", REPORT, origin=ORIGIN)


def test_a_page_is_compared_in_each_language() -> None:
    for language in Language:
        found = compared(page(language))
        assert (found.page, found.images) == (True, False)
        assert "what its 3 images show was not compared" in found.text
    assert compared(page(thumbnails=0)).images
    assert "what its 1 image show" in compared(page(thumbnails=1)).text


def swap(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def forge(data: bytes) -> bytes:
        assert old in data
        return data.replace(old, new, 1)

    return forge


FIRST = b'<img src="data:image/png;base64,'
FORGERIES = {
    "another verdict": swap(b"COUNTERFEIT</span>", b"AUTHENTIC</span>"),
    "all verdicts": lambda data: data.replace(b"COUNTERFEIT", b"AUTHENTIC"),
    "added text": swap(b"<main>", b"<main><p>All specimens are authentic.</p>"),
    "text behind the end": lambda data: data + b"<p>All specimens are authentic.</p>",
    "a comment": swap(b"<main>", b"<main><!-- -->"),
    "an entity for a letter": swap(b"AUTHENTIC", b"&#65;UTHENTIC"),
    "a line end": swap(b"<main>\n", b"<main>\r\n"),
    "a byte order mark behind the start": swap(b"<title>", b"\xef\xbb\xbf<title>"),
    "a style that hides": swap(b"</style>", b".COUNTERFEIT{display:none}</style>"),
    "a style that writes": swap(b"</style>", b'h1::after{content:" AUTHENTIC"}</style>'),
    "a script": swap(b"</body>", b"<script>document.title=1</script></body>"),
    "no content policy": swap(b"default-src 'none'; ", b""),
    "another reference": swap(b"Kiln Alder", b"Kiln Birch"),
    "another language": swap(b'<html lang="en">', b'<html lang="de">'),
    "no demonstration": swap(b"DEMONSTRATION", b""),
    "an image of no row": swap(b"<main>", b"<main>" + FIRST + b'AAAA" width="1" height="1" alt="stamp">'),
    "an image that is there twice": lambda data: data.replace(
        b"<main>", b"<main>" + data[data.index(FIRST) : data.index(b">", data.index(FIRST)) + 1]
    ),
    "an image that is wider": swap(b' width="', b' width="9'),
    "an image with an attribute": swap(FIRST, b'<img style="position:fixed" src="data:image/png;base64,'),
    "an image of another kind": swap(b"data:image/png", b"data:image/svg+xml"),
    "an image from elsewhere": swap(FIRST, b'<img src="http://x/"><img src="data:image/png;base64,'),
    "base64 with a line end": swap(FIRST, FIRST + b"\n"),
    "a map of other tiles": swap(b'fill-opacity="', b'fill-opacity="0'),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_page_that_differs_is_refused(forge: Callable[[bytes], bytes]) -> None:
    forged = forge(page())
    assert forged != page()
    with pytest.raises(SigningError) as caught:
        compared(forged)
    assert caught.value.reason is Reason.CONTRADICTION


def test_the_first_difference_is_quoted() -> None:
    with pytest.raises(SigningError, match=r"line \d+ is .*AUTHENTIC.* by the signed file"):
        compared(page().replace(b"COUNTERFEIT</span>", b"AUTHENTIC</span>", 1))
    with pytest.raises(SigningError, match="is not the page of the signed file"):
        compared(page()[:-20])


def test_a_page_of_another_report_is_refused() -> None:
    other = redecided(REPORT, REPORT.images, reference="Kiln Birch")
    with pytest.raises(SigningError, match="Kiln"):
        compared(render(other, {}, language=Language.ENGLISH, origin=ORIGIN))


@pytest.mark.parametrize(
    "forge",
    [
        swap(b"fusiondiff-audit 0.1.0", b"fusiondiff-audit 0.0.9"),
        swap(b"sha256:0", b"sha256:1"),
        swap(b'<meta name="generator"', b'<meta name="Generator"'),
        swap(b'<html lang="en">', b'<html lang="xx">'),
        swap(b"<!doctype html>", b"<!DOCTYPE html>"),
        lambda data: b"\xef\xbb\xbf" + data,
        lambda _: b"",
        lambda _: b"<p>AUTHENTIC</p>",
    ],
)
def test_a_page_of_other_code_is_not_compared(forge: Callable[[bytes], bytes]) -> None:
    found = compared(forge(page()))
    assert not found.page
    assert not found.images
    assert found.text.startswith("made by another version")
    assert found.text.endswith("not compared")


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int = 2, height: int = 2, *extra: bytes, lines: bytes | None = None, tail: bytes = b"") -> bytes:
    shown = (1 + width) * height * b"\0" if lines is None else lines
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", header), *extra, chunk(b"IDAT", zlib.compress(shown)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + tail


ODD_IMAGES = {
    "taller than a thumbnail": png(2, 137),
    "wider than a thumbnail": png(137, 2),
    "empty": png(0, 0),
    "moving": png(2, 2, chunk(b"acTL", struct.pack(">II", 2, 0))),
    "with text": png(2, 2, chunk(b"tEXt", b"Comment\0AUTHENTIC")),
    "with a profile": png(2, 2, chunk(b"iCCP", b"x\0\0")),
    "with bytes behind it": png(tail=b"<script>"),
    "with a second image": png(tail=png()),
    "with more pixels": png(lines=b"\0" * 100),
    "with fewer pixels": png(lines=b"\0"),
    "a bomb": png(lines=b"\0" * 50_000_000),
    "with a bad checksum": png()[:-6] + b"\0" + png()[-5:],
    "cut short": png()[:-4],
    "no PNG": b"GIF89a" + bytes(40),
}


@pytest.mark.parametrize("image", ODD_IMAGES.values(), ids=ODD_IMAGES)
def test_an_image_that_no_thumbnail_can_be_is_refused(image: bytes) -> None:
    data = render(REPORT, {NAMES[0]: image}, language=Language.ENGLISH, origin=ORIGIN)
    with pytest.raises(SigningError, match=f"the image of '{NAMES[0]}'"):
        compared(data)


def test_thumbnails_of_grey_and_colour_are_plain_images() -> None:
    grey = read_plain_png(thumbnail(), side=136)
    assert grey.palette
    colour = np.random.default_rng(0).integers(0, 255, (40, 30, 3), dtype=np.uint8)
    assert not read_plain_png(page_thumbnail(micrograph(colour)), side=136).palette
    assert read_plain_png(png(2, 2), side=136).lines == bytes(6)


def test_images_are_compared_by_their_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another compression of the same pixels is no difference; another pixel is."""
    own = {name: thumbnail(number) for number, name in enumerate(NAMES)}
    made = dict(own)
    monkeypatch.setattr(
        "fusiondiff_audit.page.thumbnails.folder_thumbnails",
        lambda report, folder, only: {name: made[name] for name in only if name in made},
    )

    def result(images: dict[str, bytes]) -> PageComparison:
        data = render(REPORT, images, language=Language.ENGLISH, origin=ORIGIN)
        return compare_page(data, "report.html", REPORT, origin=ORIGIN, images=Path("folder"))

    assert result(own).images
    assert "its 3 images show the audited files" in result(own).text
    plain = read_plain_png(own[NAMES[0]], side=136)
    kinds = (
        (b"IHDR", plain.header),
        (b"PLTE", plain.palette),
        (b"IDAT", zlib.compress(plain.lines, 0)),
        (b"IEND", b""),
    )
    again = b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*kind) for kind in kinds)
    assert again != own[NAMES[0]]
    assert result(own | {NAMES[0]: again}).images
    for images in ({NAMES[0]: own[NAMES[1]]}, {REPORT.images[4].name: own[NAMES[0]]}, {NAMES[0]: png()}):
        with pytest.raises(SigningError, match="is not the thumbnail of that file"):
            result(images)


def test_names_that_need_escapes_are_compared() -> None:
    row = next(row for row in REPORT.images if row.name == NAMES[0])
    name = "\"><img src=x>'&\u202e\u00a0.tif"
    said = changed(REPORT, images=tuple(replace(one, name=name) if one is row else one for one in REPORT.images))
    data = render(said, {name: thumbnail()}, language=Language.FRENCH, origin=ORIGIN)
    assert "1 image show" in compare_page(data, "report.html", said, origin=ORIGIN).text


def test_a_comparison_without_images_needs_no_decoder() -> None:
    code = "import sys, fusiondiff_audit.page.comparison; print([m for m in ('numpy', 'PIL') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert comparison.MAX_PAGE > 3 * 1024 * 1024
