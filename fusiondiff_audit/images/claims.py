"""What a file says of itself beside its pixels: how large a pixel is, which detector, what magnification.

All of it is a claim, kept with where it stands. The signer's own comes first, since it alone was meant for the audit;
then OME, FEI, Zeiss and ImageJ in the file, and the text that Hitachi and JEOL microscopes write beside it, which
counts only where the manifest covers it. Text that makes no sense is no claim.
"""

import html
import re
from dataclasses import dataclass, field
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
LEAST, MOST = Decimal("0.001"), Decimal(10**8)  # nm; from a picometre to a tenth of a metre
_QUANTITY = re.compile(r"([0-9.]{1,30}(?:[eE][+-]?[0-9]{1,3})?)\s{0,4}([a-zA-Zµμ]{1,12})")
_MOST_IMAGES = 64  # of one file; 64 pages are the limit
_PIXELS = re.compile(r"<Pixels\s([^<>]{0,4000})>")
_ATTRIBUTE = re.compile(r"\b(\w{1,64})\s{0,4}=\s{0,4}\"([^\"]{0,100})\"")


class ScaleSource(StrEnum):
    """Where a claim stands."""

    MANIFEST = "manifest"
    OME = "OME"
    FEI = "FEI"
    ZEISS = "Zeiss"
    IMAGEJ = "ImageJ"
    HITACHI = "Hitachi sidecar"
    JEOL = "JEOL sidecar"


@dataclass(frozen=True, slots=True)
class Scale:
    """A pixel's side in nanometres, as somebody claims it."""

    nanometres: Decimal
    source: ScaleSource

    def __str__(self) -> str:
        return f"{self.nanometres.normalize():f} nm"


@dataclass(frozen=True, slots=True)
class Claims:
    """What is said of an image; the first scale is the one that counts."""

    scales: tuple[Scale, ...] = ()
    detector: str | None = None
    magnification: str | None = None
    rows: int | None = None  # of the image proper, where a data bar follows
    conflicts: tuple[str, ...] = field(default=())

    @property
    def scale(self) -> Scale | None:
        """Return the scale that counts."""
        return self.scales[0] if self.scales else None


def read_sidecar(text: bytes) -> tuple[Claims, ...]:
    """Return what the text says that a microscope wrote beside an image: so much is kept, and never the text."""
    sidecar_text = _text(text)
    return _read_hitachi(sidecar_text), _read_jeol(sidecar_text)


def read_claims(
    data: bytes, header: ImageHeader, *, signed: tuple[str, str] | None = None, sidecar: tuple[Claims, ...] = ()
) -> Claims:
    """Return what the manifest, the file and its sidecar say; the manifest's value and unit are `signed`."""
    sources: list[Claims] = []
    if signed is not None:
        sources.append(_scaled(ScaleSource.MANIFEST, *signed))
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
    """Read the first image's size from OME-XML; a file of several sizes claims none."""
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
    return _scaled(ScaleSource.OME, across, unit, down=down)


def _read_fei(directory: Directory, header: ImageHeader) -> Claims:
    text = _tag(directory, _FEI) or _tag(directory, _HELIOS)
    section, values = "", {}
    for line in text.splitlines():
        name, found, value = line.strip().partition("=")
        if line.startswith("["):
            section = line.strip("[] \t")
        elif found:
            values[f"{section}.{name.strip()}"] = value.strip()
    width, down = values.get("Scan.PixelWidth", ""), values.get("Scan.PixelHeight", "")
    if not width and "Scan.HorFieldsize" in values:  # of the whole field
        field_width = _number(values["Scan.HorFieldsize"])
        width = str(field_width / header.width) if field_width else ""
    rows = values.get("Image.ResolutionY", "")
    scaled = _scaled(ScaleSource.FEI, width, "m", down=down)
    return Claims(
        scales=scaled.scales,
        conflicts=scaled.conflicts,
        detector=_label(values.get("Detectors.Name")),
        rows=int(rows) if re.fullmatch("[0-9]{1,6}", rows) and 0 < int(rows) < header.height else None,
    )


