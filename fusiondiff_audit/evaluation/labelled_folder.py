"""Cross-validation of classifiers on a folder of labelled micrographs: `evaluate`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

import signing
from fusiondiff_audit.evaluation.baselines import BASELINES, DESCRIPTORS
from fusiondiff_audit.evaluation.cross_validation import CrossValidated, cross_validate
from fusiondiff_audit.images.errors import ImageError
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.micrograph import LooseFile, LooseMicrograph, decode
from fusiondiff_audit.images.preparation import Geometry, prepare
from fusiondiff_audit.inputs.labels import FileLabel
from fusiondiff_audit.kiln.parallel import available_cores

if TYPE_CHECKING:
    from fusiondiff_audit.model.classifier import DiffusionModel
    from fusiondiff_audit.model.enrolment import EnrolledEmbeddings
    from fusiondiff_audit.model.inference import EmbeddedImage

Places = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]
NameProgress = Callable[[Iterable[str]], Iterable[str]]


@dataclass(frozen=True, slots=True, eq=False)
class FolderFeatures:
    """Descriptors and embeddings of the labelled images that could be read, one row for each, and the refusals."""

    names: tuple[str, ...]
    truth: npt.NDArray[np.bool_]
    groups: npt.NDArray[np.str_]
    descriptors: Mapping[str, Floats]
    images: "tuple[EmbeddedImage, ...]"  # without pixels; empty without a model
    labels: tuple[FileLabel, ...]
    refused: tuple[str, ...]

    def specimens(self) -> tuple[int, int]:
        """Count counterfeit and authentic specimens, and refuse fewer than two of a class."""
        counterfeit, authentic = (len(set(self.groups[self.truth == label])) for label in (False, True))
        if min(counterfeit, authentic) < 2:
            what = f"{authentic} authentic and {counterfeit} counterfeit specimens that can be read"
            hint = "name at least two specimens of each class, one to train on and one to test"
            raise signing.SigningError(signing.Reason.BAD_REQUEST, what, hint=hint)
        return counterfeit, authentic

    def baseline(self, name: str) -> CrossValidated:
        """Cross-validate a forest on a descriptor."""
        rows = self.descriptors[name]

        def learner(train: Places, test: Places) -> Floats:
            return BASELINES[name].scores(rows[train], self.truth[train], rows[test], seed=0, workers=available_cores())

        return cross_validate(self.truth, self.groups, learner)

    def model(self, model: "DiffusionModel") -> CrossValidated:
        """Cross-validate forests on the embeddings of the model's encoder, trained anew for each fold."""
        from fusiondiff_audit.model.enrolment import ForestSettings
        from fusiondiff_audit.model.held_out import held_out_scores

        embeddings, rule = _collected(self.images, self.labels), model.settings.geometry.rule
        learning = replace(model.settings.learning or ForestSettings(), partitions=1)

        def learner(train: Places, test: Places) -> Floats:
            return held_out_scores(embeddings, train, test, learning=learning, rule=rule)

        return cross_validate(self.truth, self.groups, learner)


def extract_features(
    folder: Path,
    labels: Mapping[str, FileLabel],
    baselines: Sequence[str],
    model: "DiffusionModel | None",
    *,
    watch: NameProgress,
) -> FolderFeatures:
    """Decode and describe the labelled files one after another; a file that is refused is named and left out."""
    names: list[str] = []
    refused: list[str] = []
    rows: dict[str, list[Floats]] = {name: [] for name in baselines}
    embedded: list[EmbeddedImage] = []
    with Guard() as guard:
        for name in watch(sorted(labels)):
            try:
                micrograph = decode(LooseFile.read(folder / name), guard=guard)
                plane = prepare(micrograph, Geometry()).plane
                embedded += [] if model is None else [_embedded(model, micrograph)]
            except (ImageError, signing.SigningError) as e:
                refused.append(f"{name}: {e}")
                continue
            names.append(name)
            for baseline in baselines:
                rows[baseline].append(DESCRIPTORS[baseline](plane))
    return FolderFeatures(
        tuple(names),
        np.array([labels[name].authentic for name in names], dtype=bool),
        np.array([labels[name].specimen for name in names]),
        {name: np.stack(column) if column else np.zeros((0, 1)) for name, column in rows.items()},
        tuple(embedded),
        tuple(labels[name] for name in names),
        tuple(refused),
    )


def _embedded(model: "DiffusionModel", micrograph: LooseMicrograph) -> "EmbeddedImage":
    (image,) = model.embed([micrograph])
    if not len(image.embeddings):
        what = f"no tile that the model can judge ({image.prepared.quality})"
        raise signing.SigningError(signing.Reason.UNSUPPORTED, what)
    return image.without_pixels()


def _collected(images: "Sequence[EmbeddedImage]", labels: Sequence[FileLabel]) -> "EnrolledEmbeddings":
    from fusiondiff_audit.model.enrolment import LabelledExample
    from fusiondiff_audit.model.inference import collect_embeddings

    examples = [
        LabelledExample(image.micrograph.pixel_digest, label.specimen, label.authentic)
        for image, label in zip(images, labels, strict=True)
    ]
    return collect_embeddings(images, examples)
