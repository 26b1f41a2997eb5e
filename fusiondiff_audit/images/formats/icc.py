"""ICC profiles (ICC.1:2022): accepted if they describe greys, or sRGB's colours, with an ordinary tone curve.

A profile with lookup tables could show any image in place of the samples. With tone curves near those of displays, and
sRGB's primaries, a reader that applies the profile shows the same image as one that ignores it.
"""

import struct
from collections.abc import Iterator

from fusiondiff_audit.images.errors import ImageError, ambiguous
from fusiondiff_audit.images.header import MAX_METADATA

_HEADER, _ENTRY, _MAX_TAGS = 128, 12, 100
_GREY, _COLOUR = b"GRAY", b"RGB "
_CURVES = {_GREY: (b"kTRC",), _COLOUR: (b"rTRC", b"gTRC", b"bTRC")}
_PRIMARIES = {  # of sRGB, adapted to D50: X, Y, Z
    b"rXYZ": (0.4361, 0.2225, 0.0139),
    b"gXYZ": (0.3851, 0.7169, 0.0971),
    b"bXYZ": (0.1431, 0.0606, 0.7141),
}
_NEAR = 0.005  # of a primary; profiles in use differ by 0.001
_GAMMA, _STEEPEST, _FLATTEST = 2.2, 2.7, 1.7  # of displays, and the bounds of a tone curve
_SLACK = 0.02  # by which a curve may leave these bounds, after encoding with _GAMMA
_MAX_CURVE = 4096  # values of a table
_SAMPLES = 1024  # points at which a formula is evaluated; a table is checked at each of its values
_CLASSES = (b"mntr", b"scnr", b"spac")
_PARAMETERS = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}  # by function type of parametric curve
_DESCRIPTIVE = frozenset(
    {
        b"cprt", b"desc", b"dmnd", b"dmdd", b"wtpt", b"bkpt", b"chad", b"chrm", b"lumi", b"meas", b"tech", b"vued",
        b"view", b"calt", b"targ", b"dscm",
    }
)  # fmt: skip


def check_profile(data: bytes, channels: int) -> None:
    """Refuse a profile that may show another image than the samples; `channels` do not count opacity."""
    try:
        tags = _parse(data)
        space = data[16:20]
        if data[12:16] not in _CLASSES or data[20:24] != b"XYZ " or data[36:40] != b"acsp":
            raise ambiguous("an ICC profile that is none of displays, scanners or colour spaces in XYZ")
        if space != (_COLOUR if channels == 3 else _GREY) and (space, channels) != (_COLOUR, 1):
            raise ambiguous(f"an ICC profile of colour space {space!a} for {channels} channels")
        if unknown := sorted(set(tags) - _DESCRIPTIVE - set(_CURVES[space]) - set(_PRIMARIES)):
            raise ambiguous(f"an ICC profile with {unknown[0]!a}: it may show another image")
        for name in _CURVES[space]:
            _check_curve(name, tags[name])
        for name, expected in _PRIMARIES.items() if space == _COLOUR else ():
            if any(abs(a - b) > _NEAR for a, b in zip(_xyz(tags[name]), expected, strict=True)):
                raise ambiguous("an ICC profile of other colours than sRGB's")
    except ImageError:
        raise
    except (KeyError, struct.error, TypeError, ValueError, ArithmeticError) as e:  # TypeError: a complex power
        raise ambiguous(f"an ICC profile that readers may read differently ({type(e).__name__})") from e


def _parse(data: bytes) -> dict[bytes, bytes]:
    if len(data) > MAX_METADATA or len(data) < _HEADER + 4 or struct.unpack_from(">I", data)[0] != len(data):
        raise ValueError("another length than it says")
    (count,) = struct.unpack_from(">I", data, _HEADER)
    if count > _MAX_TAGS:
        raise ValueError("too many tags")
    tags: dict[bytes, bytes] = {}
    for number in range(count):
        name, offset, size = struct.unpack_from(">4sII", data, _HEADER + 4 + number * _ENTRY)
        if name in tags or offset + size > len(data):
            raise ValueError("a tag twice, or outside")
        tags[name] = data[offset : offset + size]
    return tags


def _xyz(tag: bytes) -> tuple[float, float, float]:
    kind, x, y, z = struct.unpack_from(">4s4xiii", tag)
    if kind != b"XYZ ":
        raise ValueError("not XYZ")
    return x / 65536, y / 65536, z / 65536


def _check_curve(name: bytes, tag: bytes) -> None:
    """Refuse a tone curve that decreases, or leaves the bounds."""
    previous = 0.0
    for x, y in _points(tag):
        perceived = max(y, 0.0) ** (1 / _GAMMA)
        low, high = x ** (_STEEPEST / _GAMMA) - _SLACK, x ** (_FLATTEST / _GAMMA) + _SLACK
        if not low <= perceived <= high or y < previous - 1e-9:
            raise ambiguous(f"an ICC profile whose {name.decode()} is no plain tone curve")
        previous = y


def _points(tag: bytes) -> Iterator[tuple[float, float]]:
    """Yield points of a curve in ascending order; of a table, every point."""
    kind = tag[:4]
    if kind == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count > _MAX_CURVE:
            raise ValueError("a very long table")
        values = struct.unpack_from(f">{count}H", tag, 12)
        if count > 1:
            yield from ((place / (count - 1), value / 65535) for place, value in enumerate(values))
            return
        gamma = values[0] / 256 if count else 1.0
        yield from ((x, x**gamma) for x in _steps())
    elif kind == b"para":
        (function,) = struct.unpack_from(">H", tag, 8)
        g, *rest = (v / 65536 for v in struct.unpack_from(f">{_PARAMETERS[function]}i", tag, 12))
        yield from ((x, _parametric(g, rest, x)) for x in _steps())
    else:
        raise ValueError("no curve")


def _steps() -> Iterator[float]:
    return (step / _SAMPLES for step in range(_SAMPLES + 1))


def _parametric(g: float, rest: list[float], x: float) -> float:
    """Return a parametric curve's value (ICC.1:2022, 10.18)."""
    if not rest:
        return float(x**g)
    a, b, *others = rest
    if len(others) < 2:  # one offset, for the whole curve
        c = others[0] if others else 0.0
        return float((a * x + b) ** g) + c if x >= -b / a else c
    c, d, *offsets = others
    e, f = offsets or (0.0, 0.0)
    return float((a * x + b) ** g) + e if x >= d else c * x + f
