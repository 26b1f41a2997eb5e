"""The robustness index: whether embeddings cluster by maker or by device.

It follows the robustness index of pathology's foundation models (arXiv 2501.18055, 2507.17845). Among the k nearest
neighbours of each specimen, those of the same maker and another device are counted, and those of the same device and
another maker. Each count is divided by the number of such pairs among all specimens, and the index is the ratio of the
two: it is about 1 for neighbours that are drawn at random, whatever the numbers of makers and devices. Above 1,
embeddings cluster by maker rather than by device.
"""

from collections.abc import Sequence

import numpy as np

from fusiondiff_audit.model.enrolment import pairwise_distances
from fusiondiff_audit.training.confounding import ImagedSpecimen
from fusiondiff_audit.training.fact_association import FactValue
from reports.verdict.confounding import RobustnessIndex

NEIGHBOURS = 5


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
    undefined = None if any(counts) else "no neighbour differs in either maker or device alone"
    return RobustnessIndex(undefined, neighbours, len(specimens), counts[0], counts[1], *pairs)


def _why_undefined(
    specimens: Sequence[ImagedSpecimen], devices: Sequence[FactValue], embedded: int, neighbours: int
) -> str | None:
    if len(specimens) <= neighbours:
        return f"{len(specimens)} specimens are too few for {neighbours} neighbours"
    if embedded < len(specimens) or None in devices:
        return "not all specimens have an embedding and a device"
    if len(set(devices)) == 1:
        return "all specimens were imaged by one device"
    labelled = {(device, specimen.authentic) for device, specimen in zip(devices, specimens, strict=True)}
    if len(labelled) == len(set(devices)):
        return "each device imaged specimens of one label alone: device and label are completely confounded"
    return None
