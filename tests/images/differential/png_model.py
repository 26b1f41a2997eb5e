"""A PNG as its chunks and its stream, written in whatever order and however wrong; and PNGs that are right."""

import struct
import zlib
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
Chunk = tuple[bytes, bytes]


@dataclass(slots=True)
class Png:
    """A file as its chunks; `data` is the stream of the IDAT chunks, cut at `cuts`."""

    width: int
    height: int
    bits: int
    colour: int
    raw: bytes  # filtered rows
    before: list[Chunk] = field(default_factory=list)
    after: list[Chunk] = field(default_factory=list)  # behind IDAT
    palette: bytes = b""
    palette_first: bool = True
    interlace: int = 0
    methods: tuple[int, int] = (0, 0)
    stream: bytes | None = None
    cuts: list[int] = field(default_factory=list)
    between: dict[int, Chunk] = field(default_factory=dict)  # after which part of IDAT
    crc: tuple[int, int] | None = None  # of which chunk, and by what it is wrong
    rest: bytes = b""
    end: bytes = b""
    head: bytes = SIGNATURE

    def data(self) -> bytes:
        return zlib.compress(self.raw) if self.stream is None else self.stream

    def chunks(self) -> list[Chunk]:
        sides = self.width % 2**32, self.height % 2**32
        head = struct.pack(">IIBBBBB", *sides, self.bits, self.colour, *self.methods, self.interlace)
        palette = [(b"PLTE", self.palette)] if self.palette else []
        stream, places = self.data(), [0, *sorted(self.cuts)]
        parts: list[Chunk] = []
        for i, (start, stop) in enumerate(zip(places, [*places[1:], None], strict=True)):
            parts.append((b"IDAT", stream[start:stop]))
            if i in self.between:
                parts.append(self.between[i])
        front = [*palette, *self.before] if self.palette_first else [*self.before, *palette]
        return [(b"IHDR", head), *front, *parts, *self.after, (b"IEND", self.end)]

    def to_bytes(self) -> bytes:
        parts = [self.head]
        for i, (kind, body) in enumerate(self.chunks()):
            crc = zlib.crc32(kind + body)
            if self.crc and self.crc[0] == i:
                crc ^= self.crc[1]
            parts.append(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc))
        return b"".join(parts) + self.rest

    @property
    def pixel(self) -> int:
        return max(1, CHANNELS.get(self.colour, 1) * self.bits // 8)

    @property
    def row(self) -> int:
        return -(-self.width * CHANNELS.get(self.colour, 1) * self.bits // 8)


def draw(rng: Random) -> Png:
    colour = rng.choices([0, 2, 3, 4, 6], [40, 25, 15, 8, 12])[0]
    bits = 8 if colour == 3 else rng.choice([8, 16])
    width, height = rng.randint(4, 40), rng.randint(4, 40)
    samples = distinct(rng, height, width, colour, bits)
    png = Png(width, height, bits, colour, filtered(samples, [0]))
    png.raw = filtered(samples, rng.choice([[0], [0, 1, 2, 3, 4], [rng.randrange(5)]]))
    if colour == 3:
        greys = rng.sample(range(256), 256)
        png.palette = bytes(g for grey in greys for g in (grey,) * 3)
    return png


def distinct(rng: Random, height: int, width: int, colour: int, bits: int) -> npt.NDArray[Any]:
    channels = {4: 1, 6: 3}.get(colour, CHANNELS[colour])
    count, top = height * width * channels, 2**bits
    generator = np.random.default_rng(rng.randrange(2**32))
    image = (generator.permutation(count) * max(1, top // count) % top).reshape(height, width, channels)
    if colour in (4, 6):
        opaque = rng.choice([top - 1, top - 1, top - 1, 0, 1, top // 2])
        image = np.concatenate([image, np.full((height, width, 1), opaque)], axis=2)
    found: npt.NDArray[Any] = image.astype(">u2" if bits == 16 else "u1")
    return found


def filtered(samples: npt.NDArray[Any], kinds: list[int]) -> bytes:
    """Return rows with their filters (PNG, section 9), row by row one of the kinds."""
    height, pixel = len(samples), samples[0, 0].nbytes
    rows = np.frombuffer(samples.tobytes(), np.uint8).reshape(height, -1).astype(int)
    left = np.pad(rows, ((0, 0), (pixel, 0)))[:, :-pixel]
    up = np.pad(rows, ((1, 0), (0, 0)))[:-1]
    corner = np.pad(up, ((0, 0), (pixel, 0)))[:, :-pixel]
    guess = left + up - corner
    near = np.abs(guess - left), np.abs(guess - up), np.abs(guess - corner)
    paeth = np.where((near[0] <= near[1]) & (near[0] <= near[2]), left, np.where(near[1] <= near[2], up, corner))
    by = [np.zeros_like(rows), left, up, (left + up) // 2, paeth]
    out = bytearray()
    for i in range(height):
        kind = kinds[i % len(kinds)]
        out += bytes([kind]) + ((rows[i] - by[kind][i]) % 256).astype(np.uint8).tobytes()
    return bytes(out)
