"""Preparation steps, remarks and image quality in plain words; text of another form stands as it was signed."""

import re
from collections.abc import Callable

from fusiondiff_audit.images.lossless_steps import DROPPED, MAPPED, MERGED
from fusiondiff_audit.page.language import Catalogue
from reports.verdict.claims import ScaleClaim

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_STEPS = {
    "bar_metadata": r"(?P<rows>[0-9]+) rows of data bar cut off, by metadata",
    "bar_look": r"(?P<rows>[0-9]+) rows of data bar cut off, by their look",
    "tiles_all": r"(?P<tiles>[0-9]+) tiles of (?P<side>[0-9]+) pixels, 0 without structure left out",
    "tiles_flat": r"(?P<tiles>[0-9]+) tiles of (?P<side>[0-9]+) pixels, (?P<flat>[0-9]+) without structure left out",
    "no_tiles": r"no tiles: (?P<width>[0-9]+) x (?P<height>[0-9]+) pixels, a tile has (?P<side>[0-9]+)",
    "channel": r"channel (?P<channel>[0-9]+) of (?P<channels>[0-9]+) taken",
    "scale": rf"brought from (?P<old>{_NUMBER} nm).* to (?P<nm>{_NUMBER}) nm a pixel, "
    r"(?P<width>[0-9]+) x (?P<height>[0-9]+) pixels, bilinear",
    "greys": rf"per cent (?P<low>{_NUMBER}) to (?P<high>{_NUMBER}) mapped to 0 to 1",
    "ignored": r"(?:tags|segments|chunks) ignored: (?P<list>.+)",
    "mapped": re.escape(MAPPED),
    "dropped": re.escape(DROPPED),
    "merged": re.escape(MERGED),
    "bar_remark": r"the data bar was found in the pixels; no metadata states its place",
    "two_scales": r"two sizes of a pixel: (?P<sizes>.+)",
}
_DECIMALS = {"old", "nm", "low", "high"}
_QUALITY = re.compile(
    rf"(?:not assessable \((?P<faults>[a-z, -]+)\): )?white (?P<white>{_NUMBER})%, black (?P<black>{_NUMBER})%, "
    rf"contrast (?P<contrast>{_NUMBER}), focus (?P<focus>{_NUMBER})"
)
_MANIFEST = "manifest"


def step_text(step: str, catalogue: Catalogue) -> str:
    """Return a step or a remark in words."""
    for key, pattern in _STEPS.items():
        if (match := re.fullmatch(pattern, step)) is not None:
            values = {name: _written(name, text, catalogue.decimal) for name, text in match.groupdict().items()}
            return catalogue.text(f"step.{key}", **values)
    return step


def quality_text(quality: str | None, catalogue: Catalogue) -> str:
    """Return the measures of an image, and the faults for which it cannot be judged."""
    if quality is None:
        return catalogue.text("file.quality_unknown")
    match = _QUALITY.fullmatch(quality)
    if match is None:
        return quality
    values = {name: catalogue.decimal(text) for name, text in match.groupdict().items() if text and name != "faults"}
    measures = catalogue.text("file.quality_text", **values)
    if match["faults"] is None:
        return measures
    faults = (catalogue.choice("fault", fault) or fault for fault in match["faults"].split(", "))
    return catalogue.text("file.quality_fault", faults=catalogue.joined(faults), measures=measures)


def pixel_text(scale: ScaleClaim | None, catalogue: Catalogue) -> str:
    """Return the side of a pixel, and who states it."""
    if scale is None:
        return catalogue.text("file.pixel_unknown")
    key = "file.pixel_manifest" if scale.source == _MANIFEST else "file.pixel_source"
    return catalogue.text(key, nm=catalogue.decimal(scale.nm), source=scale.source)


def _written(name: str, text: str, decimal: Callable[[str], str]) -> str:
    return decimal(text) if name in _DECIMALS else text
