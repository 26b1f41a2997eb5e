"""Whether a specimen's row in an excerpt is possible, given the one image of it that the excerpt shows.

A specimen's row follows from all its images, and an excerpt shows one. So every combination of other images is
tried: refused, not assessable, or judged with either label, with or without a scale. The row must be the one that the
rules of the report's version give for one of them.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

from reports.arithmetic import tolerance
from reports.verdict.claims import ScaleClaim
from reports.verdict.coverage import header_coverage
from reports.verdict.header import Header
from reports.verdict.rows import ImageRow, Judgement, SpecimenRow, evidence, ranks_of, specimen_rows
from reports.verdict.verdicts import Label, Verdict, verdict
from reports.verdict.versions import rules_of

_Images = tuple[ImageRow, ...]
_DIGEST, _SCALE = 64 * "0", ScaleClaim("1", "manifest")  # of images that are not shown; no verdict depends on them


def specimen_fault(row: SpecimenRow, image: ImageRow, header: Header) -> str | None:
    """Return why no specimen with this image has this row, or None if one can have it."""
    rules = header.rules
    if row.images < 1:
        return f"{row.specimen!a} has {row.images} images, and one of them is shown"
    if row.images == 1:
        only = specimen_rows((image,), rules)[0]
        return None if row == only else f"{row.specimen!a} has one image, and its row does not follow from it"
    if row.images > sum(header.images.by_verdict().values()):
        return f"{row.specimen!a} has {row.images} images, more than the header counts"
    for others in _others(row.images - 1, image):
        if _numbers_agree(row, image, others, header) and _verdict_agrees(row, image, others, header):
            return None
    message = f"{row.specimen!a} is {row.verdict}, which does not follow"
    return f"{message} from its own numbers and {image.name!a}, whatever its other images are"


def count_fault(row: SpecimenRow | None, image: ImageRow, header: Header) -> str | None:
    """Return why the header's counts exclude these rows, or None if they do not."""
    if not header.images.by_verdict()[image.verdict]:
        return f"{image.name!a} is {image.verdict}, and the header counts no such image"
    if row is not None and not header.specimens.by_verdict()[row.verdict]:
        return f"{row.specimen!a} is {row.verdict}, and the header counts no such specimen"
    return None


def _others(number: int, image: ImageRow) -> Iterator[_Images]:
    """Yield possible other images, one of each kind: a second of the same kind changes no verdict."""
    unjudged = ImageRow(image.name, _DIGEST, _DIGEST, image.specimen, Verdict.INCONCLUSIVE, (), scale=_SCALE)
    kinds = [unjudged, replace(unjudged, verdict=Verdict.REFUSED)]
    for label in Label:
        votes = (1, 0) if label is Label.AUTHENTIC else (0, 1)
        judged = Judgement(label, *votes, "0.0", "0.0", "0.0", 1, None, None, None, None, None)
        kinds += [replace(unjudged, judged=judged, scale=scale) for scale in (_SCALE, None)]
    for size in range(1, min(number, len(kinds)) + 1):
        yield from combinations(kinds, size)


def _numbers_agree(row: SpecimenRow, image: ImageRow, others: _Images, header: Header) -> bool:
    """Say whether ranks and tolerance can be the worst of this image's and of the unknown others'."""
    ranks, own = (row.authentic, row.counterfeit, row.familiar), ranks_of(image)
    if all(other.judged is None for other in others):  # the shown image is the only one that may have numbers
        return (ranks, row.tolerance) == (own, None if image.judged is None else image.judged.tolerance)
    if (row.tolerance is None) is not (header.policy.tolerance is None):
        return False
    partitions = header.model.partitions
    most = tolerance((0, partitions)) if image.judged is None else image.judged.tolerance
    if row.tolerance is not None and not 0 <= row.tolerance <= (most or 0):
        return False
    allowed = header_coverage(header)
    if allowed is not None:
        counterfeit, authentic = allowed.sets or (None, None)
        if [rank and rank.of for rank in ranks] != [authentic, counterfeit, allowed.familiar]:
            return False
    if image.judged is None:
        return True
    pairs = [(rank, shown) for rank, shown in zip(ranks, own, strict=True) if rank is not None]
    return all(shown is not None and rank.p <= shown.p for rank, shown in pairs)


def _verdict_agrees(row: SpecimenRow, image: ImageRow, others: _Images, header: Header) -> bool:
    """Say whether the row's verdict and its reasons are those of these images and of the row's own numbers."""
    images, rules = (image, *others), header.rules
    if all(other.verdict is Verdict.REFUSED for other in images):
        return (row.verdict, row.reasons) == (Verdict.REFUSED, ("all-refused",))
    stated = replace(
        evidence(images, (row.authentic, row.counterfeit, row.familiar), rules),
        short=(row.tolerance or 0) < (rules.tolerance or 0),
    )
    marks = {image.enrolled is not None}
    if image.verdict is Verdict.REFUSED:  # it has no mark, and its specimen may have been enrolled
        marks = {False, rules_of(header.format).enrolled_are_marked}
    return any((row.verdict, row.reasons) == verdict(replace(stated, enrolled=mark)) for mark in marks)
