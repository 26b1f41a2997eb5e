"""A report: a header and rows under one tree, so that any row can be shown alone, and the statement that is signed.

Leaf 0 of an RFC 6962 tree is the header; the rows of specimens follow, then those of images, in the order of their
names. Each leaf is a JSON object with its number, a salt and what it says. Salts come from one key that the report
holds and an excerpt does not, so that a row that was not shown cannot be guessed from its hash.

A report has one form. Whoever reads one writes it again, and must come to the very bytes that were signed: so nothing
stands in it that was passed over, tree and subjects are those of its rows, and no other reader finds another meaning.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from reports.columns import read_all
from reports.header import Header
from reports.records import read, write
from reports.rows import ImageRow, SpecimenRow
from signing import Tree, leaf_hash
from signing.names import refuse_unsafe
from signing.statement import PREDICATES, STATEMENT_TYPE
from signing.strict import Fields, malformed, read_base64, refuse_large, write_base64, write_json

PREDICATE_TYPE = f"{PREDICATES}authenticity-report/v1"
MAX_ROWS = 1_000_000
MAX_PAYLOAD = 1024 * 1024 * 1024  # bytes
_TOKENS = 400 * MAX_ROWS
_SALT_KEY = 32  # bytes
_TOGETHER = 1000  # rows
_ORIGIN = "fusiondiff-audit/report/"


@dataclass(frozen=True)
class Report:
    """All that is signed; `texts` are the header and the rows as JSON, in the order of their leaves."""

    header: Header
    specimens: tuple[SpecimenRow, ...]
    images: tuple[ImageRow, ...]
    salt_key: bytes
    texts: tuple[bytes, ...]

    @classmethod
    def of(
        cls, header: Header, specimens: Iterable[SpecimenRow], images: Iterable[ImageRow], salt_key: bytes
    ) -> "Report":
        """Return the report that says this."""
        rows = tuple(specimens), tuple(images)
        return cls(header, *rows, salt_key, tuple(write_json(write(said)) for said in (header, *rows[0], *rows[1])))

    @cached_property
    def tree(self) -> Tree:
        """Return the tree over all leaves."""
        return Tree(map(leaf_hash, self._leaves()))

    @property
    def origin(self) -> str:
        """Return the name under which the tree's checkpoint is signed."""
        return origin_of(self.header)

    def salt(self, number: int) -> str:
        """Return the salt of a leaf."""
        return write_base64(hmac.digest(self.salt_key, number.to_bytes(8, "big"), hashlib.sha256))

    def to_payload(self) -> bytes:
        """Return the statement about every image that was judged."""
        first = 1 + len(self.specimens)
        predicate = b'{"header":%b,"images":[%b],"saltKey":"%b","specimens":[%b],"tree":%b}' % (
            self.texts[0],
            b",".join(self.texts[first:]),
            base64.b64encode(self.salt_key),
            b",".join(self.texts[1:first]),
            write_json({"origin": self.origin, "root": write_base64(self.tree.root()), "size": len(self.tree)}),
        )
        judged = ((row.name, row.sha256) for row in self.images if row.judged is not None and row.sha256)
        batch = ("batch manifest", self.header.batch.payload)
        subjects = [{"name": name, "digest": {"sha256": digest}} for name, digest in (batch, *judged)]
        return b'{"_type":%b,"predicate":%b,"predicateType":%b,"subject":%b}' % (
            write_json(STATEMENT_TYPE),
            predicate,
            write_json(PREDICATE_TYPE),
            write_json(subjects),
        )

    @classmethod
    def from_payload(cls, payload: bytes, where: str) -> "Report":
        """Parse a verified payload."""
        refuse_large(payload, where, limit=MAX_PAYLOAD, tokens=_TOKENS)
        try:
            statement = json.loads(payload)
        except (ValueError, RecursionError) as e:
            raise malformed(where, f"not JSON ({e})") from e
        fields = Fields(statement, where).closed("_type", "subject", "predicateType", "predicate")
        fields.constant("_type", STATEMENT_TYPE)
        fields.constant("predicateType", PREDICATE_TYPE)
        said = fields.fields("predicate").closed("header", "specimens", "images", "saltKey", "tree")
        specimens, images = (said.values(name, most=MAX_ROWS) for name in ("specimens", "images"))
        report = cls(
            read(Header, said.fields("header")),
            tuple(read_all(SpecimenRow, specimens, f"{where}: specimens")),
            tuple(read_all(ImageRow, images, f"{where}: images")),
            read_base64(said.text("saltKey"), where),
            tuple(write_json(item) for item in (statement["predicate"]["header"], *specimens, *images)),
        )
        del statement, fields, said, specimens, images  # as large as all else together
        report.refuse_disorder(where)
        if report.to_payload() != payload:
            what = "is not in the one form of a report: its tree or its subjects are not those of its rows, or "
            raise malformed(where, what + "something stands there twice or is written otherwise")
        return report

    def refuse_misread(self, where: str) -> None:
        """Refuse to sign what readers would refuse, or take for something else; a thousand rows at a time."""
        self.refuse_disorder(where)
        same = read(Header, Fields(json.loads(self.texts[0]), where)) == self.header
        first = 1 + len(self.specimens)
        parts = ((SpecimenRow, self.specimens, self.texts[1:first]), (ImageRow, self.images, self.texts[first:]))
        for kind, rows, texts in parts:
            for start in range(0, max(len(rows), len(texts)), _TOGETHER):
                some = slice(start, start + _TOGETHER)
                read_back = read_all(kind, list(map(json.loads, texts[some])), where)
                same = same and read_back == list(rows[some])
        if not same:
            raise ValueError(f"{where}: a report that does not read back as itself")

    def refuse_disorder(self, where: str) -> None:
        """Refuse rows that are not in order, or twice there."""
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

    def _leaves(self) -> Iterator[bytes]:
        kinds = ["header", *["specimen"] * len(self.specimens), *["image"] * len(self.images)]
        for number, (kind, text) in enumerate(zip(kinds, self.texts, strict=True)):
            yield leaf(number, self.salt(number), kind, text)


def origin_of(header: Header) -> str:
    """Return the name under which the head of a report's tree is signed."""
    return _ORIGIN + header.id


def leaf(number: int, salt: str, kind: str, text: bytes) -> bytes:
    """Return a leaf's bytes."""
    return b'{"index":%d,"kind":"%b","said":%b,"salt":"%b"}' % (number, kind.encode(), text, salt.encode())
