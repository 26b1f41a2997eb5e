"""A report: a header and rows under one hash tree, and the statement that is signed.

Leaf 0 of an RFC 6962 tree is the header; the rows of specimens follow, then those of images, in the order of their
names. Each leaf is a JSON object with its number, a salt and its content, so any row can be shown alone. Salts come
from one key that the report holds and an excerpt does not, so nobody can guess a row that was not shown from its hash.

A report has one form. `from_payload` writes what it read again and compares all bytes with those that were signed: so
nothing in a report is ignored, tree and subjects are those of its rows, and no other reader finds another meaning.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise
from typing import Any, TypeVar

from reports.verdict.header import Header
from reports.verdict.leaves import read_header, read_image_rows, read_specimen_rows
from reports.verdict.rows import ImageRow, SpecimenRow
from reports.verdict.versions import stated_version
from signing import MerkleTree, Reason, SigningError, leaf_hash
from signing.fields import Fields
from signing.names import refuse_unsafe
from signing.records import write_record
from signing.scan import Scanner
from signing.statement import PREDICATES, STATEMENT_TYPE
from signing.strict import malformed, read_base64, refuse_large, write_base64, write_json

PREDICATE_TYPE = f"{PREDICATES}authenticity-report/"  # and the version
MAX_ROWS = 1_000_000
MAX_PAYLOAD = 1024 * 1024 * 1024  # bytes
_TOKENS = 400 * MAX_ROWS
_SALT_KEY = 32  # bytes
_TOGETHER = 1000  # rows
BATCH = "batch manifest"  # the subject that stands for the batch
_ORIGIN = "fusiondiff-audit/report/"
_Row = TypeVar("_Row", ImageRow, SpecimenRow)


@dataclass(frozen=True)
class Report:
    """A report's records; `texts` are the header and the rows as signed JSON, in the order of their leaves."""

    header: Header
    specimens: tuple[SpecimenRow, ...]
    images: tuple[ImageRow, ...]
    salt_key: bytes
    texts: tuple[bytes, ...]

    @classmethod
    def of(
        cls, header: Header, specimens: Iterable[SpecimenRow], images: Iterable[ImageRow], salt_key: bytes
    ) -> "Report":
        """Return the report of a header and rows, in the newest version's JSON."""
        rows = tuple(specimens), tuple(images)
        return cls(
            header, *rows, salt_key, tuple(write_json(write_record(leaf)) for leaf in (header, *rows[0], *rows[1]))
        )

    @cached_property
    def tree(self) -> MerkleTree:
        """Return the hash tree over all leaves."""
        return MerkleTree(map(leaf_hash, self._leaves()))

    @property
    def origin(self) -> str:
        """Return the name under which the tree's checkpoint is signed."""
        return origin_of(self.header)

    def salt(self, number: int) -> str:
        """Return the salt of a leaf."""
        return write_base64(hmac.digest(self.salt_key, number.to_bytes(8, "big"), hashlib.sha256))

    def to_payload(self) -> bytes:
        """Return the statement about every image that was judged."""
        return b"".join(self._pieces())

    def _pieces(self) -> Iterator[bytes]:
        """Yield the payload in small pieces, so that a long one is never twice in memory."""
        first = 1 + len(self.specimens)
        yield b'{"_type":%b,"predicate":{"header":%b,"images":[' % (write_json(STATEMENT_TYPE), self.texts[0])
        yield from _comma_separated(self.texts[first:])
        yield b'],"saltKey":%b,"specimens":[' % write_json(write_base64(self.salt_key))
        yield from _comma_separated(self.texts[1:first])
        predicate = PREDICATE_TYPE + self.header.format.rpartition("/")[2]
        head = {"origin": self.origin, "root": write_base64(self.tree.root()), "size": len(self.tree)}
        yield b'],"tree":%b},"predicateType":%b,"subject":[' % (write_json(head), write_json(predicate))
        judged = ((row.name, row.sha256) for row in self.images if row.judged is not None and row.sha256)
        subjects = chain(((BATCH, self.header.batch.payload),), judged)
        yield from _comma_separated(
            write_json({"name": name, "digest": {"sha256": digest}}) for name, digest in subjects
        )
        yield b"]}"

    @classmethod
    def from_payload(cls, payload: bytes, where: str) -> "Report":
        """Parse a verified payload."""
        refuse_large(payload, where, limit=MAX_PAYLOAD, tokens=_TOKENS)
        scanner = Scanner(payload, where)
        scanner.expect(f'{{"_type":"{STATEMENT_TYPE}","predicate":{{"header":')
        leaf = scanner.value()
        version = stated_version(leaf)
        header, texts = read_header(leaf, version, where), [write_json(leaf)]
        scanner.expect(',"images":')
        images, image_texts = _rows(read_image_rows, scanner, version, f"{where}: images")
        scanner.expect(',"saltKey":')
        salt_key = read_base64(Fields({"saltKey": scanner.value()}, where).text("saltKey"), where)
        scanner.expect(',"specimens":')
        specimens, specimen_texts = _rows(read_specimen_rows, scanner, version, f"{where}: specimens")
        report = cls(header, specimens, images, salt_key, (*texts, *specimen_texts, *image_texts))
        del scanner  # it holds the whole text once more
        report.refuse_disorder(where)
        if not report._is_written_as(payload):
            message = "is not in the one form of a report: its tree or its subjects are not those of its rows, or "
            raise malformed(where, message + "something stands there twice or is written otherwise")
        return report

    def refuse_misread(self, where: str) -> None:
        """Refuse to sign a report that readers would refuse or misread; a thousand rows at a time."""
        self.refuse_disorder(where)
        version, first = self.header.format, 1 + len(self.specimens)
        same = read_header(json.loads(self.texts[0]), version, where) == self.header
        same = same and _read_back(read_specimen_rows, self.specimens, self.texts[1:first], version, where)
        same = same and _read_back(read_image_rows, self.images, self.texts[first:], version, where)
        if not same:
            raise ValueError(f"{where}: a report that does not read back as itself")

    def refuse_disorder(self, where: str) -> None:
        """Refuse rows that are out of order or repeated, and names that are no file names."""
        if len(self.salt_key) != _SALT_KEY:
            raise malformed(where, f"a salt key has {_SALT_KEY} bytes")
        for row in self.images:
            if row.judged is not None:  # its file will be opened by this name
                refuse_unsafe(row.name)
                if row.name == BATCH:
                    raise malformed(where, f"an image that is called {BATCH!r}, as the batch is among the subjects")
        for kind, names in (
            ("specimens", [row.specimen for row in self.specimens]),
            ("images", [row.name for row in self.images]),
        ):
            if any(name >= following for name, following in pairwise(names)):
                raise malformed(where, f"its {kind} are not in the order of their names, each once")

    def _is_written_as(self, payload: bytes) -> bool:
        """Say whether the report is written as these bytes."""
        at = 0
        for piece in self._pieces():
            if not payload.startswith(piece, at):
                return False
            at += len(piece)
        return at == len(payload)

    def _leaves(self) -> Iterator[bytes]:
        kinds = ["header", *["specimen"] * len(self.specimens), *["image"] * len(self.images)]
        for number, (kind, text) in enumerate(zip(kinds, self.texts, strict=True)):
            yield leaf_bytes(number, self.salt(number), kind, text)


