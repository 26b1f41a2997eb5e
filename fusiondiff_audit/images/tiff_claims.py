"""Claims in the tags of a TIFF: those of OME, FEI, Zeiss and ImageJ."""

import html
import re
from dataclasses import replace
from decimal import Decimal
from itertools import islice, pairwise

from fusiondiff_audit.images.claims import QUANTITY, Claims, ScaleSource, claim_scale, decode_text, label, parse_number
from fusiondiff_audit.images.formats.ifd import Directory, read_directories
from fusiondiff_audit.images.header import ImageHeader

_DESCRIPTION, _X_RESOLUTION, _ZEISS, _FEI, _HELIOS = 270, 282, 34118, 34680, 34682
_MOST_IMAGES = 64  # in OME-XML; a TIFF may have as many pages
_PIXELS = re.compile(r"<Pixels\s([^<>]{0,4000})>")
_ATTRIBUTE = re.compile(r"\b(\w{1,64})\s{0,4}=\s{0,4}\"([^\"]{0,100})\"")


def read_tiff_claims(data: bytes, header: ImageHeader) -> list[Claims]:
    """Return the claims of each vendor."""
    directory = read_directories(data)[0]
    return [_read_ome(directory), _read_fei(directory, header), _read_zeiss(directory), _read_imagej(directory)]


def _read_ome(directory: Directory) -> Claims:
    """Read the pixel size of OME-XML; images of different pixel sizes make no claim."""
    text = _tag(directory, _DESCRIPTION)
    if "<OME" not in text[:4096]:
        return Claims()
    sizes = set()
    for match in islice(_PIXELS.finditer(text), _MOST_IMAGES):
        attributes = {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(match[1])}
        unit = attributes.get("PhysicalSizeXUnit", "µm")  # the schema's default
        sizes.add((attributes.get("PhysicalSizeX", ""), attributes.get("PhysicalSizeY", ""), unit))
    if len(sizes) != 1:
        return Claims()
    across, down, unit = sizes.pop()
    return claim_scale(ScaleSource.OME, across, unit, down=down)


def _read_fei(directory: Directory, header: ImageHeader) -> Claims:
    text = _tag(directory, _FEI) or _tag(directory, _HELIOS)
    section, values = "", {}
    for line in text.splitlines():
        name, separator, value = line.strip().partition("=")
        if line.startswith("["):
            section = line.strip("[] \t")
        elif separator:
            values[f"{section}.{name.strip()}"] = value.strip()
    width, down = values.get("Scan.PixelWidth", ""), values.get("Scan.PixelHeight", "")
    if not width and "Scan.HorFieldsize" in values:  # the width of the field of view
        field_width = parse_number(values["Scan.HorFieldsize"])
        width = str(field_width / header.width) if field_width else ""
    rows = values.get("Image.ResolutionY", "")
    return replace(
        claim_scale(ScaleSource.FEI, width, "m", down=down),
        detector=label(values.get("Detectors.Name")),
        rows=int(rows) if re.fullmatch("[0-9]{1,6}", rows) and 0 < int(rows) < header.height else None,
    )


def _read_zeiss(directory: Directory) -> Claims:
    """Read pairs of lines: `AP_NAME`, then `Label = value`."""
    lines = _tag(directory, _ZEISS).splitlines()
    values = {key.strip(): line.partition("=")[2].strip() for key, line in pairwise(lines)}
    side = QUANTITY.fullmatch(values.get("AP_IMAGE_PIXEL_SIZE", ""))  # AP_PIXEL_SIZE is the screen's
    return replace(
        claim_scale(ScaleSource.ZEISS, side[1], side[2]) if side else Claims(),
        detector=label(values.get("DP_DETECTOR_TYPE") or values.get("DP_DETECTOR_CHANNEL")),
        magnification=label(values.get("AP_MAG")),
    )


def _read_imagej(directory: Directory) -> Claims:
    text = _tag(directory, _DESCRIPTION)
    unit = re.search(r"^unit=(.{1,20})$", text, re.MULTILINE) if text.startswith("ImageJ=") else None
    raw = directory.rational(_X_RESOLUTION)
    if unit is None or raw is None or not raw[0] or not raw[1]:
        return Claims()
    side = str(Decimal(raw[1]) / Decimal(raw[0]))
    return claim_scale(ScaleSource.IMAGEJ, side, unit[1].replace("\\u00B5", "µ").strip())


def _tag(directory: Directory, tag: int) -> str:
    return decode_text(directory.raw(tag))
