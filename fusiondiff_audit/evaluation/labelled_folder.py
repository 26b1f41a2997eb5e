"""Measuring classifiers on labelled pictures of one's own: every specimen is asked once, by what learnt from others."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import signing
from fusiondiff_audit.evaluation.baselines import BASELINES, DESCRIPTORS
from fusiondiff_audit.evaluation.cross_validation import CrossValidated, cross_validate
from fusiondiff_audit.images import Guard, ImageError, LooseFile, LooseMicrograph, decode
from fusiondiff_audit.images.preparation import Geometry, prepare
from fusiondiff_audit.inputs.labels import FileLabel
from fusiondiff_audit.kiln.parallel import available_cores

if TYPE_CHECKING:
    from fusiondiff_audit.model.classifier import DiffusionModel
    from fusiondiff_audit.model.enrolment import EnrolledEmbeddings

Places = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]
Watch = Callable[[Iterable[str]], Iterable[str]]


@dataclass(frozen=True, slots=True, eq=False)
class FolderFeatures:
    """What was seen of the labelled pictures that could be read; a row of each descriptor for each of them."""

    names: tuple[str, ...]
    truth: npt.NDArray[np.bool_]
    groups: npt.NDArray[np.str_]
    rows: Mapping[str, Floats]
    embedded: "EnrolledEmbeddings | None"
    lost: tuple[str, ...]

    def specimens(self) -> tuple[int, int]:
        """Return how many counterfeit and authentic specimens there are; each class needs two."""
        counterfeit, authentic = (len(set(self.groups[self.truth == kind])) for kind in (False, True))
        if min(counterfeit, authentic) < 2:
            what = f"{authentic} authentic and {counterfeit} counterfeit specimens that can be read"
            hint = "name at least two specimens of each class, one to learn from and one to ask"
            raise signing.SigningError(signing.Reason.BAD_REQUEST, what, hint=hint)
        return counterfeit, authentic

    def baseline(self, name: str) -> CrossValidated:
        """Return what a forest on a descriptor reaches."""
        rows = self.rows[name]

        def learner(known: Places, asked: Places) -> Floats:
            return BASELINES[name].scores(
                rows[known], self.truth[known], rows[asked], seed=0, workers=available_cores()
            )

        return cross_validate(self.truth, self.groups, learner)

    def model(self, model: "DiffusionModel") -> CrossValidated:
        """Return what the model's encoder reaches, with forests of its kind trained for each fold."""
        from fusiondiff_audit.model.enrolment import ForestSettings
        from fusiondiff_audit.model.held_out import held_out_scores

        embedded, rule = self.embedded, model.settings.geometry.rule
        learning = replace(model.settings.learning or ForestSettings(), partitions=1)
        if embedded is None:
            raise ValueError("the pictures were looked at without a model")

        def learner(known: Places, asked: Places) -> Floats:
            return held_out_scores(embedded, known, asked, learning=learning, rule=rule)

        return cross_validate(self.truth, self.groups, learner)


def extract_features(
    folder: Path,
    said: Mapping[str, FileLabel],
    baselines: Sequence[str],
    model: "DiffusionModel | None",
    *,
    watch: Watch,
) -> FolderFeatures:
    """Decode the labelled files one after another, and describe each; one that cannot be read is named and left out."""
    names: list[str] = []
    lost: list[str] = []
    rows: dict[str, list[Floats]] = {name: [] for name in baselines}
    pictures: list[Any] = []
    with Guard() as guard:
        for name in watch(sorted(said)):
            try:
                micrograph = decode(LooseFile.read(folder / name), guard=guard)
                plane = prepare(micrograph, Geometry()).plane
                embedded = None if model is None else _embedded(model, micrograph)
            except (ImageError, signing.SigningError) as e:
                lost.append(f"{name}: {e}")
                continue
            names.append(name)
            for baseline in baselines:
                rows[baseline].append(DESCRIPTORS[baseline](plane))
            pictures.append(embedded)
    return FolderFeatures(
        tuple(names),
        np.array([said[name].authentic for name in names], dtype=bool),
        np.array([said[name].specimen for name in names]),
        {name: np.stack(found) if found else np.zeros((0, 1)) for name, found in rows.items()},
        None if model is None or not pictures else _gathered(pictures, [said[name] for name in names]),
        tuple(lost),
    )


def _embedded(model: "DiffusionModel", micrograph: LooseMicrograph) -> Any:
    (found,) = model.embed([micrograph])
    if not len(found.embeddings):
        what = f"no tile that the model can judge ({found.prepared.quality})"
        raise signing.SigningError(signing.Reason.UNSUPPORTED, what)
    return found.without_pixels()


def _gathered(pictures: Sequence[Any], labels: Sequence[FileLabel]) -> "EnrolledEmbeddings":
    from fusiondiff_audit.model.enrolment import LabelledExample
    from fusiondiff_audit.model.inference import collect_embeddings

    examples = [
        LabelledExample(p.sample.pixel_digest, s.specimen, s.authentic) for p, s in zip(pictures, labels, strict=True)
    ]
    return collect_embeddings(pictures, examples)
