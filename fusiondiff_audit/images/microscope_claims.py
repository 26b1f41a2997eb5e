"""Claims in the files of microscopes: MRC, Gatan's DM3 and DM4, and TIA's SER."""

from dataclasses import replace

from fusiondiff_audit.images.claims import Claims, ScaleSource, claim_scale, label
from fusiondiff_audit.images.formats.dm import read_dm
from fusiondiff_audit.images.formats.mrc import read_mrc
from fusiondiff_audit.images.formats.ser import read_ser
from fusiondiff_audit.images.header import ImageHeader


def read_microscope_claims(data: bytes, header: ImageHeader) -> Claims:
    """Return the claims of a file whose header was read."""
    match header.format:
        case "mrc":
            return _read_mrc_claims(data)
        case "ser":
            return _read_ser_claims(data)
        case _:
            return _read_dm_claims(data)


def _read_mrc_claims(data: bytes) -> Claims:
    mrc = read_mrc(data)
    return claim_scale(ScaleSource.MRC, mrc.across, "angstrom", down=mrc.down)


def _read_ser_claims(data: bytes) -> Claims:
    """Read the sides of a pixel, which are metres by convention; those of a diffraction pattern are out of range."""
    image = read_ser(data)
    return claim_scale(ScaleSource.TIA, image.across, "m", down=image.down)


def _read_dm_claims(data: bytes) -> Claims:
    """Read the calibration of both dimensions, which must be in one unit, and Gatan's names of device and signal."""
    image = read_dm(data)
    tags, calibration = image.tags, (*image.path, "ImageData", "Calibrations", "Dimension")
    described = (*image.path, "ImageTags")
    sides = [tags.number(*calibration, side, "Scale") for side in (0, 1)]
    units = [tags.text(*calibration, side, "Units") for side in (0, 1)]
    scale = Claims()
    if units[0] == units[1] and None not in sides:
        scale = claim_scale(ScaleSource.GATAN, f"{sides[0]:.7g}", units[0], down=f"{sides[1]:.7g}")
    magnification = tags.number(*described, "Microscope Info", "Indicated Magnification")
    return replace(
        scale,
        detector=label(
            tags.text(*described, "DataBar", "Signal Name")
            or tags.text(*described, "Acquisition", "Device", "Name")
            or tags.text(*described, "DataBar", "Device Name")
        ),
        magnification=f"{magnification:.6g}" if magnification else None,
    )
