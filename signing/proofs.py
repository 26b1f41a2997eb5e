"""Proof files of C2SP (tlog-proof.md): one leaf, its path to the root, and the signed checkpoint, in one text.

What is proven is the entry that the reader holds, never anything that the file brings along: the optional `extra` line
of the specification is not signed, so it is refused.
"""

import re
from dataclasses import dataclass

from signing.errors import Reason, SigningError
from signing.keys import PublicKey
from signing.merkle import HASH, leaf_hash, verify_inclusion
from signing.notes import MAX_NOTE, MAX_SIZE, Checkpoint, open_checkpoint
from signing.strict import malformed, read_base64, write_base64

HEADER = "c2sp.org/tlog-proof@v1"
MAX_PATH = 63  # hashes; what a log of MAX_SIZE leaves needs
_INDEX = re.compile("index (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class ProvenLeaf:
    """An entry's place in a log whose checkpoint was signed."""

    index: int
    checkpoint: Checkpoint


def write_proof(index: int, path: tuple[bytes, ...], checkpoint: bytes) -> bytes:
    """Return the proof file for a leaf, around a signed checkpoint."""
    lines = [HEADER, f"index {index}", *(write_base64(item) for item in path)]
    return "\n".join(lines).encode("ascii") + b"\n\n" + checkpoint


def open_proof(data: bytes, where: str, *, entry: bytes, origin: str, key: PublicKey) -> ProvenLeaf:
    """Return where `entry` stands in the log named `origin`, if `key` signed the checkpoint to which its path leads."""
    if len(data) > MAX_NOTE:
        raise SigningError(Reason.TOO_LARGE, f"{where}: {len(data):,} bytes, a proof has at most {MAX_NOTE:,}")
    head, found, checkpoint = data.partition(b"\n\n")  # the first empty line ends the proof
    try:
        first, second, *rest = head.decode("ascii").split("\n")
    except ValueError as e:  # not ASCII, or fewer than two lines
        raise malformed(where, "not a proof file") from e
    match = _INDEX.fullmatch(second)
    if first != HEADER or match is None or not found or len(rest) > MAX_PATH:
        raise malformed(where, f"expected {HEADER}, an index and at most {MAX_PATH} hashes")
    path = tuple(read_base64(line, where) for line in rest)
    if [write_base64(item) for item in path] != rest:
        raise malformed(where, "base64 of the other alphabet")
    if int(match[1]) > MAX_SIZE or any(len(item) != HASH for item in path):
        raise malformed(where, f"a hash has {HASH} bytes")
    signed = open_checkpoint(checkpoint, where, origin=origin, key=key)
    verify_inclusion(leaf_hash(entry), int(match[1]), signed.size, path, signed.root, where)
    return ProvenLeaf(int(match[1]), signed)
