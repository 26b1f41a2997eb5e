"""TIFF directories (TIFF 6.0, section 2; BigTIFF): entries with every offset and count inside the file."""

import struct
from dataclasses import dataclass
from typing import Literal

from fusiondiff_audit.images.errors import malformed, too_large

Data = bytes | memoryview
MAX_PAGES = 64
MAX_TAGS = 1024  # of one directory; real ones have 20 to 60
MAX_VALUES = 65_536  # of one entry; strips of one row in the tallest image are 32,768
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_ASCII, _RATIONAL, _BIG_ONLY = 2, 5, frozenset({16, 17, 18})  # types; _BIG_ONLY are those of BigTIFF
_INTEGERS = {3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}


@dataclass(frozen=True, slots=True)
class IfdEntry:
    """One tag: its type, the number of its values, and the bytes that they take."""

    kind: int
    count: int
    offset: int
    size: int


class Directory:
    """The tags of one page; `table` is the span of their list in the file."""

    def __init__(self, data: Data, order: str, entries: dict[int, IfdEntry], table: tuple[int, int]) -> None:
        self._data, self._order, self._entries, self._table = data, order, entries, table

    def __contains__(self, tag: int) -> bool:
        return tag in self._entries

    def tags(self) -> tuple[int, ...]:
        """Return the numbers of all tags, the least first."""
        return tuple(sorted(self._entries))

    @property
    def is_sorted(self) -> bool:
        """Say whether the tags stand in the order of their numbers, as TIFF 6.0 asks."""
        return list(self._entries) == sorted(self._entries)

    def is_text(self, tag: int) -> bool:
        """Say whether a tag has the type of text."""
        return self._entries[tag].kind == _ASCII

    def size(self, tag: int) -> int:
        """Return the number of bytes of a tag's value; 0 where it is missing."""
        entry = self._entries.get(tag)
        return 0 if entry is None else entry.size

    def integers(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Return a tag's whole numbers, or the default where the tag is missing."""
        entry = self._entries.get(tag)
        if entry is None:
            return default
        if entry.kind not in _INTEGERS:
            raise malformed(f"tag {tag} is of type {entry.kind}, and not of whole numbers of 16 bits or more")
        if entry.count > MAX_VALUES:
            raise too_large(f"tag {tag} has {entry.count:,} values, at most {MAX_VALUES:,}")
        return struct.unpack_from(f"{self._order}{entry.count}{_INTEGERS[entry.kind]}", self._data, entry.offset)

    def integer(self, tag: int, default: int | None = None) -> int:
        """Return a tag's one whole number."""
        values = self.integers(tag, () if default is None else (default,))
        if len(values) != 1:
            raise malformed(f"tag {tag} has {len(values)} values, one is needed")
        return values[0]

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
        return b"" if entry is None else bytes(self._data[entry.offset : entry.offset + entry.size])

    def spans(self) -> list[tuple[int, int]]:
        """Return the spans of the directory and of its tags' values in the file."""
        return [self._table, *((e.offset, e.offset + e.size) for e in self._entries.values())]


def read_directories(data: Data) -> list[Directory]:
    """Return the file's directories, one after another, each once."""
    offset = _first_offset(data)
    chain: list[Directory] = []
    visited: set[int] = set()
    while offset:
        if offset in visited:
            raise malformed("its directories form a cycle")
        if len(chain) == MAX_PAGES:
            raise too_large(f"more than {MAX_PAGES} pages")
        visited.add(offset)
        directory, offset = read_directory(data, offset)
        chain.append(directory)
    if not chain:
        raise malformed("a TIFF without a page")
    return chain


def read_directory(data: Data, offset: int) -> tuple[Directory, int]:
    """Return the directory at an offset, and the offset of the next one, which is 0 after the last."""
    order, big = byte_order(data), _is_big(data)
    form, entry_size, count_form = ("Q", 20, "Q") if big else ("I", 12, "H")
    (count,) = _unpack(data, order + count_form, offset)
    if not 1 <= count <= MAX_TAGS:
        raise malformed(f"a directory of {count:,} entries")
    first = offset + struct.calcsize(count_form)
    entries: dict[int, IfdEntry] = {}
    for number in range(count):
        tag, entry = _read_entry(data, order, first + number * entry_size, big=big)
        if tag in entries:
            raise malformed(f"tag {tag} is there twice")
        entries[tag] = entry
    end = first + count * entry_size
    (following,) = _unpack(data, order + form, end)
    return Directory(data, order, entries, (offset, end + struct.calcsize(form))), following


def _first_offset(data: Data) -> int:
    """Return the offset of the first directory."""
    order = byte_order(data)
    if not _is_big(data):
        return _unpack(data, f"{order}I", 4)[0]
    if data[4:8] != struct.pack(f"{order}HH", 8, 0):
        raise malformed("a BigTIFF with offsets of another size than 8 bytes")
    return _unpack(data, f"{order}Q", 8)[0]


def header_size(data: Data) -> int:
    """Return the number of bytes of the file's own header."""
    return 16 if _is_big(data) else 8


def _is_big(data: Data) -> bool:
    return bytes(data[2:4]) in (b"+\0", b"\0+")


def byte_order(data: Data) -> Literal["<", ">"]:
    """Return the byte order, as struct and numpy write it."""
    return "<" if data[:2] == b"II" else ">"


def _read_entry(data: Data, order: str, place: int, *, big: bool) -> tuple[int, IfdEntry]:
    form, inline = ("HHQ", 8) if big else ("HHI", 4)
    tag, kind, count = _unpack(data, order + form, place)
    size = _SIZES.get(kind, 0) * count
    if not size or (kind in _BIG_ONLY and not big):
        raise malformed(f"tag {tag} is of no known type, or empty")
    value = place + struct.calcsize(order + form)
    if size > inline:
        (value,) = _unpack(data, f"{order}{'Q' if big else 'I'}", value)
    if value + size > len(data):
        raise malformed(f"tag {tag} lies outside the file")
    return tag, IfdEntry(kind, count, value, size)


def _unpack(data: Data, form: str, offset: int) -> tuple[int, ...]:
    if offset + struct.calcsize(form) > len(data):
        raise malformed("a directory lies outside the file")
    return struct.unpack_from(form, data, offset)
