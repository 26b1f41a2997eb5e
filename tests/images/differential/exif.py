"""Orientation as EXIF and XMP say it: of all that metadata holds, what turns an image."""

import struct


def exif(orientation: int, order: str, *, kind: int = 3) -> bytes:
    """Return a TIFF directory of one tag, as APP1 and eXIf carry it."""
    value = struct.pack(f"{order}HH", orientation, 0) if kind == 3 else struct.pack(f"{order}I", orientation)
    entry = struct.pack(f"{order}HHI", 274, kind, 1) + value
    mark = {"<": b"II", ">": b"MM"}[order]
    return mark + struct.pack(f"{order}HIH", 42, 8, 1) + entry + bytes(4)


def orientation_in_xmp(orientation: int) -> bytes:
    text = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="{}"/></rdf:RDF></x:xmpmeta>'
    )
    return text.format(orientation).encode()
