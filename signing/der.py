"""A strict reader of DER, for structures that must hold the expected elements and nothing else."""

from dataclasses import dataclass

SEQUENCE, SET, BOOLEAN, INTEGER, OCTETS, OID = 0x30, 0x31, 0x01, 0x02, 0x04, 0x06
CONTEXT = 0xA0  # plus the number, constructed


@dataclass(frozen=True, slots=True)
class Node:
    """One element: its tag, its content, and all of its bytes."""

    tag: int
    content: bytes
    raw: bytes

    def children(self) -> list["Node"]:
        """Return the elements in the content; a ValueError if the content is anything else."""
        elements, rest = [], self.content
        while rest:
            elements.append(_first(rest))
            rest = rest[len(elements[-1].raw) :]
        return elements

    def expect(self, *tags: int) -> list["Node"]:
        """Return the elements in the content, which must have exactly these tags."""
        elements = self.children()
        if tuple(n.tag for n in elements) != tags:
            raise ValueError("other elements than expected")
        return elements


def read_der(data: bytes, tag: int) -> Node:
    """Parse bytes that are one element of that tag, and no more."""
    node = _first(data)
    if node.tag != tag or len(node.raw) != len(data):
        raise ValueError("not one element of the expected kind")
    return node


def write_der(tag: int, content: bytes) -> bytes:
    """Return the bytes of an element."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _first(data: bytes) -> Node:
    if len(data) < 2:
        raise ValueError("an element is cut short")
    start, size = 2, data[1]
    if size >= 0x80:
        start += size & 0x7F
        size = int.from_bytes(data[2:start], "big")
    raw = data[: start + size]
    if raw != write_der(data[0], data[start : start + size]):  # cut short, indefinite, or a length not the shortest
        raise ValueError("an element is not in DER form")
    return Node(data[0], raw[start:], raw)
