"""Claims about an image: the size of a pixel, the detector, the magnification, as metadata states them.

Claims are not checked, and each scale names its source. Metadata that cannot be parsed makes no claim.
"""

import re
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from enum import StrEnum

MAX_CLAIM_TEXT = 1024 * 1024  # bytes of one tag or sidecar
MAX_DIFFERENCE = Decimal("0.02")  # between two claims on one pixel; more is a conflict
_UNITS = {
    **dict.fromkeys(("pm",), Decimal("0.001")),
    **dict.fromkeys(("å", "angstrom"), Decimal("0.1")),
    **dict.fromkeys(("nm", "nanometer", "nanometre"), Decimal(1)),
    **dict.fromkeys(("um", "µm", "μm", "micron", "microns", "micrometer"), Decimal(1000)),
    **dict.fromkeys(("mm", "millimeter"), Decimal(10**6)),
    **dict.fromkeys(("m",), Decimal(10**9)),
}
LEAST_NANOMETRES, MOST_NANOMETRES = Decimal("0.001"), Decimal(10**8)  # from a picometre to a tenth of a metre
QUANTITY = re.compile(r"([0-9.]{1,30}(?:[eE][+-]?[0-9]{1,3})?)\s{0,4}([a-zA-Zµμ]{1,12})")


class ScaleSource(StrEnum):
    """The metadata that claims a scale."""

    MANIFEST = "manifest"
    OME = "OME"
    FEI = "FEI"
    ZEISS = "Zeiss"
    IMAGEJ = "ImageJ"
    HITACHI = "Hitachi sidecar"
    JEOL = "JEOL sidecar"
    MRC = "MRC"
    GATAN = "Gatan"
    TIA = "TIA"


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


def claim_scale(source: ScaleSource, across: str, unit: str, *, down: str = "") -> Claims:
    """Return a claim of one scale, or none if it cannot be parsed; a pixel that is not square is a conflict."""
    scale = _scale(source, across, unit)
    if scale is None:
        return Claims()
    other = _scale(source, down, unit) if down else None
    oblong = other is not None and differ(scale, other)
    return Claims(scales=(scale,), conflicts=(f"pixels of {scale} by {other} ({source})",) if oblong else ())


def differ(first: Scale, second: Scale) -> bool:
    return abs(first.nanometres - second.nanometres) > MAX_DIFFERENCE * first.nanometres


def parse_number(text: str) -> Decimal | None:
    if not re.fullmatch(r"[0-9.]{1,30}([eE][+-]?[0-9]{1,3})?", text.strip()):
        return None
    try:
        return Decimal(text.strip())
    except DecimalException:
        return None


def decode_text(raw: bytes) -> str:
    """Return bytes as text; none where there are more than MAX_CLAIM_TEXT."""
    if len(raw) > MAX_CLAIM_TEXT:
        return ""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", "replace")
    try:
        return raw.rstrip(b"\0").decode("utf-8")
    except UnicodeDecodeError:
        return raw.rstrip(b"\0").decode("latin-1")


def label(text: str | None) -> str | None:
    """Return the first 100 characters of a text, or None unless all are printable."""
    return text[:100] if text and text[:100].isprintable() else None


def _scale(source: ScaleSource, value: str, unit: str) -> Scale | None:
    number, factor = parse_number(value), _UNITS.get(unit if unit == "m" else unit.lower())
    if number is None or factor is None or not LEAST_NANOMETRES <= number * factor <= MOST_NANOMETRES:
        return None
    return Scale(round(number * factor, 6), source)
