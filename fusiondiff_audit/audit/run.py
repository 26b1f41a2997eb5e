"""The audit: a signed batch in, a signed report out.

1. The batch is genuine, and the ledger admits it to this run.
2. Its files come one after another: refused, a duplicate, or a picture that was decoded.
3. The model looks at each picture that the journal does not know; the journal keeps what was found.
4. Rows are put in order, signed and written; the ledger notes the report.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Protocol

import signing
from fusiondiff_audit.audit.compose import Looked, Order, Setting, admission, admission_of, compose
from fusiondiff_audit.audit.journal import JOURNAL, Journal, Sealed
from fusiondiff_audit.audit.repeat import believable, ledger_of
from fusiondiff_audit.audit.rows import found_row, refused_row
from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.images import Guard, ImageError, Micrograph, RefusedImage, SignedMicrograph, take_in
from fusiondiff_audit.images.thumbnails import thumbnail
from fusiondiff_audit.ledger import Admitted, Before, Ledger
from fusiondiff_audit.model.calibration import Calibration
from fusiondiff_audit.model.findings import Finding
from fusiondiff_audit.page.thumbnails import MOST, SIDE
from reports.verdict.enrolment import EnrolledSet
from reports.verdict.issue import REPORT, issue
from reports.verdict.report import Report
from reports.verdict.rows import ImageRow
from signing import PrivateKey, RefusedFile, write_time

_TOGETHER = 8  # pictures that the ledger notes at once
Watch = Callable[[Iterator[ImageRow], int], Iterable[ImageRow]]


class Judge(Protocol):
    """Whatever looks at pictures."""

    looked: Looked
    known: Calibration
    enrolled: EnrolledSet

    def judge_each(self, samples: Iterable[Micrograph]) -> Iterator[Finding]:
        """Yield a finding for each picture, as they come."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it; `judged` counts the pictures that were looked at in this call and not before."""

    report: Report
    thumbnails: dict[str, bytes]  # of the first pictures, as PNG
    judged: int
    messages: tuple[str, ...]
    believed: tuple[str, ...]  # files that were refused on the word of a report that is repeated


def audit(order: Order, judge: Judge, *, key: PrivateKey, ledger: Ledger | None, watch: Watch) -> Done:
    """Audit a batch into a folder that is there; a journal that lies in it is gone on with."""
    setting = _digest(order, judge.looked)
    with Journal(order.out / JOURNAL, key) as journal:
        sealed = journal.sealed(order.batch.digest, setting, order.first)
        entry = _admitted(order, ledger, sealed, journal)  # 1
        again = None if entry is None else entry.again
        run = _Run(order, judge, journal, ledger, sealed, again, believable(order.first))
        rows = list(watch(run.rows(), len(order.names)))
        checkpoint = _checkpoint(order, ledger, journal)
    said = () if entry is None else admission(entry)
    said = said if order.first is None else admission_of(order.first)
    report = compose(rows, Setting(order, judge.looked, sealed, checkpoint, said, judge.enrolled))  # 4
    if order.first not in (None, report):  # another tree under the same name would be two heads of one log
        own = replace(sealed, report=report.tree.root().hex()[: len(sealed.report)])
        report = compose(rows, Setting(order, judge.looked, own, checkpoint, said, judge.enrolled))
    files = issue(report, key)
    for name, data in files.items():
        signing.create(order.out / name, data, force=True)  # a run that was killed here goes on with the same bytes
    if ledger is not None:
        ledger.issue(sealed.run, hashlib.sha256(files[REPORT]).hexdigest())
    return Done(report, run.thumbnails, run.judged, tuple(run.messages), tuple(run.believed))


def _admitted(order: Order, ledger: Ledger | None, sealed: Sealed, journal: Journal) -> Admitted | None:
    """Return how the ledger admitted this run, now or when it was begun.

    Where the batch is another run's, nothing of this one can be gone on with, and its journal is removed.
    """
    if order.first is not None or ledger is None:  # a repetition admits nothing
        return None
    try:
        entry = ledger.admit(order.batch, order.trust, run=sealed.run, again=order.again)
    except AuditError as e:
        if e.reason is AuditReason.REPLAYED and not journal.is_begun:
            journal.discard()
        raise
    journal.kept("admitted", lambda: write_time(entry.time))
    return entry


