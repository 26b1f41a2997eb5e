"""One run of an audit: a signed batch in, a signed report out.

1. The batch is genuine, and the ledger admits it to this run; a repetition admits nothing.
2. Its files come one after another: refused, a duplicate, or a decoded image.
3. The model judges each image that has no row in the journal; the journal keeps the row and the features of its tiles.
4. Once all images are through, the model ranks each specimen by the features of all its images.
5. Rows are put in order, signed and written; the ledger records the report.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Protocol

import signing
from fusiondiff_audit.auditing.compose import arranged, compose
from fusiondiff_audit.auditing.journal import Journal, SealedRun, row_name
from fusiondiff_audit.auditing.order import AuditOrder, Draws, ModelIdentity, RunSetting
from fusiondiff_audit.auditing.repeat import Repetition
from fusiondiff_audit.auditing.rows import image_row, refused_row, specimen_evidence
from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.images.batch import RefusedImage, decode_batch
from fusiondiff_audit.images.errors import ImageError
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.micrograph import Micrograph, SignedMicrograph
from fusiondiff_audit.ledger import BatchAdmitted, EarlierImage, Ledger
from fusiondiff_audit.model.findings import Finding
from fusiondiff_audit.model.specimens import SpecimenRanks, TileFeatures
from fusiondiff_audit.page.thumbnails import MOST, page_thumbnail
from reports.verdict.claims import Admission
from reports.verdict.enrolment import EnrolledSet
from reports.verdict.evidence_check import is_comparable
from reports.verdict.issue import JOURNAL, REPORT, issue
from reports.verdict.report import Report
from reports.verdict.rows import ImageRow, SpecimenEvidence
from reports.verdict.specimens import SpecimenKey, by_specimen
from signing import PrivateKey, Reason, RefusedFile, write_time
from signing.signed_folder import is_leftover

_TOGETHER = 8  # images that the ledger records at once
WatchRows = Callable[[Iterator[ImageRow], int], Iterable[ImageRow]]  # sees rows and their number, for progress
EarlierPixels = Callable[[Sequence[SignedMicrograph]], Sequence[str | None]]  # the earlier place of each image's pixels


class Judge(Protocol):
    """A model as an audit needs it."""

    identity: ModelIdentity
    enrolled: EnrolledSet

    def judge_each(self, samples: Iterable[Micrograph]) -> Iterator[Finding]:
        """Yield a finding for each image, in order."""

    def rank(self, images: Sequence[TileFeatures], name: str, seed: bytes) -> SpecimenRanks | None:
        """Return the ranks of a specimen; None from a model with too few enrolled specimens to rank any."""


@dataclass(frozen=True, slots=True)
class AuditResult:
    """A report that was signed and written; `judged` counts the images that the model judged in this call."""

    report: Report
    thumbnails: dict[str, bytes]  # of the first images, as PNG
    judged: int
    messages: tuple[str, ...]
    believed: tuple[str, ...] = ()  # images that a repetition refused as duplicates because the first report did


def run_audit(
    order: AuditOrder, judge: Judge, *, key: PrivateKey, ledger: Ledger | None, watch: WatchRows
) -> AuditResult:
    """Audit a batch into a folder that exists; a journal in it is resumed."""
    with closing(Journal(order.out / JOURNAL, key)) as journal:
        sealed = journal.seal(order.batch.digest, order.digest(judge.identity))
        entry = None if ledger is None else _admit(order, ledger, sealed, journal)  # 1
        earlier: EarlierPixels | None = None
        if ledger is not None and entry is not None:  # whoever resumes a run cannot change the reason of its admission
            earlier = _in_ledger(ledger, sealed, entry.again)
        images = _Images(order, judge, journal, earlier)
        rows = arranged(watch(images.rows(), len(order.names)), judge.enrolled)
        evidence = images.evidence(rows, sealed.draws)
        checkpoint = None
        if ledger is not None:  # over this run's images, too, so that no rollback hides them
            checkpoint = bytes.fromhex(journal.keep_once("ledger", ledger.checkpoint.hex))
    admission = Admission() if entry is None else Admission(entry.again, entry.out_of_order)
    report = compose(rows, evidence, RunSetting(order, judge.identity, sealed.draws, checkpoint, admission))  # 5
    digest = _issue(report, order, key)
    if ledger is not None:
        ledger.issue(sealed.run, digest)
    return AuditResult(report, images.thumbnails, images.judged, tuple(images.messages))


def repeat(
    repetition: Repetition, order: AuditOrder, judge: Judge, *, key: PrivateKey, watch: WatchRows
) -> AuditResult:
    """Do the audit of a report again, into a folder that exists; a journal in it is resumed."""
    with closing(Journal(order.out / JOURNAL, key)) as journal:
        setting = order.digest(judge.identity, repetition.first.tree.root().hex())
        sealed = journal.seal(order.batch.digest, setting, repetition.draws)
        images = _Images(order, judge, journal, _in_report(repetition))
        rows = arranged(watch(images.rows(), len(order.names)), judge.enrolled)
        evidence = images.evidence(rows, sealed.draws)
    admission = repetition.first.header.admission
    stated = RunSetting(order, judge.identity, sealed.draws, repetition.checkpoint, admission)
    report = compose(rows, evidence, stated)  # 5
    if report != repetition.first:  # another tree under the same name would be two heads of one log
        own = report.tree.root().hex()[: len(sealed.draws.report)]
        report = compose(rows, evidence, replace(stated, draws=replace(sealed.draws, report=own)))
    _issue(report, order, key)
    return AuditResult(
        report, images.thumbnails, images.judged, tuple(images.messages), tuple(images.refused_as_earlier)
    )


def _issue(report: Report, order: AuditOrder, key: PrivateKey) -> str:
    """Sign and write a report, and return its digest."""
    files = issue(report, key)
    for name, data in files.items():
        signing.create(order.out / name, data, force=True)  # a run that was killed here writes the same bytes again
    return hashlib.sha256(files[REPORT]).hexdigest()


def _admit(order: AuditOrder, ledger: Ledger, sealed: SealedRun, journal: Journal) -> BatchAdmitted:
    """Return the ledger's admission of this run, made now or when the run was begun.

    Where the batch was admitted to another run, nothing of this one can be resumed, and its journal is removed.
    """
    try:
        entry = ledger.admit(order.batch, order.trust, run=sealed.run, again=order.again)
    except AuditError as e:
        if e.reason is AuditReason.REPLAYED and not journal.is_begun:
            journal.discard()
        raise
    journal.keep_once("admitted", lambda: write_time(entry.time))
    return entry


def _in_ledger(ledger: Ledger, sealed: SealedRun, again: str | None) -> EarlierPixels:
    """Return a function that records pixels in a ledger and names their earlier run; `again` admits earlier runs."""

    def earlier_place(before: EarlierImage | None) -> str | None:
        if before is None or (again is not None and before.run != sealed.run):
            return None
        return f"{before.name!a}, admitted to run {before.run}"

    def earlier(images: Sequence[SignedMicrograph]) -> Sequence[str | None]:
        if not images:
            return []
        pixels = [(image.name, image.pixel_digest) for image in images]
        return [earlier_place(before) for before in ledger.note_pixels(sealed.run, pixels)]

    return earlier


def _in_report(repetition: Repetition) -> EarlierPixels:
    """Return a function that takes repeated pixels from the report that is repeated; no ledger is asked again."""
    duplicates, text = repetition.duplicates, "an image of another run, as the first report says"
    return lambda images: [text if image.name in duplicates else None for image in images]


@dataclass(slots=True)
class _Images:
    """The images of one run, and their rows."""

    order: AuditOrder
    judge: Judge
    journal: Journal
    earlier: EarlierPixels | None  # None: no other run is known
    judged: int = 0
    messages: list[str] = field(default_factory=list)  # why files were refused, for people
    refused_as_earlier: list[str] = field(default_factory=list)
    thumbnails: dict[str, bytes] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)  # the first name of each pixel digest
    _kept: dict[str, str] = field(default_factory=dict)  # the name in the journal of each row that is kept there

    def rows(self) -> Iterator[ImageRow]:
        """Yield a row for every file that is refused, and for every image."""
        wanted, batch = frozenset(self.order.names), self.order.batch
        images: list[SignedMicrograph] = []
        with Guard() as guard:
            for file in decode_batch(batch, guard=guard, wanted=lambda file: file.name in wanted):  # 2
                if isinstance(file, RefusedFile) and file.reason is Reason.EXTRA_FILE and is_leftover(file.name):
                    self.messages.append(f"left out: {file.name!a} was left by a system, and is not signed")
                elif isinstance(file, RefusedFile | RefusedImage):
                    self.messages.append(f"{file.reason}: {file.message}")
                    yield refused_row(file.name, file.reason.value, batch.entry(file.name))
                elif isinstance(file, SignedMicrograph):
                    images.append(file)
                if len(images) == _TOGETHER:
                    yield from self._decoded(images)
                    images = []
            yield from self._decoded(images)

    def _decoded(self, images: list[SignedMicrograph]) -> Iterator[ImageRow]:  # 3
        fresh: list[SignedMicrograph] = []
        for image, duplicate in zip(images, self._duplicates(images), strict=True):
            if duplicate is not None:
                self.messages.append(f"{AuditReason.DUPLICATE_PIXELS}: {image.name!a} shows the pixels of {duplicate}")
                yield refused_row(image.name, AuditReason.DUPLICATE_PIXELS.value, image.entry)
                continue
            if len(self.thumbnails) < MOST:
                self.thumbnails[image.name] = page_thumbnail(image)
            kept = self.journal.row(image)
            self._kept[image.name] = row_name(image)
            if kept is not None:
                yield kept
            else:
                fresh.append(image)
        for image in fresh:
            try:
                (finding,) = self.judge.judge_each([image])
            except ImageError as e:  # it was decoded, and this model cannot judge it
                self.messages.append(f"{e.reason}: {e}")
                yield refused_row(image.name, e.reason.value, image.entry)
                continue
            row = image_row(finding, image, self.order.policy.rules)
            self.journal.keep(image, row, finding.features)
            self.judged += 1
            yield row

    def evidence(self, rows: Iterable[ImageRow], draws: Draws) -> Mapping[SpecimenKey, SpecimenEvidence]:  # 4
        """Return the evidence of each specimen that is assessable and was not enrolled."""
        evidence, seed = {}, bytes.fromhex(draws.noise_seed)
        for key, images in by_specimen(rows).items():
            if not is_comparable(images):
                continue
            tiles = ((row.name, row.judged.tiles) for row in images if row.judged is not None)
            features = [self.journal.features(self._kept[name], number) for name, number in tiles]
            ranks = self.judge.rank(features, key[0] or key[1], seed)
            if ranks is not None:
                evidence[key] = specimen_evidence(ranks, self.order.policy.rules)
        return evidence

    def _duplicates(self, images: list[SignedMicrograph]) -> Iterator[str | None]:
        """Yield for each image the place of an earlier image with its pixels, in this batch or in another."""
        runs = self.earlier(images) if self.earlier else [None] * len(images)
        for image, earlier in zip(images, runs, strict=True):
            first = self._names.setdefault(image.pixel_digest, image.name)
            if first != image.name:
                yield repr(first)
                continue
            if earlier is not None:
                self.refused_as_earlier.append(image.name)
            yield earlier
