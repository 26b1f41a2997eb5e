"""The check of the data of an enrolment, before anything is learnt.

It decodes each image once, and says which ones no enrolment would take, which show the same, what files state, and what
one fact about imaging, or one statistic of the greys, tells of the label. Statistics of greys are no faults: wares may
differ in them. But a model is not needed for what one number tells, and brightness is set at the microscope.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fusiondiff_audit.errors import AuditReason
from fusiondiff_audit.images.errors import ImageError
from fusiondiff_audit.images.fingerprint import NEAR_DUPLICATE, Fingerprints, fingerprint, similarity
from fusiondiff_audit.images.micrograph import Micrograph
from fusiondiff_audit.images.preparation import Geometry, Prepared, prepare
from fusiondiff_audit.model.enrolment import LabelledExample
from fusiondiff_audit.training.confounding import check_confounding
from fusiondiff_audit.training.enrolment_forecast import EnrolmentForecast
from fusiondiff_audit.training.fact_association import FactValue
from fusiondiff_audit.training.images_to_enrol import ImageToEnrol
from fusiondiff_audit.training.imaging import LEVEL, SEED, ImagedFile, imaged_specimens, imaging_facts
from reports.verdict.confounding import ConfoundingCheck

_GEOMETRY = Geometry(tile=128)  # as the embedded bundle has it; a model with larger tiles refuses more images
_DIGITS = 4  # of a statistic
CHANCE_PAIRS = 20_000  # of pairs of images of different places, one is taken for a near-duplicate


@dataclass(frozen=True, slots=True)
class UnusableImage:
    """An image that an enrolment would refuse."""

    path: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class SimilarPair:
    """Two images of different specimens that show nearly the same; `same_label` says whether their labels agree."""

    first: str
    second: str
    similarity: float
    same_label: bool


@dataclass(frozen=True, slots=True)
class DataCheck:
    """What was found; `stated` counts the images of each label (authentic first) by the values of each fact."""

    examples: tuple[LabelledExample, ...]
    unusable: tuple[UnusableImage, ...]
    similar: tuple[SimilarPair, ...]
    pairs: int  # of images of different specimens
    stated: Mapping[str, tuple[Counter[str], Counter[str]]]
    imaging: ConfoundingCheck
    greys: ConfoundingCheck
    forecast: EnrolmentForecast


@dataclass(frozen=True, slots=True, eq=False)
class _Image:
    path: str
    example: LabelledExample
    facts: Mapping[str, str | float]
    greys: Mapping[str, str | float]
    fingerprint: Fingerprints


def check_data(labelled: Iterable[ImageToEnrol]) -> DataCheck:
    """Check the images of an enrolment, one after another; their pixels are not kept."""
    images: list[_Image] = []
    unusable: list[UnusableImage] = []
    first_paths: dict[str, str] = {}
    for each in labelled:
        if not isinstance(each.image, Micrograph):
            unusable.append(UnusableImage(each.path, each.image.reason.value, each.image.message))
            continue
        example = LabelledExample(
            each.image.pixel_digest,
            each.label.specimen,
            each.label.authentic,
            each.label.maker,
            each.label.session,
            each.device,
        )
        try:
            prepared = prepare(each.image, _GEOMETRY)
        except ImageError as e:
            unusable.append(UnusableImage(each.path, e.reason.value, str(e)))
            continue
        first = first_paths.setdefault(example.pixel_digest, each.path)
        if first != each.path:
            message = f"the same image as {first!a}; it would count twice"
            unusable.append(UnusableImage(each.path, AuditReason.DUPLICATE_PIXELS.value, message))
            continue
        if prepared.quality.faults or not prepared.tiles:
            message = str(prepared.quality) if prepared.quality.faults else "no tile has structure"
            unusable.append(UnusableImage(each.path, AuditReason.NOT_ASSESSABLE.value, message))
        facts = imaging_facts(each.image, example)
        images.append(_Image(each.path, example, facts, _greys(prepared), fingerprint(prepared.plane)))
    examples = tuple(image.example for image in images)
    similar, pairs = _similar(images)
    return DataCheck(
        examples,
        tuple(unusable),
        similar,
        pairs,
        _stated(images),
        _associated([ImagedFile(image.example, image.facts) for image in images]),
        _associated([ImagedFile(image.example, image.greys) for image in images], digits=_DIGITS),
        EnrolmentForecast.of_examples(examples),
    )


def _greys(prepared: Prepared) -> dict[str, str | float]:
    """Return statistics of an image's greys, in shares of all greys that its type has."""
    plane, quality = prepared.plane, prepared.quality
    brightest = float(np.iinfo(plane.dtype).max) if plane.dtype.kind == "u" else float(plane.max()) or 1.0
    return {
        "mean grey": float(plane.mean()) / brightest,
        "deviation of greys": float(plane.std()) / brightest,
        "contrast": quality.contrast,
        "share of brightest pixels": quality.white,
        "share of darkest pixels": quality.black,
        "fine detail": quality.focus,
    }


def _similar(images: Sequence[_Image]) -> tuple[tuple[SimilarPair, ...], int]:
    """Return the near-duplicates among images of different specimens, most similar first, and how many pairs are."""
    rows = np.array([image.fingerprint for image in images])
    specimens = np.array([image.example.specimen for image in images])
    similar, pairs = [], 0
    for place, image in enumerate(images[:-1]):
        others = place + 1 + np.flatnonzero(specimens[place + 1 :] != image.example.specimen)
        pairs += len(others)
        correlations = similarity(image.fingerprint, rows[others])
        for other, correlation in zip(others.tolist(), correlations.tolist(), strict=True):
            if correlation > NEAR_DUPLICATE:
                second = images[other]
                same = image.example.authentic == second.example.authentic
                similar.append(SimilarPair(image.path, second.path, round(correlation, 2), same))
    return tuple(sorted(similar, key=lambda pair: -pair.similarity)), pairs


def _stated(images: Sequence[_Image]) -> dict[str, tuple[Counter[str], Counter[str]]]:
    names = dict.fromkeys(name for image in images for name in image.facts)
    counts: dict[str, tuple[Counter[str], Counter[str]]] = {name: (Counter(), Counter()) for name in names}
    for image in images:
        for name in names:
            value = image.facts.get(name, "not stated")
            counts[name][not image.example.authentic][f"{value:g} nm" if isinstance(value, float) else value] += 1
    return counts


def _associated(files: Sequence[ImagedFile], *, digits: int | None = None) -> ConfoundingCheck:
    """Return what facts tell of the labels of specimens; numbers are rounded to digits that people can read."""
    specimens = imaged_specimens(files)
    if digits is not None:
        rounded = [{name: _rounded(value, digits) for name, value in each.facts.items()} for each in specimens]
        specimens = [replace(each, facts=facts) for each, facts in zip(specimens, rounded, strict=True)]
    return check_confounding(specimens, alpha=LEVEL, seed=SEED)


def _rounded(value: FactValue, digits: int) -> FactValue:
    return round(value, digits) if isinstance(value, float) else value
