"""A JPEG as its segments (ITU T.81, annex B), however wrong; and JPEGs that are right, by two encoders."""

import io
import struct
from dataclasses import dataclass
from random import Random
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

SOI, EOI, SOS, DQT, DHT, DNL, DRI, COM = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDC, 0xDD, 0xFE
APP = 0xE0


@dataclass(slots=True)
class Segment:
    """A marker, its body, and for a scan the data behind it."""

    marker: int
    body: bytes | None = None  # None: a marker by itself
    data: bytes = b""
    fill: bytes = b""  # before the marker
    length: int | None = None

    def to_bytes(self) -> bytes:
        head = self.fill + bytes([0xFF, self.marker])
        if self.body is None:
            return head + self.data
        length = len(self.body) + 2 if self.length is None else self.length
        return head + struct.pack(">H", length & 0xFFFF) + self.body + self.data


@dataclass(slots=True)
class Jpeg:
    """A file as its segments, and what follows its end."""

    segments: list[Segment]
    rest: bytes = b""

    def to_bytes(self) -> bytes:
        return b"".join(s.to_bytes() for s in self.segments) + self.rest

    def all(self, *markers: int) -> list[Segment]:
        return [s for s in self.segments if s.marker in markers]

    def first(self, *markers: int) -> Segment:
        return self.all(*markers)[0]

    def insert(self, new: Segment, before: Segment | None = None) -> None:
        """Put a segment before another one; by itself behind the start."""
        self.segments.insert(1 if before is None else self.segments.index(before), new)

    @property
    def frame(self) -> Segment:
        return self.first(0xC0, 0xC1, 0xC2)


def draw(rng: Random) -> Jpeg:
    """Return a file of one of the encoders, grey or of three colours, in one of the usual forms."""
    height, width = rng.randint(4, 48), rng.randint(4, 48)
    colour = rng.random() < 0.5
    pixels = slopes(rng, height, width, 3 if colour else 1)
    progressive, restart = rng.random() < 0.3, rng.choice([0, 0, 0, 1, 2])
    if rng.random() < 0.5:
        options: dict[str, Any] = {
            "quality": rng.choice([50, 80, 95]),
            "progressive": progressive,
            "optimize": rng.random() < 0.5,
        }
        if colour:
            if rng.random() < 0.15:
                options["keep_rgb"] = True  # which samples each component as often as the others
            else:
                options["subsampling"] = rng.choice(["4:4:4", "4:2:2", "4:2:0"])
        if restart:
            options["restart_marker_blocks"] = restart
        file = io.BytesIO()
        Image.fromarray(pixels if colour else pixels[:, :, 0]).save(file, "JPEG", **options)
        return parse(file.getvalue())
    flags = [cv2.IMWRITE_JPEG_QUALITY, rng.choice([50, 80, 95]), cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive)]
    flags += [cv2.IMWRITE_JPEG_RST_INTERVAL, restart]
    if colour:
        factors = [v for k, v in vars(cv2).items() if k.startswith("IMWRITE_JPEG_SAMPLING_FACTOR_")]
        flags += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, rng.choice(sorted(factors))]
    return parse(cv2.imencode(".jpg", pixels, flags)[1].tobytes())


def slopes(rng: Random, height: int, width: int, channels: int) -> npt.NDArray[np.uint8]:
    """Return an image that no turn and no shift leaves as it is."""
    down, across = np.mgrid[:height, :width]
    planes = []
    for _ in range(channels):
        a, b, c = rng.uniform(1, 5), rng.uniform(1, 5), rng.uniform(0, 6)
        planes.append(down * a + across * b + 30 * np.sin(down * across / 50 + c))
    image = np.stack(planes, axis=2) + np.random.default_rng(rng.randrange(2**32)).normal(
        0, 6, (height, width, channels)
    )
    image[: height // 3, : width // 3] += 90
    return np.clip(image, 0, 255).astype(np.uint8)


def parse(data: bytes) -> Jpeg:
    """Return a good file's segments."""
    segments, place = [Segment(SOI)], 2
    while data[place + 1] != EOI:
        marker, (length,) = data[place + 1], struct.unpack_from(">H", data, place + 2)
        body, place = data[place + 4 : place + 2 + length], place + 2 + length
        start = place
        if marker == SOS:
            while data[place] != 0xFF or data[place + 1] in (0, *range(0xD0, 0xD8)):
                place += 1
        segments.append(Segment(marker, body, data[start:place]))
    return Jpeg([*segments, Segment(EOI)])
