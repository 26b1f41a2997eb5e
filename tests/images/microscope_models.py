"""MRC and SER files as their parts, before they are written. Unchanged, each is an image of 4 x 4 greys."""

import struct
from dataclasses import dataclass, field

GREYS = bytes(range(0, 128, 8))  # 16 samples that are the same with a sign and without


@dataclass(slots=True)
class MrcModel:
    """An MRC; `words` are values of header words by offset that come last."""

    width: int = 4
    height: int = 4
    sections: int = 1
    mode: int = 0
    samples: bytes = GREYS
    order: str = "<"
    axes: tuple[int, int, int] = (1, 2, 3)
    sampling: tuple[int, int, int] = (4, 4, 1)
    cell: tuple[float, float, float] = (0, 0, 0)
    extended: bytes = b""
    magic: bytes = b"MAP "
    words: dict[int, int] = field(default_factory=dict)
    after: bytes = b""

    def to_bytes(self) -> bytes:
        head = bytearray(1024)
        struct.pack_into(f"{self.order}4i", head, 0, self.width, self.height, self.sections, self.mode)
        struct.pack_into(f"{self.order}3i6f", head, 28, *self.sampling, *self.cell, 90, 90, 90)
        struct.pack_into(f"{self.order}3i", head, 64, *self.axes)
        struct.pack_into(f"{self.order}i", head, 92, len(self.extended))
        head[208:216] = self.magic + (b"DD\0\0" if self.order == "<" else b"\x11\x11\0\0")
        for offset, value in self.words.items():
            struct.pack_into(f"{self.order}i", head, offset, value)
        return bytes(head) + self.extended + self.samples + self.after


@dataclass(slots=True)
class SerModel:
    """A SER; `element` and `tag` are offsets that differ from the true ones."""

    version: int = 0x0220
    elements: int = 0x4122
    tag_kind: int = 0x4152
    total: int = 1
    valid: int = 1
    dimensions: list[tuple[bytes, bytes]] = field(default_factory=lambda: [(b"Number", b"")])
    across: float = 5e-9
    down: float = 5e-9
    type: int = 1
    width: int = 4
    height: int = 4
    samples: bytes = GREYS
    series: int = 0x0197
    element: int | None = None
    tag: int | None = None
    places: int | None = None
    after: bytes = b""

    def to_bytes(self) -> bytes:
        form = "<i" if self.version == 0x0210 else "<q"
        dimensions = b"".join(
            struct.pack("<iddii", 1, 0, 1, 0, len(text)) + text + struct.pack("<i", len(unit)) + unit
            for text, unit in self.dimensions
        )
        places = 26 + struct.calcsize(form) + len(dimensions)
        element = places + 2 * struct.calcsize(form)
        image = struct.pack("<ddiddihii", 0, self.across, 0, 0, self.down, 0, self.type, self.width, self.height)
        tag = element + len(image) + len(self.samples)
        stated = [place if given is None else given for place, given in ((element, self.element), (tag, self.tag))]
        return b"".join(
            [
                struct.pack("<HHHii", 0x4949, self.series, self.version, self.elements, self.tag_kind),
                struct.pack("<ii", self.total, self.valid),
                struct.pack(form, places if self.places is None else self.places),
                struct.pack("<i", len(self.dimensions)),
                dimensions,
                *(struct.pack(form, place) for place in stated),
                image,
                self.samples,
                struct.pack("<ii", self.tag_kind, 1_700_000_000),
                struct.pack("<dd", 0, 0) if self.tag_kind == 0x4142 else b"",
                self.after,
            ]
        )  # fmt: skip
