"""All image formats that are read."""

from fusiondiff_audit.images.formats.dm import DM3, DM4
from fusiondiff_audit.images.formats.image_format import ImageFormat
from fusiondiff_audit.images.formats.jpeg import JPEG
from fusiondiff_audit.images.formats.mrc import MRC
from fusiondiff_audit.images.formats.png import PNG
from fusiondiff_audit.images.formats.ser import SER
from fusiondiff_audit.images.formats.tiff import TIFF
from fusiondiff_audit.images.header import ImageHeader

FORMATS = (PNG, TIFF, JPEG, MRC, DM3, DM4, SER)
SUFFIXES = tuple(suffix for image_format in FORMATS for suffix in image_format.suffixes)


def format_of(header: ImageHeader) -> ImageFormat:
    """Return the format that a header was read from."""
    return next(image_format for image_format in FORMATS if image_format.name == header.format)
