"""The entries of a ledger: one line of JSON for each event, and the marks, which are the keys of its index.

An entry's bytes are a leaf of the ledger's log (FORMAT.md), and have one form: `read_entry(e.to_bytes(), where) == e`
for every entry, and other bytes are refused.
"""

from dataclasses import dataclass
from datetime import datetime

from signing import write_time
from signing.fields import Fields, read_json
from signing.manifest import MAX_FILES, MAX_MANIFEST, MAX_SEQUENCE, MAX_TOKENS
from signing.strict import malformed, write_json

LEDGER_VERSION = 1
MAX_ENTRY = 4 * MAX_MANIFEST  # bytes; a manifest has names in UTF-8, an entry escapes them
MAX_REASON = 200  # characters of `--again REASON`
_TOKENS = 2 * MAX_TOKENS  # so that the entry of every valid manifest can be read back


@dataclass(frozen=True, slots=True)
class LedgerCreated:
    """The first entry, which names the log."""

    time: datetime
    origin: str

    def to_bytes(self) -> bytes:
        return _line("ledger", self.time, version=LEDGER_VERSION, origin=self.origin)

    def marks(self) -> tuple[str, ...]:
        """Return no marks: the first entry is found by its number."""
        return ()


@dataclass(frozen=True, slots=True)
class BatchAdmitted:
    """A batch that was admitted to a run; `again` is the reason for a batch that had been admitted before."""

    time: datetime
    run: str
    payload: str
    device: str
    nonce: str
    sequence: int
    out_of_order: bool
    again: str | None
    root: str
    version: int
    files: tuple[tuple[str, str], ...]

    def to_bytes(self) -> bytes:
        return _line(
            "batch",
            self.time,
            run=self.run,
            payload=self.payload,
            device=self.device,
            nonce=self.nonce,
            sequence=self.sequence,
            outOfOrder=self.out_of_order,
            again=self.again,
            trust={"root": self.root, "version": self.version},
            files=[{"name": name, "sha256": digest} for name, digest in self.files],
        )

    def marks(self) -> tuple[str, ...]:
        """Return the marks of the run, of the batch, and of the trust store's version."""
        return (f"run {self.run}", *self.replay_marks(), trust_mark(self.root, self.version))

    def replay_marks(self) -> tuple[str, str, str]:
        """Return the marks of the batch, each of which an earlier admission of the same batch has too."""
        payload, nonce = f"payload {self.payload}", f"nonce {self.device} {self.nonce}"
        return payload, nonce, sequence_mark(self.device, self.sequence)


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """One image of a run; `before` is the run and name under which the same pixels were admitted first."""

    name: str
    pixels: str
    before: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class ImagesDecoded:
    """The pixel digests of images of a run."""

    time: datetime
    run: str
    images: tuple[DecodedImage, ...]

    def to_bytes(self) -> bytes:
        images = [
            {
                "name": image.name,
                "pixels": image.pixels,
                "before": image.before and {"run": image.before[0], "name": image.before[1]},
            }
            for image in self.images
        ]
        return _line("pixels", self.time, run=self.run, images=images)

    def marks(self) -> tuple[str, ...]:
        """Return the marks of every image, and of the pixels that the ledger did not have yet."""
        images = tuple(image_mark(self.run, image.name) for image in self.images)
        return images + tuple(f"pixels {image.pixels}" for image in self.images if image.before is None)


@dataclass(frozen=True, slots=True)
class ReportIssued:
    """A report that was signed and written, by its SHA-256."""

    time: datetime
    run: str
    report: str

    def to_bytes(self) -> bytes:
        return _line("report", self.time, run=self.run, report=self.report)

    def marks(self) -> tuple[str, ...]:
        """Return the marks of the report and of its run."""
        return (f"report {self.report}", f"issued {self.run}")


LedgerEntry = LedgerCreated | BatchAdmitted | ImagesDecoded | ReportIssued


def sequence_mark(device: str, sequence: int) -> str:
    """Return the mark of a device's sequence; marks sort as text in the order of the numbers."""
    return f"sequence {device} {sequence:019d}"


def trust_mark(root: str, version: int) -> str:
    return f"trust {root} {version:010d}"


def image_mark(run: str, name: str) -> str:
    return f"image {run} {name}"


def read_entry(data: bytes, where: str) -> LedgerEntry:
    """Parse an entry; any bytes but those that `to_bytes` writes are refused."""
    fields = read_json(data, where, limit=MAX_ENTRY, tokens=_TOKENS)
    kind, time = fields.text("kind"), fields.time("time")
    entry: LedgerEntry
    match kind:
        case "ledger":
            fields.closed("kind", "time", "version", "origin")
            fields.integer("version", least=LEDGER_VERSION, most=LEDGER_VERSION)
            entry = LedgerCreated(time, fields.text("origin"))
        case "batch":
            entry = _read_admitted(fields, time)
        case "pixels":
            fields.closed("kind", "time", "run", "images")
            images = tuple(map(_read_image, fields.list("images", least=1, most=MAX_FILES)))
            entry = ImagesDecoded(time, fields.text("run"), images)
        case "report":
            fields.closed("kind", "time", "run", "report")
            entry = ReportIssued(time, fields.text("run"), fields.sha256("report"))
        case _:
            raise malformed(where, f"an entry of unknown kind {kind!a}")
    if entry.to_bytes() != data:
        raise malformed(where, "an entry in another form than it is written in")
    return entry


def _read_admitted(fields: Fields, time: datetime) -> BatchAdmitted:
    names = ("run", "payload", "device", "nonce", "sequence", "outOfOrder", "again", "trust", "files")
    fields.closed("kind", "time", *names)
    trust = fields.fields("trust").closed("root", "version")
    files = fields.list("files", least=1, most=MAX_FILES)
    return BatchAdmitted(
        time=time,
        run=fields.text("run"),
        payload=fields.sha256("payload"),
        device=fields.sha256("device"),
        nonce=fields.text("nonce", limit=32),
        sequence=fields.integer("sequence", least=0, most=MAX_SEQUENCE),
        out_of_order=fields.boolean("outOfOrder"),
        again=fields.optional_text("again", limit=MAX_REASON),
        root=trust.sha256("root"),
        version=trust.integer("version", least=1, most=2**31),
        files=tuple((item.closed("name", "sha256").text("name"), item.sha256("sha256")) for item in files),
    )


def _read_image(fields: Fields) -> DecodedImage:
    fields.closed("name", "pixels", "before")
    name, pixels = fields.text("name"), fields.sha256("pixels")
    if fields.null("before"):
        return DecodedImage(name, pixels, None)
    before = fields.fields("before").closed("run", "name")
    return DecodedImage(name, pixels, (before.text("run"), before.text("name")))


def _line(kind: str, time: datetime, **values: object) -> bytes:
    return write_json({"kind": kind, "time": write_time(time), **values})
