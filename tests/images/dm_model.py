"""DM3 and DM4 files as their tags, before they are written."""

import struct
from dataclasses import dataclass

from tests.images.microscope_models import GREYS


@dataclass(slots=True)
class DmTag:
    """A tag: a group of tags, or a value with the parts of its type."""

    name: str
    value: "list[DmTag] | bytes"
    parts: tuple[int, ...] = ()
    kind: int | None = None  # another one than that of its value
    size: int | None = None  # another one than its own, in a DM4

    def group(self) -> "list[DmTag]":
        """Return the tags of a group; a value has none."""
        return [] if isinstance(self.value, bytes) else self.value

    def to_bytes(self, version: int) -> bytes:
        length = ">I" if version == 3 else ">Q"
        if isinstance(self.value, bytes):
            types = b"".join(struct.pack(length, part) for part in self.parts)
            body, kind = b"%%%%" + struct.pack(length, len(self.parts)) + types + self.value, 21
        else:
            body, kind = group_bytes(self.value, version), 20
        size = b"" if version == 3 else struct.pack(">Q", len(body) if self.size is None else self.size)
        name = self.name.encode("latin-1")
        return struct.pack(">BH", kind if self.kind is None else self.kind, len(name)) + name + size + body


def group_bytes(tags: list[DmTag], version: int) -> bytes:
    content = b"".join(tag.to_bytes(version) for tag in tags)
    return struct.pack(">BBI" if version == 3 else ">BBQ", 1, 0, len(tags)) + content


def number(name: str, value: float, type_: int = 5) -> DmTag:
    form = {2: "h", 3: "i", 4: "H", 5: "I", 6: "f", 7: "d", 8: "B"}[type_]
    return DmTag(name, struct.pack(f"<{form}", value), (type_,))


def text(name: str, value: str) -> DmTag:
    encoded = value.encode("utf-16-le")
    return DmTag(name, encoded, (20, 4, len(encoded) // 2))


def array(name: str, data: bytes, type_: int, size: int) -> DmTag:
    return DmTag(name, data, (20, type_, len(data) // size))


def image_tags(
    data: DmTag,
    kind: int,
    depth: int,
    sides: tuple[int, ...],
    *,
    scale: float = 1,
    unit: str = "",
    tags: list[DmTag] | None = None,
) -> DmTag:
    """Return an entry of the list of images."""
    axis = [number("Origin", 0, 6), number("Scale", scale, 6), text("Units", unit)]
    calibrations = [DmTag("Dimension", [DmTag("", list(axis)) for _ in sides])]
    content = [
        DmTag("Calibrations", calibrations),
        data,
        number("DataType", kind),
        DmTag("Dimensions", [number("", side) for side in sides]),
        number("PixelDepth", depth),
    ]
    return DmTag("", [DmTag("ImageData", content), DmTag("ImageTags", tags or []), text("Name", "a")])


@dataclass(slots=True)
class DmModel:
    """A DM3 or DM4: its root tags, and what surrounds them."""

    version: int
    root: list[DmTag]
    little: int = 1
    after: bytes = bytes(8)

    def to_bytes(self) -> bytes:
        body = group_bytes(self.root, self.version)
        return (
            struct.pack(">II" if self.version == 3 else ">IQ", self.version, len(body))
            + struct.pack(">I", self.little)
            + body
            + self.after
        )

    def find(self, *path: str | int) -> DmTag:
        """Return the tag at a path of names and places; a LookupError says that there is none."""
        tag = DmTag("", self.root)
        for step in path:
            tags = tag.group()
            tag = tags[step] if isinstance(step, int) else {tag.name: tag for tag in tags}[step]
        return tag

    def group(self, *path: str | int) -> list[DmTag]:
        """Return the tags in the group at a path."""
        return self.find(*path).group()


def dm_model(
    version: int = 3,
    data: bytes = GREYS,
    *,
    type_: int = 10,
    kind: int = 6,
    depth: int = 1,
    sides: tuple[int, ...] = (4, 4),
    thumbnail: bool = True,
    scale: float = 0.5,
    unit: str = "nm",
    tags: list[DmTag] | None = None,
) -> DmModel:
    """Return a file of one image, with a thumbnail before it as DigitalMicrograph writes one."""
    image = image_tags(array("Data", data, type_, depth), kind, depth, sides, scale=scale, unit=unit, tags=tags)
    small = image_tags(array("Data", bytes(2 * 2 * 4), 3, 4), 23, 4, (2, 2))
    shown = [DmTag("ImageDisplayInfo", [number("IsInverted", 0, 8)])]
    root = [
        DmTag("DocumentObjectList", [DmTag("", [*shown, number("ImageSource", 0)])]),
        DmTag("ImageList", [small, image] if thumbnail else [image]),
        DmTag(
            "ImageSourceList",
            [DmTag("", [text("ClassName", "ImageSource:Simple"), number("ImageRef", int(thumbnail))])],
        ),
        number("InImageMode", 1, 8),
    ]
    if thumbnail:
        root.append(DmTag("Thumbnails", [DmTag("", [number("ImageIndex", 0)])]))
    return DmModel(version, root)
