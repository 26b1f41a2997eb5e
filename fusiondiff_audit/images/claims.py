"""Claims of metadata about an image: the size of a pixel, the detector, the magnification.

Claims are not checked, and each scale names its source. The manifest's scale takes precedence, since only the signer
wrote for the audit; then those of OME, FEI, Zeiss and ImageJ in the file, and of the sidecar texts that Hitachi and
JEOL microscopes write beside an image, which are read only if the manifest lists them. Metadata that cannot be parsed
makes no claim.
"""

import html
import re
from dataclasses import dataclass, replace
from decimal import Decimal, DecimalException
from enum import StrEnum
from itertools import islice, pairwise

from fusiondiff_audit.images.formats.ifd import Directory, read_directories
from fusiondiff_audit.images.header import ImageHeader

MAX_CLAIM_TEXT = 1024 * 1024  # bytes of one tag or sidecar
MAX_DIFFERENCE = Decimal("0.02")  # between two claims on one pixel; more is a conflict
_DESCRIPTION, _X_RESOLUTION, _ZEISS, _FEI, _HELIOS = 270, 282, 34118, 34680, 34682
_UNITS = {
    **dict.fromkeys(("pm",), Decimal("0.001")),
    **dict.fromkeys(("nm", "nanometer", "nanometre"), Decimal(1)),
    **dict.fromkeys(("um", "µm", "μm", "micron", "microns", "micrometer"), Decimal(1000)),
    **dict.fromkeys(("mm", "millimeter"), Decimal(10**6)),
    **dict.fromkeys(("m",), Decimal(10**9)),
}
LEAST_NANOMETRES, MOST_NANOMETRES = Decimal("0.001"), Decimal(10**8)  # from a picometre to a tenth of a metre
_QUANTITY = re.compile(r"([0-9.]{1,30}(?:[eE][+-]?[0-9]{1,3})?)\s{0,4}([a-zA-Zµμ]{1,12})")
_MOST_IMAGES = 64  # in OME-XML; a TIFF may have as many pages
_PIXELS = re.compile(r"<Pixels\s([^<>]{0,4000})>")
_ATTRIBUTE = re.compile(r"\b(\w{1,64})\s{0,4}=\s{0,4}\"([^\"]{0,100})\"")


class ScaleSource(StrEnum):
    """The metadata that claims a scale."""

    MANIFEST = "manifest"
    OME = "OME"
    FEI = "FEI"
    ZEISS = "Zeiss"
    IMAGEJ = "ImageJ"
    HITACHI = "Hitachi sidecar"
    JEOL = "JEOL sidecar"


@dataclass(frozen=True, slots=True)
class Scale:
    """The claimed side of a pixel."""

    nanometres: Decimal
    source: ScaleSource

    def __str__(self) -> str:
        return f"{self.nanometres.normalize():f} nm"


@dataclass(frozen=True, slots=True)
class Claims:
    """All claims about an image; the first scale takes precedence."""

    scales: tuple[Scale, ...] = ()
    detector: str | None = None
    magnification: str | None = None
    rows: int | None = None  # of the image proper, where a data bar follows
    conflicts: tuple[str, ...] = ()

    @property
    def scale(self) -> Scale | None:
        """Return the scale that takes precedence."""
        return self.scales[0] if self.scales else None


def read_sidecar(text: bytes) -> tuple[Claims, ...]:
    """Return the claims of a sidecar's text; the text itself is not kept."""
    decoded = _decode_text(text)
    return _read_hitachi(decoded), _read_jeol(decoded)


def read_claims(
    data: bytes, header: ImageHeader, *, signed: tuple[str, str] | None = None, sidecar: tuple[Claims, ...] = ()
) -> Claims:
    """Return the claims of manifest, file and sidecar; `signed` are the value and the unit of the manifest's scale."""
    sources: list[Claims] = []
    if signed is not None:
        sources.append(_claim_scale(ScaleSource.MANIFEST, *signed))
    if header.layout is not None:
        directory = read_directories(data)[0]
        sources += [_read_ome(directory), _read_fei(directory, header), _read_zeiss(directory), _read_imagej(directory)]
    sources += sidecar
    scales = tuple(scale for claims in sources for scale in claims.scales)
    conflicts = [conflict for claims in sources for conflict in claims.conflicts]
    conflicts += [f"{scales[0]} ({scales[0].source}), {s} ({s.source})" for s in scales[1:] if _differ(scales[0], s)]
    return Claims(
        scales=scales,
        detector=next((claims.detector for claims in sources if claims.detector), None),
        magnification=next((claims.magnification for claims in sources if claims.magnification), None),
        rows=next((claims.rows for claims in sources if claims.rows), None),
        conflicts=tuple(conflicts),
    )


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
    return _claim_scale(ScaleSource.OME, across, unit, down=down)


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
        field_width = _number(values["Scan.HorFieldsize"])
        width = str(field_width / header.width) if field_width else ""
    rows = values.get("Image.ResolutionY", "")
    return replace(
        _claim_scale(ScaleSource.FEI, width, "m", down=down),
        detector=_label(values.get("Detectors.Name")),
        rows=int(rows) if re.fullmatch("[0-9]{1,6}", rows) and 0 < int(rows) < header.height else None,
    )


