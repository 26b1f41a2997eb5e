"""TIFF directories (TIFF 6.0, section 2; BigTIFF): entries with every offset and count inside the file."""

import struct
from dataclasses import dataclass
from typing import Literal

from fusiondiff_audit.images.errors import malformed, too_large

Data = bytes | memoryview
MAX_PAGES = 64
MAX_ENTRIES = 1024  # of one directory; real ones have 20 to 60
MAX_VALUES = 65_536  # of one entry; strips of one row in the tallest picture are 32,768
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_RATIONAL = 5
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag: its type, how many values it has, and where they lie."""

    kind: int
    count: int
    offset: int


class Directory:
    """One page's tags."""

    def __init__(self, data: Data, order: str, entries: dict[int, Entry]) -> None:
        self._data, self._order, self._entries = data, order, entries

    def __contains__(self, tag: int) -> bool:
        return tag in self._entries

    def integers(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Return a tag's whole numbers, or the default where the tag is missing."""
        entry = self._entries.get(tag)
        if entry is None:
            return default
        if entry.kind not in _INTEGERS:
            raise malformed(f"tag {tag} is not of whole numbers")
        if entry.count > MAX_VALUES:
            raise too_large(f"tag {tag} has {entry.count:,} values, at most {MAX_VALUES:,}")
        return struct.unpack_from(f"{self._order}{entry.count}{_INTEGERS[entry.kind]}", self._data, entry.offset)

    def integer(self, tag: int, default: int | None = None) -> int:
        """Return a tag's one whole number."""
        found = self.integers(tag, () if default is None else (default,))
        if len(found) != 1:
            raise malformed(f"tag {tag} has {len(found)} values, one is needed")
        return found[0]

    def rational(self, tag: int) -> tuple[int, int] | None:
        """Return a tag's one fraction, if it has one."""
        entry = self._entries.get(tag)
        if entry is None or (entry.kind, entry.count) != (_RATIONAL, 1):
            return None
        above, below = struct.unpack_from(f"{self._order}II", self._data, entry.offset)
        return above, below

    def raw(self, tag: int) -> bytes:
        """Return a tag's bytes; empty where it is missing."""
        entry = self._entries.get(tag)
        return (
            b"" if entry is None else bytes(self._data[entry.offset : entry.offset + entry.count * _SIZES[entry.kind]])
        )

    def spans(self) -> list[tuple[int, int]]:
        """Return which parts of the file the tags' values take."""
        return [(e.offset, e.offset + e.count * _SIZES[e.kind]) for e in self._entries.values()]


def read_directories(data: Data) -> tuple[list[Directory], int]:
    """Return the chain of directories, each once, and how far into the file they reach."""
    order = byte_order(data)
    big = data[2:4] in (b"+\0", b"\0+")
    start, form, entry_size, count_size = (8, "Q", 20, 8) if big else (4, "I", 12, 2)
    if big and data[4:8] != struct.pack(f"{order}HH", 8, 0):
        raise malformed("a BigTIFF with offsets of another size than 8 bytes")
    (offset,) = _unpack(data, f"{order}{form}", start)
    found: list[Directory] = []
    seen: set[int] = set()
    reach = start + struct.calcsize(form)
    while offset:
        if offset in seen:
            raise malformed("its directories go round in a circle")
        if len(found) == MAX_PAGES:
            raise too_large(f"more than {MAX_PAGES} pages")
        seen.add(offset)
        (count,) = _unpack(data, f"{order}{'Q' if big else 'H'}", offset)
        if not 1 <= count <= MAX_ENTRIES:
            raise malformed(f"a directory of {count:,} entries")
        place = offset + count_size
        entries = {}
        for i in range(count):
            tag, entry = _read_entry(data, order, place + i * entry_size, big=big)
            if tag in entries:
                raise malformed(f"tag {tag} is there twice")
            entries[tag] = entry
        end = place + count * entry_size
        (offset,) = _unpack(data, f"{order}{form}", end)
        found.append(Directory(data, order, entries))
        reach = max(reach, end + struct.calcsize(form), *(stop for _, stop in found[-1].spans()))
    if not found:
        raise malformed("a TIFF without a page")
    return found, reach


def byte_order(data: Data) -> Literal["<", ">"]:
    """Return the sign by which struct and numpy know the byte order."""
    return "<" if data[:2] == b"II" else ">"


def _read_entry(data: Data, order: str, place: int, *, big: bool) -> tuple[int, Entry]:
    form, inline = ("HHQ", 8) if big else ("HHI", 4)
    tag, kind, count = _unpack(data, order + form, place)
    size = _SIZES.get(kind, 0) * count
    if not size:
        raise malformed(f"tag {tag} is of no known type, or empty")
    value = place + struct.calcsize(order + form)
    if size > inline:
        (value,) = _unpack(data, f"{order}{'Q' if big else 'I'}", value)
    if value + size > len(data):
        raise malformed(f"tag {tag} lies outside the file")
    return tag, Entry(kind, count, value)


def _unpack(data: Data, form: str, offset: int) -> tuple[int, ...]:
    if offset + struct.calcsize(form) > len(data):
        raise malformed("a directory lies outside the file")
    return struct.unpack_from(form, data, offset)
