"""Signed notes and checkpoints of C2SP (signed-note.md, tlog-checkpoint.md): a log's root, size and name, signed.

A note is text, an empty line, and signature lines. Lines by other keys are ignored, as the specification demands, so
that witnesses may add their signatures; the line by the expected key must be there and be valid.
"""

import hashlib
import re
from dataclasses import dataclass

from signing.errors import Reason, SigningError
from signing.keys import Algorithm, PrivateKey, PublicKey
from signing.merkle import EMPTY_ROOT, HASH
from signing.strict import malformed, read_base64, write_base64

MAX_NOTE = 64 * 1024  # bytes
MAX_SIGNATURES = 16
MAX_SIZE = 2**63 - 1  # leaves
_ED25519_TYPE = b"\x01"  # signed-note.md, "Signature types"
_LINE = re.compile("— ([^ \n+]+) ([A-Za-z0-9+/]+={0,2})")
_NUMBER = re.compile("0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's name, how many leaves it has, and the root over them."""

    origin: str
    size: int
    root: bytes

    def to_text(self) -> str:
        """Return the text that is signed."""
        return f"{self.origin}\n{self.size}\n{write_base64(self.root)}\n"


def sign_checkpoint(checkpoint: Checkpoint, key: PrivateKey) -> bytes:
    """Return the checkpoint as a note signed under the log's name."""
    _refuse_bad_origin(checkpoint.origin)
    if not 0 <= checkpoint.size <= MAX_SIZE or len(checkpoint.root) != HASH:
        message = f"no log has {checkpoint.size} leaves and a root of {len(checkpoint.root)} bytes"
        raise SigningError(Reason.BAD_REQUEST, message)
    text = checkpoint.to_text()
    blob = key_id(checkpoint.origin, key.public) + key.sign(text.encode("utf-8"))
    return f"{text}\n— {checkpoint.origin} {write_base64(blob)}\n".encode()


def open_checkpoint(data: bytes, where: str, *, origin: str, key: PublicKey) -> Checkpoint:
    """Return the checkpoint of the log named `origin`, if `key` signed it."""
    _refuse_bad_origin(origin)
    text, lines = _split(data, where)
    own_id = key_id(origin, key)
    valid = 0
    for name, blob in (_read_line(line, where) for line in lines):
        if (name, blob[:4]) == (origin, own_id):  # another key may have the same four bytes, but not the log's name
            key.verify(blob[4:], text.encode("utf-8"), where)
            valid += 1
    if not valid:
        raise SigningError(Reason.NO_SIGNATURE, f"{where}: not signed by key sha256:{key.keyid} as {origin!a}")
    return _read_checkpoint(text, where, origin)


def key_id(name: str, key: PublicKey) -> bytes:
    """Return the four bytes by which a note names a key."""
    if key.algorithm is not Algorithm.ED25519:
        raise SigningError(Reason.UNSUPPORTED, f"checkpoints are signed with Ed25519 keys, not {key.algorithm}")
    return hashlib.sha256(name.encode("utf-8") + b"\n" + _ED25519_TYPE + key.raw()).digest()[:4]


def _split(data: bytes, where: str) -> tuple[str, list[str]]:
    """Split a note into its text and its signature lines, at the last empty line."""
    if len(data) > MAX_NOTE:
        raise SigningError(Reason.TOO_LARGE, f"{where}: {len(data):,} bytes, a note has at most {MAX_NOTE:,}")
    try:
        note = data.decode("utf-8")
    except UnicodeDecodeError as e:
        raise malformed(where, "not UTF-8") from e
    if any(c < " " and c != "\n" for c in note):
        raise malformed(where, "a note holds no control characters")
    text, _, signatures = note.rpartition("\n\n")
    if not text or not signatures.endswith("\n"):
        raise malformed(where, "a note is text, an empty line and signature lines")
    lines = signatures[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise SigningError(Reason.TOO_LARGE, f"{where}: {len(lines)} signatures, at most {MAX_SIGNATURES}")
    return text + "\n", lines


def _read_line(line: str, where: str) -> tuple[str, bytes]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise malformed(where, "not a signature line")
    blob = read_base64(match[2], where)
    if len(blob) < 5:
        raise malformed(where, "a signature line without a signature")
    return match[1], blob


def _read_checkpoint(text: str, where: str, origin: str) -> Checkpoint:
    lines = text[:-1].split("\n")
    if len(lines) != 3:
        raise malformed(where, "a checkpoint has three lines; extensions are refused")
    name, size, root = lines
    if name != origin:  # one key may sign for several logs
        raise SigningError(Reason.BAD_PROOF, f"{where}: a checkpoint of {name!a}, expected one of {origin!a}")
    decoded = read_base64(root, where)
    if not _NUMBER.fullmatch(size) or int(size) > MAX_SIZE or len(decoded) != HASH:
        raise malformed(where, "not a size and a root")
    if not int(size) and decoded != EMPTY_ROOT:
        raise SigningError(Reason.BAD_PROOF, f"{where}: a log without leaves has another root hash")
    return Checkpoint(name, int(size), decoded)


def _refuse_bad_origin(origin: str) -> None:
    if not origin or "+" in origin or any(c.isspace() or not c.isprintable() for c in origin):
        raise SigningError(Reason.BAD_REQUEST, f"{origin!a} cannot name a log")
