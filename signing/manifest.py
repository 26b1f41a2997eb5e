"""The manifest of a batch: the predicate `capture-batch/v1` (see FORMAT.md)."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath

from signing.errors import Reason, SigningError
from signing.fields import Fields
from signing.names import refuse_collisions, refuse_unsafe
from signing.statement import PREDICATES, Statement, Subject, write_statement
from signing.strict import MAX_LABEL, malformed, refuse_bad_label
from signing.times import write_time

MANIFEST_NAME = "batch.sigstore.json"
SECOND_NAME = "batch.ml-dsa-65.sigstore.json"
PREDICATE_TYPE = f"{PREDICATES}capture-batch/v1"
MAX_FILES = 100_000
MAX_MANIFEST = 64 * 1024 * 1024  # bytes of payload; 100,000 files with long names
MAX_SIGNED_FILE = 256 * 1024 * 1024  # bytes; 100 megapixels of 16 bits are 200 MB, micrographs of today 4 MB
MAX_TOKENS = 1000 + 32 * MAX_FILES  # of JSON; commas in names are among them
MAX_SEQUENCE = 2**63 - 1  # what a database column holds
_NONCE = re.compile("[0-9a-f]{32}")
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,5})(?:\.[0-9]{1,9})?")
_PIXEL_SIZE = re.compile(r"([0-9.]+) ?([a-zµμ]+)")
_UNREAD_SUFFIXES = frozenset(
    {".bmp", ".gif", ".webp", ".jp2", ".jpx", ".heic", ".emi", ".emd", ".czi", ".lif", ".nd2", ".svs", ".psd", ".dng"}
)
_IMAGE_SUFFIXES = frozenset({".tif", ".tiff", ".png", ".jpg", ".jpeg", ".mrc", ".dm3", ".dm4", ".ser"})


class FileKind(StrEnum):
    """What a file is for: only images are classified."""

    IMAGE = "image"
    SIDECAR = "sidecar"
    LABELS = "labels"
    OTHER = "other"


class LengthUnit(StrEnum):
    """Units of a pixel's side."""

    PM = "pm"
    NM = "nm"
    UM = "um"
    MM = "mm"


