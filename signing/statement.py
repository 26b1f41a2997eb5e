"""in-toto Statement v1: subjects, identified by their digests, and a predicate about them."""

from dataclasses import dataclass

from signing.fields import Fields, read_json
from signing.strict import malformed, write_json

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATES = "https://fusiondiff-audit/"  # a name, not an address: one label that nobody can register


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject of a statement, identified by its SHA-256; the name is for people."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A signer's statement: the predicate holds for every subject."""

    subjects: tuple[Subject, ...]
    predicate: Fields

    @classmethod
    def from_bytes(
        cls, payload: bytes, where: str, *, predicate_type: str, limit: int, most: int, tokens: int
    ) -> "Statement":
        """Parse a verified payload; any predicate but the one expected is refused."""
        fields = read_json(payload, where, limit=limit, tokens=tokens)
        fields.closed("_type", "subject", "predicateType", "predicate")
        fields.constant("_type", STATEMENT_TYPE)
        fields.constant("predicateType", predicate_type)
        subjects = tuple(
            Subject(item.text("name"), item.fields("digest").closed("sha256").sha256("sha256"))
            for item in (entry.closed("name", "digest") for entry in fields.list("subject", least=1, most=most))
        )
        if len({s.name for s in subjects}) != len(subjects):
            raise malformed(where, "two subjects have one name")
        return cls(subjects, fields.fields("predicate"))


def write_statement(subjects: tuple[Subject, ...], predicate_type: str, predicate: dict[str, object]) -> bytes:
    """Return the payload of a statement; these very bytes are signed."""
    return write_json(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": s.name, "digest": {"sha256": s.sha256}} for s in subjects],
            "predicateType": predicate_type,
            "predicate": predicate,
        }
    )
