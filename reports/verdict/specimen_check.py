"""Whether a specimen's row in an excerpt is possible, given the one image of it that the excerpt shows.

A specimen's row follows from all its images, and an excerpt shows one. So every combination of other images is
tried: refused, not assessable, or judged with either label, with or without a scale. The row must be the one that the
rules of the report's version give for one of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from reports.arithmetic import Rank, tolerance
from reports.verdict.coverage import header_coverage
from reports.verdict.header import Header
from reports.verdict.rows import ImageRow, SpecimenRow, evidence, specimen_rows
from reports.verdict.verdicts import Evidence, Label, Verdict, verdict
from reports.verdict.versions import rules_of

_Ranks = tuple[Rank | None, Rank | None, Rank | None]  # as authentic, as counterfeit, familiar


@dataclass(frozen=True, slots=True)
class _ImageFacts:
    """The facts about one image that the verdict on its specimen depends on, apart from ranks and marks."""

    refused: bool = False
    label: Label | None = None  # None: not judged
    scale: bool = True


def specimen_fault(row: SpecimenRow, image: ImageRow, header: Header) -> str | None:
    """Return why no specimen with this image has this row, or None if one can have it."""
    rules = header.rules
    if row.images < 1:
        return f"{row.specimen!a} has {row.images} images, and one of them is shown"
    if row.images == 1:
        only = specimen_rows((image,), rules)[0]
        return None if row == only else f"{row.specimen!a} has one image, and its row does not follow from it"
    if row.images > sum(_counts(header)[1].values()):
        return f"{row.specimen!a} has {row.images} images, more than the header counts"
    for others in _others(row.images - 1, needs_scale=rules.needs_scale):
        if _numbers_agree(row, image, others, header) and _verdict_agrees(row, image, others, header):
            return None
    message = f"{row.specimen!a} is {row.verdict}, which does not follow"
    return f"{message} from its own numbers and {image.name!a}, whatever its other images are"


def count_fault(row: SpecimenRow | None, image: ImageRow, header: Header) -> str | None:
    """Return why the header's counts exclude these rows, or None if they do not."""
    specimens, images = _counts(header)
    if not images[image.verdict]:
        return f"{image.name!a} is {image.verdict}, and the header counts no such image"
    if row is not None and not specimens[row.verdict]:
        return f"{row.specimen!a} is {row.verdict}, and the header counts no such specimen"
    return None


def _counts(header: Header) -> tuple[dict[Verdict, int], dict[Verdict, int]]:
    """Return the header's counts of specimens and of images, by verdict."""
    counted = (header.specimens, header.images)
    of_specimens, of_images = (
        {verdict: getattr(counts, verdict.name.lower()) for verdict in Verdict} for counts in counted
    )
    return of_specimens, of_images


def _others(number: int, *, needs_scale: bool) -> Iterator[tuple[_ImageFacts, ...]]:
    """Yield the other images, one of each kind: a second of the same kind changes no verdict."""
    scales = (True, False) if needs_scale else (True,)
    judged = [_ImageFacts(label=label, scale=scale) for label in Label for scale in scales]
    kinds = (*judged, _ImageFacts(), _ImageFacts(refused=True))
    for size in range(1, min(number, len(kinds)) + 1):
        yield from combinations(kinds, size)


def _numbers_agree(row: SpecimenRow, image: ImageRow, others: tuple[_ImageFacts, ...], header: Header) -> bool:
    """Say whether ranks and tolerance can be the worst of this image's and of the unknown others'."""
    ranks, own = (row.authentic, row.counterfeit, row.familiar), _ranks(image)
    if all(other.label is None for other in others):  # the shown image is the only one that may have numbers
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


def _verdict_agrees(row: SpecimenRow, image: ImageRow, others: tuple[_ImageFacts, ...], header: Header) -> bool:
    """Say whether the row's verdict and its reasons are those of these images and of the row's own numbers."""
    shown = _ImageFacts(
        refused=image.verdict is Verdict.REFUSED,
        label=None if image.judged is None else image.judged.label,
        scale=image.scale is not None,
    )
    images = (shown, *others)
    judgeable = [facts for facts in images if not facts.refused]
    if not judgeable:
        return (row.verdict, row.reasons) == (Verdict.REFUSED, ("all-refused",))
    rules = header.rules
    numbers = evidence((), (row.authentic, row.counterfeit, row.familiar), rules)
    marks = {image.enrolled is not None} if not shown.refused else {False, rules_of(header.format).enrolled_are_marked}
    return any(
        (row.verdict, row.reasons)
        == verdict(
            Evidence(
                labels=tuple(facts.label for facts in judgeable if facts.label is not None),
                faults=any(facts.label is None for facts in judgeable),
                scale_missing=rules.needs_scale and not all(facts.scale for facts in judgeable),
                familiar=numbers.familiar,
                classes=numbers.classes,
                needs_calibration=rules.needs_calibration,
                enrolled=enrolled,
                refused=len(judgeable) < len(images),
                short=(row.tolerance or 0) < (rules.tolerance or 0),
            )
        )
        for enrolled in marks
    )


def _ranks(image: ImageRow) -> _Ranks:
    judged = image.judged
    return (None, None, None) if judged is None else (judged.authentic, judged.counterfeit, judged.familiar)
