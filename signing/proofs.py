"""Proof files of C2SP (tlog-proof.md): the inclusion proof of one leaf, and the signed checkpoint, in one text.

The reader holds the proven entry; the file proves nothing else, so the specification's optional `extra` line, which is
not signed, is refused.
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
    """An entry's index in a log, and the signed checkpoint of that log."""

    index: int
    checkpoint: Checkpoint


def write_proof(index: int, path: tuple[bytes, ...], checkpoint: bytes) -> bytes:
    """Return the proof file for a leaf, around a signed checkpoint."""
    lines = [HEADER, f"index {index}", *(write_base64(item) for item in path)]
    return "\n".join(lines).encode("ascii") + b"\n\n" + checkpoint


def open_proof(data: bytes, where: str, *, entry: bytes, origin: str, key: PublicKey) -> ProvenLeaf:
    """Return the index of `entry` in the log named `origin`, proven under a checkpoint that `key` signed."""
    if len(data) > MAX_NOTE:
        raise SigningError(Reason.TOO_LARGE, f"{where}: {len(data):,} bytes, a proof has at most {MAX_NOTE:,}")
    head, separator, checkpoint = data.partition(b"\n\n")  # the first empty line ends the proof
    try:
        first, second, *rest = head.decode("ascii").split("\n")
    except ValueError as e:  # not ASCII, or fewer than two lines
        raise malformed(where, "not a proof file") from e
    match = _INDEX.fullmatch(second)
    if first != HEADER or match is None or not separator or len(rest) > MAX_PATH:
        raise malformed(where, f"expected {HEADER}, an index and at most {MAX_PATH} hashes")
    path = tuple(read_base64(line, where) for line in rest)
    if [write_base64(item) for item in path] != rest:
        raise malformed(where, "base64 of the other alphabet")
    if int(match[1]) > MAX_SIZE or any(len(item) != HASH for item in path):
        raise malformed(where, f"a hash has {HASH} bytes")
    signed = open_checkpoint(checkpoint, where, origin=origin, key=key)
    verify_inclusion(leaf_hash(entry), int(match[1]), signed.size, path, signed.root, where)
    return ProvenLeaf(int(match[1]), signed)
