"""Merkle trees of RFC 6962, section 2.1: root hashes and inclusion proofs.

A tree keeps the hashes of all complete subtrees, level by level, so that adding a leaf costs less than one node hash
on average, and a proof, or the root hash at any earlier size, costs O(log n).
"""

import hashlib
from collections.abc import Iterable
from itertools import islice

from signing.errors import Reason, SigningError

HASH = 32  # bytes
_BLOCK = 1024  # leaves; with the nodes above them they fit in a core's cache
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf; its prefix differs from that of nodes, so no node passes for a leaf."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(children: bytes) -> bytes:
    """Return the hash of a node over the concatenated hashes of its two children."""
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
        remaining = iter(hashes)
        while block := list(islice(remaining, _BLOCK)):
            if any(len(item) != HASH for item in block):
                raise ValueError(f"a leaf hash has {HASH} bytes")
            self._levels[0] += b"".join(block)
            self._raise_levels()

    def _raise_levels(self) -> None:
        """Hash every pair that is complete and has no parent yet, level by level."""
        level = 0
        while len(below := self._levels[level]) >= 2 * HASH:
            level += 1
            if level == len(self._levels):
                self._levels.append(bytearray())
            above = self._levels[level]
            fresh = range(2 * len(above), len(below) - HASH, 2 * HASH)
            above += b"".join([node_hash(bytes(below[i : i + 2 * HASH])) for i in fresh])

    def root(self, size: int | None = None) -> bytes:
        """Return the root hash at the present size, or at an earlier one."""
        if size is None:
            size = len(self)
        if not 0 <= size <= len(self):
            raise ValueError(f"no size {size} of a tree of {len(self)} leaves")
        return self._range(0, size)

    def inclusion(self, index: int) -> tuple[bytes, ...]:
        """Return the inclusion proof of leaf `index` in the whole tree: sibling hashes, from the leaf upwards."""
        start, end = 0, len(self)
        if not 0 <= index < end:
            raise ValueError(f"no leaf {index} in a tree of {end} leaves")
        proof: list[bytes] = []
        while end - start > 1:
            # the left subtree has the largest power of two below the number of leaves
            middle = start + (1 << (end - start - 1).bit_length() - 1)
            if index < middle:
                proof.append(self._range(middle, end))
                end = middle
            else:
                proof.append(self._range(start, middle))
                start = middle
        return tuple(reversed(proof))

    def _range(self, start: int, end: int) -> bytes:
        """Return the hash of leaves `start` to `end`, where `start` begins a subtree of at least that size."""
        result = b""
        position, remaining = end, end - start
        while remaining:  # the complete subtrees of which the range consists, from the right, smallest first
            level = (remaining & -remaining).bit_length() - 1
            position -= 1 << level
            offset = (position >> level) * HASH
            subtree = bytes(self._levels[level][offset : offset + HASH])
            result = node_hash(subtree + result) if result else subtree
            remaining &= remaining - 1
        return result or EMPTY_ROOT


def verify_inclusion(leaf: bytes, index: int, size: int, proof: tuple[bytes, ...], root: bytes, where: str) -> None:
    """Refuse a leaf hash that is not at `index` in the tree of that size and root hash (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        raise _no_proof(where, f"leaf {index} of {size}")
    inner = (index ^ (size - 1)).bit_length()
    border = (index >> inner).bit_count()
    if len(proof) != inner + border or any(len(digest) != HASH for digest in (*proof, leaf, root)):
        raise _no_proof(where, f"expected {inner + border} hashes of {HASH} bytes, found {len(proof)}")
    computed = leaf
    for level, sibling in enumerate(proof):
        sibling_is_left = level >= inner or index >> level & 1
        computed = node_hash(sibling + computed if sibling_is_left else computed + sibling)
    if computed != root:
        raise _no_proof(where, "the proof leads to another root")


def _no_proof(where: str, what: str) -> SigningError:
    return SigningError(Reason.BAD_PROOF, f"{where}: not proven: {what}")