_ReadRows = Callable[[list[Any], str, str], list[_Row]]


def _rows(read: _ReadRows[_Row], scanner: Scanner, version: str, where: str) -> tuple[tuple[_Row, ...], list[bytes]]:
    """Return the rows of the list at the scanner's position, and the signed text of each."""
    rows: list[_Row] = []
    texts: list[bytes] = []
    for chunk in scanner.batches(_TOGETHER):
        rows += read(chunk, version, where)
        texts += map(write_json, chunk)
        if len(rows) > MAX_ROWS:
            raise SigningError(Reason.TOO_LARGE, f"{where}: more than {MAX_ROWS:,}")
    return tuple(rows), texts


def _read_back(
    read: _ReadRows[_Row], rows: tuple[_Row, ...], texts: tuple[bytes, ...], version: str, where: str
) -> bool:
    """Say whether texts are read as these rows."""
    for start in range(0, max(len(rows), len(texts)), _TOGETHER):
        chunk = slice(start, start + _TOGETHER)
        if read(list(map(json.loads, texts[chunk])), version, where) != list(rows[chunk]):
            return False
    return True


def _comma_separated(texts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield texts with commas between them."""
    for number, text in enumerate(texts):
        yield b"," + text if number else text


def origin_of(header: Header) -> str:
    """Return the name under which the head of a report's tree is signed."""
    return _ORIGIN + header.id


def leaf_bytes(number: int, salt: str, kind: str, text: bytes) -> bytes:
    """Return a leaf's bytes."""
    return b'{"index":%d,"kind":"%b","said":%b,"salt":"%b"}' % (number, kind.encode(), text, salt.encode())
