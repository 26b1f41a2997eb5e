"""What is changed in a TIFF: its tags, the pieces that they refer to, the pages, and what lies between and behind."""

from random import Random

import numpy as np

from tests.images.differential import tiff_base, tiff_tags
from tests.images.differential.case import Case, generate
from tests.images.differential.tiff_fields import FIELDS, altered
from tests.images.differential.tiff_model import (
    IFD,
    LONG,
    LONG8,
    SHORT,
    Field,
    Page,
    Place,
    Tiff,
)
from tests.images.differential.tiff_pieces import PIECES, Mutation


def tiff_case(seed: int) -> Case:
    return generate(".tif", seed, tiff_base.draw, MUTATIONS, MILD)


def change_length(tiff: Tiff, rng: Random) -> str:
    if (field := tiff.page.lengths) is None:
        return "-"
    place = rng.randrange(len(field.values))
    old = field.values[place]
    number = int(old) if isinstance(old, int) else 1
    field.values[place] = rng.choice([0, 1, number - 1, number + 1, number + 100, number // 2, 2**32 - 1])
    return f"{place}: {old} to {field.values[place]}"


def longer_lengths(tiff: Tiff, rng: Random) -> str:
    """Let pieces be longer than they must, with more bytes behind what they decode to."""
    junk = bytes(rng.randrange(256) for _ in range(rng.choice([1, 2, 16])))
    tiff.page.pieces = [piece + junk for piece in tiff.page.pieces]
    tiff.page.measure()
    return str(len(junk))


def move_offset(tiff: Tiff, rng: Random) -> str:
    if (field := tiff.page.offsets) is None:
        return "-"
    place = rng.randrange(len(field.values))
    field.values[place] = altered(field.values[place], rng)
    return f"{place} to {field.values[place]}"


def same_offset(tiff: Tiff, rng: Random) -> str:
    if (field := tiff.page.offsets) is None or len(field.values) < 2:
        return "-"
    field.values[rng.randrange(1, len(field.values))] = field.values[0]
    return ""


def out_of_order(tiff: Tiff, rng: Random) -> None:
    tiff.page.sequence = list(range(len(tiff.page.pieces)))
    rng.shuffle(tiff.page.sequence)


def relative_rows(tiff: Tiff, rng: Random) -> str:
    """Say more rows a strip than there are, or as many as the strips do not have."""
    height = tiff.page.find(257)
    rows = int(height.values[0]) if height and isinstance(height.values[0], int) else 4
    value = rng.choice([0, 1, 2, rows - 1, rows + 1, rows * 2, 2**16 - 1, 2**31, 2**32 - 1])
    tiff.page.put(278, LONG, [value])
    return str(value)


def tiles_beside(tiff: Tiff, rng: Random) -> str:
    """Describe other samples as tiles beside strips, or as strips beside tiles."""
    page = tiff.page
    pieces = len(page.pieces)
    page.pieces = [*page.pieces, bytes(rng.randrange(256) for _ in range(16 * 16 * 9 * 4))]
    place, size = Place(0, pieces), len(page.pieces[-1])
    if page.find(324):
        chosen = rng.choice([(273,), (279,), (278,), (273, 279), (273, 278, 279)])
        new = {273: [place], 279: [size], 278: [2**31]}
    else:
        chosen = rng.choice([(322, 323), (322,), (323,), (324,), (325,), (324, 325), (322, 323, 324, 325)])
        new = {322: [16], 323: [16], 324: [Place(0, pieces, i * 256) for i in range(9)], 325: [256] * 9}
    for tag in chosen:
        page.put(tag, LONG, list(new[tag]))  # type: ignore[call-overload]
    return str(chosen)


def tile_sides(tiff: Tiff, rng: Random) -> str:
    page = tiff.page
    if not page.find(322):
        return "-"
    tag = rng.choice([322, 323])
    value = rng.choice([0, 1, 8, 15, 17, 24, 48, 64, 2048, 2**32 - 1])
    page.put(tag, LONG, [value])
    return f"{tag} = {value}"


def apart(tiff: Tiff, rng: Random) -> str:
    """Say that channels lie apart, with or without having stored them so."""
    page = tiff.page
    page.put(284, SHORT, [2])
    compression, channels = page.find(259), page.find(277)
    if rng.random() < 0.5 and compression and compression.values == [1] and channels and not page.find(324):
        count = int(channels.values[0])  # type: ignore[arg-type]
        samples = np.frombuffer(b"".join(page.pieces), np.uint8)
        depth = page.find(258)
        bits = int(depth.values[0]) if depth else 8  # type: ignore[arg-type]
        planes = samples.reshape(-1, count, bits // 8).transpose(1, 0, 2)
        page.pieces = [plane.tobytes() for plane in planes]
        page.put(273, LONG, [Place(0, i) for i in range(count)])
        page.put(279, LONG, [len(piece) for piece in page.pieces])
        page.put(278, LONG, [2**31])
        return "stored so"
    return "not stored so"


def another_page(tiff: Tiff, rng: Random) -> str:
    tiff.pages.append(tiff_base.draw_page(rng, tiff.order, 1, big=tiff.big))
    how = rng.choice(["a second image", "a thumbnail first", "a thumbnail behind", "a mask"])
    if how == "a thumbnail first":
        tiff.page.put(254, LONG, [1])
    elif how != "a second image":
        tiff.pages[1].put(254, LONG, [1 if how == "a thumbnail behind" else 4])
    return how


def sub_directory(tiff: Tiff, rng: Random) -> str:
    number = len(tiff.pages)
    tiff.apart.append(tiff_base.draw_page(rng, tiff.order, number, big=tiff.big))
    tag = rng.choice([330, 34665, 34853, 40965])
    if tag != 330 and rng.random() < 0.7:
        tiff.apart[-1] = Page([Field(274, SHORT, [6])], [])
    tiff.page.put(tag, LONG8 if tiff.big else rng.choice([LONG, IFD]), [Place(number, None)])
    return str(tag)


def chain(tiff: Tiff, rng: Random) -> str:
    tiff.tail = rng.choice([8, 2, 2**32 - 1, 10**6, tiff_size(tiff)])
    return str(tiff.tail)


def tiff_size(tiff: Tiff) -> int:
    return len(tiff.to_bytes())


def trailing(tiff: Tiff, rng: Random) -> str:
    rests = {
        "zeros": bytes(40),
        "words": b"words of an instrument\r\n" * 4,
        "a byte": b"\0",
        "a TIFF": tiff_base.draw(rng).to_bytes(),
        "a JPEG": b"\0\xff\xd8\xff\xe0" + bytes(30),
    }
    tiff.after = rests[kind := rng.choice(list(rests))]
    return kind


def heading(tiff: Tiff, rng: Random) -> str:
    tiff.magic = rng.choice(
        [b"II*\1", b"MM\1*", b"II+\0", b"MM\0+", b"II*\0", b"MM\0*", b"II\x55\0", b"EP*\0", b"II\xbc\1"]
    )
    return repr(tiff.magic)


def uneven(tiff: Tiff, rng: Random) -> None:
    tiff.align, tiff.gap = 1, rng.choice([b"\0", b"\0\0\0"])


def bits_as_one(tiff: Tiff, rng: Random) -> str:
    """Let one value stand for all channels, or give one a different depth."""
    field = tiff.page.find(258)
    if field is None:
        return "-"
    field.values = rng.choice(
        [field.values[:1], [*field.values, field.values[0]], [*field.values[:-1], 4], [12] * len(field.values)]
    )
    return str(field.values)


def photometric(tiff: Tiff, rng: Random) -> str:
    value = rng.choice([0, 1, 2, 3, 4, 5, 6, 8, 9, 32803, 32844, 34892, 65535])
    if value == 3 and not tiff.page.find(320):
        tiff.page.put(320, SHORT, tiff_base.grey_palette(rng))
    tiff.page.put(262, SHORT, [value])
    return str(value)


def deep(tiff: Tiff, rng: Random) -> str:
    """Hold samples of 32 bits, with or without saying which, written by a program that some readers know."""
    kind = rng.choice(["u4", "f4"])
    look = tiff_base.Look(kind, 1, alpha=False, palette=False, compression=1, predictor=1, tile=None, rows=12)
    tiff.pages[0] = tiff_base.store(tiff_base.distinct(rng, 12, 20, look), look, tiff.order, 0, rng)
    if rng.random() < 0.5:
        tiff.page.drop(339)
    software, words = tiff_tags.draw_value(305, tiff.page, rng)
    tiff.page.put(305, software, list(words))
    return f"{kind}, {'with' if tiff.page.find(339) else 'without'} its format"


def palette(tiff: Tiff, rng: Random) -> str:
    """Change a palette: some colours, a finer grey, too short, too long, all of low bytes."""
    page = tiff.page
    if not page.find(320):
        return "-"
    kind = rng.choice(["colour", "finer", "short", "long", "low bytes", "mixed", "apart"])
    values = [int(v) for v in page.find(320).values if isinstance(v, int)]  # type: ignore[union-attr]
    place = rng.randrange(256)
    match kind:
        case "colour":
            values[place] ^= 0x4000
        case "finer":
            values = [v & 0xFF00 | 0x35 for v in values]
        case "short":
            values = values[: rng.choice([255 * 3, 48, 767])]
        case "long":
            values += values[:3]
        case "low bytes":
            values = [v >> 8 for v in values]
        case "mixed":
            values = [v >> 8 << 8 | (v >> 8 if i % 2 else 0) for i, v in enumerate(values)]
        case _:
            values = [v for i in range(256) for v in (values[i],) * 3]
    page.put(320, SHORT, list(values))
    return kind


MUTATIONS: dict[str, Mutation] = {
    **FIELDS,
    "change a length": change_length,
    "longer lengths": longer_lengths,
    "move an offset": move_offset,
    "one offset twice": same_offset,
    "pieces out of order": out_of_order,
    "rows of a strip": relative_rows,
    "tiles beside strips": tiles_beside,
    "sides of tiles": tile_sides,
    "channels apart": apart,
    **PIECES,
    "another page": another_page,
    "sub-directory": sub_directory,
    "chain": chain,
    "trailing": trailing,
    "heading": heading,
    "uneven": uneven,
    "bits": bits_as_one,
    "photometric": photometric,
    "palette": palette,
    "32 bits": deep,
}
MILD = (
    *(
        "pieces out of order",
        "uneven",
        "deflate otherwise",
        "PackBits oddly",
        "LZW oddly",
        "wrong checksum",
        "trailing",
    ),
    *(
        "description: shaped",
        "description: ImageJ",
        "description: OME",
        "description: SCN",
        "rows of a strip",
        "fill inline",
    ),
    *("append to a piece", "append another stream", "sub-directory", "bits", "sides of tiles", "retype"),
    *(f"tag {tag}" for tag in (254, 269, 270, 271, 272, 280, 281, 284, 285, 296, 305, 306, 315, 316, 317, 339)),
    *(f"tag {tag}" for tag in (700, 33432, 34118, 34377, 34665, 34680, 50838, 50839, 65000, 65001, 65535)),
)
