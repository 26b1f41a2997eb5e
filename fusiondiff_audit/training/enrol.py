"""Enrolment: a signed batch of labelled specimens and a model give a model with forests.

1. The batch is genuine and its signer is a labeller; `labels.csv` is among the signed files; those bytes are parsed.
2. Every labelled image is present, is decoded, and duplicates no other; one that fails refuses them all.
3. A specimen has one name: the manifest and the labels must agree.
4. The frozen encoder embeds each image once; the forests are trained on the embeddings.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import signing
from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.images.batch import RefusedImage, decode_batch
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.micrograph import SignedMicrograph
from fusiondiff_audit.inputs.labels import FileLabel, Use, read_labels
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.enrolment import ForestSettings, LabelledExample
from fusiondiff_audit.model.names import refuse_bad_name
from fusiondiff_audit.training.coverage_forecast import CoverageForecast
from signing import Batch, FileKind, Reason, SignedFile, SigningError
from signing.strict import is_plain

LABELS_NAME = "labels.csv"
_LARGEST_LABELS = 64 * 1024 * 1024  # bytes
MicrographProgress = Callable[[Iterator[SignedMicrograph], int], Iterator[SignedMicrograph]]


@dataclass(frozen=True, slots=True)
class EnrolmentOrder:
    """What authentic specimens are authentic as, and how the forests are trained."""

    reference: str
    learning: ForestSettings
    demonstration: bool = False
    name: str | None = None  # of the new bundle; None: that of the model

    def __post_init__(self) -> None:
        """Refuse a reference that no reader of the bundle would accept."""
        if not self.reference or self.reference != self.reference.strip() or not is_plain(self.reference):
            message = f"the reference {self.reference[:100]!a} is empty, or has what people cannot see"
            raise SigningError(Reason.BAD_REQUEST, message)
        if self.name is not None:
            refuse_bad_name(self.name)


def forecast_coverage(batch: Batch) -> CoverageForecast:
    """Return what an enrolment of a batch would cover, from its labels and its manifest alone."""
    entries = {entry.name: entry for entry in batch.manifest.files}
    examples = (
        LabelledExample("", _specimen(name, label, entries[name].specimen), label.authentic, label.use is Use.CALIBRATE)
        for name, label in _usable_labels(batch).items()
    )
    return CoverageForecast.of(examples)


def enrol(
    batch: Batch, model: DiffusionModel, order: EnrolmentOrder, *, progress: MicrographProgress
) -> DiffusionModel:
    """Return a model enrolled with a batch's labelled images; one unusable image refuses them all."""
    labels = _usable_labels(batch)  # 1
    with Guard() as guard:
        micrographs = _micrographs(batch, labels, guard)
        examples = _examples(progress(micrographs, len(labels)), labels, model, order.learning)
        try:
            return model.enrol(  # 4
                examples,
                reference=order.reference,
                learning=order.learning,
                demonstration=order.demonstration,
                name=order.name,
            )
        except ValueError as e:
            raise SigningError(Reason.BAD_REQUEST, str(e)) from e


def _usable_labels(batch: Batch) -> dict[str, FileLabel]:
    """Return the labels of a batch, each of which is of an image that the manifest names."""
    labels, entries = _labels(batch), {entry.name: entry for entry in batch.manifest.files}
    if absent := sorted(set(labels) - set(entries)):
        raise SigningError(Reason.MISSING_FILE, f"{LABELS_NAME}: {absent[0]!a} is labelled, and not in the batch")
    if other := sorted(name for name in labels if entries[name].kind is not FileKind.IMAGE):
        raise SigningError(Reason.BAD_REQUEST, f"{LABELS_NAME}: {other[0]!a} is labelled, and signed as no image")
    return labels


def _labels(batch: Batch) -> dict[str, FileLabel]:
    entry = batch.entry(LABELS_NAME)
    if entry is None or entry.kind is not FileKind.LABELS:
        hint = "put labels.csv (file,label,specimen,use) into the folder before it is signed"
        raise SigningError(Reason.MISSING_FILE, f"{batch.folder}: the signed batch has no {LABELS_NAME}", hint=hint)
    if entry.size > _LARGEST_LABELS:
        fault = f"{LABELS_NAME}: {entry.size:,} bytes, at most {_LARGEST_LABELS:,} are read"
        raise SigningError(Reason.TOO_LARGE, fault)
    (file,) = batch.read([entry], lambda file: file, threads=1)
    if not isinstance(file, SignedFile):
        raise SigningError(file.reason, file.message, hint=file.hint)
    return read_labels(Path(LABELS_NAME), file.data)


def _micrographs(batch: Batch, labels: dict[str, FileLabel], guard: Guard) -> Iterator[SignedMicrograph]:
    """Yield every labelled image; a refused file, labelled or not, refuses the batch."""  # 2
    for file in decode_batch(batch, guard=guard, wanted=lambda file: file.name in labels):
        if isinstance(file, signing.RefusedFile):
            raise SigningError(file.reason, file.message, hint=file.hint)
        if isinstance(file, RefusedImage):
            raise SigningError(Reason.UNREADABLE, f"{file.message} ({file.reason})", hint=file.hint)
        if isinstance(file, SignedMicrograph):
            yield file


def _examples(
    micrographs: Iterator[SignedMicrograph],
    labels: dict[str, FileLabel],
    model: DiffusionModel,
    learning: ForestSettings,
) -> Iterator[tuple[SignedMicrograph, LabelledExample]]:
    names_by_digest: dict[str, str] = {}
    trained_on = frozenset(model.settings.seen)
    for micrograph in micrographs:
        label, name = labels[micrograph.name], micrograph.name
        if (duplicate := names_by_digest.setdefault(micrograph.pixel_digest, name)) != name:
            message = f"{name!a}: the same image as {duplicate!a}; it would count twice"
            raise AuditError(AuditReason.DUPLICATE_PIXELS, message)
        if micrograph.pixel_digest in trained_on:
            _refuse_trained_on(name, label, learning)
        specimen = _specimen(name, label, micrograph.entry.specimen)
        calibrates = label.use is Use.CALIBRATE
        yield micrograph, LabelledExample(micrograph.pixel_digest, specimen, label.authentic, calibrates)


def _refuse_trained_on(name: str, label: FileLabel, learning: ForestSettings) -> None:
    """Refuse an image whose label the encoder was trained with, where a promise holds for new images alone."""
    message = f"{name!a}: the encoder was trained with its label, so"
    if label.use is Use.CALIBRATE:
        hint = "calibrate with other specimens, or enrol this one"
        raise AuditError(AuditReason.SEEN_LABEL, f"{message} it is better known than a new one will be", hint=hint)
    if learning.partitions > 1:
        hint = "enrol other specimens, or ask for one partition and no tolerance"
        raise AuditError(AuditReason.SEEN_LABEL, f"{message} no partition is free of it", hint=hint)


def _specimen(name: str, label: FileLabel, signed: str | None) -> str:
    """Return the name of an image's specimen, refusing two different ones."""  # 3
    unnamed = label.specimen == f"file {name}"
    if signed is None or label.specimen == signed:
        return label.specimen
    if unnamed:
        return signed
    message = f"{name!a}: specimen {label.specimen!a} in {LABELS_NAME}, {signed!a} in the manifest"
    raise SigningError(Reason.BAD_REQUEST, message, hint="one specimen has one name; sign the folder anew")
