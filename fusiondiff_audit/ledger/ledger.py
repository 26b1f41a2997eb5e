"""The ledger as the audit uses it: what may be admitted, what was there before, and what was issued.

1. A batch is admitted to a run, or to that same run again after a crash. Another run is told `replayed`, by the same
   manifest, nonce or sequence of a device; a lower sequence that was never used is admitted as out of order.
2. An image whose pixels were admitted before, under whatever name, is told so.
3. `again` admits anew, and says so for ever.
4. Every change ends in a checkpoint over all entries, signed by the auditor's key, in the same transaction; copies of
   the newest lie outside the database, and in every report.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.ledger.checkpoints import CheckpointKeys
from fusiondiff_audit.ledger.entries import (
    MAX_REASON,
    BatchAdmitted,
    DecodedImage,
    ImagesDecoded,
    LedgerCreated,
    ReportIssued,
    image_mark,
    nonce_mark,
    payload_mark,
    read_entry,
    sequence_mark,
    trust_mark,
)
from fusiondiff_audit.ledger.log import Log
from fusiondiff_audit.ledger.store import ledger_altered
from signing import (
    Batch,
    PrivateKey,
    Reason,
    SigningError,
    TrustStore,
    write_time,
)
from signing.strict import refuse_bad_label

_REPLAYED = "a run that was interrupted goes on with --resume in its own --out; --again REASON admits the batch anew"


@dataclass(frozen=True, slots=True)
class EarlierImage:
    """Where the same pixels were admitted first."""

    run: str
    name: str
    time: datetime


class Ledger:
    """An open ledger; the auditor's key signs every change."""

    def __init__(self, folder: Path, *, key: PrivateKey, keys: CheckpointKeys, clock: Callable[[], datetime]) -> None:
        """Open a ledger, or found one where there is none, and refuse one that is not what it was.

        The clock is asked whenever an entry is written.
        """
        self._clock = clock
        self._log = Log(folder, key=key, keys=keys, clock=clock)
        self._runs: set[str] = set()  # known to be admitted; a batch's entry is long, and entries never go away

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the newest checkpoint lies outside."""
        self._log.close()

    def __len__(self) -> int:
        return len(self._log)

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
            known = self._batch(f"run {run}")
            if known is not None:
                return self._resumed(known, batch)
            marks = {
                "this manifest": payload_mark(batch.digest),
                f"the nonce {manifest.nonce} of its device": nonce_mark(device, manifest.nonce),
                f"sequence {manifest.sequence} of its device": sequence_mark(device, manifest.sequence),
            }
            for what, mark in marks.items():
                earlier = self._batch(mark)
                if earlier is not None and again is None:
                    raise AuditError(
                        AuditReason.REPLAYED,
                        f"{batch.folder}: {what} was admitted at {write_time(earlier.time)}, to run {earlier.run}",
                        hint=_REPLAYED,
                    )
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
            add(entry)
        self._log.copy_newest()
        return entry

    def note_pixels(self, run: str, images: Iterable[tuple[str, str]]) -> list[EarlierImage | None]:
        """Note the pixel digests of a run's images; return for each where the same image was admitted before."""
        found: list[EarlierImage | None] = []
        fresh: dict[str, DecodedImage] = {}
        own: dict[str, str] = {}  # images that are new with this call, by their pixels
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
                found.append(self._before(image, now))
            if fresh:
                add(ImagesDecoded(now, run, tuple(fresh.values())))
        return found

    def issue(self, run: str, report: str) -> None:
        """Note a report that was written, by its SHA-256."""
        with self._log.changing() as add:
            self._refuse_unknown(run)
            if self._entry(f"report {report}") is None:
                add(ReportIssued(self._clock(), run, report))
        self._log.copy_newest()

    def _entry(self, mark: str) -> LedgerCreated | BatchAdmitted | ImagesDecoded | ReportIssued | None:
        """Return the first entry with a mark; one that does not say what it is marked with is an altered ledger."""
        number = self._log.store.first(mark)
        if number is None:
            return None
        entry = read_entry(self._log.entry(number), f"{self._log.where}: entry {number}")
        if mark not in entry.marks():
            raise ledger_altered(self._log.where, f"entry {number} is marked {mark[:100]!a}, which it does not say")
        return entry

    def _batch(self, mark: str) -> BatchAdmitted | None:
        """Return the first batch with a mark."""
        entry = self._entry(mark)
        return entry if isinstance(entry, BatchAdmitted) else None

    def _images(self, mark: str) -> ImagesDecoded | None:
        """Return the first images with a mark."""
        entry = self._entry(mark)
        return entry if isinstance(entry, ImagesDecoded) else None

    def _highest(self, prefix: str) -> str | None:
        """Return the last mark of an entry, in the order of text, that begins so."""
        mark = self._log.store.highest(prefix)
        if mark is not None:
            self._entry(mark)
        return mark

    def _refuse_unknown(self, run: str) -> None:
        if run in self._runs:
            return
        if self._batch(f"run {run}") is None:
            raise SigningError(Reason.BAD_REQUEST, f"{self._log.where}: nothing was admitted to run {run!a}")
        self._runs.add(run)

    def _resumed(self, known: BatchAdmitted, batch: Batch) -> BatchAdmitted:
        if known.payload != batch.digest:
            raise SigningError(Reason.BAD_REQUEST, f"run {known.run} was of another batch than {batch.folder}")
        return known

    def _refuse_older_trust(self, trust: TrustStore) -> None:
        """Refuse a trust store that is older than one that was used here."""
        highest = self._highest(trust_mark(trust.fingerprint, 0)[:-10])
        if highest is None or highest <= trust_mark(trust.fingerprint, trust.root.version):
            return
        seen = int(highest[-10:])
        what = f"trust store version {trust.root.version}, this ledger has seen version {seen}"
        raise SigningError(Reason.ROLLBACK, what, hint="get the newest from whoever runs the roots")

    def _image(self, run: str, name: str) -> DecodedImage | None:
        """Return what this run has noted of an image."""
        noted = self._images(image_mark(run, name))
        if noted is None:
            return None
        if noted.run != run:
            raise ledger_altered(self._log.where, f"run {noted.run} is marked as run {run}")
        return next(image for image in noted.images if image.name == name)

    def _compared(self, run: str, name: str, pixels: str, own: dict[str, str]) -> DecodedImage:
        """Return an image with the place where its image was first, if there is one."""
        noted = self._images(f"pixels {pixels}")
        if noted is not None:
            first = next(image for image in noted.images if image.pixels == pixels and image.before is None)
            return DecodedImage(name, pixels, (noted.run, first.name))
        return DecodedImage(name, pixels, (run, own[pixels]) if pixels in own else None)

    def _before(self, image: DecodedImage, now: datetime) -> EarlierImage | None:
        """Return where an image was first: in an entry, or in the one that is written `now`."""
        if image.before is None:
            return None
        run, name = image.before
        noted = self._images(image_mark(run, name))
        return EarlierImage(run, name, now if noted is None else noted.time)
