"""`inspect` describes images: size and scale, whether they can be judged, and thumbnails."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fusiondiff_audit import extras
from fusiondiff_audit.cli.exits import Exit
from fusiondiff_audit.images import worker
from tests.cli.conftest import Tool
from tests.images.microscope_models import MrcModel
from tests.images.microscope_writers import dm, mrc, ser
from tests.images.synthetic import grains, written

SIGN = ("sign", "shots", "--key", "device.pem", "--device", "sem-1")
INSPECT = ("inspect", "shots", "--trust", "trust.json")


@pytest.fixture
def shots(lab: Tool) -> Tool:
    """Return the tool beside a signed folder of images of every kind."""
    Path("shots/deep").mkdir(parents=True)
    barred = grains()
    barred[-40:] = 0
    barred[-30:-10, 100:200] = 255
    jpeg = io.BytesIO()
    Image.fromarray(grains(seed=9)).save(jpeg, "JPEG", quality=90)
    colour = np.dstack([grains(seed=1), grains(seed=2), grains(seed=3)])
    files = {
        "barred.tif": written(barred),
        "colour.tif": written(colour, photometric="rgb"),
        "copy.png": png(grains(seed=4)),
        "deep/sixteen.tif": written(grains(top=65535), compression="deflate"),
        "first.tif": written(grains(seed=4), compression="lzw"),
        "lossy.jpg": jpeg.getvalue(),
        "white.tif": written(np.minimum(grains().astype(int) * 3, 255).astype(np.uint8)),
    }
    for name, data in files.items():
        Path("shots", name).write_bytes(data)
    assert lab(*SIGN).code == 0
    return lab


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_each_image_is_described(shots: Tool) -> None:
    done = shots(*INSPECT)
    assert done.code == 0
    assert done.out.splitlines()[-1].startswith("PASSED: 7 files genuine, 7 images decoded, none missing")
    rows = {line.split()[0]: line for line in done.out.splitlines() if ".tif" in line or ".jpg" in line}
    assert "640 x 480, 8 bits, colour" in rows["colour.tif"]
    assert rows["colour.tif"].split()[-2:] == ["colour", "genuine"]
    assert "'colour.tif': 3 channels that differ; `audit` refuses it unless the model names a channel" in done.err
    assert "640 x 480, 16 bits" in rows["deep/sixteen.tif"]
    assert "640 x 480, 8 bits, lossy" in rows["lossy.jpg"]
    assert "same as copy.png" in rows["first.tif"]
    assert "saturated" in rows["white.tif"]
    assert "unknown" in rows["barred.tif"]
    assert "'first.tif' has the pixels of 'copy.png'" in done.err
    assert "'white.tif': not assessable (saturated): white " in done.err
    files = {f["name"]: f for f in shots(*INSPECT, "--json").json["files"]}
    assert files["barred.tif"]["image"]["dataBarRows"] == 40
    assert files["first.tif"]["image"]["sameAs"] == "copy.png"
    assert files["first.tif"]["image"]["pixels"] == files["copy.png"]["image"]["pixels"]
    assert files["white.tif"]["quality"]["notAssessable"] == ["saturated"]
    assert files["deep/sixteen.tif"]["image"]["decoder"].startswith("imagecodecs ")


def test_microscopes_own_files_are_signed_and_described_as_images(lab: Tool) -> None:
    """One image in five formats has one digest; a stack is refused, with the way to export an image of it."""
    pixels = grains(120, 160, top=65_535)
    Path("shots").mkdir()
    files = {
        "a.tif": written(pixels),
        "b.mrc": mrc(pixels.astype("f4"), cell=(1600, 1200, 0), sampling=(160, 120, 1)),
        "c.dm3": dm(pixels.astype("i4"), scale=0.002, unit="µm"),
        "d.dm4": dm(pixels, 4),
        "e.ser": ser(pixels.astype("u4"), across=2e-9, down=2e-9),
        "f.mrc": MrcModel(sections=3, samples=bytes(48)).to_bytes(),
    }
    for name, data in files.items():
        Path("shots", name).write_bytes(data)
    assert lab(*SIGN).code == 0
    done = lab(*INSPECT, "--json")
    assert done.code == Exit.UNREADABLE
    described = {file["name"]: file for file in done.json["files"]}
    assert {file["kind"] for file in described.values()} == {"image"}
    assert described.pop("f.mrc")["state"] == "refused"
    assert "unsupported: 'f.mrc': an MRC of 3 sections; files of one are read" in done.err
    assert "export the image that is meant as a grey TIFF of 8 or 16 bits, before signing" in done.err
    assert {file["image"]["sameAs"] for name, file in described.items() if name != "a.tif"} == {"a.tif"}
    scales = {name: file["claims"]["nanometresPerPixel"] for name, file in described.items()}
    assert scales["a.tif"] == []
    assert scales["b.mrc"] == [{"value": "1.000000", "source": "MRC"}]
    assert scales["c.dm3"] == [{"value": "2.000000", "source": "Gatan"}]
    assert scales["e.ser"] == [{"value": "2.000000", "source": "TIA"}]


def test_signing_tells_what_no_audit_will_look_at(lab: Tool) -> None:
    for name in ("scan.bmp", "SCAN.GIF", "photo.heic", "notes.md"):
        Path("batch", name).write_bytes(name.encode())
    sign = ("sign", "batch", "--key", "device.pem", "--device", "sem-1", "--force")
    assert "3 images in a format that is not read: SCAN.GIF, photo.heic, scan.bmp" in lab(*sign).out
    assert lab(*sign, "--json").json["notAudited"] == ["SCAN.GIF", "photo.heic", "scan.bmp"]
    for name in (".DS_Store", "Thumbs.db", "desktop.ini"):
        Path("batch", name).touch()
    refused = lab(*sign, "--json").json
    assert refused["sentence"] == "batch: leftovers: '.DS_Store', 'Thumbs.db', 'desktop.ini'"


def test_thumbnails_dim_the_data_bar(shots: Tool) -> None:
    assert shots(*INSPECT, "--thumbnails", "seen").code == 0
    found = sorted(p.relative_to("seen").as_posix() for p in Path("seen").rglob("*.png"))
    assert found[:3] == ["barred.tif.png", "colour.tif.png", "copy.png.png"]
    assert "deep/sixteen.tif.png" in found
    assert len(found) == 7
    picture = np.asarray(Image.open("seen/barred.tif.png"))
    assert picture.shape == (192, 256)
    assert picture[-14:].max() <= 0.4 * 255 + 1  # the bar, dimmed
    assert picture[:170].max() > 200
    assert np.asarray(Image.open("seen/colour.tif.png")).shape == (192, 256, 3)
    assert shots(*INSPECT, "--thumbnails", "seen").code == Exit.USAGE
    assert shots(*INSPECT, "--thumbnails", "other", "--no-decode").code == Exit.USAGE


def test_a_thumbnail_with_an_impossible_name_is_a_remark(shots: Tool) -> None:
    picture = Path("shots/first.tif").read_bytes()
    long = f"{'n' * 250}.tif"
    Path("shots", long).write_bytes(picture)
    Path("shots/first.tif.png").mkdir()
    Path("shots/first.tif.png/b.tif").write_bytes(picture)
    assert shots(*SIGN, "--force").code == 0
    done = shots(*INSPECT, "--thumbnails", "seen")
    assert done.code == 0, done.err
    assert "has no thumbnail" in done.err
    assert Path("seen/barred.tif.png").exists()
    assert len(list(Path("seen").rglob("*.png"))) == 7  # of nine: one is too long, one lies where a file is


def test_a_file_that_is_no_image_is_refused_and_the_others_are_not(shots: Tool) -> None:
    Path("shots/broken.tif").write_bytes(b"II*\0\0\0\0\0")
    Path("shots/odd.png").write_bytes(b"GIF89a" + bytes(20))
    assert shots(*SIGN, "--force").code == 0
    done = shots(*INSPECT)
    assert done.code == Exit.UNREADABLE
    assert "malformed: 'broken.tif': a TIFF without a page" in done.err
    assert "unsupported: 'odd.png': a GIF, beginning with" in done.err
    assert done.out.splitlines()[-1].startswith("REFUSED: 2 files: ")
    assert shots(*INSPECT, "--no-decode").code == 0
    Path("shots/first.tif").write_bytes(b"changed")
    assert shots(*INSPECT).code == Exit.INTEGRITY  # worse than what cannot be read


def test_without_the_libraries_the_error_names_the_extra(shots: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "missing_libraries", lambda extra: ("imagecodecs",))
    done = shots(*INSPECT)
    assert done.code == Exit.ENVIRONMENT
    assert done.err.splitlines()[-2:] == [
        "hint: pip install 'fusiondiff-audit[images]'; or check only the bytes, with --no-decode",
        "REFUSED: decoding micrographs needs imagecodecs (missing-extra)",
    ]
    assert shots(*INSPECT, "--no-decode").code == 0


def test_without_a_sandbox_the_error_says_so(shots: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_START", "import sys; sys.exit('the kernel is too old')")
    done = shots(*INSPECT)
    assert (done.code, done.err.splitlines()[-1].endswith("(no-sandbox)")) == (Exit.ENVIRONMENT, True)
    assert "the kernel is too old" in done.err
