"""What is changed in a DM3 or DM4: its tags, their names, types and places, and the samples."""

import struct
from collections.abc import Callable
from random import Random

from tests.images.differential.case import Case, generate
from tests.images.differential.planes import JUNK, SIDES, WORDS, draw_samples
from tests.images.dm_model import DmModel, DmTag, array, dm_model, image_tags, number, text

Mutation = Callable[[DmModel, Random], str | None]
_TYPES = {1: (2, "h"), 2: (6, "f"), 6: (10, "B"), 7: (3, "i"), 9: (9, "b"), 10: (4, "H"), 11: (5, "I"), 12: (7, "d")}
_NAMES = ("Data", "DataType", "Dimensions", "Dimensions.1", "Meta Data", "Scale", "Units", "ImageData", "a", "", "Ä")


def dm3_case(seed: int) -> Case:
    return generate(".dm3", seed, lambda rng: draw(rng, 3), MUTATIONS, MILD)


def dm4_case(seed: int) -> Case:
    return generate(".dm4", seed, lambda rng: draw(rng, 4), MUTATIONS, MILD)


def draw(rng: Random, version: int) -> DmModel:
    width, height, kind = rng.choice(SIDES), rng.choice(SIDES), rng.choice(list(_TYPES))
    type_, form = _TYPES[kind]
    samples = draw_samples(rng, width * height, f"<{form}")
    tags = [DmTag("DataBar", [text("Signal Name", "HAADF")]), number("Voltage", 200_000, 6)]
    return dm_model(
        version, samples, type_=type_, kind=kind, depth=struct.calcsize(form), sides=(width, height), tags=tags
    )


def _image_data(dm: DmModel, name: str) -> DmTag:
    """Return a tag of the image's data."""
    return {tag.name: tag for tag in dm.group("ImageList", -1, 0)}[name]


def _image_tags(dm: DmModel) -> list[DmTag]:
    return dm.group("ImageList", -1, 1)


def _groups(tags: list[DmTag]) -> list[list[DmTag]]:
    """Return all lists of tags."""
    return [tags, *(group for tag in tags if isinstance(tag.value, list) for group in _groups(tag.value))]


def more_tags(dm: DmModel, rng: Random) -> str:
    made = [
        number("A", rng.randrange(100)),
        text("B", "text" * rng.randrange(300)),
        DmTag("C", [number("", 1, 2), DmTag("", [number("Value", 0.5, 7)])]),
        DmTag("D", struct.pack("<ff", 1, 2), (15, 0, 2, 0, 6, 0, 6)),
        DmTag("E", struct.pack("<hhhh", 1, 2, 3, 4), (20, 15, 0, 2, 0, 2, 0, 2, 2)),
        DmTag("F", []),
        array("G", rng.randbytes(4000), 10, 1),
    ]
    chosen = rng.sample(made, rng.randint(1, 4))
    _image_tags(dm).extend(chosen)
    return "".join(tag.name for tag in chosen)


def no_thumbnail(dm: DmModel, _: Random) -> None:
    dm.group("ImageList").pop(0)
    dm.root = [tag for tag in dm.root if tag.name != "Thumbnails"]
    dm.group("ImageSourceList", 0)[1] = number("ImageRef", 0)


def calibration(dm: DmModel, rng: Random) -> str:
    value, unit = rng.choice([0.0, 1.0, 0.5, -1.0, 1e30, float("nan")]), rng.choice(["nm", "µm", "1/nm", "", "Å", "px"])
    for axis in dm.group("ImageList", -1, 0, 0, 0):
        axis.group()[1:] = [number("Scale", value, 6), text("Units", unit)]
    return f"{value} {unit}"


def root_order(dm: DmModel, rng: Random) -> None:
    rng.shuffle(dm.root)


def end(dm: DmModel, rng: Random) -> str:
    dm.after = rng.choice([b"", bytes(4), bytes(8), bytes(300), b"words of a text"])
    return str(len(dm.after))


def no_sources(dm: DmModel, _: Random) -> None:
    dm.root = [tag for tag in dm.root if tag.name not in ("ImageSourceList", "DocumentObjectList")]


def reference(dm: DmModel, rng: Random) -> str:
    value = rng.choice([0, 1, 2])
    dm.group("ImageSourceList", 0)[1] = number("ImageRef", value)
    return str(value)


def thumbnail_index(dm: DmModel, rng: Random) -> str:
    value = rng.choice([0, 1, 2, 2**32 - 1])
    dm.group("Thumbnails", 0)[0] = number("ImageIndex", value)
    return str(value)


def second_image(dm: DmModel, rng: Random) -> str:
    images = dm.group("ImageList")
    where = rng.randrange(len(images) + 1)
    images.insert(where, image_tags(array("Data", bytes(range(4)), 10, 1), 6, 1, (2, 2)))
    return str(where)


