"""Between the microscope and the model: what a file's picture is, told without trusting the file.

Goals: exactly the signed bytes, their header checked by our own code before any decoder sees them, full depth, one
reason an auditor can quote where a file is refused.
Not-goals: repairing files, guessing, formats beyond PNG, TIFF and JPEG, and metadata that decides anything.

    >>> from fusiondiff_audit.images import read_header
    >>> from tests.vectors.images import make
    >>> header = read_header(make.GOOD["good.tif"], "good.tif")
    >>> header.container, header.width, header.height, header.channels, header.bits
    (<Container.TIFF: 'tiff'>, 4, 4, 1, 8)
"""

from fusiondiff_audit.images.errors import ImageError, ImageReason
from fusiondiff_audit.images.header import Container, Header, read_header

__all__ = ["Container", "Header", "ImageError", "ImageReason", "read_header"]
