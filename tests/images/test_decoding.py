"""Samples come out at full depth, as a second decoder has them; what does not fit its header is refused."""

import hashlib
import io
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from fusiondiff_audit.images.decoding import decode_samples
from fusiondiff_audit.images.errors import ImageError, ImageReason
from fusiondiff_audit.images.formats.recognition import read_image_header
from fusiondiff_audit.images.lossless_steps import DROPPED, MAPPED, MERGED
from fusiondiff_audit.images.pixels import Samples, digest_pixels
from tests.images.synthetic import written
from tests.images.test_header import GREY8, GREY16, RGB8, RGB16, RGBA8, TIFFS
from tests.vectors.images import make, microscope


def decode(data: bytes, name: str) -> Samples:
    return image(data, name)[0]


def image(data: bytes, name: str) -> tuple[Samples, tuple[str, ...]]:
    rows = decode_samples(memoryview(data), read_image_header(data, name))
    return np.concatenate([block.copy() for block in rows.blocks]), rows.steps


def refuse(data: bytes, name: str, reason: ImageReason) -> None:
    with pytest.raises(ImageError) as caught:
        decode(data, name)
    assert caught.value.reason is reason, caught.value


@pytest.mark.parametrize("case", TIFFS)
def test_a_tiff_has_the_pixels_that_were_written(case: str) -> None:
    pixels, options, (channels, bits, alpha) = TIFFS[case]
    samples = decode(written(pixels, **dict(options)), "x.tif")
    expected = pixels.reshape(40, 48, channels)[:, :, : channels - alpha]
    assert samples.dtype == np.dtype(f"u{bits // 8}")
    assert (samples == expected).all()


