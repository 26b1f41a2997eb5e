"""Claims of sidecars: texts that Hitachi and JEOL microscopes write beside an image."""

from dataclasses import replace

from fusiondiff_audit.images.claims import QUANTITY, Claims, ScaleSource, claim_scale, decode_text, label, parse_number


def read_sidecar(text: bytes) -> tuple[Claims, ...]:
    """Return the claims of a sidecar's text; the text itself is not kept."""
    decoded = decode_text(text)
    return _read_hitachi(decoded), _read_jeol(decoded)


def _read_hitachi(text: str) -> Claims:
    if "[SemImageFile]" not in text:
        return Claims()
    values = _pairs(text, "=")
    return replace(
        claim_scale(ScaleSource.HITACHI, values.get("PixelSize", ""), "nm"),
        detector=label(values.get("SignalName")),
        magnification=label(values.get("Magnification")),
    )


def _read_jeol(text: str) -> Claims:
    """Read the scale bar: its width in pixels, and the length that it stands for."""
    if "$$SM_MICRON_BAR" not in text:
        return Claims()
    values = _pairs(text, " ")
    bar, marker = (
        parse_number(values.get("$$SM_MICRON_BAR", "")),
        QUANTITY.fullmatch(values.get("$$SM_MICRON_MARKER", "")),
    )
    length = parse_number(marker[1]) if marker else None
    return replace(
        claim_scale(ScaleSource.JEOL, str(length / bar), marker[2]) if bar and length and marker else Claims(),
        detector=label(values.get("$CM_SIGNAL_NAME") or values.get("$CM_SIGNAL")),
        magnification=label(values.get("$CM_MAG")),
    )


def _pairs(text: str, separator: str) -> dict[str, str]:
    parts = (line.strip().partition(separator) for line in text.splitlines())
    return {name.strip(): value.strip() for name, separated, value in parts if separated}