def _checkpoint(order: Order, ledger: Ledger | None, journal: Journal) -> bytes | None:
    """Return the ledger's checkpoint for the report: over this run's pictures, too, so that no rollback hides them."""
    if order.first is not None:
        return ledger_of(order.first, order.trust)
    return None if ledger is None else bytes.fromhex(journal.kept("ledger", ledger.checkpoint.hex))


def _digest(order: Order, looked: Looked) -> str:
    """Return a digest over all that a row depends on beside its picture."""
    first = None if order.first is None else order.first.tree.root().hex()
    said = [asdict(looked), order.policy.digest, order.origin.digest, order.auditor.keyid, order.limit, first]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


@dataclass(slots=True)
class _Run:
    """The pictures of one run, and what became of them."""

    order: Order
    judge: Judge
    journal: Journal
    ledger: Ledger | None
    sealed: Sealed
    again: str | None  # as the ledger has it: whoever goes on with a run cannot change how it was admitted
    believable: frozenset[str]  # what a report that is repeated knew of other runs
    judged: int = 0
    messages: list[str] = field(default_factory=list)  # why files were refused, for people
    believed: list[str] = field(default_factory=list)
    thumbnails: dict[str, bytes] = field(default_factory=dict)
    _seen: dict[str, str] = field(default_factory=dict)  # the first name of each picture

    def rows(self) -> Iterator[ImageRow]:
        """Yield a row for every file that is refused, and for every picture."""
        wanted, batch = frozenset(self.order.names), self.order.batch
        pictures: list[SignedMicrograph] = []
        with Guard() as guard:
            for file in take_in(batch, guard=guard, wanted=lambda file: file.name in wanted):  # 2
                if isinstance(file, RefusedFile | RefusedImage):
                    self.messages.append(f"{file.reason}: {file.message}")
                    yield refused_row(file.name, file.reason.value, batch.entry(file.name))
                elif isinstance(file, SignedMicrograph):
                    pictures.append(file)
                if len(pictures) == _TOGETHER:
                    yield from self._looked(pictures)
                    pictures = []
            yield from self._looked(pictures)

    def _looked(self, pictures: list[SignedMicrograph]) -> Iterator[ImageRow]:  # 3
        fresh: list[SignedMicrograph] = []
        for picture, twin in zip(pictures, self._twins(pictures), strict=True):
            if twin is not None:
                self.messages.append(f"{AuditReason.DUPLICATE_PIXELS}: {picture.name!a} shows the pixels of {twin}")
                yield refused_row(picture.name, AuditReason.DUPLICATE_PIXELS.value, picture.entry)
                continue
            if len(self.thumbnails) < MOST:
                self.thumbnails[picture.name] = thumbnail(picture, side=SIDE)
            known = self.journal.known(picture)
            if known is not None:
                yield known
            else:
                fresh.append(picture)
        for picture in fresh:
            try:
                (finding,) = self.judge.judge_each([picture])
            except ImageError as e:  # it was decoded, and is nothing that this model looks at
                self.messages.append(f"{e.reason}: {e}")
                yield refused_row(picture.name, e.reason.value, picture.entry)
                continue
            row = found_row(finding, picture, self.judge.known, self.order.policy)
            self.journal.note(picture, row)
            self.judged += 1
            yield row

    def _told(self, before: Before | None) -> str | None:
        """Return where a picture was before, unless an older run is admitted again."""
        if before is None or (self.again is not None and before.run != self.sealed.run):
            return None
        return f"{before.name!a}, admitted to run {before.run}"

    def _twins(self, pictures: list[SignedMicrograph]) -> list[str | None]:
        """Return for each picture where its pixels were before, in this batch or in another."""
        twins: list[str | None] = []
        for picture in pictures:
            first = self._seen.setdefault(picture.pixel_digest, picture.name)
            twins.append(None if first == picture.name else repr(first))
        if self.ledger is not None and pictures:
            noted = [(picture.name, picture.pixel_digest) for picture in pictures]
            before = self.ledger.note_pixels(self.sealed.run, noted)
            return [twin or self._told(where) for twin, where in zip(twins, before, strict=True)]
        return [twin or self._believed(picture.name) for twin, picture in zip(twins, pictures, strict=True)]

    def _believed(self, name: str) -> str | None:
        """Return where a picture was before, if the report that is repeated says so; no ledger is asked again."""
        if name not in self.believable:
            return None
        self.believed.append(name)
        return "a picture of another run, as the first report says"
