"""A specimen's row beside one of its pictures: whether the other pictures, which nobody sees, could have led to it.

A specimen's row follows from all its pictures, and an excerpt shows one. So every combination of other pictures is
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
class _Picture:
    """What the verdict on a specimen takes from one of its pictures, apart from ranks and marks."""

    refused: bool = False
    label: Label | None = None  # None: not judged
    scale: bool = True


def specimen_fault(found: SpecimenRow, image: ImageRow, header: Header) -> str | None:
    """Return why no specimen with this picture has this row, or None if one can have it."""
    rules = header.rules
    if found.images < 1:
        return f"{found.specimen!a} has {found.images} pictures, and one of them is shown"
    if found.images == 1:
        right = specimen_rows((image,), rules)[0]
        return None if found == right else f"{found.specimen!a} has one picture, and its row does not follow from it"
    if found.images > sum(_counts(header)[1].values()):
        return f"{found.specimen!a} has {found.images} pictures, more than the header counts"
    for others in _others(found.images - 1, needs_scale=rules.needs_scale):
        if _numbers_agree(found, image, others, header) and _verdict_agrees(found, image, others, header):
            return None
    what = f"{found.specimen!a} is {found.verdict}, which does not follow"
    return f"{what} from its own numbers and {image.name!a}, whatever its other pictures are"


def count_fault(found: SpecimenRow | None, image: ImageRow, header: Header) -> str | None:
    """Return why a header does not count these rows, or None if it can."""
    specimens, images = _counts(header)
    if not images[image.verdict]:
        return f"{image.name!a} is {image.verdict}, and the header counts no such image"
    if found is not None and not specimens[found.verdict]:
        return f"{found.specimen!a} is {found.verdict}, and the header counts no such specimen"
    return None


def _counts(header: Header) -> tuple[dict[Verdict, int], dict[Verdict, int]]:
    """Return how many specimens and how many images the header counts, by their verdicts."""
    each = (header.specimens, header.images)
    one, other = ({verdict: getattr(counts, verdict.name.lower()) for verdict in Verdict} for counts in each)
    return one, other


def _others(number: int, *, needs_scale: bool) -> Iterator[tuple[_Picture, ...]]:
    """Yield the other pictures, one of each kind: a second of the same kind changes no verdict."""
    scales = (True, False) if needs_scale else (True,)
    judged = [_Picture(label=label, scale=scale) for label in Label for scale in scales]
    kinds = (*judged, _Picture(), _Picture(refused=True))
    for size in range(1, min(number, len(kinds)) + 1):
        yield from combinations(kinds, size)


def _numbers_agree(found: SpecimenRow, image: ImageRow, others: tuple[_Picture, ...], header: Header) -> bool:
    """Say whether ranks and tolerance can be the worst of the picture's and of others', which are not known."""
    ranks, own = (found.authentic, found.counterfeit, found.familiar), _ranks(image)
    if all(other.label is None for other in others):  # the picture that is shown is the only one with numbers, if any
        return (ranks, found.tolerance) == (own, None if image.judged is None else image.judged.tolerance)
    if (found.tolerance is None) is not (header.policy.tolerance is None):
        return False
    partitions = header.model.partitions
    most = tolerance((0, partitions)) if image.judged is None else image.judged.tolerance
    if found.tolerance is not None and not 0 <= found.tolerance <= (most or 0):
        return False
    known = header_coverage(header)
    if known is not None:  # among how many specimens is known, and so whether there is a rank
        counterfeit, authentic = known.sets or (None, None)
        if [rank and rank.of for rank in ranks] != [authentic, counterfeit, known.familiar]:
            return False
    if image.judged is None:
        return True
    pairs = [(rank, mine) for rank, mine in zip(ranks, own, strict=True) if rank is not None]
    return all(mine is not None and rank.p <= mine.p for rank, mine in pairs)


def _verdict_agrees(found: SpecimenRow, image: ImageRow, others: tuple[_Picture, ...], header: Header) -> bool:
    """Say whether the row's verdict and its reasons are those of these pictures and of the row's own numbers."""
    shown = _Picture(
        refused=image.verdict is Verdict.REFUSED,
        label=None if image.judged is None else image.judged.label,
        scale=image.scale is not None,
    )
    pictures = (shown, *others)
    seen = [picture for picture in pictures if not picture.refused]
    if not seen:
        return (found.verdict, found.reasons) == (Verdict.REFUSED, ("all-refused",))
    rules = header.rules
    numbers = evidence((), (found.authentic, found.counterfeit, found.familiar), rules)
    marks = {image.enrolled is not None} if not shown.refused else {False, rules_of(header.format).enrolled_are_marked}
    return any(
        (found.verdict, found.reasons)
        == verdict(
            Evidence(
                labels=tuple(picture.label for picture in seen if picture.label is not None),
                faults=any(picture.label is None for picture in seen),
                scale_missing=rules.needs_scale and not all(picture.scale for picture in seen),
                familiar=numbers.familiar,
                classes=numbers.classes,
                needs_calibration=rules.needs_calibration,
                enrolled=enrolled,
                refused=len(seen) < len(pictures),
                short=(found.tolerance or 0) < (rules.tolerance or 0),
            )
        )
        for enrolled in marks
    )


def _ranks(image: ImageRow) -> _Ranks:
    judged = image.judged
    return (None, None, None) if judged is None else (judged.authentic, judged.counterfeit, judged.familiar)
