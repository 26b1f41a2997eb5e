"""What is changed in a TIFF's fields, whatever they are about: added, removed, doubled, reordered, of another type."""

from random import Random

from tests.images.differential.tiff_descriptions import descriptions
from tests.images.differential.tiff_model import (
    ASCII,
    BYTE,
    FORMS,
    IFD,
    IFD8,
    LONG,
    LONG8,
    RATIONAL,
    SBYTE,
    SHORT,
    SLONG,
    SSHORT,
    UNDEFINED,
    Field,
    Place,
    Tiff,
    Value,
)
from tests.images.differential.tiff_pieces import Mutation
from tests.images.differential.tiff_tags import TAGS, draw_value, text

NUMERIC = [BYTE, SHORT, LONG, LONG8, IFD, IFD8, SBYTE, SSHORT, SLONG, ASCII, UNDEFINED, RATIONAL, 11, 12, 17, 0, 14, 99]


def any_field(tiff: Tiff, rng: Random) -> Field:
    return rng.choice(tiff.page.fields)


def remove(tiff: Tiff, rng: Random) -> str:
    field = any_field(tiff, rng)
    tiff.page.fields.remove(field)
    return str(field.tag)


def double(tiff: Tiff, rng: Random) -> str:
    field = any_field(tiff, rng)
    values: list[Value] = list(field.values) if rng.random() < 0.4 else [altered(v, rng) for v in field.values]
    place = rng.choice([tiff.page.fields.index(field), tiff.page.fields.index(field) + 1, len(tiff.page.fields)])
    tiff.page.fields.insert(place, Field(field.tag, field.kind, values))
    return f"{field.tag} as {values[:4]}"


def altered(value: object, rng: Random) -> int | Place:
    if isinstance(value, Place):
        return Place(value.page, value.piece, rng.choice([-1, 1, 2, 8]))
    number = int(value) if isinstance(value, (int, float)) else 0
    return rng.choice(
        [0, 1, 2, 3, 4, number + 1, max(0, number - 1), number * 2, number // 2, 255, 256, 65535, 2**32 - 1]
    )


def revalue(tiff: Tiff, rng: Random) -> str:
    field = any_field(tiff, rng)
    place = rng.randrange(len(field.values))
    field.values[place] = altered(field.values[place], rng)
    return f"{field.tag}[{place}] = {field.values[place]}"


def retype(tiff: Tiff, rng: Random) -> str:
    field = any_field(tiff, rng)
    old, field.kind = field.kind, rng.choice(NUMERIC)
    if field.kind in (5, 10):
        field.values = [x for v in field.values for x in (v, 1)]
    return f"{field.tag}: {old} to {field.kind}"


def recount(tiff: Tiff, rng: Random) -> str:
    field = any_field(tiff, rng)
    old = field.counted()
    match rng.randrange(4):
        case 0:
            field.values = field.values * 2
        case 1:
            field.values = field.values[: max(1, len(field.values) // 2)]
        case 2:
            field.count = rng.choice([0, old + 1, old - 1, old * 2, 2**32 - 1])
        case _:
            field.values.append(altered(field.values[-1], rng))
    return f"{field.tag}: {old} to {field.counted()}"


def shuffle(tiff: Tiff, rng: Random) -> None:
    rng.shuffle(tiff.page.fields)


def swap_neighbours(tiff: Tiff, rng: Random) -> str:
    fields, i = tiff.page.fields, rng.randrange(len(tiff.page.fields) - 1)
    fields[i], fields[i + 1] = fields[i + 1], fields[i]
    return f"{fields[i].tag} before {fields[i + 1].tag}"


def fill_inline(tiff: Tiff, rng: Random) -> str:
    """Put something into the unused bytes of a value that lies inside its entry."""
    small = [f for f in tiff.page.fields if f.kind in FORMS and len(f.pack("<", AnyPlace())) < 4]
    field = rng.choice(small or tiff.page.fields)
    field.rest = rng.choice([b"\xff\xff", b"\1\0", b"\0\1"])
    return str(field.tag)


class AnyPlace(dict[tuple[int, int | None], int]):
    def __missing__(self, _: object) -> int:
        return 0


def add(tag: int) -> Mutation:
    def mutate(tiff: Tiff, rng: Random) -> str:
        kind, values = draw_value(tag, tiff.page, rng)
        if rng.random() < 0.2:
            kind = rng.choice([BYTE, SHORT, LONG, SLONG, UNDEFINED, ASCII, LONG8])
        if rng.random() < 0.1:
            values = [*values, *values]
        tiff.page.put(tag, kind, list(values))
        return f"says {kind} {values[:8]}{'...' if len(values) > 8 else ''}"

    return mutate


def describe(kind: str) -> Mutation:
    """Add a description of a stack, with or without samples behind those that the directory has."""

    def mutate(tiff: Tiff, rng: Random) -> str:
        words = rng.choice(descriptions(tiff.page, rng)[kind])
        tiff.page.put(270, ASCII, [*text(words)[1]])
        if rng.random() < 0.6:
            tiff.directories_first = True
            tiff.after = bytes(rng.randrange(256) for _ in range(2 * sum(len(piece) for piece in tiff.page.pieces)))
        return f"{words[:70]!r}{', more behind' if tiff.after else ''}"

    return mutate


FIELDS: dict[str, Mutation] = {
    "remove": remove,
    "double": double,
    "revalue": revalue,
    "retype": retype,
    "recount": recount,
    "shuffle": shuffle,
    "swap neighbours": swap_neighbours,
    "fill inline": fill_inline,
    **{f"description: {kind}": describe(kind) for kind in ("shaped", "ImageJ", "OME", "SCN")},
    **{f"tag {tag}": add(tag) for tag in sorted({*range(254, 348), 270, 301, *TAGS})},
}
