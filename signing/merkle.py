"""Merkle trees of RFC 6962, section 2.1: roots, and proofs that a leaf or an older tree is in a newer one.

A tree keeps the hashes of all complete subtrees, level by level, so that adding a leaf costs less than one node's hash
on average, and a root or a proof of any size that the tree has had costs O(log n).
"""

import hashlib
from collections.abc import Iterable
from itertools import islice

from signing.errors import Reason, SigningError

HASH = 32  # bytes
_BLOCK = 1024  # leaves; with the nodes above them they fit a core's cache
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf; the prefix keeps leaves and nodes apart."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(children: bytes) -> bytes:
    """Return the hash of a node over its two children, one after the other."""
    return hashlib.sha256(b"\x01" + children).digest()


class MerkleTree:
    """An append-only tree. `_levels[k]` holds one hash for each complete subtree of 2**k leaves."""

    def __init__(self, hashes: Iterable[bytes] = ()) -> None:
        self._levels: list[bytearray] = [bytearray()]
        self.extend(hashes)

    def __len__(self) -> int:
        return len(self._levels[0]) // HASH

    def extend(self, hashes: Iterable[bytes]) -> None:
        """Add leaves by their hashes."""
        waiting = iter(hashes)
        while block := list(islice(waiting, _BLOCK)):
            if any(len(item) != HASH for item in block):
                raise ValueError(f"a leaf hash has {HASH} bytes")
            self._levels[0] += b"".join(block)
            self._raise_levels()

    def _raise_levels(self) -> None:
        """Hash all pairs that have become complete, level by level."""
        level = 0
        while len(below := self._levels[level]) >= 2 * HASH:
            level += 1
            if level == len(self._levels):
                self._levels.append(bytearray())
            above = self._levels[level]
            fresh = range(2 * len(above), len(below) - HASH, 2 * HASH)
            above += b"".join([node_hash(bytes(below[i : i + 2 * HASH])) for i in fresh])

    def root(self, size: int | None = None) -> bytes:
        """Return the root that the tree has, or had at an earlier size."""
        size = self._known(size)
        return self._range(0, size) if size else EMPTY_ROOT

    def inclusion(self, index: int, size: int | None = None) -> tuple[bytes, ...]:
        """Return the proof that leaf `index` is in the tree of that size: siblings, from the leaf upwards."""
        size = self._known(size)
        if not 0 <= index < size:
            raise ValueError(f"no leaf {index} in a tree of {size}")
        proof: list[bytes] = []
        start, end = 0, size
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                proof.append(self._range(middle, end))
                end = middle
            else:
                proof.append(self._range(start, middle))
                start = middle
        return tuple(reversed(proof))

    def consistency(self, older: int, size: int | None = None) -> tuple[bytes, ...]:
        """Return the proof that the tree of `older` leaves is the beginning of the tree of that size."""
        size = self._known(size)
        if not 0 < older <= size:
            raise ValueError(f"no proof from {older} to {size} leaves")
        proof: list[bytes] = []
        start, end, whole = 0, size, True
        while older < end:
            middle = start + _split(end - start)
            if older <= middle:
                proof.append(self._range(middle, end))
                end = middle
            else:
                proof.append(self._range(start, middle))
                start, whole = middle, False
        if not whole:
            proof.append(self._range(start, end))
        return tuple(reversed(proof))

    def _known(self, size: int | None) -> int:
        if size is not None and not 0 <= size <= len(self):
            raise ValueError(f"the tree never had {size} leaves")
        return len(self) if size is None else size

    def _range(self, start: int, end: int) -> bytes:
        """Return the hash of leaves `start` to `end`, where `start` begins a subtree of at least that size."""
        found: bytes | None = None
        position, left = end, end - start
        while left:  # the complete subtrees of a ragged right edge, smallest first
            level = (left & -left).bit_length() - 1
            position -= 1 << level
            place = (position >> level) * HASH
            subtree = bytes(self._levels[level][place : place + HASH])
            found = subtree if found is None else node_hash(subtree + found)
            left &= left - 1
        return EMPTY_ROOT if found is None else found


def verify_inclusion(leaf: bytes, index: int, size: int, proof: tuple[bytes, ...], root: bytes, where: str) -> None:
    """Refuse a leaf hash that is not at `index` of the tree with that size and root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        raise _no_proof(where, f"leaf {index} of {size}")
    inner = (index ^ (size - 1)).bit_length()
    border = (index >> inner).bit_count()
    if len(proof) != inner + border or any(len(item) != HASH for item in (*proof, leaf, root)):
        raise _no_proof(where, f"expected {inner + border} hashes of {HASH} bytes, found {len(proof)}")
    found = leaf
    for level, item in enumerate(proof):
        left_sibling = level >= inner or index >> level & 1
        found = node_hash(item + found if left_sibling else found + item)
    if found != root:
        raise _no_proof(where, "the proof leads to another root")


def verify_consistency(
    older: int, size: int, proof: tuple[bytes, ...], older_root: bytes, root: bytes, where: str
) -> None:
    """Refuse two trees of which the older is not the beginning of the newer (RFC 9162, 2.1.4.2).

    An older size of zero is refused: everything begins with nothing, so it proves nothing.
    """
    if not 0 < older <= size:
        raise _no_proof(where, f"from {older} to {size} leaves")
    if older == size:
        if proof or older_root != root:
            raise _no_proof(where, "one size with two roots")
        return
    if any(len(item) != HASH for item in (*proof, older_root, root)):
        raise _no_proof(where, f"a hash has {HASH} bytes")
    path = (older_root, *proof) if older & (older - 1) == 0 else proof
    if not path:
        raise _no_proof(where, "the proof is empty")
    number, last = older - 1, size - 1
    shift = (~number & (number + 1)).bit_length() - 1  # trailing ones: subtrees that both trees have whole
    number, last = number >> shift, last >> shift
    found_older = found = path[0]
    for item in path[1:]:
        if last == 0:
            raise _no_proof(where, "the proof is too long")
        if number & 1 or number == last:
            found_older, found = node_hash(item + found_older), node_hash(item + found)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            found = node_hash(found + item)
        number, last = number >> 1, last >> 1
    if last or found_older != older_root or found != root:
        raise _no_proof(where, "the proof leads to other roots")


def _split(size: int) -> int:
    """Return the largest power of two smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1


def _no_proof(where: str, what: str) -> SigningError:
    return SigningError(Reason.BAD_PROOF, f"{where}: not proven: {what}")
