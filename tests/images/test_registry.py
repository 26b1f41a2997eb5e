"""Every image format is listed once, and whoever needs the list has the same one."""

from importlib import import_module

import numpy as np
import pytest
import simplejpeg

from fusiondiff_audit.images.errors import ImageError, ImageReason
from fusiondiff_audit.images.formats.image_format import ImageFormat
from fusiondiff_audit.images.formats.recognition import read_image_header
from fusiondiff_audit.images.formats.registry import FORMATS, SUFFIXES, format_of
from signing.manifest import FileKind, default_kind
from tests.vectors.images import make

FILES = make.GOOD | {"x.jpg": simplejpeg.encode_jpeg(np.zeros((8, 8, 1), np.uint8), colorspace="GRAY")}


def test_files_of_every_format_are_signed_as_images() -> None:
    """`signing` may not import the registry, so it has a list of suffixes of its own."""
    from signing.manifest import _IMAGE_SUFFIXES

    assert sorted(_IMAGE_SUFFIXES) == sorted(SUFFIXES)
    assert default_kind(f"folder/x{SUFFIXES[0].upper()}") is FileKind.IMAGE


@pytest.mark.parametrize("image_format", FORMATS, ids=lambda image_format: image_format.name)
def test_every_format_has_a_name_and_a_decoder_of_its_own(image_format: ImageFormat) -> None:
    assert [other.name for other in FORMATS].count(image_format.name) == 1
    assert image_format.name.islower()
    decoder = import_module(image_format.decoder)
    decoder.warm_up()
    name, data = next((name, data) for name, data in FILES.items() if name.endswith(image_format.suffixes))
    header = read_image_header(data, name)
    assert format_of(header) is image_format
    assert image_format.decoder_memory(header, len(data)) >= 0
    rows = np.concatenate(list(decoder.decode_rows(memoryview(data), header)))
    assert rows.shape[:2] == (header.height, header.width)


SIGNATURES = {
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "JPEG": (b"\xff\xd8\xff",),
    "MRC": (b"MAP DD\0\0", b"MAP DA\0\0", b"MAP \x11\x11\0\0"),
    "DM3": (bytes.fromhex("00000003 000004d3 00000001 01 00 00000005 14"),),
    "DM4": (bytes.fromhex("00000004 00000000000006c5 00000001 01 00 0000000000000005 15"),),
    "SER": (b"II\x97\x01\x10\x02", b"II\x97\x01\x20\x02"),
}


def test_every_format_has_its_signatures() -> None:
    assert list(SIGNATURES) == [image_format.name.upper() for image_format in FORMATS]
    for image_format in FORMATS:
        for signature in SIGNATURES[image_format.name.upper()]:
            assert image_format.recognises(bytes(image_format.signature_offset) + signature)


@pytest.mark.parametrize(
    ("signature", "name"), [(signature, name) for name, signatures in SIGNATURES.items() for signature in signatures]
)
def test_the_signature_of_every_format_is_refused_behind_an_image(signature: bytes, name: str) -> None:
    for gap in (signature, bytes(9) + signature + b"more"):
        with pytest.raises(ImageError, match=f"a {name} hides beside the image") as error:
            read_image_header(make.GOOD["good.png"] + gap, "x.png")
        assert error.value.reason is ImageReason.MALFORMED


def test_a_file_of_no_format_is_unsupported_and_the_formats_are_named() -> None:
    names = ", ".join(image_format.name.upper() for image_format in FORMATS)
    with pytest.raises(ImageError, match=f"none of {names}, beginning with 00 00") as error:
        read_image_header(bytes(16), "x.png")
    assert error.value.reason is ImageReason.UNSUPPORTED
