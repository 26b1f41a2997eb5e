"""The tags that a TIFF may have, so that every reader shows the same samples (TIFF 6.0 and private tags).

1. Tags that define the samples are read by `tiff`.
2. Tags that can change the image are accepted with values that do not.
3. Descriptive tags, which no reader applies to samples, are ignored, and listed in the header.
Any other tag is refused by name. Tags from 65000 on are free for anybody's use, and ignored unless a reader heeds them.
"""

from fusiondiff_audit.images.errors import ambiguous, malformed, too_large
from fusiondiff_audit.images.formats.descriptions import check_description, check_imagej
from fusiondiff_audit.images.formats.icc import check_profile
from fusiondiff_audit.images.formats.ifd import Directory
from fusiondiff_audit.images.formats.photoshop import check_resources
from fusiondiff_audit.images.formats.xmp import check_xmp
from fusiondiff_audit.images.header import MAX_METADATA

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
STRIPS, SAMPLES, ROWS, STRIP_SIZES, PLANAR = 273, 277, 278, 279, 284
PREDICTOR, COLOURS, TILE_WIDTH, TILE_HEIGHT, TILES, TILE_SIZES = 317, 320, 322, 323, 324, 325
SUBDIRECTORIES, EXTRA, FORMAT = 330, 338, 339
DESCRIPTION, XMP, PROFILE, EXIF, GPS = 270, 700, 34675, 34665, 34853
RESOURCES, IMAGEJ_SIZES, IMAGEJ, ORIENTATION = 34377, 50838, 50839, 274
REDUCED = 254  # NewSubfileType; its lowest bit: a smaller version of another image

_READ = frozenset(
    {WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, STRIPS, SAMPLES, ROWS, STRIP_SIZES, PLANAR, PREDICTOR, COLOURS}
    | {TILE_WIDTH, TILE_HEIGHT, TILES, TILE_SIZES, SUBDIRECTORIES, EXTRA, FORMAT}
)
_NEUTRAL = {  # by tag: the values that do not change the image
    REDUCED: (0, 2),  # the image proper, or a page
    255: (1, 3),  # the same, as older writers say it
    263: (1,),  # no dithering
    266: (1,),  # FillOrder: the highest bit first
    ORIENTATION: (1,),  # as it lies
}
_DESCRIPTIVE = frozenset(
    {269, DESCRIPTION, 271, 272, 280, 281, 282, 283, 285, 286, 287, 296, 297, 305, 306, 315, 316, XMP}
    | {18246, 18249, 33432, 33723, 40091, 40092, 40093, 40094, 40095, 42016, 59932}  # rating, copyright, IPTC, Windows
    | {EXIF, GPS, PROFILE, RESOURCES}  # EXIF, GPS, ICC, Photoshop's resources
    | {34118, 34119, 34680, 34682, 34683, 37706, 37707, 37708, 51023}  # Zeiss, FEI, TVIPS, Fibics
    | {IMAGEJ_SIZES, IMAGEJ}
)
_FIRST_FREE, _HEEDED = 65_000, frozenset({65_324, 65_325, *range(65_420, 65_500)})  # Hamamatsu's slides
_NAMES = {  # of tags that are refused, always or with other values
    254: "NewSubfileType", 255: "SubfileType", 263: "Threshholding", 266: "FillOrder", 274: "Orientation",
    290: "GrayResponseUnit", 291: "GrayResponseCurve", 301: "TransferFunction", 318: "WhitePoint",
    319: "PrimaryChromaticities", 336: "DotRange", 342: "TransferRange", 347: "JPEGTables", 532: "ReferenceBlackWhite",
    32995: "Matteing", 32996: "DataType", 32997: "ImageDepth", 33445: "MDFileTag", 33628: "UIC1tag",
    34412: "CZ_LSMINFO", 37724: "ImageSourceData", 50706: "DNGVersion",
}  # fmt: skip


def check_tags(directory: Directory) -> tuple[int, ...]:
    """Return the ignored tags; a tag that some readers heed and others do not is refused."""
    ignored = []
    for tag in directory.tags():
        if tag in _READ:
            continue
        if tag in _NEUTRAL:
            if (value := directory.integer(tag)) not in _NEUTRAL[tag]:
                raise ambiguous(f"TIFF tag {_named(tag)} of {value}: readers would show another image")
        elif tag in _DESCRIPTIVE or (tag >= _FIRST_FREE and tag not in _HEEDED):
            ignored.append(tag)
        else:
            raise ambiguous(f"TIFF tag {_named(tag)}: some readers heed it, or it is unknown")
    return tuple(ignored)


def check_metadata_size(directory: Directory, ignored: tuple[int, ...], nested: list[tuple[int, int]]) -> None:
    """Refuse more metadata than an image needs, in tags and nested directories."""
    size = sum(map(directory.size, ignored)) + sum(stop - start for start, stop in nested)
    if size > MAX_METADATA:
        raise too_large(f"{size:,} bytes beside the image, at most {MAX_METADATA:,}")


def check_metadata(directory: Directory, name: str, width: int, height: int, channels: int) -> None:
    """Refuse metadata by which some readers would see more planes, other tones or a turned image.

    `name` is the file's own, and `channels` are those that are stored, opacity included.
    """
    if DESCRIPTION in directory:
        if not directory.is_text(DESCRIPTION):
            raise malformed("a description that is no text")
        text = directory.raw(DESCRIPTION).decode("latin-1").replace("\0", "\n")
        check_description(text, name, width, height, channels)
    colours = channels - (EXTRA in directory)
    check_xmp(directory.raw(XMP))
    if PROFILE in directory:
        check_profile(directory.raw(PROFILE), colours)
    check_resources(directory.raw(RESOURCES), colours)
    if IMAGEJ in directory or IMAGEJ_SIZES in directory:
        check_imagej(directory.integers(IMAGEJ_SIZES), directory.raw(IMAGEJ))


def _named(tag: int) -> str:
    return f"{tag} ({_NAMES[tag]})" if tag in _NAMES else str(tag)
