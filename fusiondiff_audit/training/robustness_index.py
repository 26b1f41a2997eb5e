"""The robustness index: whether embeddings cluster by maker or by device.

It follows the robustness index of pathology's foundation models (arXiv 2501.18055, 2507.17845). Among the k nearest
neighbours of each specimen, those of the same maker and another device are counted, and those of the same device and
another maker. Each count is divided by the number of such pairs among all specimens, and the index is the ratio of the
two: it is about 1 for neighbours that are drawn at random, whatever the numbers of makers and devices. Above 1,
embeddings cluster by maker rather than by device.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from fusiondiff_audit.model.enrolment import pairwise_distances
from fusiondiff_audit.training.confounding import ConfoundingState, ImagedSpecimen
from fusiondiff_audit.training.fact_association import FactValue

NEIGHBOURS = 5


@dataclass(frozen=True, slots=True)
class RobustnessIndex:
    """Ordered pairs of specimens, and those of them of which the second is among the first one's nearest neighbours."""

    reason: str  # why the index is undefined; empty if it is defined
    neighbours: int  # of each specimen
    specimens: int
    same_maker: int = 0  # neighbours of the same maker and another device
    same_device: int = 0  # neighbours of the same device and another maker
    same_maker_pairs: int = 0
    same_device_pairs: int = 0

    @property
    def state(self) -> ConfoundingState:
        return ConfoundingState.NOT_CHECKED if self.reason else ConfoundingState.CHECKED

    @property
    def value(self) -> Fraction | None:
        """The index; None if it is undefined, and where no neighbour is of the same device and another maker."""
        if self.reason or not self.same_device:
            return None
        return Fraction(self.same_maker * self.same_device_pairs, self.same_device * self.same_maker_pairs)

    @property
    def by_maker(self) -> bool:
        """Whether the index is defined and above 1."""
        return self.same_maker * self.same_device_pairs > self.same_device * self.same_maker_pairs

    def sentence(self) -> str:
        if self.reason:
            return f"whether embeddings cluster by maker or by device: not checked, because {self.reason}"
        result = (
            "cluster by maker rather than by device" if self.by_maker else "do not cluster more by maker than by device"
        )
        index = "" if self.value is None else f" (robustness index {float(self.value):.2f})"
        return (
            f"embeddings {result}{index}: among the {self.neighbours} nearest neighbours of each of {self.specimens} "
            f"specimens, {self.same_maker} of {self.same_maker_pairs} pairs of one maker and two devices, "
            f"and {self.same_device} of {self.same_device_pairs} pairs of one device and two makers"
        )


def robustness_index(
    specimens: Sequence[ImagedSpecimen], *, device: str, neighbours: int = NEIGHBOURS
) -> RobustnessIndex:
    """Return the index of the specimens' embeddings; `device` names the fact that says by what each was imaged."""
    if neighbours < 1:
        raise ValueError(f"{neighbours} neighbours")
    specimens = sorted(specimens, key=lambda specimen: specimen.name)  # ties go to the earlier name
    embeddings = [specimen.embedding for specimen in specimens if specimen.embedding is not None]
    devices = [specimen.facts.get(device) for specimen in specimens]
    if reason := _why_undefined(specimens, devices, len(embeddings), neighbours):
        return RobustnessIndex(reason, neighbours, len(specimens))
    same_maker, same_device = (
        np.array([[one == other for other in values] for one in values])
        for values in ([specimen.maker for specimen in specimens], devices)
    )
    across_devices, across_makers = same_maker & ~same_device, same_device & ~same_maker
    pairs = int(across_devices.sum()), int(across_makers.sum())
    if not all(pairs):
        reason = "no device imaged two makers" if pairs[0] else "no maker was imaged by two devices"
        return RobustnessIndex(reason, neighbours, len(specimens))
    rows = np.stack(embeddings)
    distances = pairwise_distances(rows, rows)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argsort(axis=1, kind="stable")[:, :neighbours]
    counts = [int(np.take_along_axis(kind, nearest, axis=1).sum()) for kind in (across_devices, across_makers)]
    reason = "" if any(counts) else "no neighbour differs in either maker or device alone"
    return RobustnessIndex(reason, neighbours, len(specimens), counts[0], counts[1], *pairs)


def _why_undefined(
    specimens: Sequence[ImagedSpecimen], devices: Sequence[FactValue], embedded: int, neighbours: int
) -> str:
    if len(specimens) <= neighbours:
        return f"{len(specimens)} specimens are too few for {neighbours} neighbours"
    if embedded < len(specimens) or None in devices:
        return "not all specimens have an embedding and a device"
    if len(set(devices)) == 1:
        return "all specimens were imaged by one device"
    labelled = {(device, specimen.authentic) for device, specimen in zip(devices, specimens, strict=True)}
    if len(labelled) == len(set(devices)):
        return "each device imaged specimens of one label alone: device and label are completely confounded"
    return ""
