"""The tags of Gatan's DM3 and DM4 files: nested groups of named values, walked to the last, every length checked.

We know of no description by Gatan; the layout is the one that readers agree on. Lengths and names have the high byte
first, values the low byte first. Types that readers decode in different ways are refused.
"""

import struct
from dataclasses import dataclass
from typing import Any

from fusiondiff_audit.images.errors import ambiguous, malformed, too_large, unsupported
from fusiondiff_audit.images.formats.plane import EXPORT

MAX_DM_DEPTH = 32  # groups within groups; real files have 13
MAX_DM_TAGS = 32_768  # of one file; real ones have 80 to 560
MAX_DM_NAME = 1024  # bytes
MAX_DM_FIELDS = 64  # of a structure; real ones have 2 to 8
_GROUP, _VALUE = 20, 21  # kinds of an entry
_STRUCT = 15  # the type of a structure; that of an array is 20
_NUMBERS = {2: "h", 3: "i", 4: "H", 5: "I", 6: "f", 7: "d", 8: "B", 9: "b", 10: "B", 11: "q", 12: "Q"}
_SIZES = {number: struct.calcsize(f"<{form}") for number, form in _NUMBERS.items()}
_LENGTHS = {3: "I", 4: "Q"}  # by the version of the file
_UTF16 = 4  # texts are arrays of such numbers
_LONGEST_TEXT = 1000  # characters

DmPath = tuple[str | int, ...]  # the names from the root on; an entry without a name has its place in the group, from 0


@dataclass(frozen=True, slots=True)
class DmValue:
    """A value: the type of its numbers, or that of structures, and where they lie."""

    type: int
    count: int
    offset: int
    size: int
    is_array: bool


@dataclass(frozen=True, slots=True)
class DmTags:
    """All values of a file by their paths, the names in each group, and where the tags end."""

    values: dict[DmPath, DmValue]
    groups: dict[DmPath, tuple[str | int, ...]]
    end: int
    data: bytes

    def number(self, *path: str | int) -> int | float | None:
        """Return the one number at a path, if there is one."""
        value = self.values.get(path)
        if value is None or value.is_array or value.type not in _NUMBERS:
            return None
        number: int | float = struct.unpack_from(f"<{_NUMBERS[value.type]}", self.data, value.offset)[0]
        return number

    def integer(self, *path: str | int) -> int:
        """Return the whole number at a path, which must be there."""
        number = self.number(*path)
        if not isinstance(number, int):
            raise malformed(f"tag {path_text(path)} is missing, or no whole number")
        return number

    def text(self, *path: str | int) -> str:
        """Return the text at a path; none where it is missing or has more than 1,000 characters."""
        value = self.values.get(path)
        if value is None or not value.is_array or value.type != _UTF16 or value.count > _LONGEST_TEXT:
            return ""
        return self.data[value.offset : value.offset + value.size].decode("utf-16-le", "replace")

    def names(self, *path: str | int) -> tuple[str | int, ...]:
        """Return the names in a group; none where it is missing."""
        return self.groups.get(path, ())


def read_dm_tags(data: bytes) -> DmTags:
    """Return the tags of a whole file."""
    walk = _Walk(data)
    (little,) = walk.take("I")
    if little != 1:
        raise unsupported("a DM file whose values have the high byte first", hint=EXPORT)
    walk.read_group((), depth=1)
    return DmTags(walk.values, walk.groups, walk.position, data)


def path_text(path: DmPath) -> str:
    """Return a path as messages quote it, its last 80 characters at most."""
    return ascii(".".join(map(str, path))[-80:])


