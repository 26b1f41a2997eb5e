"""How many planes a TIFF's description says that the file holds: readers that heed it would see more than one page.

ImageJ keeps further planes behind a single directory; OME-XML names planes, also in other files; tifffile writes the
shape of an array. Each must say what the directory says: one plane, of its size.
"""

import re
from itertools import dropwhile

from fusiondiff_audit.images.errors import ambiguous

_COUNT = re.compile(r"(?:images|slices|frames|channels)\s{0,4}=\s{0,4}([^\r\n]{0,20})")
_SHAPE = re.compile(r"\"?shape\"?\s{0,4}[:=]\s{0,4}[\[(]([0-9,\s]{0,200})")
_AXES = re.compile(r"\"?axes\"?\s{0,4}[:=]\s{0,4}\"?([A-Za-z]{0,20})")
_PIXELS = re.compile(r"<(?:\w{1,20}:)?Pixels\b([^<>]{0,4000})>")
_PIXELS_TAG = re.compile(r"<(?:\w{1,20}:)?Pixels\b")
_ATTRIBUTE = re.compile(r"\b([\w:]{1,64})\s{0,4}=\s{0,4}(?:\"([^\"<>]{0,200})\"|'([^'<>]{0,200})')")
_ROOT = re.compile(r"<(?:\w{1,20}:)?OME\b([^<>]{0,4000})>")
_UUID = re.compile(r"<(?:\w{1,20}:)?UUID\b[^<>]{0,4000}>\s{0,20}([^<>\s]{0,200})")
_ELSEWHERE = re.compile(r"BinaryOnly|MetadataFile|<!\[CDATA|<!DOCTYPE|<!ENTITY|<(?:\w{1,20}:)?BinData\b")


def check_description(text: str, width: int, height: int, channels: int) -> None:
    """Refuse a description of more planes than one, or of another size than the picture's."""
    if "ImageJ" in text:
        for match in _COUNT.finditer(text):
            if match[1].strip() != "1":
                raise ambiguous(f"ImageJ's description says {match[0].strip()!a}: the file hides planes")
    shapes = _SHAPE.findall(text)
    for shape in shapes:
        _check_shape(shape, width, height, channels)
    for axes in _AXES.findall(text) if shapes else ():
        if not axes.endswith("YXS" if channels > 1 else ("YX", "YXS")):
            raise ambiguous(f"its description says axes {axes!a}: some readers would see planes")
    if "OME" in text and "<" in text and "Pixels" in text:
        _check_ome(text, width, height, channels)


def _check_shape(listed: str, width: int, height: int, channels: int) -> None:
    sides = [int(side) for side in re.findall(r"[0-9]{1,18}", listed)]
    expected = [height, width] if channels == 1 else [height, width, channels]
    if _without_leading_ones(sides) not in (_without_leading_ones(expected), _without_leading_ones([*expected, 1])):
        raise ambiguous(f"its description says an array of [{listed.strip()[:100]}], its tags another picture")


def _without_leading_ones(sides: list[int]) -> list[int]:
    return list(dropwhile(lambda side: side == 1, sides))


def _check_ome(text: str, width: int, height: int, channels: int) -> None:
    text = _without_comments(text)
    if match := _ELSEWHERE.search(text):
        raise ambiguous(f"OME-XML with {match[0]!a}, which may name another picture")
    pixels = _PIXELS.search(text)
    if pixels is None or len(_PIXELS_TAG.findall(text)) != 1:
        raise ambiguous("OME-XML of more than one image, or of one that cannot be read")
    sizes = _attributes(pixels[1])
    expected = {"SizeX": (width,), "SizeY": (height,), "SizeZ": (1,), "SizeT": (1,), "SizeC": (1, channels)}
    for name, values in expected.items():
        if sizes.get(name) not in {str(value) for value in values}:
            raise ambiguous(f"OME-XML says {name} {sizes.get(name, 'nowhere')!a}, the picture's is {values[-1]}")
    root = _ROOT.search(text)
    own = _attributes(root[1]).get("UUID") if root else None
    if any(other != own for other in _UUID.findall(text)):
        raise ambiguous("OME-XML names planes in another file")


def _attributes(text: str) -> dict[str, str]:
    """Return an element's attributes; one that is there twice counts for nothing."""
    pairs = [(name, double or single) for name, double, single in _ATTRIBUTE.findall(text)]
    names = [name for name, _ in pairs]
    return {name: value for name, value in pairs if names.count(name) == 1}


def _without_comments(text: str) -> str:
    """Return XML without its comments, with one of which Bio-Formats begins."""
    before, *rest = text.split("<!--")
    return before + "".join(part.partition("-->")[2] for part in rest)
