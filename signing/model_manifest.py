"""The signed content of a model's signature: its files by their digests (model-signing-spec, spec/v1.0.md)."""

import hashlib
from dataclasses import dataclass

from signing.errors import Reason, SigningError
from signing.fields import Fields
from signing.names import refuse_collisions, refuse_unsafe
from signing.statement import Statement, Subject, write_statement

PREDICATE_TYPE = "https://model_signing/signature/v1.0"
MAX_RESOURCES = 100_000
MAX_PAYLOAD = 64 * 1024 * 1024  # bytes
_TOKENS = 1000 + 16 * MAX_RESOURCES  # of JSON; commas in names are among them


@dataclass(frozen=True, slots=True)
class Resource:
    """A file of a model, by its digest."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelManifest:
    """A model's files in signed order, the root digest over them, and the paths that the signature excludes."""

    name: str
    digest: str
    resources: tuple[Resource, ...]
    ignored: frozenset[str]

    @property
    def listing(self) -> str:
        """Return the digest over files and names, by which reports and pins identify the model."""
        return list_digest(self.resources)

    @classmethod
    def from_payload(cls, payload: bytes, where: str) -> "ModelManifest":
        """Parse a verified payload; the subject must be the digest over the listed files."""
        statement = Statement.from_bytes(
            payload, where, predicate_type=PREDICATE_TYPE, limit=MAX_PAYLOAD, most=1, tokens=_TOKENS
        )
        (subject,) = statement.subjects
        fields = statement.predicate.closed("serialization", "resources")
        ignored = _read_serialization(fields.fields("serialization"))
        resources = tuple(_read_resource(r) for r in fields.list("resources", least=1, most=MAX_RESOURCES))
        if [r.name for r in resources] != ["."]:  # a model of one file, as model-signing names it
            for resource in resources:
                refuse_unsafe(resource.name)
            refuse_collisions(r.name for r in resources)
        if (computed := root_digest(resources)) != subject.sha256:
            message = f"the root digest is signed as sha256:{subject.sha256}, the files listed give sha256:{computed}"
            raise SigningError(Reason.DIGEST_MISMATCH, f"{where}: {message}")
        return cls(subject.name, subject.sha256, resources, ignored)


def root_digest(resources: tuple[Resource, ...]) -> str:
    """Return the SHA-256 over the raw digests, in listed order (spec 5.3)."""
    return hashlib.sha256(b"".join(bytes.fromhex(r.sha256) for r in resources)).hexdigest()


def list_digest(resources: tuple[Resource, ...]) -> str:
    """Return the SHA-256 over digests and names, as `sha256sum` writes them; a pin is such a digest.

    The root digest of the specification does not cover the names: two files could exchange their names under it.
    """
    lines = sorted(f"{r.sha256}  {r.name}\n" for r in resources)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def write_manifest(manifest: ModelManifest) -> bytes:
    """Return the payload that a signature over this manifest carries."""
    predicate: dict[str, object] = {
        "serialization": {
            "method": "files",
            "hash_type": "sha256",
            "allow_symlinks": False,
            "ignore_paths": sorted(manifest.ignored),
        },
        "resources": [{"name": r.name, "digest": r.sha256, "algorithm": "sha256"} for r in manifest.resources],
    }
    return write_statement((Subject(manifest.name, manifest.digest),), PREDICATE_TYPE, predicate)


def _read_serialization(fields: Fields) -> frozenset[str]:
    """Return the paths left unsigned; shards, other digests and links are refused."""
    fields.constant("method", "files")
    fields.closed("method", "hash_type", "allow_symlinks", optional=("ignore_paths",))
    fields.constant("hash_type", "sha256")
    fields.false("allow_symlinks")
    return frozenset(fields.texts("ignore_paths", most=64)) if fields.has("ignore_paths") else frozenset()


def _read_resource(fields: Fields) -> Resource:
    fields.closed("name", "digest", "algorithm")
    fields.constant("algorithm", "sha256")
    return Resource(fields.text("name"), fields.sha256("digest"))
