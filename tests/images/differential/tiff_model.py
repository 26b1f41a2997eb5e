"""A TIFF as fields, pieces and pages (TIFF 6.0, section 2; BigTIFF), written in whatever order and however wrong."""

import struct
from dataclasses import dataclass, field

BYTE, ASCII, SHORT, LONG, RATIONAL, SBYTE, UNDEFINED, SSHORT, SLONG, SRATIONAL, FLOAT, DOUBLE, IFD = range(1, 14)
LONG8, SLONG8, IFD8 = 16, 17, 18
FORMS = {
    BYTE: "B", ASCII: "B", SHORT: "H", LONG: "I", RATIONAL: "I", SBYTE: "b", UNDEFINED: "B", SSHORT: "h", SLONG: "i",
    SRATIONAL: "i", FLOAT: "f", DOUBLE: "d", IFD: "I", LONG8: "Q", SLONG8: "q", IFD8: "Q",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where a piece will lie, or a page where `piece` is None; moved by so many bytes."""

    page: int
    piece: int | None
    shift: int = 0


Value = int | float | Place


@dataclass(slots=True)
class Field:
    """A tag with its values; `count` may lie, and `rest` fills what they leave of the place inside the entry."""

    tag: int
    kind: int
    values: list[Value]
    count: int | None = None
    rest: bytes = b""

    def pack(self, order: str, places: dict[tuple[int, int | None], int]) -> bytes:
        form = FORMS.get(self.kind, "I")
        numbers = [places[v.page, v.piece] + v.shift if isinstance(v, Place) else v for v in self.values]
        if form in "fd":
            return struct.pack(f"{order}{len(numbers)}{form}", *numbers)
        bits = 8 * struct.calcsize(order + form)
        content_bytes = [int(v) & (2**bits - 1) for v in numbers]
        return struct.pack(f"{order}{len(content_bytes)}{form.upper()}", *content_bytes)

    def counted(self) -> int:
        if self.count is not None:
            return self.count
        return len(self.values) // (2 if self.kind in (RATIONAL, SRATIONAL) else 1)


@dataclass(slots=True)
class Page:
    """A directory and the pieces of its image, written in the order of `sequence`."""

    fields: list[Field]
    pieces: list[bytes]
    sequence: list[int] = field(default_factory=list)

    def find(self, tag: int) -> Field | None:
        return next((f for f in self.fields if f.tag == tag), None)

    def put(self, tag: int, kind: int, values: list[Value], **more: object) -> Field:
        """Add a tag where its number belongs, in the place of one that is there."""
        self.drop(tag)
        new = Field(tag, kind, values, **more)  # type: ignore[arg-type]
        self.fields.insert(next((i for i, f in enumerate(self.fields) if f.tag > tag), len(self.fields)), new)
        return new

    def drop(self, tag: int) -> None:
        self.fields = [f for f in self.fields if f.tag != tag]

    @property
    def offsets(self) -> Field | None:
        return self.find(273) or self.find(324)

    @property
    def lengths(self) -> Field | None:
        return self.find(279) or self.find(325)

    def measure(self) -> None:
        """Say anew how long the pieces are."""
        if (lengths := self.lengths) is not None:
            lengths.values = [len(piece) for piece in self.pieces]


@dataclass(slots=True)
class Tiff:
    """A file: its pages in a chain, pages that only a tag refers to, and how it is laid out."""

    order: str
    big: bool
    pages: list[Page]
    apart: list[Page] = field(default_factory=list)  # outside the chain; numbered after the chain's pages
    directories_first: bool = False
    gap: bytes = b""  # before each piece
    after: bytes = b""
    magic: bytes | None = None
    tail: int | None = None  # what the last directory says where the next one lies
    align: int = 2

    @property
    def page(self) -> Page:
        return self.pages[0]

    def to_bytes(self) -> bytes:
        places: dict[tuple[int, int | None], int] = {}
        pages = [*self.pages, *self.apart]
        start = 16 if self.big else 8
        for directories in (self.directories_first, not self.directories_first):
            for number, page in enumerate(pages):
                if directories:
                    start += start % self.align
                    places[number, None] = start
                    start += self._size(page)
                else:
                    for i in page.sequence or range(len(page.pieces)):
                        start += len(self.gap)
                        start += start % self.align
                        places[number, i] = start
                        start += len(page.pieces[i])
        content_bytes = bytearray(start)
        self._write_header(content_bytes, places[0, None])
        for (number, piece), place in places.items():
            if piece is not None:
                content = pages[number].pieces[piece]
                content_bytes[place - len(self.gap) : place] = self.gap
            else:
                last = number >= len(self.pages) - 1
                following = (self.tail or 0) if last else places[number + 1, None]
                content = self._directory(pages[number], place, following, places)
            content_bytes[place : place + len(content)] = content
        return bytes(content_bytes) + self.after

    def _write_header(self, content_bytes: bytearray, first: int) -> None:
        mark = {"<": b"II", ">": b"MM"}[self.order]
        if self.big:
            content_bytes[:16] = mark + struct.pack(f"{self.order}HHHQ", 43, 8, 0, first)
        else:
            content_bytes[:8] = mark + struct.pack(f"{self.order}HI", 42, first)
        if self.magic is not None:
            content_bytes[: len(self.magic)] = self.magic

    def _size(self, page: Page) -> int:
        count, entry, offset = (8, 20, 8) if self.big else (2, 12, 4)
        outside = (len(f.values) * struct.calcsize("<" + FORMS.get(f.kind, "I")) for f in page.fields)
        return count + entry * len(page.fields) + offset + sum(n + n % 2 for n in outside if n > offset)

    def _directory(self, page: Page, place: int, following: int, places: dict[tuple[int, int | None], int]) -> bytes:
        number, count, inside = ("Q", "Q", 8) if self.big else ("I", "H", 4)
        entries, outside = b"", b""
        start = place + struct.calcsize(f"<{count}{number}") + (20 if self.big else 12) * len(page.fields)
        for one in page.fields:
            value = one.pack(self.order, places)
            if len(value) > inside:
                stored = struct.pack(self.order + number, start + len(outside))
                outside += value + bytes(len(value) % 2)
            else:
                stored = (value + one.rest + bytes(inside))[:inside]
            entries += struct.pack(f"{self.order}HH{number}", one.tag, one.kind, one.counted()) + stored
        head = struct.pack(self.order + count, len(page.fields))
        return head + entries + struct.pack(self.order + number, following) + outside
