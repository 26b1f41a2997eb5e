"""A report: a header and rows under one tree, so that any row can be shown alone, and the statement that is signed.

Leaf 0 of an RFC 6962 tree is the header; the rows of specimens follow, then those of images, in the order of their
names. Each leaf is a JSON object with its number, a salt and what it says. Salts come from one key that the report
holds and an excerpt does not, so that a row that was not shown cannot be guessed from its hash.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from reports.header import Header
from reports.records import read, write
from reports.rows import ImageRow, SpecimenRow
from signing import Reason, SigningError, Tree, leaf_hash
from signing.names import refuse_unsafe
from signing.statement import PREDICATES, Statement, Subject, write_statement
from signing.strict import Fields, malformed, write_base64, write_json

PREDICATE_TYPE = f"{PREDICATES}authenticity-report/v1"
MAX_ROWS = 1_000_000
MAX_PAYLOAD = 1024 * 1024 * 1024  # bytes
_TOKENS = 400 * MAX_ROWS
_SALT_KEY = 32  # bytes
_DIGITS = 44  # of base64 for as many
_ORIGIN = "fusiondiff-audit/report/"


@dataclass(frozen=True, slots=True)
class Report:
    """All that is signed."""

    header: Header
    specimens: tuple[SpecimenRow, ...]
    images: tuple[ImageRow, ...]
    salt_key: bytes

    @property
    def origin(self) -> str:
        """Return the name under which the tree's checkpoint is signed."""
        return _ORIGIN + self.header.id

    @property
    def rows(self) -> tuple[SpecimenRow | ImageRow, ...]:
        """Return the rows in the order of their leaves, which begin with 1."""
        return (*self.specimens, *self.images)

    def leaves(self) -> Iterator[bytes]:
        """Yield the leaves of the tree."""
        yield leaf(0, self.salt_key, "header", write(self.header))
        for number, row in enumerate(self.rows, start=1):
            yield leaf(number, self.salt_key, kind_of(row), write(row))

    def tree(self) -> Tree:
        """Return the tree over all leaves."""
        return Tree(leaf_hash(data) for data in self.leaves())

    def to_payload(self) -> bytes:
        """Return the statement about every image that was judged."""
        subjects = tuple(Subject(row.name, row.sha256) for row in self.images if row.judged is not None and row.sha256)
        batch = Subject("batch manifest", self.header.batch.payload)
        tree = self.tree()
        predicate: dict[str, object] = {
            "header": write(self.header),
            "specimens": [write(row) for row in self.specimens],
            "images": [write(row) for row in self.images],
            "saltKey": write_base64(self.salt_key),
            "tree": {"origin": self.origin, "size": len(tree), "root": write_base64(tree.root())},
        }
        return write_statement((batch, *subjects), PREDICATE_TYPE, predicate)

    @classmethod
    def from_payload(cls, payload: bytes, where: str) -> "Report":
        """Parse a verified payload; the tree must be the one over these very rows."""
        statement = Statement.from_bytes(
            payload, where, predicate_type=PREDICATE_TYPE, limit=MAX_PAYLOAD, most=MAX_ROWS + 1, tokens=_TOKENS
        )
        fields = statement.predicate.closed("header", "specimens", "images", "saltKey", "tree")
        salt_key = fields.base64("saltKey", limit=_DIGITS)
        report = cls(
            read(Header, fields.fields("header")),
            tuple(read(SpecimenRow, item) for item in fields.list("specimens", least=0, most=MAX_ROWS)),
            tuple(read(ImageRow, item) for item in fields.list("images", least=0, most=MAX_ROWS)),
            salt_key,
        )
        report.refuse_disorder(where)
        _refuse_other_tree(report, fields.fields("tree"), where)
        _refuse_other_subjects(report, statement.subjects, where)
        return report

    def refuse_disorder(self, where: str) -> None:
        """Refuse rows that are not in order, or twice there: a report has one form."""
        if len(self.salt_key) != _SALT_KEY:
            raise malformed(where, f"a salt key has {_SALT_KEY} bytes")
        for row in self.images:
            if row.judged is not None:  # its file will be opened by this name
                refuse_unsafe(row.name)
        for what, names in (
            ("specimens", [row.specimen for row in self.specimens]),
            ("images", [row.name for row in self.images]),
        ):
            if any(one >= other for one, other in pairwise(names)):
                raise malformed(where, f"its {what} are not in the order of their names, each once")


def kind_of(row: SpecimenRow | ImageRow) -> str:
    """Return what a leaf calls a row."""
    return "specimen" if isinstance(row, SpecimenRow) else "image"


def leaf(number: int, salt_key: bytes, kind: str, said: dict[str, Any]) -> bytes:
    """Return a leaf's bytes."""
    return salted_leaf(number, base64.b64encode(salt(number, salt_key)).decode(), kind, said)


def salted_leaf(number: int, salt: str, kind: str, said: dict[str, Any]) -> bytes:
    """Return a leaf's bytes, given its salt."""
    return write_json({"index": number, "salt": salt, kind: said})


def salt(number: int, salt_key: bytes) -> bytes:
    """Return the salt of a leaf."""
    return hmac.digest(salt_key, number.to_bytes(8, "big"), hashlib.sha256)


def _refuse_other_tree(report: Report, fields: Fields, where: str) -> None:
    fields.closed("origin", "size", "root")
    fields.constant("origin", report.origin)
    tree = report.tree()
    size = fields.integer("size", least=0, most=2 * MAX_ROWS)
    if size != len(tree) or fields.base64("root", limit=_DIGITS) != tree.root():
        raise SigningError(Reason.BAD_PROOF, f"{where}: its tree is not the one over its rows")


def _refuse_other_subjects(report: Report, subjects: tuple[Subject, ...], where: str) -> None:
    expected = [row.sha256 for row in report.images if row.judged is not None and row.sha256]
    if [subject.sha256 for subject in subjects] != [report.header.batch.payload, *expected]:
        raise malformed(where, "its subjects are not the batch and the images that were judged")
