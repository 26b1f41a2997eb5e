"""DM3 and DM4, the files of Gatan's DigitalMicrograph: tags, among them a list of images, of which one is meant.

`Thumbnails` names the smaller coloured version of the image, which stands first in the list and is ignored. Exactly one
image must remain, and `ImageSourceList` must mean that one. Tags that some readers take for an image's wherever they
stand are refused at any other place.
"""

from dataclasses import dataclass

from fusiondiff_audit.images.errors import ambiguous, malformed, too_large, unsupported
from fusiondiff_audit.images.formats.dm_tags import DmPath, DmTags, DmValue, path_text, read_dm_tags
from fusiondiff_audit.images.formats.image_format import ImageFormat, Spans
from fusiondiff_audit.images.formats.plane import (
    EXPORT,
    EXPORT_ONE,
    PLANE_DECODER,
    PLANE_LIBRARY,
    plane_header,
    plane_memory,
)
from fusiondiff_audit.images.header import MAX_METADATA, ImageHeader, PlaneLayout

MAX_THUMBNAIL = 1024 * 1024  # bytes; real ones have up to 590 KB
_COLOURS = 23  # the data type of images of colours, four bytes a pixel
_KINDS = {  # by data type: the type of the numbers of the tag, and as numpy names it
    1: (2, "i2"), 2: (6, "f4"), 6: (10, "u1"), 7: (3, "i4"), 9: (9, "i1"), 10: (4, "u2"), 11: (5, "u4"), 12: (7, "f8"),
    _COLOURS: (3, "i4"),
}  # fmt: skip
_OTHER_KINDS = {3: "complex numbers", 5: "complex numbers", 13: "complex numbers", 14: "one bit", _COLOURS: "colours"}
_IMAGE_TAGS = ("Data", "DataType", "Dimensions")


@dataclass(frozen=True, slots=True)
class DmImage:
    """The image that a file is about, and all its tags; `path` is that of its entry in the list of images."""

    tags: DmTags
    path: DmPath
    width: int
    height: int
    kind: str
    samples: DmValue
    thumbnail: int  # bytes


def read_dm(data: bytes) -> DmImage:
    """Return the one image of a file that is no thumbnail."""
    tags = read_dm_tags(data)
    images = tags.names("ImageList")
    thumbnails = [tags.integer("Thumbnails", name, "ImageIndex") for name in tags.names("Thumbnails")]
    if thumbnails not in ([], [0]):
        raise ambiguous(f"thumbnails at the places {thumbnails[:4]} of the list of images: readers know one, the first")
    main = len(thumbnails)
    _check_places(tags, main)
    if len(images) > main + 1:
        raise unsupported(f"a DM file of {len(images) - main} images; files of one are read", hint=EXPORT_ONE)
    if images != tuple(range(main + 1)):
        raise malformed(f"a list of {len(images)} images and {main} thumbnails")
    shown = [tags.integer("ImageSourceList", name, "ImageRef") for name in tags.names("ImageSourceList")]
    if any(place != main for place in shown):
        raise ambiguous(f"image {main} of the list is meant, and image {shown[:4]} shown")
    for name in tags.names("DocumentObjectList"):
        if tags.number("DocumentObjectList", name, "ImageDisplayInfo", "IsInverted"):
            raise ambiguous("a DM file that is shown inverted")
    thumbnail = 0
    if thumbnails:
        *_, kind, value = _read_image(tags, ("ImageList", 0))
        thumbnail = value.size
        if kind != _COLOURS:
            raise ambiguous(f"a thumbnail of data type {kind}: some readers take it for the image")
        if thumbnail > MAX_THUMBNAIL:
            raise too_large(f"a thumbnail of {thumbnail:,} bytes, at most {MAX_THUMBNAIL:,}")
    width, height, kind, value = _read_image(tags, ("ImageList", main))
    if kind == _COLOURS:
        raise unsupported("a DM file of colours; grey ones are read", hint="export the image as TIFF, before signing")
    return DmImage(tags, ("ImageList", main), width, height, f"<{_KINDS[kind][1]}", value, thumbnail)