class _Walk:
    """One pass over a file's tags."""

    def __init__(self, data: bytes) -> None:
        self._data, self.position = data, 0
        self._version = self.take("I")[0]
        self._length = _LENGTHS[self._version]
        self.take(self._length)  # of the whole file; no reader heeds it
        self.values: dict[DmPath, DmValue] = {}
        self.groups: dict[DmPath, tuple[str | int, ...]] = {}
        self._count = 0

    def read_group(self, path: DmPath, *, depth: int) -> None:
        """Read a group's entries, and theirs."""
        if depth > MAX_DM_DEPTH:
            raise too_large(f"groups of tags more than {MAX_DM_DEPTH} deep")
        _, _, count = self.take(f"BB{self._length}")
        self._count += count
        if self._count > MAX_DM_TAGS:
            raise too_large(f"{self._count:,} tags or more, at most {MAX_DM_TAGS:,}")
        names: dict[str | int, None] = {}
        for place in range(count):
            kind, length = self.take("BH")
            if length > MAX_DM_NAME:
                raise too_large(f"a tag's name of {length:,} bytes, at most {MAX_DM_NAME:,}")
            name = self._data[self._advance(length) : self.position].decode("latin-1") or place
            if name in names:
                raise ambiguous(f"tag {path_text((*path, name))} is there twice: readers take one or the other")
            names[name] = None
            self._read_entry(kind, (*path, name), depth)
        self.groups[path] = tuple(names)

    def _read_entry(self, kind: int, path: DmPath, depth: int) -> None:
        size = self.take("Q")[0] if self._version == 4 else None
        start = self.position
        if kind == _GROUP:
            self.read_group(path, depth=depth + 1)
        elif kind == _VALUE:
            self._read_value(path)
        else:
            raise malformed(f"tag {path_text(path)} is of kind {kind}, neither group nor value")
        if size not in (None, self.position - start):
            raise malformed(f"tag {path_text(path)} has {self.position - start:,} bytes, and says {size:,}")

    def _read_value(self, path: DmPath) -> None:
        if self.take("4s") != (b"%%%%",):
            raise malformed(f"tag {path_text(path)} does not begin as a value does")
        (count,) = self.take(self._length)
        if count > 2 * MAX_DM_FIELDS + 4:
            raise too_large(f"the type of tag {path_text(path)} has {count:,} parts")
        parts = self.take(f"{count}{self._length}")
        value = _parse_type(parts, self.position)
        if value is None:
            raise unsupported(f"tag {path_text(path)} is of type {' '.join(map(str, parts[:8]))}", hint=EXPORT)
        self._advance(value.size)
        self.values[path] = value

    def take(self, form: str) -> tuple[Any, ...]:
        """Return the next values of a form, high byte first."""
        return struct.unpack_from(f">{form}", self._data, self._advance(struct.calcsize(f">{form}")))

    def _advance(self, size: int) -> int:
        """Go on by so many bytes, which must be there; return the position before."""
        start, self.position = self.position, self.position + size
        if self.position > len(self._data):
            raise malformed("cut short: a tag lies outside the file")
        return start


def _parse_type(parts: tuple[int, ...], offset: int) -> DmValue | None:
    """Return the value that begins at an offset, if its type is one that is read."""
    match parts:
        case (number,) if number in _SIZES:
            return DmValue(number, 1, offset, _SIZES[number], is_array=False)
        case (20, number, count) if number in _SIZES:
            return DmValue(number, count, offset, count * _SIZES[number], is_array=True)
        case (15, *fields) if (size := _struct_size(fields)) is not None:
            return DmValue(_STRUCT, 1, offset, size, is_array=False)
        case (20, 15, *fields, count) if (size := _struct_size(fields)) is not None:
            return DmValue(_STRUCT, count, offset, count * size, is_array=True)
    return None


def _struct_size(fields: list[int]) -> int | None:
    """Return the bytes of a structure, whose fields must be nameless numbers: readers differ about any other."""
    named, count, *types = fields if len(fields) >= 2 else (1, 0)
    if named or len(types) != 2 * count or any(types[::2]) or not set(types[1::2]) <= _SIZES.keys():
        return None
    return sum(_SIZES[number] for number in types[1::2])
