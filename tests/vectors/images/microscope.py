"""Files of microscopes, each named after its defect, for `make`."""

import struct
from collections.abc import Callable

from tests.images.dm_model import DmModel, DmTag, array, dm_model, image_tags, number, text
from tests.images.microscope_models import GREYS, MrcModel, SerModel


def dm(change: str = "", version: int = 3, **options: object) -> bytes:
    """Return a file with one thing changed in it."""
    model = dm_model(version, **options)  # type: ignore[arg-type]
    if change:
        CHANGES[change](model)
    return model.to_bytes()


def _image_data(model: DmModel) -> list[DmTag]:
    return model.group("ImageList", -1, 0)


def _image(kind: int, depth: int, sides: tuple[int, ...]) -> DmTag:
    return image_tags(array("Data", bytes(16), 10, 1), kind, depth, sides)


def _deep(levels: int) -> DmTag:
    tag = number("a", 1)
    for _ in range(levels):
        tag = DmTag("a", [tag])
    return tag


CHANGES: dict[str, Callable[[DmModel], object]] = {
    "kind": lambda m: setattr(m.root[1], "kind", 22),
    "size": lambda m: setattr(m.root[0], "size", 1),
    "empty list": lambda m: setattr(m.find("ImageList"), "value", []),
    "no type": lambda m: _image_data(m).pop(2),
    "no scale": lambda m: _image_data(m).pop(0),
    "depth": lambda m: setattr(_image_data(m)[-1], "value", b"\2\0\0\0"),
    "twice": lambda m: m.root.append(number("InImageMode", 0, 8)),
    "thumbnail elsewhere": lambda m: setattr(m.find("Thumbnails", 0), "value", [number("ImageIndex", 1)]),
    "other shown": lambda m: setattr(m.find("ImageSourceList", 0), "value", [number("ImageRef", 0)]),
    "inverted": lambda m: setattr(m.find("DocumentObjectList", 0, 0), "value", [number("IsInverted", 1, 8)]),
    "grey thumbnail": lambda m: setattr(m.find("ImageList", 0), "value", _image(6, 1, (4, 4)).value),
    "data elsewhere": lambda m: m.root.insert(0, array("Data", bytes(16), 10, 1)),
    "dimensions elsewhere": lambda m: m.root.append(DmTag("Dimensions", [number("", 2)])),
    "second image": lambda m: m.group("ImageList").append(_image(6, 1, (4, 4))),
    "string": lambda m: m.root.append(DmTag("a", b"text", (18, 4))),
    "array of arrays": lambda m: m.root.append(DmTag("a", bytes(8), (20, 20, 10, 4, 2))),
    "named fields": lambda m: m.root.append(DmTag("a", bytes(2), (15, 0, 2, 1, 10, 0, 10))),
    "big-endian": lambda m: setattr(m, "little", 0),
    "deep": lambda m: m.root.append(_deep(32)),
    "name": lambda m: m.root.append(number("a" * 1025, 1)),
    "parts": lambda m: m.root.append(DmTag("a", b"", (15,) * 133)),
}  # fmt: skip
_MANY = struct.pack(">III", 3, 0, 1) + struct.pack(">BBI", 1, 0, 40_000) + struct.pack(">BH", 21, 0) + bytes(64)
_BOTH = bytearray(MrcModel(order=">", width=3).to_bytes())
_BOTH[4:20] = struct.pack(">IIBBIBB", 0, 1, 0, 0, 1, 20, 0)