def _read_image(tags: DmTags, path: DmPath) -> tuple[int, int, int, DmValue]:
    """Return columns, rows, data type and samples of one image, which must agree."""
    path = (*path, "ImageData")
    dimensions = tags.names(*path, "Dimensions")
    if dimensions != (0, 1):
        count = len(dimensions)
        raise unsupported(f"a DM file whose image has {count} dimensions; those of two are read", hint=EXPORT_ONE)
    width, height = (tags.integer(*path, "Dimensions", side) for side in dimensions)
    kind = tags.integer(*path, "DataType")
    if kind not in _KINDS:
        name = _OTHER_KINDS.get(kind, "unknown")
        raise unsupported(f"a DM file of data type {kind} ({name}); numbers are read", hint=EXPORT)
    number, name = _KINDS[kind]
    value = tags.values.get((*path, "Data"))
    if value is None or (value.type, value.is_array, value.count) != (number, True, width * height):
        raise malformed(
            f"{width} x {height} samples of data type {kind}, and other ones in {path_text((*path, 'Data'))}"
        )
    if tags.number(*path, "PixelDepth") not in (None, int(name[1:])):
        raise malformed(f"samples of {name[1:]} bytes, and another depth in {path_text((*path, 'PixelDepth'))}")
    calibration = (*path, "Calibrations", "Dimension")  # by which some readers count images and dimensions
    if any((*calibration, side, name) not in tags.values for side in (0, 1) for name in ("Scale", "Units")):
        raise ambiguous(f"{path_text(calibration)} has not two scales and units")
    return width, height, kind, value


def _check_places(tags: DmTags, main: int) -> None:
    """Refuse tags by which some readers, who go by names in the order of the file, find another image."""
    of_image: set[str | int] = set()
    for path, value in tags.values.items():
        if len(path) >= 4 and path[0] == "ImageList" and path[2] == "ImageData" and path[3] in _IMAGE_TAGS:
            if path[1] == main:
                of_image.add(path[3])
            continue
        name = str(path[-1])
        before = not {"Data", "DataType"} <= of_image and (
            "DataType" in name or (value.is_array and name.endswith("Data"))
        )
        if before or any("Dimensions" in str(part) for part in path):
            raise ambiguous(f"tag {path_text(path)}: some readers take it for an image's")


def _read_header(data: bytes, name: str) -> tuple[ImageHeader, Spans]:
    image = read_dm(data)
    tags, samples = image.tags, image.samples
    rest = tags.end - samples.size - image.thumbnail
    if rest > MAX_METADATA:
        raise too_large(f"{rest:,} bytes of tags beside the image, at most {MAX_METADATA:,}")
    ignored = ("tags beside the image", "a thumbnail") if image.thumbnail else ("tags beside the image",)
    layout = PlaneLayout(image.kind, samples.offset)
    header, span = plane_header(data, name, image.width, image.height, layout, ignored)
    end = tags.end + 8 if data[tags.end :] == bytes(8) else tags.end  # zeros end a file
    return header, [(0, end), span]


def _format(version: int, root: bytes) -> ImageFormat:
    """Return the format of a version; its signature ends with the kind of the first tag."""
    name = f"dm{version}"
    return ImageFormat(
        name=name,
        suffixes=(f".{name}",),
        signatures=(rb"\0\0\0" + bytes([version]) + root,),
        read_header=lambda data, _name: _read_header(data, name),
        decoder_memory=plane_memory,
        decoder=PLANE_DECODER,
        library=PLANE_LIBRARY,
    )


DM3 = _format(3, rb"[\s\S]{4}\0\0\0[\0\1][\0\1]{2}\0\0[\s\S]{2}[\x14\x15]")
DM4 = _format(4, rb"[\s\S]{8}\0\0\0[\0\1][\0\1]{2}\0{6}[\s\S]{2}[\x14\x15]")
