"""Whether a specimen's row in an excerpt of version 1 or 2 is possible, given the one image that the excerpt shows.

A specimen's row follows from all its images, and an excerpt shows one. So every combination of other images is
tried: refused, not assessable, or judged with either label, with or without a scale. The row must be the one that the
rules of the report's version give for one of them.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

from reports.arithmetic import tolerance
from reports.verdict.claims import ScaleClaim
from reports.verdict.former_coverage import former_header_coverage
from reports.verdict.former_header import FormerHeader
from reports.verdict.former_rows import (
    FormerImageRow,
    FormerJudgement,
    FormerSpecimenRow,
    former_evidence,
    former_specimen_rows,
    image_ranks,
)
from reports.verdict.former_verdicts import former_verdict
from reports.verdict.verdicts import Label, Verdict

_Images = tuple[FormerImageRow, ...]
_DIGEST, _SCALE = 64 * "0", ScaleClaim("1", "manifest")  # of images that are not shown; no verdict depends on them


def former_specimen_fault(row: FormerSpecimenRow, image: FormerImageRow, header: FormerHeader) -> str | None:
    """Return why no specimen with this image has this row, or None if one can have it."""
    rules = header.rules
    if row.images < 1:
        return f"{row.specimen!a} has {row.images} images, and one of them is shown"
    if row.images == 1:
        only = former_specimen_rows((image,), rules)[0]
        return None if row == only else f"{row.specimen!a} has one image, and its row does not follow from it"
    if row.images > sum(header.images.by_verdict().values()):
        return f"{row.specimen!a} has {row.images} images, more than the header counts"
    for others in _others(row.images - 1, image):
        if _numbers_agree(row, image, others, header) and _verdict_agrees(row, image, others, header):
            return None
    message = f"{row.specimen!a} is {row.verdict}, which does not follow"
    return f"{message} from its own numbers and {image.name!a}, whatever its other images are"


def _others(number: int, image: FormerImageRow) -> Iterator[_Images]:
    """Yield possible other images, one of each kind: a second of the same kind changes no verdict."""
    unjudged = FormerImageRow(image.name, _DIGEST, _DIGEST, image.specimen, Verdict.INCONCLUSIVE, (), scale=_SCALE)
    kinds = [unjudged, replace(unjudged, verdict=Verdict.REFUSED)]
    for label in Label:
        votes = (1, 0) if label is Label.AUTHENTIC else (0, 1)
        judged = FormerJudgement(label, *votes, "0.0", "0.0", 1, None, None, "0.0", None, None, None)
        kinds += [replace(unjudged, judged=judged, scale=scale) for scale in (_SCALE, None)]
    for size in range(1, min(number, len(kinds)) + 1):
        yield from combinations(kinds, size)


def _numbers_agree(row: FormerSpecimenRow, image: FormerImageRow, others: _Images, header: FormerHeader) -> bool:
    """Say whether ranks and tolerance can be the worst of this image's and of the unknown others'."""
    ranks, own = row.ranks, image_ranks(image)
    if all(other.judged is None for other in others):  # the shown image is the only one that may have numbers
        return (ranks, row.tolerance) == (own, None if image.judged is None else image.judged.tolerance)
    if (row.tolerance is None) is not (header.policy.tolerance is None):
        return False
    partitions = header.model.partitions
    most = tolerance((0, partitions)) if image.judged is None else image.judged.tolerance
    if row.tolerance is not None and not 0 <= row.tolerance <= (most or 0):
        return False
    allowed = former_header_coverage(header)
    if allowed is not None:
        counterfeit, authentic = allowed.sets or (None, None)
        if [rank and rank.of for rank in ranks] != [authentic, counterfeit, allowed.familiar]:
            return False
    if image.judged is None:
        return True
    pairs = [(rank, shown) for rank, shown in zip(ranks, own, strict=True) if rank is not None]
    return all(shown is not None and rank.p <= shown.p for rank, shown in pairs)


def _verdict_agrees(row: FormerSpecimenRow, image: FormerImageRow, others: _Images, header: FormerHeader) -> bool:
    """Say whether the row's verdict and its reasons are those of these images and of the row's own numbers."""
    images, rules = (image, *others), header.rules
    if all(other.verdict is Verdict.REFUSED for other in images):
        return (row.verdict, row.reasons) == (Verdict.REFUSED, ("all-refused",))
    stated = replace(former_evidence(images, row.ranks, rules), short=(row.tolerance or 0) < (rules.tolerance or 0))
    return (row.verdict, row.reasons) == former_verdict(stated)
