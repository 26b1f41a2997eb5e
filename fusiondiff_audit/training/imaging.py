"""The imaging of enrolled specimens: facts about it, whether they predict the label, and what embeddings cluster by.

Facts are what the batch's manifest, labels.csv and the files themselves state, before a pixel is looked at. Measures of
the pixels, such as contrast, focus or the size of a compressed file, are left out: wares may differ in them, and a
difference of the wares is what an enrolment is for. A specimen with several images has all values of a text, and the
mean of a number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from fusiondiff_audit.images.claims import ScaleSource
from fusiondiff_audit.images.micrograph import Micrograph
from fusiondiff_audit.model.enrolment import UNNAMED_MAKER, EnrolledEmbeddings, LabelledExample
from fusiondiff_audit.training.confounding import ImagedSpecimen, check_confounding
from fusiondiff_audit.training.fact_association import FactValue
from fusiondiff_audit.training.robustness_index import NEIGHBOURS, robustness_index
from reports.verdict.confounding import ImagingClaim, RobustnessIndex

LEVEL = Decimal("0.05")  # of the check
DEVICE = "device"
SEED = 0  # of the permutations
_JOIN = " and "


@dataclass(frozen=True, slots=True)
class ImagedFile:
    """An enrolled image and the facts about its imaging; what is not stated is left out."""

    example: LabelledExample
    facts: Mapping[str, str | float]


def imaging_facts(micrograph: Micrograph, example: LabelledExample) -> dict[str, str | float]:
    """Return what is stated of the imaging of a micrograph."""
    header, claims = micrograph.header, micrograph.claims
    vendors = {scale.source.value for scale in claims.scales if scale.source is not ScaleSource.MANIFEST}
    facts: dict[str, FactValue] = {
        DEVICE: example.device,
        "imaging session": example.session,
        "file format": header.format,
        "compression": header.compression,
        "pixel type": f"{header.channels} x {header.bits} bits",
        "image size": f"{header.width} x {header.height} pixels",
        "pixel size": float(claims.scale.nanometres) if claims.scale else None,
        "vendor metadata": _JOIN.join(sorted(vendors)) or None,
        "detector": claims.detector,
    }
    return {name: value for name, value in facts.items() if value is not None}


def check_imaging(files: Sequence[ImagedFile], enrolled: EnrolledEmbeddings) -> ImagingClaim:
    """Return whether facts about imaging predict the labels of enrolled specimens, and the robustness index."""
    specimens = imaged_specimens(files, enrolled)
    check = check_confounding(specimens, alpha=LEVEL, seed=SEED)
    if any(file.example.maker is None for file in files):
        reason = "not every specimen has a named maker"
        return ImagingClaim(check, RobustnessIndex(reason, NEIGHBOURS, len(specimens)))
    return ImagingClaim(check, robustness_index(specimens, device=DEVICE))


def imaged_specimens(files: Sequence[ImagedFile], enrolled: EnrolledEmbeddings | None = None) -> list[ImagedSpecimen]:
    """Return specimens with the facts of all their images, and the mean embedding of their tiles, if there are any."""
    by_specimen: dict[str, list[ImagedFile]] = {}
    for file in files:
        by_specimen.setdefault(file.example.specimen, []).append(file)
    specimens = []
    for name, images in sorted(by_specimen.items()):
        first = images[0].example
        facts: dict[str, FactValue] = {"number of images": float(len(images))}
        for fact in sorted({fact for image in images for fact in image.facts}):
            facts[fact] = _combined([image.facts[fact] for image in images if fact in image.facts])
        embedding = None if enrolled is None else enrolled.embeddings[enrolled.tile_specimens == name].mean(0)
        specimens.append(ImagedSpecimen(name, first.authentic, first.maker or UNNAMED_MAKER, facts, embedding))
    return specimens


def _combined(values: Sequence[str | float]) -> FactValue:
    texts = sorted({value for value in values if isinstance(value, str)})
    numbers = [value for value in values if not isinstance(value, str)]
    return _JOIN.join(texts) if texts else float(np.mean(numbers))
