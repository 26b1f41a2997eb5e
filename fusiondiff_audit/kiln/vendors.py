"""The files of seven kinds of microscope: an image with its data bar, and each vendor's metadata for the pixel size.

Vendor, voltage and working distance are drawn independently of the specimen, so that no file's form reveals the class.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from fusiondiff_audit.kiln.specimens import Pixels, Specimen, random_stream

_BAR = 36  # rows
_ASCII, _RATIONAL, _SHORT = 2, 5, 3
_DESCRIPTION, _X_RESOLUTION, _Y_RESOLUTION, _UNIT, _ZEISS, _FEI = 270, 282, 283, 296, 34118, 34682
_NO_UNIT = 1
_STEPS = (50, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1)


@dataclass(frozen=True, slots=True)
class Acquisition:
    """An image, with the settings that a microscope writes into its file."""

    pixels: Pixels
    pixel_size: float  # micrometres
    voltage: float  # kilovolts
    distance: float  # between lens and specimen, millimetres

    @property
    def nanometres(self) -> str:
        """The pixel size, as microscopes print it."""
        return f"{1000 * self.pixel_size:.4g}"

    @property
    def magnification(self) -> int:
        """The magnification of a print 127 mm wide, as is the custom."""
        return round(127_000 / (self.pixel_size * int(self.pixels.shape[1])))


@dataclass(frozen=True, slots=True)
class MicrographFile:
    """The bytes and the suffix of an image file, and the text of its sidecar."""

    data: bytes
    suffix: str
    sidecar: str | None = None


def save_image(specimen: Specimen, pixels: Pixels) -> tuple[str, Acquisition, MicrographFile]:
    """Return the specimen's vendor, with the settings and the file of one of its images."""
    rng = random_stream(*specimen.key, "maker")
    vendor, voltage = str(rng.choice(sorted(VENDORS))), float(rng.choice([10, 15, 20]))
    acquisition = Acquisition(pixels, specimen.pixel_size, voltage, round(float(rng.uniform(6, 12)), 1))
    return vendor, acquisition, VENDORS[vendor](acquisition)


def with_data_bar(acquisition: Acquisition) -> Pixels:
    """Return the image with a data bar below it: settings, and a scale bar."""
    width = acquisition.pixels.shape[1]
    bar = Image.new("L", (width, _BAR), 0)
    draw = ImageDraw.Draw(bar)
    font = ImageFont.load_default(size=13)
    text = f"{acquisition.voltage:g} kV  WD {acquisition.distance:g} mm  BSE  x{acquisition.magnification:,}"
    draw.text((8, 10), text, fill=255, font=font)
    length = _length(acquisition)
    across = round(length / acquisition.pixel_size)
    right = width - 10
    draw.line((right - across, 27, right, 27), fill=255, width=3)
    draw.text((right, 8), f"{length:g} um", fill=255, font=font, anchor="ra")
    top = np.iinfo(acquisition.pixels.dtype).max
    strip = (np.asarray(bar) > 127).astype(acquisition.pixels.dtype) * top
    return np.concatenate([acquisition.pixels, strip])


def _length(acquisition: Acquisition) -> float:
    """Return the length of the scale bar in micrometres: a round number, at most a quarter of the image's width."""
    fits = (step for step in _STEPS if step <= acquisition.pixel_size * acquisition.pixels.shape[1] / 4)
    return next(fits, _STEPS[-1])


def _zeiss(acquisition: Acquisition) -> MicrographFile:
    lines = [
        "DP_DETECTOR_TYPE\r\nDetector = BSD",
        f"AP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = {acquisition.nanometres} nm",
        f"AP_MAG\r\nMag = {acquisition.magnification} X",
        f"AP_WD\r\nWD = {acquisition.distance} mm",
        f"AP_ACTUALKV\r\nEHT = {acquisition.voltage:g} kV",
    ]
    return MicrographFile(_tiff(with_data_bar(acquisition), {_ZEISS: (_ASCII, "\r\n".join(lines) + "\r\n")}), "tif")


def _fei(acquisition: Acquisition) -> MicrographFile:
    metres = f"{acquisition.pixel_size * 1e-6:.6e}"
    height, width = acquisition.pixels.shape
    text = (
        f"[Beam]\r\nHV={acquisition.voltage * 1000:g}\r\n[Scan]\r\nPixelWidth={metres}\r\nPixelHeight={metres}\r\n"
        f"[Image]\r\nResolutionX={width}\r\nResolutionY={height}\r\n[Detectors]\r\nName=CBS\r\n"
    )
    return MicrographFile(_tiff(with_data_bar(acquisition), {_FEI: (_ASCII, text)}), "tif")


def _imagej(acquisition: Acquisition) -> MicrographFile:
    density = 1 / acquisition.pixel_size
    tags: dict[int, tuple[int, str | float]] = {
        _DESCRIPTION: (_ASCII, "ImageJ=1.54f\nunit=micron\n"),
        _X_RESOLUTION: (_RATIONAL, density),
        _Y_RESOLUTION: (_RATIONAL, density),
        _UNIT: (_SHORT, _NO_UNIT),
    }
    return MicrographFile(_tiff(acquisition.pixels, tags), "tif")


def _ome(acquisition: Acquisition) -> MicrographFile:
    height, width = acquisition.pixels.shape
    kind = acquisition.pixels.dtype.name
    pixel = f"{acquisition.pixel_size:.6g}"  # in µm, the schema's default
    size = f'PhysicalSizeX="{pixel}" PhysicalSizeY="{pixel}"'
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f'<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="{kind}" SizeX="{width}" '
        f'SizeY="{height}" SizeC="1" SizeZ="1" SizeT="1" {size}><TiffData/></Pixels></Image>'
        "</OME>"
    )
    return MicrographFile(_tiff(acquisition.pixels, {_DESCRIPTION: (_ASCII, text)}), "ome.tif")


def _hitachi(acquisition: Acquisition) -> MicrographFile:
    text = (
        f"[SemImageFile]\r\nMagnification={acquisition.magnification}\r\nPixelSize={acquisition.nanometres}\r\n"
        f"SignalName=BSE\r\nAcceleratingVoltage={acquisition.voltage * 1000:g} Volt\r\n"
        f"WorkingDistance={1000 * acquisition.distance:g} um\r\n"
    )
    return MicrographFile(_tiff(with_data_bar(acquisition), {}), "tif", text)


def _jeol(acquisition: Acquisition) -> MicrographFile:
    length = _length(acquisition)
    text = (
        f"$CM_MAG {acquisition.magnification}\r\n$CM_SIGNAL BEIC\r\n$CM_ACCEL_VOLT {acquisition.voltage:g}\r\n"
        f"$$SM_MICRON_BAR {length / acquisition.pixel_size:.3f}\r\n$$SM_MICRON_MARKER {length:g}um\r\n"
    )
    return MicrographFile(_tiff(with_data_bar(acquisition), {}), "tif", text)


def _png(acquisition: Acquisition) -> MicrographFile:
    stream = BytesIO()
    Image.fromarray(acquisition.pixels).save(stream, "PNG", compress_level=6)
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
