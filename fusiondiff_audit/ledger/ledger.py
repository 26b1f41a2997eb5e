"""The ledger as an audit uses it: admit a batch, recognise images by their pixels, note the report.

1. A batch is admitted to one run, and to that run again after a crash. For another run it is `replayed` if its
   manifest, or its device's nonce or sequence, was admitted before; a lower sequence that was never used is admitted
   as out of order.
2. An image is reported as a duplicate if its pixels were admitted before, under any name.
3. `again` is the reason for which a replayed batch is admitted all the same; the entry records it.
4. Every change ends in a checkpoint over all entries, signed by the auditor's key in the same transaction; copies of
   the newest checkpoint lie outside the database and in every report.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.ledger.checkpoints import CheckpointKeys
from fusiondiff_audit.ledger.entries import (
    MAX_REASON,
    BatchAdmitted,
    DecodedImage,
    ImagesDecoded,
    ReportIssued,
    image_mark,
    read_entry,
    sequence_mark,
    trust_mark,
)
from fusiondiff_audit.ledger.log import Log
from fusiondiff_audit.ledger.store import ledger_altered
from signing import Batch, PrivateKey, Reason, SigningError, TrustStore, write_time
from signing.strict import refuse_bad_label

_Entry = TypeVar("_Entry", BatchAdmitted, ImagesDecoded, ReportIssued)
_REPLAYED = "a run that was interrupted goes on with --resume in its own --out; --again REASON admits the batch anew"


@dataclass(frozen=True, slots=True)
class EarlierImage:
    """The image under which the same pixels were admitted first."""

    run: str
    name: str
    time: datetime


class Ledger:
    """An open ledger; the auditor's key signs every change."""

    def __init__(self, folder: Path, *, key: PrivateKey, keys: CheckpointKeys, clock: Callable[[], datetime]) -> None:
        """Open a ledger, or create one where there is none; an altered ledger is refused.

        The clock is read whenever an entry is written.
        """
        self._clock = clock
        self._log = Log(folder, key=key, keys=keys, clock=clock)
        # runs with an admitted batch, to parse their long entries only once; entries are never removed
        self._runs: set[str] = set()

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self._log.close()

    @property
    def checkpoint(self) -> bytes:
        """Return the newest checkpoint, as a report carries it."""
        return self._log.checkpoint

    def admit(self, batch: Batch, trust: TrustStore, *, run: str, again: str | None = None) -> BatchAdmitted:
        """Admit a batch to a run, before any of its files is read."""
        manifest, device = batch.manifest, batch.signer.keyid
        refuse_bad_label(again)
        if again is not None and (again != again.strip() or not 1 <= len(again) <= MAX_REASON):
            raise SigningError(Reason.BAD_REQUEST, f"a reason has 1 to {MAX_REASON} characters")
        with self._log.changing() as add:
            self._refuse_older_trust(trust)
            admitted = self._entry(f"run {run}", BatchAdmitted)
            if admitted is not None:
                if admitted.payload != batch.digest:
                    raise SigningError(Reason.BAD_REQUEST, f"run {run} was of another batch than {batch.folder}")
                return admitted
            highest = self._highest(sequence_mark(device, 0)[:-19])
            entry = BatchAdmitted(
                time=self._clock(),
                run=run,
                payload=batch.digest,
                device=device,
                nonce=manifest.nonce,
                sequence=manifest.sequence,
                out_of_order=highest is not None and sequence_mark(device, manifest.sequence) < highest,
                again=again,
                root=trust.fingerprint,
                version=trust.root.version,
                files=tuple((file.name, file.sha256) for file in manifest.files),
            )
            subjects = (
                "this manifest",
                f"the nonce {entry.nonce} of its device",
                f"sequence {entry.sequence} of its device",
            )
            for subject, mark in zip(subjects, entry.replay_marks(), strict=True):
                earlier = self._entry(mark, BatchAdmitted)
                if earlier is not None and again is None:
                    replayed = f"{subject} was admitted at {write_time(earlier.time)}, to run {earlier.run}"
                    raise AuditError(AuditReason.REPLAYED, f"{batch.folder}: {replayed}", hint=_REPLAYED)
            add(entry)
        self._log.copy_newest()
        return entry

    def note_pixels(self, run: str, images: Iterable[tuple[str, str]]) -> list[EarlierImage | None]:
        """Note the pixel digests of a run's images; return for each image where its pixels were admitted first."""
        earlier: list[EarlierImage | None] = []
        fresh: dict[str, DecodedImage] = {}
        own: dict[str, str] = {}  # names of images that are new in this call, by pixel digest
        with self._log.changing() as add:
            self._refuse_unknown(run)
            now = self._clock()
            for name, pixels in images:
                image = self._image(run, name) or self._compared(run, name, pixels, own)
                if image.pixels != pixels:
                    raise ledger_altered(self._log.where, f"run {run} noted other pixels for {name!a}")
                if self._log.store.first(image_mark(run, name)) is None:
                    fresh[name] = image
                    own.setdefault(pixels, name)
                earlier.append(self._before(image, now))
            if fresh:
                add(ImagesDecoded(now, run, tuple(fresh.values())))
        return earlier

    def issue(self, run: str, report: str) -> None:
        """Note a report that was written, by its SHA-256."""
        with self._log.changing() as add:
            self._refuse_unknown(run)
            if self._entry(f"report {report}", ReportIssued) is None:
                add(ReportIssued(self._clock(), run, report))
        self._log.copy_newest()

    def _entry(self, mark: str, kind: type[_Entry]) -> _Entry | None:
        """Return the first entry with a mark, None for another kind; a mark that the entry does not have is refused."""
        number = self._log.store.first(mark)
        if number is None:
            return None
        entry = read_entry(self._log.entry(number), f"{self._log.where}: entry {number}")
        if mark not in entry.marks():
            raise ledger_altered(self._log.where, f"entry {number} is found as {mark[:100]!a}, which it does not say")
        return entry if isinstance(entry, kind) else None

    def _highest(self, prefix: str) -> str | None:
        """Return the last mark with a prefix, in text order; batches alone have such marks."""
        mark = self._log.store.highest(prefix)
        if mark is not None:
            self._entry(mark, BatchAdmitted)
        return mark

    def _refuse_unknown(self, run: str) -> None:
        if run in self._runs:
            return
        if self._entry(f"run {run}", BatchAdmitted) is None:
            raise SigningError(Reason.BAD_REQUEST, f"{self._log.where}: no batch was admitted to run {run!a}")
        self._runs.add(run)

    def _refuse_older_trust(self, trust: TrustStore) -> None:
        """Refuse a trust store that is older than the newest version in this ledger's entries."""
        highest = self._highest(trust_mark(trust.fingerprint, 0)[:-10])
        if highest is None or highest <= trust_mark(trust.fingerprint, trust.root.version):
            return
        message = f"trust store version {trust.root.version}, a run of this ledger used version {int(highest[-10:])}"
        hint = "get the newest version from the holders of the root keys"
        raise SigningError(Reason.ROLLBACK, message, hint=hint)

    def _image(self, run: str, name: str) -> DecodedImage | None:
        """Return an image that this run has noted."""
        noted = self._entry(image_mark(run, name), ImagesDecoded)
        if noted is None:
            return None
        if noted.run != run:
            raise ledger_altered(self._log.where, f"an entry of run {noted.run} is found as of run {run}")
        return next(image for image in noted.images if image.name == name)

    def _compared(self, run: str, name: str, pixels: str, own: dict[str, str]) -> DecodedImage:
        """Return a new image, with the earlier image that has the same pixels, if there is one."""
        noted = self._entry(f"pixels {pixels}", ImagesDecoded)
        if noted is not None:
            first = next(image for image in noted.images if image.pixels == pixels and image.before is None)
            return DecodedImage(name, pixels, (noted.run, first.name))
        return DecodedImage(name, pixels, (run, own[pixels]) if pixels in own else None)

    def _before(self, image: DecodedImage, now: datetime) -> EarlierImage | None:
        """Return the first image with the same pixels: in an earlier entry, or in the entry that is written `now`."""
        if image.before is None:
            return None
        run, name = image.before
        noted = self._entry(image_mark(run, name), ImagesDecoded)
        return EarlierImage(run, name, now if noted is None else noted.time)
