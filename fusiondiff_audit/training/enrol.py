"""Enrolment: signed batches of labelled specimens and a model give a model with forests.

Batches arrive genuine, signed by labellers, and with labels that agree (`labelled_batches`).

1. Every image to be enrolled is present and is decoded; one that fails refuses them all.
2. No image duplicates another.
3. An image whose label the encoder was trained with is refused: every enrolled specimen calibrates, and that one is
   better known than a new one will be.
4. The frozen encoder embeds each image once, and one that no audit would judge refuses them all. Forests and the models
   of folds are fitted to the features of its tiles.
5. Whether facts about imaging predict the label is checked, and stands in the bundle.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import signing
from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.images.batch import RefusedImage, decode_batch
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.micrograph import SignedMicrograph
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.enrolment import ForestSettings, LabelledExample
from fusiondiff_audit.model.fit_head import FitProgress, no_progress
from fusiondiff_audit.model.names import refuse_bad_name, refuse_bad_reference
from fusiondiff_audit.training.imaging import ImagedFile, check_imaging, imaging_facts
from fusiondiff_audit.training.labelled_batches import LabelledBatch
from signing import Reason, SigningError


@dataclass(frozen=True, slots=True)
class EnrolmentOrder:
    """What authentic specimens are authentic as, and how the forests are trained."""

    reference: str
    learning: ForestSettings
    demonstration: bool = False
    name: str | None = None  # of the new bundle; None: that of the model

    def __post_init__(self) -> None:
        """Refuse a reference that no reader of the bundle would accept."""
        refuse_bad_reference(self.reference)
        if self.name is not None:
            refuse_bad_name(self.name)


def enrol(
    batches: Sequence[LabelledBatch],
    model: DiffusionModel,
    order: EnrolmentOrder,
    *,
    progress: FitProgress = no_progress,
) -> DiffusionModel:
    """Return a model enrolled with the labelled images of batches; one unusable image refuses them all."""
    files: list[ImagedFile] = []
    with Guard() as guard:
        try:
            made = model.enrol(  # 4
                _examples(batches, model, guard, files, progress),
                reference=order.reference,
                learning=order.learning,
                demonstration=order.demonstration,
                name=order.name,
                progress=progress,
            )
        except ValueError as e:
            raise SigningError(Reason.BAD_REQUEST, str(e)) from e
    claim = check_imaging(files, made.head.enrolled)  # 5
    made.settings = replace(made.settings, confounding=claim)
    return made


def _examples(
    batches: Sequence[LabelledBatch],
    model: DiffusionModel,
    guard: Guard,
    files: list[ImagedFile],
    progress: FitProgress,
) -> Iterator[tuple[SignedMicrograph, LabelledExample]]:
    """Yield the images of all batches in their order; the facts about their imaging are appended to `files`."""
    total = sum(len(labelled.enrolled) for labelled in batches)
    paths_by_digest: dict[str, str] = {}
    trained_on = frozenset(model.settings.seen)
    for labelled in batches:
        for micrograph in _micrographs(labelled, guard):
            label, path = labelled.labels[micrograph.name], labelled.path(micrograph.name)
            if (duplicate := paths_by_digest.setdefault(micrograph.pixel_digest, path)) != path:  # 2
                message = f"{path!a}: the same image as {duplicate!a}; it would count twice"
                raise AuditError(AuditReason.DUPLICATE_PIXELS, message)
            if micrograph.pixel_digest in trained_on:  # 3
                message = (
                    f"{path!a}: the encoder was trained with its label, so it is better known than a new one will be"
                )
                raise AuditError(AuditReason.SEEN_LABEL, message, hint="enrol other specimens")
            example = LabelledExample(
                micrograph.pixel_digest, label.specimen, label.authentic, label.maker, label.session, labelled.device
            )
            files.append(ImagedFile(example, imaging_facts(micrograph, example)))
            yield micrograph, example
            progress("embedding", len(files), total)


def _micrographs(labelled: LabelledBatch, guard: Guard) -> Iterator[SignedMicrograph]:
    """Yield every image to be enrolled; a refused file, labelled or not, refuses the batch."""
    wanted = labelled.enrolled
    for file in decode_batch(labelled.batch, guard=guard, wanted=lambda file: file.name in wanted):  # 1
        if isinstance(file, signing.RefusedFile):
            raise SigningError(file.reason, file.message, hint=file.hint)
        if isinstance(file, RefusedImage):
            raise SigningError(Reason.UNREADABLE, f"{file.message} ({file.reason})", hint=file.hint)
        if isinstance(file, SignedMicrograph):
            yield file