SHAPES = [
    {"rowsperstrip": 7},
    {"tile": (16, 16)},
    {"tile": (48, 64)},
    {"rowsperstrip": 1},
]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("compression", [None, "lzw", "deflate", "packbits"])
@pytest.mark.parametrize("kind", ["u1", "u2"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_layout_has_the_pixels_that_were_written(
    order: str, shape: dict[str, Any], compression: str | None, kind: str, channels: int
) -> None:
    rng = np.random.default_rng(len(str(shape)))
    size = (61, 53) if channels == 1 else (61, 53, 3)
    pixels = (rng.integers(0, 2**32, size) % 2 ** (8 * int(kind[1]))).astype(kind)
    predictor = compression in ("lzw", "deflate")
    options = {"photometric": "rgb"} if channels == 3 else {}
    data = written(
        pixels.astype(order + kind), byteorder=order, compression=compression, predictor=predictor, **shape, **options
    )
    samples = decode(data, "x.tif")
    assert samples.dtype == pixels.dtype
    assert (samples == pixels.reshape(samples.shape)).all()


@pytest.mark.parametrize("kind", ["u4", "f4"])
def test_samples_of_32_bits_are_refused(kind: str) -> None:
    refuse(written(GREY16.astype(kind)), "x.tif", ImageReason.UNSUPPORTED)


def test_a_tiff_of_several_pages_is_refused() -> None:
    data = written(np.stack([GREY16, GREY16 + 1, GREY16 + 2]), photometric="minisblack")
    refuse(data, "x.tif", ImageReason.UNSUPPORTED)


SAME = {
    "plain": written(GREY8),
    "big-endian, LZW": written(GREY8, byteorder=">", compression="lzw"),
    "tiles": written(GREY8, tile=(16, 16)),
    "PNG": bytes(imagecodecs.png_encode(GREY8)),
    "three equal channels": written(np.dstack([GREY8] * 3), photometric="rgb"),
    "opacity": bytes(imagecodecs.png_encode(np.dstack([GREY8, np.full_like(GREY8, 255)]))),
    "a palette turned about": written(
        255 - GREY8, photometric="palette", colormap=np.repeat(np.arange(256, dtype=np.uint16)[None, ::-1], 3, 0) * 257
    ),
}


def test_one_image_has_one_digest_however_it_is_stored() -> None:
    steps = {}
    for case, data in SAME.items():
        name = "x.png" if data.startswith(b"\x89PNG") else "x.tif"
        pixels, steps[case] = image(data, name)
        assert digest_pixels(pixels) == digest_pixels(GREY8[:, :, None]), case
    assert steps["plain"] == ()
    assert steps["three equal channels"] == (MERGED,)
    assert steps["opacity"] == (DROPPED,)
    assert steps["a palette turned about"] == (MAPPED,)


def test_the_digest_is_the_one_of_the_format() -> None:
    """By hand, from FORMAT.md."""
    pixels = np.array([[[1], [2]], [[3], [65535]]], dtype=np.uint16)
    text = b"fusiondiff-audit/pixels/v1\n<u2 2 2 1\n" + bytes([1, 0, 2, 0, 3, 0, 255, 255])
    assert digest_pixels(pixels) == hashlib.sha256(text).hexdigest()
    assert digest_pixels(pixels.astype(">u2")) == hashlib.sha256(text).hexdigest()
    text = b"fusiondiff-audit/pixels/v1\nu1 1 2 3\n" + bytes(range(6))
    assert digest_pixels(np.arange(6, dtype=np.uint8).reshape(1, 2, 3)) == hashlib.sha256(text).hexdigest()


def test_other_images_have_other_digests() -> None:
    lowest = GREY16.copy()
    lowest[20, 20] ^= 1
    others = [GREY16, lowest, GREY16.T, GREY16.reshape(20, 96), GREY16.astype("u4"), GREY16.view("u1"), RGB16]
    assert len({digest_pixels(p.reshape(*p.shape[:2], -1)) for p in others}) == len(others)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_has_the_pixels_that_were_written(bits: int, channels: int) -> None:
    grey = GREY8 if bits == 8 else GREY16
    pixels = grey if channels == 1 else np.dstack([grey, grey + 1, grey + 2])
    samples = decode(bytes(imagecodecs.png_encode(pixels)), "x.png")
    assert samples.dtype == pixels.dtype
    assert (samples == pixels.reshape(40, 48, channels)).all()


def test_the_lowest_of_sixteen_bits_is_kept() -> None:
    other = RGB16.copy()
    other[20, 20, 1] ^= 1
    for write, name in ((imagecodecs.png_encode, "x.png"), (lambda p: written(p, photometric="rgb"), "x.tif")):
        assert (decode(bytes(write(RGB16)), name) != decode(bytes(write(other)), name)).sum() == 1


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_has_the_pixels_of_a_second_decoder(mode: str) -> None:
    file = io.BytesIO()
    image = Image.fromarray(GREY8) if mode == "L" else Image.fromarray(RGB8)
    image.save(file, "JPEG", quality=95)
    samples = decode(file.getvalue(), "x.jpg")
    second = imagecodecs.jpeg8_decode(file.getvalue())
    assert (samples == second.reshape(samples.shape)).all()


def test_a_jpeg_whose_data_ends_early_or_is_damaged_is_refused() -> None:
    """The decoder fills in what is missing, and says so in a warning alone."""
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    Image.fromarray(noise).save(file, "JPEG")
    complete = file.getvalue()
    begin = complete.index(b"\xff\xda") + 10
    overwritten = complete[: begin + 200] + bytes(60) + complete[begin + 260 :]
    for data in (complete[: begin + 10] + b"\xff\xd9", complete[: len(complete) // 2] + b"\xff\xd9", overwritten):
        refuse(data, "x.jpg", ImageReason.MALFORMED)
    assert decode(complete, "x.jpg").shape == (64, 64, 1)


def test_a_progressive_jpeg_without_its_last_scans_is_refused() -> None:
    file = io.BytesIO()
    Image.fromarray(GREY8).save(file, "JPEG", progressive=True)
    complete = file.getvalue()
    scans = [i for i in range(len(complete)) if complete[i : i + 2] == b"\xff\xda"]
    assert len(scans) > 3
    for place in scans[1:]:
        table = complete.rfind(b"\xff\xc4", 0, place)
        refuse(complete[: max(table, place - 200)] + b"\xff\xd9", "x.jpg", ImageReason.MALFORMED)


def ramp(**changes: int) -> np.ndarray[Any, Any]:
    """Return a grey palette, with the red of some indices changed."""
    values = np.repeat(np.arange(256, dtype=np.uint16)[None], 3, 0) * 257
    for index, red in changes.items():
        values[0, int(index[1:])] = red
    return values


def test_a_grey_palette_is_mapped_though_unused_indices_have_colours() -> None:
    pixels = np.where(GREY8 == 9, 10, GREY8).astype(np.uint8)
    data = written(pixels, photometric="palette", colormap=ramp(i9=65535))
    assert (decode(data, "zeiss.tif")[:, :, 0] == pixels).all()
    refuse(written(GREY8, photometric="palette", colormap=ramp(i9=65535)), "x.tif", ImageReason.UNSUPPORTED)


def test_an_index_beyond_the_palette_is_malformed() -> None:
    palette, header = make.chunk(b"PLTE", bytes(3 * 4)), make.ihdr(colour=3)
    assert decode(make.png(header, palette, make.chunk(b"IDAT", zlib.compress(bytes(20)))), "x.png").max() == 0
    pixels = zlib.compress(b"\0\1\2\3\4" * 4)
    refuse(make.png(header, palette, make.chunk(b"IDAT", pixels)), "x.png", ImageReason.MALFORMED)


def test_only_full_opacity_is_dropped() -> None:
    torn = RGBA8.copy()
    torn[3, 3, 3] = 254
    hidden = RGBA8.copy()
    hidden[:, :, 3] = 0  # every viewer shows nothing
    for pixels, good in ((RGBA8, True), (torn, False), (hidden, False)):
        data = written(pixels, photometric="rgb", extrasamples=["unassalpha"])
        if good:
            assert (decode(data, "x.tif") == RGBA8[:, :, :3]).all()
        else:
            refuse(data, "x.tif", ImageReason.UNSUPPORTED)


STRIPS = {
    "deflate, too short": (8, zlib.compress(bytes(10))),
    "deflate, too long": (8, zlib.compress(bytes(40))),
    "deflate, junk": (8, b"\x78\x9c" + b"junk" * 4),
    "LZW, too short": (5, imagecodecs.lzw_encode(bytes(10))),
    "LZW, too long": (5, imagecodecs.lzw_encode(bytes(40))),
    "PackBits, too short": (32773, imagecodecs.packbits_encode(bytes(range(10)))),
    "PackBits, too long": (32773, imagecodecs.packbits_encode(bytes(range(40)))),
}


@pytest.mark.parametrize("case", STRIPS)
def test_a_strip_of_another_decoded_size_is_malformed(case: str) -> None:
    compression, pixels = STRIPS[case]
    data = make.tiff(make.plain(compression=compression, sizes=len(pixels)), pixels=bytes(pixels))
    refuse(data, "x.tif", ImageReason.MALFORMED)


@pytest.mark.parametrize("name", make.GOOD)
def test_good_files_have_the_pixels_of_a_second_decoder_or_of_their_model(name: str) -> None:
    data = make.GOOD[name]
    second = microscope.greys(name) if name in microscope.GOOD else np.asarray(Image.open(io.BytesIO(data)))
    assert (decode(data, name)[:, :, 0] == second).all()


OME = """<?xml version="1.0" encoding="UTF-8"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{own}">
<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="48" SizeY="40" SizeZ="1" SizeC="2"
 SizeT="1"><Channel ID="Channel:0:0" SamplesPerPixel="1"/><Channel ID="Channel:0:1" SamplesPerPixel="1"/>
<TiffData IFD="0" FirstC="0" PlaneCount="1"><UUID FileName="decoy.ome.tif">urn:uuid:decoy</UUID></TiffData>
<TiffData IFD="0" FirstC="1" PlaneCount="1"><UUID FileName="secret.ome.tif">urn:uuid:secret</UUID></TiffData>
</Pixels></Image></OME>"""


def test_an_ome_file_opens_no_other_file(tmp_path: Path) -> None:
    """Opened by its path, the decoy gives the other file's pixels as well; so it is refused."""
    for name, pixels in (("secret", GREY16 + 7), ("decoy", GREY16)):
        path = tmp_path / f"{name}.ome.tif"
        tifffile.imwrite(path, pixels, description=OME.format(own=name), metadata=None)
    assert (tifffile.imread(tmp_path / "decoy.ome.tif")[1] == GREY16 + 7).all()
    refuse((tmp_path / "decoy.ome.tif").read_bytes(), "decoy.ome.tif", ImageReason.AMBIGUOUS)
