"""TIFFs that are right: every kind of sample, layout and compression that we read, in small."""

from dataclasses import dataclass
from random import Random
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt

from tests.images.differential.tiff_model import ASCII, LONG, LONG8, RATIONAL, SHORT, Field, Page, Place, Tiff, Value

Samples = npt.NDArray[Any]
COMPRESSIONS = {1: 40, 5: 20, 8: 20, 32946: 5, 32773: 15}  # and how often each is drawn


@dataclass(frozen=True, slots=True)
class Look:
    """How an image is stored."""

    kind: str
    channels: int
    alpha: bool
    palette: bool
    compression: int
    predictor: int
    tile: tuple[int, int] | None
    rows: int


def draw(rng: Random) -> Tiff:
    """Return a file of one page."""
    order, big = rng.choice("<>"), rng.random() < 0.12
    tiff = Tiff(order, big, [draw_page(rng, order, 0, big=big)])
    tiff.directories_first = rng.random() < 0.3
    tiff.gap = rng.choice([b"", b"", b"", bytes(6)])
    return tiff


def draw_page(rng: Random, order: str, number: int, *, big: bool = False) -> Page:
    kind = rng.choices(["u1", "u2"], [55, 45])[0]
    palette = kind == "u1" and rng.random() < 0.12
    channels = 1 if palette else rng.choices([1, 3], [65, 35])[0]
    alpha = not palette and rng.random() < 0.12
    compression = rng.choices(list(COMPRESSIONS), list(COMPRESSIONS.values()))[0]
    predictor = 2 if compression in (5, 8, 32946) and rng.random() < 0.3 else 1
    height, width = rng.randint(4, 40), rng.randint(4, 40)
    tile = (16 * rng.randint(1, 2), 16 * rng.randint(1, 3)) if rng.random() < 0.2 else None
    rows = rng.choice([height, height, max(1, height // 2), max(1, height // 3), 1])
    look = Look(kind, channels, alpha, palette, compression, predictor, tile, rows)
    return store(distinct(rng, height, width, look), look, order, number, rng, big=big)


def distinct(rng: Random, height: int, width: int, look: Look) -> Samples:
    """Return samples that differ from their neighbours everywhere, so that every turn and every flip of a bit shows."""
    count = height * width * look.channels
    generator = np.random.default_rng(rng.randrange(2**32))
    if look.kind == "f4":
        samples = generator.permutation(count).astype("f4") / count
    else:
        top = 2 ** (8 * int(look.kind[1]))
        samples = (generator.permutation(count) * max(1, top // count) + rng.randrange(max(1, top // count))) % top
    image = samples.astype(look.kind).reshape(height, width, look.channels)
    if look.alpha:
        opaque = rng.choice([0, 1, image.max()]) if rng.random() < 0.4 else np.iinfo(image.dtype).max
        image = np.concatenate([image, np.full((height, width, 1), opaque, image.dtype)], axis=2)
    return image


def store(samples: Samples, look: Look, order: str, number: int, rng: Random, *, big: bool = False) -> Page:
    """Return a page that holds these samples."""
    height, width, stored = samples.shape
    pieces = [encode(part, look, order) for part in cut(samples, look, rng)]
    places: list[Value] = [Place(number, i) for i in range(len(pieces))]
    sizes: list[Value] = [len(piece) for piece in pieces]
    offset = LONG8 if big and rng.random() < 0.5 else LONG
    short = rng.choice([SHORT, LONG])
    fields = [
        Field(256, short, [width]),
        Field(257, short, [height]),
        Field(258, SHORT, [8 * samples.dtype.itemsize] * stored),
        Field(259, SHORT, [look.compression]),
        Field(262, SHORT, [3 if look.palette else 2 if look.channels == 3 else 1]),
        Field(277, SHORT, [stored]),
    ]
    if look.tile:
        fields += [Field(322, short, [look.tile[1]]), Field(323, short, [look.tile[0]])]
        fields += [Field(324, offset, places), Field(325, LONG, sizes)]
    else:
        fields += [Field(273, offset, places), Field(278, short, [look.rows]), Field(279, LONG, sizes)]
    if look.palette:
        fields.append(Field(320, SHORT, grey_palette(rng)))
    if look.predictor != 1:
        fields.append(Field(317, SHORT, [look.predictor]))
    if look.alpha:
        fields.append(Field(338, SHORT, [rng.choice([0, 1, 2, 2, 2])]))
    if look.kind == "f4":
        fields.append(Field(339, SHORT, [3]))
    if rng.random() < 0.3:
        fields += [Field(282, RATIONAL, [720000, 10000]), Field(283, RATIONAL, [720000, 10000]), Field(296, SHORT, [3])]
    if rng.random() < 0.3:
        fields += [Field(305, ASCII, list(b"a microscope 1.0\0"))]
    if rng.random() < 0.2:
        fields += [Field(254, LONG, [0]), Field(274, SHORT, [1])]
    if rng.random() < 0.2:
        fields += [Field(284, SHORT, [1])]
    return Page(sorted(fields, key=lambda f: f.tag), pieces)


def cut(samples: Samples, look: Look, rng: Random) -> list[Samples]:
    """Return strips, or tiles filled up with what is not of the image."""
    if not look.tile:
        return [samples[top : top + look.rows] for top in range(0, len(samples), look.rows)]
    down, across = look.tile
    tiles = []
    for top in range(0, samples.shape[0], down):
        for left in range(0, samples.shape[1], across):
            tile = np.full((down, across, samples.shape[2]), rng.choice([0, 77]), samples.dtype)
            part = samples[top : top + down, left : left + across]
            tile[: part.shape[0], : part.shape[1]] = part
            tiles.append(tile)
    return tiles


def encode(part: Samples, look: Look, order: str) -> bytes:
    if look.predictor == 2:
        part = np.diff(part, axis=1, prepend=np.zeros_like(part[:, :1]))
    raw = part.astype(order + part.dtype.str[1:]).tobytes()
    return pack(raw, look.compression, part[0].size * part.dtype.itemsize)


def pack(raw: bytes, compression: int, row: int) -> bytes:
    match compression:
        case 5:
            return bytes(imagecodecs.lzw_encode(raw))
        case 8 | 32946:
            return bytes(imagecodecs.zlib_encode(raw))
        case 32773:  # row by row, as TIFF 6.0 asks
            return b"".join(bytes(imagecodecs.packbits_encode(raw[i : i + row])) for i in range(0, len(raw), row))
        case _:
            return raw


def grey_palette(rng: Random) -> list[Value]:
    """Return a palette of greys, each of its own, in one of the two forms of 16 bits."""
    greys = rng.sample(range(256), 256)
    scale = rng.choice([257, 256])
    return [grey * scale for _ in range(3) for grey in greys]