def inverted(dm: DmModel, _: Random) -> None:
    dm.group("DocumentObjectList", 0, 0)[0] = number("IsInverted", 1, 8)


def rename(dm: DmModel, rng: Random) -> str:
    tag = rng.choice([tag for group in _groups(dm.root) for tag in group])
    before, tag.name = tag.name, rng.choice(_NAMES)
    return f"{before!r} {tag.name!r}"


def twice(dm: DmModel, rng: Random) -> str:
    group = rng.choice([group for group in _groups(dm.root) if group])
    tag = rng.choice(group)
    group.insert(rng.randrange(len(group) + 1), tag)
    return tag.name


def drop(dm: DmModel, rng: Random) -> str:
    group = rng.choice([group for group in _groups(dm.root) if group])
    return group.pop(rng.randrange(len(group))).name


def stray(dm: DmModel, rng: Random) -> str:
    """Add a tag that some readers take for one of an image's."""
    tag = rng.choice(
        [
            number("DataType", rng.choice([6, 10, 23])),
            array("Data", bytes(range(16)), 10, 1),
            array("Some Data", bytes(2000), 10, 1),
            DmTag("Dimensions", [number("", 2), number("", 2)]),
            image_tags(array("Data", bytes(range(4)), 10, 1), 6, 1, (2, 2)),
            DmTag("ImageData", [DmTag("Dimensions", [number("", 2), number("", 2)])]),
        ]
    )
    groups = _groups(dm.root)
    group = rng.choice([dm.root, _image_tags(dm), rng.choice(groups)])
    group.insert(rng.randrange(len(group) + 1), tag)
    return tag.name


def data_type(dm: DmModel, rng: Random) -> str:
    value = rng.choice([*range(15), 23, 27])
    dm_type = _image_data(dm, "DataType")
    dm_type.value, dm_type.parts = struct.pack("<I", value), (5,)
    return str(value)


def parts(dm: DmModel, rng: Random) -> str:
    """Change the type of a value."""
    tag = rng.choice([tag for group in _groups(dm.root) for tag in group if tag.parts])
    place = rng.randrange(len(tag.parts))
    changed = list(tag.parts)
    changed[place] = rng.choice([0, 1, 2, 3, 4, 9, 10, 15, 18, 20, 2**16, 2**32 - 1])
    tag.parts = tuple(changed)
    return f"{tag.name} {tag.parts}"


def sides(dm: DmModel, rng: Random) -> str:
    group = _image_data(dm, "Dimensions").group()
    how = rng.choice(["value", "more", "fewer", "swap"])
    match how:
        case "value":
            group[rng.randrange(2)] = number("", rng.choice(WORDS) % 2**32)
        case "more":
            group.append(number("", rng.choice([1, 2])))
        case "fewer":
            group.pop()
        case _:
            group.reverse()
    return how


def depth(dm: DmModel, rng: Random) -> str:
    value = rng.choice([0, 1, 2, 4, 8])
    tag = _image_data(dm, "PixelDepth")
    tag.value = struct.pack("<I", value)
    return str(value)


def sizes(dm: DmModel, rng: Random) -> str:
    """Make a tag of a DM4 state another size, or a tag another kind."""
    tag = rng.choice([tag for group in _groups(dm.root) for tag in group])
    if dm.version == 4 and rng.random() < 0.7:
        tag.size = rng.choice([0, 1, 100, 2**63])
    else:
        tag.kind = rng.choice([0, 20, 21, 22, 255])
    return f"{tag.name} {tag.size} {tag.kind}"


def endianness(dm: DmModel, rng: Random) -> str:
    dm.little = rng.choice([0, 2, 2**31])
    return str(dm.little)


def sample(dm: DmModel, rng: Random) -> str:
    tag = _image_data(dm, "Data")
    data = tag.value if isinstance(tag.value, bytes) else b""
    place = rng.randrange(len(data))
    tag.value = data[:place] + bytes([rng.randrange(256)]) + data[place + 1 :]
    return str(place)


def hide(dm: DmModel, rng: Random) -> str:
    dm.after = bytes(rng.randrange(9)) + rng.choice(JUNK)
    return dm.after.hex()


MUTATIONS: dict[str, Mutation] = {
    f.__name__: f
    for f in (
        more_tags, no_thumbnail, calibration, root_order, end, no_sources, reference, thumbnail_index, second_image,
        inverted, rename, twice, drop, stray, data_type, parts, sides, depth, sizes, endianness, sample, hide,
    )
}  # fmt: skip
MILD = ("more_tags", "no_thumbnail", "calibration", "root_order", "end", "no_sources")
