"""Samples come out at full depth, as a second decoder has them; what does not fit its header is refused."""

import io
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from fusiondiff_audit.images.errors import ImageError, ImageReason
from fusiondiff_audit.images.header import read_header
from fusiondiff_audit.images.samples import Samples, decode_samples
from tests.images.test_header import GREY8, GREY16, RGB16, RGBA8, TIFFS, written
from tests.vectors.images import make


def decode(data: bytes, name: str) -> Samples:
    return decode_samples(data, read_header(data, name))


def refuse(data: bytes, name: str, reason: ImageReason) -> None:
    with pytest.raises(ImageError) as caught:
        decode(data, name)
    assert caught.value.reason is reason, caught.value


@pytest.mark.parametrize("case", TIFFS)
def test_a_tiff_gives_what_was_written(case: str) -> None:
    pixels, options, (channels, bits, alpha) = TIFFS[case]
    found = decode(written(pixels, **dict(options)), "x.tif")
    expected = pixels.reshape(40, 48, channels)[:, :, : channels - alpha]
    assert found.dtype == np.dtype(f"u{bits // 8}")
    assert (found == expected).all()


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_gives_what_was_written(bits: int, channels: int) -> None:
    grey = GREY8 if bits == 8 else GREY16
    pixels = grey if channels == 1 else np.dstack([grey, grey + 1, grey + 2])
    found = decode(bytes(imagecodecs.png_encode(pixels)), "x.png")
    assert found.dtype == pixels.dtype
    assert (found == pixels.reshape(40, 48, channels)).all()


def test_the_lowest_of_sixteen_bits_is_kept() -> None:
    other = RGB16.copy()
    other[20, 20, 1] ^= 1
    for write, name in ((imagecodecs.png_encode, "x.png"), (lambda p: written(p, photometric="rgb"), "x.tif")):
        assert (decode(bytes(write(RGB16)), name) != decode(bytes(write(other)), name)).sum() == 1


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_is_as_a_second_decoder_has_it(mode: str) -> None:
    file = io.BytesIO()
    Image.fromarray(GREY8).convert(mode).save(file, "JPEG", quality=95)
    found = decode(file.getvalue(), "x.jpg")
    second = imagecodecs.jpeg8_decode(file.getvalue())
    assert (found == second.reshape(found.shape)).all()


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


def test_only_constant_opacity_is_dropped() -> None:
    torn = RGBA8.copy()
    torn[3, 3, 3] = 254
    for pixels, good in ((RGBA8, True), (torn, False)):
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
    "PackBits, too short": (32773, imagecodecs.packbits_encode(bytes(range(10)))),
    "PackBits, too long": (32773, imagecodecs.packbits_encode(bytes(range(40)))),
}


@pytest.mark.parametrize("case", STRIPS)
def test_a_strip_that_does_not_hold_what_it_must_is_malformed(case: str) -> None:
    compression, pixels = STRIPS[case]
    data = make.tiff(make.plain(compression=compression, sizes=len(pixels)), pixels=bytes(pixels))
    refuse(data, "x.tif", ImageReason.MALFORMED)


@pytest.mark.parametrize("name", make.GOOD)
def test_good_files_have_the_pixels_of_a_second_decoder(name: str) -> None:
    data = make.GOOD[name]
    second = np.asarray(Image.open(io.BytesIO(data)))
    assert (decode(data, name)[:, :, 0] == second).all()


OME = """<?xml version="1.0" encoding="UTF-8"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{own}">
<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="48" SizeY="40" SizeZ="1" SizeC="2"
 SizeT="1"><Channel ID="Channel:0:0" SamplesPerPixel="1"/><Channel ID="Channel:0:1" SamplesPerPixel="1"/>
<TiffData IFD="0" FirstC="0" PlaneCount="1"><UUID FileName="decoy.ome.tif">urn:uuid:decoy</UUID></TiffData>
<TiffData IFD="0" FirstC="1" PlaneCount="1"><UUID FileName="secret.ome.tif">urn:uuid:secret</UUID></TiffData>
</Pixels></Image></OME>"""


def test_an_ome_file_opens_no_other_file(tmp_path: Path) -> None:
    """Opened by its path, the decoy gives the other file's pixels as well; from its bytes, its own alone."""
    for name, pixels in (("secret", GREY16 + 7), ("decoy", GREY16)):
        path = tmp_path / f"{name}.ome.tif"
        tifffile.imwrite(path, pixels, description=OME.format(own=name), metadata=None)
    assert (tifffile.imread(tmp_path / "decoy.ome.tif")[1] == GREY16 + 7).all()
    data = (tmp_path / "decoy.ome.tif").read_bytes()
    assert (decode(data, "decoy.ome.tif")[:, :, 0] == GREY16).all()
