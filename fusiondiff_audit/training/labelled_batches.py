"""Signed batches with their labels: what an enrolment is made of.

1. `labels.csv` is among the signed files of each batch, and exactly the bytes that were signed are parsed.
2. Each labelled file is in its batch, and signed as an image.
3. A specimen has one name: the manifest and the labels must agree. A specimen may be in several batches, as one that
   was imaged by two devices is, with one label, one maker and one use.
4. Files without a specimen's name are specimens of their own, so two batches may not both have such a file of one name.

Batches are ordered by device and digest, so that the order in which they were named does not matter.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from fusiondiff_audit.inputs.labels import LABEL_COLUMNS, LABELS_NAME, FileLabel, Use, read_labels
from signing import Batch, FileKind, Reason, SignedFile, SigningError

_LARGEST_LABELS = 64 * 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class LabelledBatch:
    """A signed batch and the labels of its images, each with the specimen that labels and manifest agree on."""

    batch: Batch
    labels: dict[str, FileLabel]

    @property
    def enrolled(self) -> dict[str, FileLabel]:
        """The labels of the images that are enrolled."""
        return {name: label for name, label in self.labels.items() if label.use is Use.ENROL}

    @property
    def unlisted(self) -> tuple[str, ...]:
        """The images of the batch that have no label."""
        images = (entry.name for entry in self.batch.manifest.files if entry.kind is FileKind.IMAGE)
        return tuple(name for name in images if name not in self.labels)

    @property
    def device(self) -> str:
        """The device that the manifest states."""
        return self.batch.manifest.device

    def path(self, name: str) -> str:
        """Return an image's name for people: with several batches the folder tells which is meant."""
        return str(self.batch.folder / name)


def read_labelled(batches: Iterable[Batch]) -> tuple[LabelledBatch, ...]:
    """Return batches with their labels, in a fixed order; contradictions with a manifest or each other are refused."""
    batches = sorted(batches, key=lambda batch: (batch.manifest.device, batch.digest))
    for first, second in pairwise(batches):
        if first.digest == second.digest:
            fault = f"{first.folder} and {second.folder} are the same batch; it would count twice"
            raise SigningError(Reason.BAD_REQUEST, fault)
    labelled = tuple(LabelledBatch(batch, _labels(batch)) for batch in batches)
    _refuse_conflicts(labelled)
    if not any(each.enrolled for each in labelled):
        hint = f"leave `use` empty for what is enrolled, or say {Use.ENROL}"
        raise SigningError(
            Reason.BAD_REQUEST, f"{LABELS_NAME}: every image is held out, so none is enrolled", hint=hint
        )
    return labelled


def _labels(batch: Batch) -> dict[str, FileLabel]:
    labels = _read(batch)  # 1
    resolved = {}
    for name, label in sorted(labels.items()):
        entry = batch.entry(name)
        if entry is None:  # 2
            fault = f"{batch.folder / LABELS_NAME}: {name!a} is labelled, and not in the batch"
            raise SigningError(Reason.MISSING_FILE, fault)
        if entry.kind is not FileKind.IMAGE:
            fault = f"{batch.folder / LABELS_NAME}: {name!a} is labelled, and signed as no image"
            raise SigningError(Reason.BAD_REQUEST, fault)
        resolved[name] = replace(label, specimen=_specimen(name, label, entry.specimen))
    return resolved


def _read(batch: Batch) -> dict[str, FileLabel]:
    entry = batch.entry(LABELS_NAME)
    if entry is None or entry.kind is not FileKind.LABELS:
        hint = f"put {LABELS_NAME} ({','.join(LABEL_COLUMNS)}) into the folder before it is signed"
        raise SigningError(Reason.MISSING_FILE, f"{batch.folder}: the signed batch has no {LABELS_NAME}", hint=hint)
    if entry.size > _LARGEST_LABELS:
        fault = f"{batch.folder / LABELS_NAME}: {entry.size:,} bytes, at most {_LARGEST_LABELS:,} are read"
        raise SigningError(Reason.TOO_LARGE, fault)
    (file,) = batch.read([entry], lambda file: file, threads=1)
    if not isinstance(file, SignedFile):
        raise SigningError(file.reason, file.message, hint=file.hint)
    return read_labels(Path(batch.folder / LABELS_NAME), file.data)


def _specimen(name: str, label: FileLabel, signed: str | None) -> str:
    """Return the name of an image's specimen, refusing two different ones."""  # 3
    if signed is None or label.specimen == signed:
        return label.specimen
    if label.is_unnamed(name):
        return signed
    message = f"{name!a}: specimen {label.specimen!a} in {LABELS_NAME}, {signed!a} in the manifest"
    raise SigningError(Reason.BAD_REQUEST, message, hint="one specimen has one name; sign the folder anew")


def _refuse_conflicts(labelled: Sequence[LabelledBatch]) -> None:
    firsts: dict[str, tuple[LabelledBatch, str, FileLabel]] = {}
    for each in labelled:
        for name, label in each.labels.items():
            batch, other, first = firsts.setdefault(label.specimen, (each, name, label))
            if batch is not each and label.is_unnamed(name):  # 4
                fault = (
                    f"{batch.path(other)!a} and {each.path(name)!a}: two files of one name, without a specimen's name"
                )
                raise SigningError(Reason.BAD_REQUEST, fault, hint=f"name the specimens in {LABELS_NAME}")
            if first.of_specimen != label.of_specimen:  # 3
                fault = (
                    f"specimen {label.specimen!a} has another label, maker or use for {each.path(name)!a} than for "
                    f"{batch.path(other)!a}"
                )
                hint = "all images of one specimen share its label, its maker and its use"
                raise SigningError(Reason.BAD_REQUEST, fault, hint=hint)