MALFORMED = {
    "mrc-short.mrc": MrcModel().to_bytes()[:1000],
    "mrc-no-sections.mrc": MrcModel(sections=0).to_bytes(),
    "mrc-cut-short.mrc": MrcModel(samples=GREYS[:-1]).to_bytes(),
    "mrc-no-columns.mrc": MrcModel(width=-4).to_bytes(),
    "mrc-negative-extended-header.mrc": MrcModel(words={92: -1024}).to_bytes(),
    "mrc-named.dm3": MrcModel().to_bytes(),
    "dm-cut-short.dm3": dm()[:-60],
    "dm-kind-of-tag.dm3": dm("kind"),
    "dm-value-without-its-mark.dm3": dm().replace(b"%%%%", b"%%%&"),
    "dm-size-of-tag.dm4": dm("size", 4),
    "dm-no-image.dm3": dm("empty list"),
    "dm-no-data-type.dm3": dm("no type"),
    "dm-other-depth.dm3": dm("depth"),
    "dm-other-count.dm3": dm(data=GREYS[:-1]),
    "dm-other-type.dm3": dm(type_=9),
    "dm-named.dm4": dm(),
    "ser-cut-short.ser": SerModel(samples=GREYS[:1], after=b"").to_bytes()[:-10],
    "ser-elements.ser": SerModel(elements=0x4123).to_bytes(),
    "ser-many-dimensions.ser": SerModel(dimensions=[(b"", b"")] * 9).to_bytes(),
    "ser-places-in-image.ser": SerModel(places=138, samples=struct.pack("<qq", 88, 10**6)).to_bytes(),
    "ser-element-outside.ser": SerModel(element=10**6).to_bytes(),
    "ser-text.ser": SerModel().to_bytes().replace(b"\6\0\0\0Number", b"\xff\xff\xff\xffNumber"),
    "ser-hides-mrc.ser": SerModel(after=b"MAP DD\0\0").to_bytes(),
}
AMBIGUOUS = {
    "mrc-axes.mrc": MrcModel(axes=(2, 1, 3)).to_bytes(),
    "mrc-and-dm.mrc": bytes(_BOTH),
    "dm-tag-twice.dm3": dm("twice"),
    "dm-thumbnail-elsewhere.dm3": dm("thumbnail elsewhere"),
    "dm-other-image-shown.dm3": dm("other shown"),
    "dm-inverted.dm3": dm("inverted"),
    "dm-grey-thumbnail.dm3": dm("grey thumbnail"),
    "dm-data-elsewhere.dm3": dm("data elsewhere"),
    "dm-dimensions-elsewhere.dm3": dm("dimensions elsewhere"),
    "dm-no-scale.dm3": dm("no scale"),
}
TOO_LARGE = {
    "mrc-side.mrc": MrcModel(width=40_000, height=1).to_bytes(),
    "mrc-area.mrc": MrcModel(width=30_000, height=30_000, mode=6).to_bytes(),
    "mrc-extended-header.mrc": MrcModel(words={92: 2**21}).to_bytes(),
    "dm-deep.dm3": dm("deep"),
    "dm-many-tags.dm3": _MANY,
    "dm-name-of-tag.dm3": dm("name"),
    "dm-type-of-many-parts.dm3": dm("parts"),
    "ser-side.ser": SerModel(width=40_000, height=1).to_bytes(),
    "ser-description.ser": SerModel().to_bytes().replace(b"\6\0\0\0Number", b"\0\0\x20\0Number"),
}
UNSUPPORTED = {
    "mrc-volume.mrc": MrcModel(sections=2, samples=2 * GREYS).to_bytes(),
    "mrc-complex.mrc": MrcModel(mode=4, samples=8 * GREYS).to_bytes(),
    "mrc-half-precision.mrc": MrcModel(mode=12, samples=2 * GREYS).to_bytes(),
    "mrc-two-samples-a-byte.mrc": MrcModel(words={152: 1_146_047_817, 156: 16}).to_bytes(),
    "mrc-without-map.mrc": MrcModel(magic=bytes(4)).to_bytes(),
    "dm-big-endian.dm3": dm("big-endian"),
    "dm-string.dm4": dm("string", 4),
    "dm-array-of-arrays.dm3": dm("array of arrays"),
    "dm-named-fields.dm3": dm("named fields"),
    "dm-stack.dm3": dm(sides=(4, 2, 2)),
    "dm-spectrum.dm3": dm(sides=(16,)),
    "dm-complex.dm3": dm(kind=3, sides=(2, 1)),
    "dm-colours.dm3": dm(kind=23, depth=4, type_=3, sides=(2, 2)),
    "dm-two-images.dm3": dm("second image"),
    "ser-series.ser": SerModel(total=2, valid=2).to_bytes(),
    "ser-places-left.ser": SerModel(total=2).to_bytes(),
    "ser-spectrum.ser": SerModel(elements=0x4120).to_bytes(),
    "ser-complex.ser": SerModel(type=9, samples=8 * GREYS).to_bytes(),
    "ser-version.ser": SerModel(version=0x0230).to_bytes(),
}  # fmt: skip
GOOD = {
    "good.mrc": MrcModel().to_bytes(),
    "good-big-endian.mrc": MrcModel(order=">").to_bytes(),
    "good-extended-header.mrc": MrcModel(extended=bytes(160), cell=(20, 20, 0)).to_bytes(),
    "good.dm3": dm(),
    "good-without-thumbnail.dm3": dm(thumbnail=False),
    "good-tags.dm3": dm(tags=[DmTag("DataBar", [text("Signal Name", "HAADF")])]),
    "good.dm4": dm(version=4),
    "good.ser": SerModel().to_bytes(),
    "good-older.ser": SerModel(0x0210, tag_kind=0x4142).to_bytes(),
}


def greys(name: str) -> list[list[int]]:
    """Return the pixels of a good file, as its format's description has them."""
    rows = [list(GREYS[first : first + 4]) for first in range(0, 16, 4)]
    return rows[::-1] if name.endswith(".ser") else rows
