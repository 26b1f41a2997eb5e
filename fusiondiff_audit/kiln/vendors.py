"""The files that microscopes write: a picture with its data bar, and what each maker says of the pixel's size.

Which maker, voltage and working distance a session has is drawn without a look at the specimen, so that no file tells
by its form whose work it shows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from fusiondiff_audit.kiln.specimens import Pixels

_BAR = 36  # rows
_ASCII, _RATIONAL, _SHORT = 2, 5, 3
_DESCRIPTION, _X_RESOLUTION, _Y_RESOLUTION, _UNIT, _ZEISS, _FEI = 270, 282, 283, 296, 34118, 34682
_NO_UNIT = 1
_STEPS = (50, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1)


@dataclass(frozen=True, slots=True)
class Acquisition:
    """What a microscope knows of a picture that it took."""

    pixels: Pixels
    pixel_size: float  # micrometres
    voltage: float  # kilovolts
    distance: float  # between lens and specimen, millimetres

    @property
    def nanometres(self) -> str:
        """Return a pixel's side as microscopes print it."""
        return f"{1000 * self.pixel_size:.4g}"

    @property
    def magnification(self) -> int:
        """Return the magnification of a print 127 mm wide, as is the custom."""
        return round(127_000 / (self.pixel_size * int(self.pixels.shape[1])))


@dataclass(frozen=True, slots=True)
class MicrographFile:
    """A file's bytes, its ending, and the text that is written beside it."""

    data: bytes
    ending: str
    sidecar: str | None = None


def draw_settings(rng: np.random.Generator) -> tuple[str, float, float]:
    """Draw a session's maker, voltage and working distance."""
    return str(rng.choice(sorted(VENDORS))), float(rng.choice([10, 15, 20])), round(float(rng.uniform(6, 12)), 1)


def with_data_bar(shot: Acquisition) -> Pixels:
    """Return the picture with a black bar below it: settings, and a line of known length."""
    width = shot.pixels.shape[1]
    bar = Image.new("L", (width, _BAR), 0)
    draw = ImageDraw.Draw(bar)
    font = ImageFont.load_default(size=13)
    text = f"{shot.voltage:g} kV  WD {shot.distance:g} mm  BSE  x{shot.magnification:,}"
    draw.text((8, 10), text, fill=255, font=font)
    length = _length(shot)
    across = round(length / shot.pixel_size)
    right = width - 10
    draw.line((right - across, 27, right, 27), fill=255, width=3)
    draw.text((right, 8), f"{length:g} um", fill=255, font=font, anchor="ra")
    top = np.iinfo(shot.pixels.dtype).max
    strip = (np.asarray(bar) > 127).astype(shot.pixels.dtype) * top
    return np.concatenate([shot.pixels, strip])


def _length(shot: Acquisition) -> float:
    """Return how many micrometres the line in a bar stands for: a round number, at most a quarter of the picture."""
    fits = (step for step in _STEPS if step <= shot.pixel_size * shot.pixels.shape[1] / 4)
    return next(fits, _STEPS[-1])


def _zeiss(shot: Acquisition) -> MicrographFile:
    lines = [
        "DP_DETECTOR_TYPE\r\nDetector = BSD",
        f"AP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = {shot.nanometres} nm",
        f"AP_MAG\r\nMag = {shot.magnification} X",
        f"AP_WD\r\nWD = {shot.distance} mm",
        f"AP_ACTUALKV\r\nEHT = {shot.voltage:g} kV",
    ]
    return MicrographFile(_tiff(with_data_bar(shot), {_ZEISS: (_ASCII, "\r\n".join(lines) + "\r\n")}), "tif")


def _fei(shot: Acquisition) -> MicrographFile:
    metres = f"{shot.pixel_size * 1e-6:.6e}"
    height, width = shot.pixels.shape
    text = (
        f"[Beam]\r\nHV={shot.voltage * 1000:g}\r\n[Scan]\r\nPixelWidth={metres}\r\nPixelHeight={metres}\r\n"
        f"[Image]\r\nResolutionX={width}\r\nResolutionY={height}\r\n[Detectors]\r\nName=CBS\r\n"
    )
    return MicrographFile(_tiff(with_data_bar(shot), {_FEI: (_ASCII, text)}), "tif")


def _imagej(shot: Acquisition) -> MicrographFile:
    density = 1 / shot.pixel_size
    tags: dict[int, tuple[int, str | float]] = {
        _DESCRIPTION: (_ASCII, "ImageJ=1.54f\nunit=micron\n"),
        _X_RESOLUTION: (_RATIONAL, density),
        _Y_RESOLUTION: (_RATIONAL, density),
        _UNIT: (_SHORT, _NO_UNIT),
    }
    return MicrographFile(_tiff(shot.pixels, tags), "tif")


def _ome(shot: Acquisition) -> MicrographFile:
    height, width = shot.pixels.shape
    kind = shot.pixels.dtype.name
    size = f'PhysicalSizeX="{shot.pixel_size:.6g}" PhysicalSizeY="{shot.pixel_size:.6g}"'  # in µm, the schema's default
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f'<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="{kind}" SizeX="{width}" '
        f'SizeY="{height}" SizeC="1" SizeZ="1" SizeT="1" {size}><TiffData/></Pixels></Image>'
        "</OME>"
    )
    return MicrographFile(_tiff(shot.pixels, {_DESCRIPTION: (_ASCII, text)}), "ome.tif")


def _hitachi(shot: Acquisition) -> MicrographFile:
    text = (
        f"[SemImageFile]\r\nMagnification={shot.magnification}\r\nPixelSize={shot.nanometres}\r\n"
        f"SignalName=BSE\r\nAcceleratingVoltage={shot.voltage * 1000:g} Volt\r\n"
        f"WorkingDistance={1000 * shot.distance:g} um\r\n"
    )
    return MicrographFile(_tiff(with_data_bar(shot), {}), "tif", text)


def _jeol(shot: Acquisition) -> MicrographFile:
    length = _length(shot)
    text = (
        f"$CM_MAG {shot.magnification}\r\n$CM_SIGNAL BEIC\r\n$CM_ACCEL_VOLT {shot.voltage:g}\r\n"
        f"$$SM_MICRON_BAR {length / shot.pixel_size:.3f}\r\n$$SM_MICRON_MARKER {length:g}um\r\n"
    )
    return MicrographFile(_tiff(with_data_bar(shot), {}), "tif", text)


def _png(shot: Acquisition) -> MicrographFile:
    stream = BytesIO()
    Image.fromarray(shot.pixels).save(stream, "PNG", compress_level=6)
    return MicrographFile(stream.getvalue(), "png")


def _tiff(pixels: Pixels, tags: Mapping[int, tuple[int, str | float]]) -> bytes:
    directory = ImageFileDirectory_v2()
    for tag, (kind, value) in tags.items():
        directory.tagtype[tag] = kind
        directory[tag] = value
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "TIFF", tiffinfo=directory)
    return stream.getvalue()


VENDORS: Mapping[str, Callable[[Acquisition], MicrographFile]] = {
    "zeiss": _zeiss,
    "fei": _fei,
    "imagej": _imagej,
    "ome": _ome,
    "hitachi": _hitachi,
    "jeol": _jeol,
    "png": _png,
}