@dataclass(frozen=True, slots=True)
class PixelSize:
    """A pixel's side as the signer claims it; the decimal is kept as it was written."""

    value: str
    unit: LengthUnit

    @classmethod
    def parse(cls, text: str) -> "PixelSize":
        """Parse what a person types, such as `12.5 nm`."""
        match = _PIXEL_SIZE.fullmatch(text.strip())
        value, unit = match.groups() if match else ("", "")
        unit = unit.replace("µ", "u").replace("μ", "u")
        if unit not in {u.value for u in LengthUnit} or not _is_positive(value):
            hint = "write a decimal and pm, nm, µm, um or mm, for example '12.5 nm'"
            raise SigningError(Reason.BAD_REQUEST, f"{text!r} is not a pixel size", hint=hint)
        return cls(value, LengthUnit(unit))

    def __str__(self) -> str:
        return f"{self.value} {self.unit}"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One signed file: its digest and size, and what the signer says it is."""

    name: str
    sha256: str
    size: int
    kind: FileKind
    specimen: str | None = None
    pixel_size: PixelSize | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """The signed content of a batch: device, times and files, and the sequence and nonce that reveal a replay."""

    device: str
    lab: str | None
    captured: datetime
    issued: datetime
    expires: datetime
    sequence: int
    nonce: str
    files: tuple[FileEntry, ...]

    def __post_init__(self) -> None:
        """Refuse a manifest that breaks a rule of the format, whether it was read or is about to be written."""
        if not 1 <= len(self.files) <= MAX_FILES:
            raise SigningError(Reason.BAD_REQUEST, f"a batch has 1 to {MAX_FILES:,} files, not {len(self.files):,}")
        for file in self.files:
            refuse_unsafe(file.name)
        refuse_collisions((MANIFEST_NAME, SECOND_NAME, *(f.name for f in self.files)))
        for label in (self.device, self.lab, *(f.specimen for f in self.files)):
            refuse_bad_label(label)
        if not 0 <= self.sequence <= MAX_SEQUENCE:
            raise SigningError(Reason.BAD_REQUEST, f"a sequence is a number from 0 to {MAX_SEQUENCE}")
        if self.issued >= self.expires:
            raise SigningError(Reason.BAD_REQUEST, "a batch expires after it is issued")

    @classmethod
    def from_payload(cls, payload: bytes, where: str) -> "Manifest":
        """Parse a verified payload; the law is `from_payload(m.to_payload()) == m`."""
        try:
            return cls._parse(payload, where)
        except SigningError as e:
            if e.reason is not Reason.BAD_REQUEST:
                raise
            raise malformed(where, str(e)) from e  # a bad request of a signer is a malformed file to a verifier

    @classmethod
    def _parse(cls, payload: bytes, where: str) -> "Manifest":
        statement = Statement.from_bytes(
            payload, where, predicate_type=PREDICATE_TYPE, limit=MAX_MANIFEST, most=MAX_FILES, tokens=MAX_TOKENS
        )
        fields = statement.predicate
        fields.closed("device", "lab", "captured", "issued", "expires", "sequence", "nonce", "files")
        items = fields.list("files", least=1, most=MAX_FILES)
        if len(items) != len(statement.subjects):
            raise malformed(where, "subjects and files differ")
        nonce = fields.text("nonce", limit=32)
        if not _NONCE.fullmatch(nonce):
            raise malformed(where, "the nonce is not 32 hexadecimal digits")
        return cls(
            device=fields.text("device", limit=MAX_LABEL),
            lab=fields.optional_text("lab", limit=MAX_LABEL),
            captured=fields.time("captured"),
            issued=fields.time("issued"),
            expires=fields.time("expires"),
            sequence=fields.integer("sequence", least=0, most=MAX_SEQUENCE),
            nonce=nonce,
            files=tuple(_read_file(s, item) for s, item in zip(statement.subjects, items, strict=True)),
        )

    def to_payload(self) -> bytes:
        """Return the statement's bytes, to be signed."""
        subjects = tuple(Subject(f.name, f.sha256) for f in self.files)
        predicate: dict[str, object] = {
            "device": self.device,
            "lab": self.lab,
            "captured": write_time(self.captured),
            "issued": write_time(self.issued),
            "expires": write_time(self.expires),
            "sequence": self.sequence,
            "nonce": self.nonce,
            "files": [
                {
                    "name": f.name,
                    "size": f.size,
                    "kind": f.kind.value,
                    "specimen": f.specimen,
                    "pixelSize": f.pixel_size and {"value": f.pixel_size.value, "unit": f.pixel_size.unit.value},
                }
                for f in self.files
            ],
        }
        return write_statement(subjects, PREDICATE_TYPE, predicate)


def default_kind(name: str) -> FileKind:
    """Return the kind that a file's name suggests; the signer may state another."""
    path = PurePosixPath(name)
    if path.name == "labels.csv":
        return FileKind.LABELS
    if path.suffix.lower() in _IMAGE_SUFFIXES:
        return FileKind.IMAGE
    return FileKind.SIDECAR if path.suffix.lower() == ".txt" else FileKind.OTHER


def is_unread_image(name: str) -> bool:
    """Say whether a file's name is that of an image in a format that is not read, so that no audit looks at it."""
    return PurePosixPath(name).suffix.lower() in _UNREAD_SUFFIXES


def _read_file(subject: Subject, fields: Fields) -> FileEntry:
    fields.closed("name", "size", "kind", "specimen", "pixelSize")
    if fields.text("name") != subject.name:
        raise malformed(fields.where, "subjects and files differ")
    return FileEntry(
        name=subject.name,
        sha256=subject.sha256,
        size=fields.integer("size", least=0, most=MAX_SIGNED_FILE),
        kind=fields.member("kind", FileKind),
        specimen=fields.optional_text("specimen", limit=MAX_LABEL),
        pixel_size=None if fields.null("pixelSize") else _read_pixel(fields.fields("pixelSize")),
    )


def _read_pixel(fields: Fields) -> PixelSize:
    fields.closed("value", "unit")
    if not _is_positive(value := fields.text("value")):
        raise malformed(fields.where, "not a pixel size")
    return PixelSize(value, fields.member("unit", LengthUnit))


def _is_positive(value: str) -> bool:
    return _DECIMAL.fullmatch(value) is not None and value.strip("0.") != ""
