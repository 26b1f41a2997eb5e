"""Checks of a TIFF's ImageDescription, from which some readers take the number and the size of planes.

ImageJ stores further planes behind a single directory; OME-XML names planes, in other files too; tifffile writes the
shape of an array. Each must agree with the directory: one plane, of the image's size.
"""

import json
import re
from itertools import dropwhile

from fusiondiff_audit.images.errors import ambiguous
from fusiondiff_audit.images.formats.ome import check_ome

_COUNT = re.compile(r"(?:images|slices|frames|channels)\s*=\s*([^\r\n]{0,20})")
_DISPLAY = re.compile(r"^(min|max)\s*=\s*([^\r\n]{0,40})", re.MULTILINE)
_IMAGEJ_TEXTS = frozenset({b"info", b"labl"})
_SHAPE = re.compile(r"shape=\s*\(([0-9,\s]{0,200})\)")  # the form of older versions of tifffile; newer ones write JSON


def check_description(text: str, name: str, width: int, height: int, channels: int) -> None:
    """Refuse a description of more planes than one, or of another size than the image's."""
    if "ImageJ" in text:
        for match in _COUNT.finditer(text):
            if match[1].strip() != "1":
                raise ambiguous(f"ImageJ's description says {match[0].strip()!a}: the file hides planes")
        _check_display(text)
    if text.lstrip().startswith("shape="):
        _check_sides(_old_shape(text), width, height, channels)
    if '"shape"' in text:
        _check_shaped(text, width, height, channels)
    if "<scn" in text or "</scn" in text:
        raise ambiguous("Leica's description of a slide, which names planes")
    if "OME>" in text or "<OME" in text or ":OME" in text:
        check_ome(text.strip(), name, width, height, channels)


def check_imagej(sizes: tuple[int, ...], data: bytes) -> None:
    """Refuse ImageJ's metadata that draws over the image or maps its tones; notes and labels are accepted."""
    if not sizes or sizes[0] < 4 or (sizes[0] - 4) % 8 or len(data) < sizes[0] or data[:4] not in (b"IJIJ", b"JIJI"):
        raise ambiguous("ImageJ's metadata that cannot be read")
    for place in range(4, sizes[0], 8):
        kind = data[place : place + 4] if data[:4] == b"IJIJ" else data[place : place + 4][::-1]
        if kind not in _IMAGEJ_TEXTS:
            raise ambiguous(f"ImageJ's metadata {kind!a}: ImageJ would draw over the image, or show other tones")


def _check_display(text: str) -> None:
    """Refuse a display range that inverts the image; any other one changes no sample."""
    ends = dict(_DISPLAY.findall(text))
    try:
        inverted = {"min", "max"} <= set(ends) and float(ends["min"]) >= float(ends["max"])
    except ValueError:
        inverted = True
    if inverted:
        raise ambiguous("ImageJ's description has a display range that inverts the image")


def _old_shape(text: str) -> list[object]:
    match = _SHAPE.search(text)
    if match is None or text.count("shape=") != 1:
        raise ambiguous("a description of an array that cannot be read")
    return [int(side) for side in re.findall(r"[0-9]{1,18}", match[1])]


def _check_shaped(text: str, width: int, height: int, channels: int) -> None:
    """Refuse a description in JSON of another array than the image."""
    try:
        description = json.loads(text, object_pairs_hook=_without_duplicates)
        sides, axes = list(description["shape"]), description.get("axes")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as e:
        raise ambiguous(f"a description of an array that cannot be read ({type(e).__name__})") from e
    if any(type(side) is not int for side in sides):
        raise ambiguous("a description of an array whose sides are no whole numbers")
    expected_axes = _check_sides(sides, width, height, channels)
    if axes is not None and not (isinstance(axes, str) and len(axes) == len(sides) and axes.endswith(expected_axes)):
        raise ambiguous(f"its description says axes {str(axes)[:20]!a}: some readers would see planes")


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name twice")
    return dict(pairs)


def _check_sides(sides: list[object], width: int, height: int, channels: int) -> str:
    """Refuse the shape of another array than the image's; return the names of the image's own axes."""
    shapes: dict[str, list[object]] = {"YXS": [height, width, channels]}
    if channels == 1:
        shapes["YX"] = [height, width]
    for axes, shape in shapes.items():
        if _without_leading_ones(sides) == _without_leading_ones(shape):
            return axes
    raise ambiguous(f"its description says an array of {str(sides)[:100]}, its tags another image")


def _without_leading_ones(sides: list[object]) -> list[object]:
    return list(dropwhile(lambda side: side == 1, sides))