def _read_zeiss(directory: Directory) -> Claims:
    """Read pairs of lines: `AP_NAME`, then `Label = value`."""
    lines = _tag(directory, _ZEISS).splitlines()
    values = {key.strip(): line.partition("=")[2].strip() for key, line in pairwise(lines)}
    side = _QUANTITY.fullmatch(values.get("AP_IMAGE_PIXEL_SIZE", ""))  # AP_PIXEL_SIZE is the screen's
    return replace(
        _claim_scale(ScaleSource.ZEISS, side[1], side[2]) if side else Claims(),
        detector=_label(values.get("DP_DETECTOR_TYPE") or values.get("DP_DETECTOR_CHANNEL")),
        magnification=_label(values.get("AP_MAG")),
    )


def _read_imagej(directory: Directory) -> Claims:
    text = _tag(directory, _DESCRIPTION)
    unit = re.search(r"^unit=(.{1,20})$", text, re.MULTILINE) if text.startswith("ImageJ=") else None
    raw = directory.rational(_X_RESOLUTION)
    if unit is None or raw is None or not raw[0] or not raw[1]:
        return Claims()
    side = str(Decimal(raw[1]) / Decimal(raw[0]))
    return _claim_scale(ScaleSource.IMAGEJ, side, unit[1].replace("\\u00B5", "µ").strip())


def _read_hitachi(text: str) -> Claims:
    if "[SemImageFile]" not in text:
        return Claims()
    values = _pairs(text, "=")
    return replace(
        _claim_scale(ScaleSource.HITACHI, values.get("PixelSize", ""), "nm"),
        detector=_label(values.get("SignalName")),
        magnification=_label(values.get("Magnification")),
    )


def _read_jeol(text: str) -> Claims:
    """Read the scale bar: its width in pixels, and the length that it stands for."""
    if "$$SM_MICRON_BAR" not in text:
        return Claims()
    values = _pairs(text, " ")
    bar, marker = _number(values.get("$$SM_MICRON_BAR", "")), _QUANTITY.fullmatch(values.get("$$SM_MICRON_MARKER", ""))
    length = _number(marker[1]) if marker else None
    return replace(
        _claim_scale(ScaleSource.JEOL, str(length / bar), marker[2]) if bar and length and marker else Claims(),
        detector=_label(values.get("$CM_SIGNAL_NAME") or values.get("$CM_SIGNAL")),
        magnification=_label(values.get("$CM_MAG")),
    )


def _claim_scale(source: ScaleSource, across: str, unit: str, *, down: str = "") -> Claims:
    """Return a claim of one scale, or none if it cannot be parsed; a pixel that is not square is a conflict."""
    scale = _scale(source, across, unit)
    if scale is None:
        return Claims()
    other = _scale(source, down, unit) if down else None
    oblong = other is not None and _differ(scale, other)
    return Claims(scales=(scale,), conflicts=(f"pixels of {scale} by {other} ({source})",) if oblong else ())


def _scale(source: ScaleSource, value: str, unit: str) -> Scale | None:
    number, factor = _number(value), _UNITS.get(unit if unit == "m" else unit.lower())
    if number is None or factor is None or not LEAST_NANOMETRES <= number * factor <= MOST_NANOMETRES:
        return None
    return Scale(round(number * factor, 6), source)


def _number(text: str) -> Decimal | None:
    if not re.fullmatch(r"[0-9.]{1,30}([eE][+-]?[0-9]{1,3})?", text.strip()):
        return None
    try:
        return Decimal(text.strip())
    except DecimalException:
        return None


def _differ(first: Scale, second: Scale) -> bool:
    return abs(first.nanometres - second.nanometres) > MAX_DIFFERENCE * first.nanometres


def _tag(directory: Directory, tag: int) -> str:
    return _decode_text(directory.raw(tag))


def _decode_text(raw: bytes) -> str:
    """Return bytes as text; none where there are more than MAX_CLAIM_TEXT."""
    if len(raw) > MAX_CLAIM_TEXT:
        return ""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", "replace")
    try:
        return raw.rstrip(b"\0").decode("utf-8")
    except UnicodeDecodeError:
        return raw.rstrip(b"\0").decode("latin-1")


def _pairs(text: str, separator: str) -> dict[str, str]:
    parts = (line.strip().partition(separator) for line in text.splitlines())
    return {name.strip(): value.strip() for name, separated, value in parts if separated}


def _label(text: str | None) -> str | None:
    """Return the first 100 characters of a text, or None unless all are printable."""
    return text[:100] if text and text[:100].isprintable() else None