def _read_zeiss(directory: Directory) -> Claims:
    """Read lines of `AP_NAME` followed by `Label = value`."""
    lines = _tag(directory, _ZEISS).splitlines()
    values = {key.strip(): line.partition("=")[2].strip() for key, line in pairwise(lines)}
    side = _QUANTITY.fullmatch(values.get("AP_IMAGE_PIXEL_SIZE", ""))  # AP_PIXEL_SIZE is the screen's
    scaled = _scaled(ScaleSource.ZEISS, side[1], side[2]) if side else Claims()
    return Claims(
        scales=scaled.scales,
        detector=_label(values.get("DP_DETECTOR_TYPE") or values.get("DP_DETECTOR_CHANNEL")),
        magnification=_label(values.get("AP_MAG")),
    )


def _read_imagej(directory: Directory) -> Claims:
    text = _tag(directory, _DESCRIPTION)
    unit = re.search(r"^unit=(.{1,20})$", text, re.MULTILINE) if text.startswith("ImageJ=") else None
    raw = directory.rational(_X_RESOLUTION)
    if unit is None or raw is None or not raw[0] or not raw[1]:
        return Claims()
    return _scaled(ScaleSource.IMAGEJ, str(Decimal(raw[1]) / Decimal(raw[0])), unit[1].replace("\\u00B5", "µ").strip())


def _read_hitachi(text: str) -> Claims:
    if "[SemImageFile]" not in text:
        return Claims()
    values = _pairs(text, "=")
    return Claims(
        scales=_scaled(ScaleSource.HITACHI, values.get("PixelSize", ""), "nm").scales,
        detector=_label(values.get("SignalName")),
        magnification=_label(values.get("Magnification")),
    )


def _read_jeol(text: str) -> Claims:
    """Read a bar of so many pixels, and the length that it stands for."""
    if "$$SM_MICRON_BAR" not in text:
        return Claims()
    values = _pairs(text, " ")
    bar, marker = _number(values.get("$$SM_MICRON_BAR", "")), _QUANTITY.fullmatch(values.get("$$SM_MICRON_MARKER", ""))
    length = _number(marker[1]) if marker else None
    scaled = _scaled(ScaleSource.JEOL, str(length / bar), marker[2]) if bar and length and marker else Claims()
    return Claims(
        scales=scaled.scales,
        detector=_label(values.get("$CM_SIGNAL_NAME") or values.get("$CM_SIGNAL")),
        magnification=_label(values.get("$CM_MAG")),
    )


def _scaled(source: ScaleSource, across: str, unit: str, *, down: str = "") -> Claims:
    """Return a claim on the scale, if it makes sense; a pixel that is not square is a conflict."""
    scale = _scale(source, across, unit)
    if scale is None:
        return Claims()
    other = _scale(source, down, unit) if down else None
    torn = other is not None and _differ(scale, other)
    return Claims(scales=(scale,), conflicts=(f"pixels of {scale} by {other} ({source})",) if torn else ())


def _scale(source: ScaleSource, value: str, unit: str) -> Scale | None:
    number, factor = _number(value), _UNITS.get(unit if unit == "m" else unit.lower())
    if number is None or factor is None or not LEAST <= number * factor <= MOST:
        return None
    return Scale(round(number * factor, 6), source)


def _number(text: str) -> Decimal | None:
    if not re.fullmatch(r"[0-9.]{1,30}([eE][+-]?[0-9]{1,3})?", text.strip()):
        return None
    try:
        return Decimal(text.strip())
    except DecimalException:
        return None


def _differ(one: Scale, other: Scale) -> bool:
    return abs(one.nanometres - other.nanometres) > MAX_DIFFERENCE * one.nanometres


def _tag(directory: Directory, tag: int) -> str:
    raw = directory.raw(tag)
    return _text(raw)


def _text(raw: bytes) -> str:
    """Return bytes as text; what is too long is none."""
    if len(raw) > MAX_CLAIM_TEXT:
        return ""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", "replace")
    try:
        return raw.rstrip(b"\0").decode("utf-8")
    except UnicodeDecodeError:
        return raw.rstrip(b"\0").decode("latin-1")


def _pairs(text: str, sign: str) -> dict[str, str]:
    parts = (line.strip().partition(sign) for line in text.splitlines())
    return {name.strip(): value.strip() for name, found, value in parts if found}


def _label(text: str | None) -> str | None:
    """Return a short text of visible characters, or none."""
    return text[:100] if text and text[:100].isprintable() else None
