"""Whether a specimen's row in an excerpt is possible, given the one image of it that the excerpt shows.

A specimen's row follows from its evidence and all its images, and an excerpt shows one of these. So every fact about
the others that the rule of verdicts depends on is tried: the row must follow from one combination of them.
"""

from itertools import product

from reports.arithmetic import tolerance
from reports.verdict.evidence_check import is_comparable, is_ranked, numbers_fault
from reports.verdict.former_header import FormerHeader
from reports.verdict.former_rows import FormerImageRow, FormerSpecimenRow
from reports.verdict.former_specimen_check import former_specimen_fault
from reports.verdict.header import Header
from reports.verdict.rows import ImageRow, SpecimenRow
from reports.verdict.specimens import ALL_REFUSED, decide_rows, image_verdict, key_of
from reports.verdict.verdicts import Evidence, Label, Verdict, verdict

_EITHER = (False, True)


def specimen_fault(row: SpecimenRow, image: ImageRow, header: Header) -> str | None:
    """Return why no specimen with this image has this row, or None if one can have it."""
    if isinstance(header, FormerHeader):
        if not isinstance(row, FormerSpecimenRow) or not isinstance(image, FormerImageRow):
            raise TypeError("rows of version 3 under a header of an older one")
        return former_specimen_fault(row, image, header)
    if row.images < 1:
        return f"{row.specimen!a} has {row.images} images, and one of them is shown"
    if row.images > sum(header.images.by_verdict().values()):
        return f"{row.specimen!a} has {row.images} images, more than the header counts"
    follows = image_verdict(image, row.verdict, row.reasons)
    if image.verdict is not Verdict.REFUSED and (image.verdict, image.reasons) != follows:
        return f"{image.name!a} is {image.verdict}, and its specimen {row.verdict} or for other reasons"
    return _evidence_fault(row, image, header) or _verdict_fault(row, image, header)


def count_fault(row: SpecimenRow | None, image: ImageRow, header: Header) -> str | None:
    """Return why the header's counts exclude these rows, or None if they do not."""
    if not header.images.by_verdict()[image.verdict]:
        return f"{image.name!a} is {image.verdict}, and the header counts no such image"
    if row is not None and not header.specimens.by_verdict()[row.verdict]:
        return f"{row.specimen!a} is {row.verdict}, and the header counts no such specimen"
    return None


def _evidence_fault(row: SpecimenRow, image: ImageRow, header: Header) -> str | None:
    """Return why a specimen with this image cannot have the numbers of the row; None if it can."""
    evidence, name = row.evidence, f"{row.specimen!a}"
    if evidence is None:
        if is_comparable((image,)) and is_ranked(header):
            return f"{name} was not compared with the enrolled specimens, and can be"
        if image.judged is not None and row.tolerance is not None and row.tolerance > (image.judged.tolerance or 0):
            return f"{name} has a tolerance above that of {image.name!a}"
        return None
    if (fault := numbers_fault(evidence, header)) is not None:
        return f"{name} {fault}"
    most = row.images - (image.judged is None)  # images that can have been compared
    if len(evidence.tiles) > most:
        return f"{name} was compared by {len(evidence.tiles)} images, and at most {most} could be"
    if image.judged is not None and not evidence.reduced and image.judged.tiles not in evidence.tiles:
        return f"{name} was compared by all its tiles, and not by the {image.judged.tiles} of {image.name!a}"
    if image.judged is not None and (image.judged.tolerance or 0) < (row.tolerance or 0):
        return f"{name} has a tolerance above that of {image.name!a}"
    most_tolerance = tolerance((0, header.model.partitions))
    if (row.tolerance is None) is not (header.policy.tolerance is None) or (row.tolerance or 0) > most_tolerance:
        return f"{name} has a tolerance that was not asked for, or that no votes give"
    return None


def _verdict_fault(row: SpecimenRow, image: ImageRow, header: Header) -> str | None:
    """Return why the row's verdict follows from its numbers with no other images, or None if it follows with some."""
    rules, fault = header.rules, f"{row.specimen!a} is {row.verdict}, which does not follow from its own numbers"
    if row.images == 1:
        (only,) = decide_rows((image,), {key_of(image): row.evidence}, rules).specimens
        return None if row == only else f"{fault} and its one image"
    if image.verdict is Verdict.REFUSED and (row.verdict, row.reasons) == (Verdict.REFUSED, (ALL_REFUSED,)):
        return None if row.evidence is None and row.tolerance is None else f"{fault}: all its images were refused"
    stated = row.verdict, row.reasons
    if any(stated == verdict(facts, rules) for facts in _possible_facts(row, image)):
        return None
    return f"{fault} and {image.name!a}, whatever its other images are"


def _possible_facts(row: SpecimenRow, image: ImageRow) -> list[Evidence]:
    """Return what may be true of a specimen with this row, this image and at least one other."""
    evidence, judged, is_refused = row.evidence, image.judged, image.verdict is Verdict.REFUSED
    shown = () if judged is None else (judged.label,)
    others: list[tuple[Label, ...]] = [(), *((label,) for label in Label), tuple(Label)]
    labels = [(*shown, *more) for more in others]
    ranks = (None, None, None) if evidence is None else evidence.ranks
    weakest = None if evidence is None else evidence.weakest
    tiles = 0 if evidence is None else sum(evidence.tiles)
    enrolled = (image.enrolled is not None,) if not is_refused else _EITHER
    missing = (True,) if judged is not None and image.scale is None else _EITHER
    facts = [
        Evidence(
            *(of, *ranks, weakest),
            enrolled=mark,
            scale_missing=no_scale,
            refused=refused,
            tolerance=row.tolerance,
            tiles=tiles,
        )
        for of, mark, no_scale, refused in product(labels, enrolled, missing, (True,) if is_refused else _EITHER)
    ]
    if evidence is not None:  # what has evidence is assessable and was not enrolled
        return [each for each in facts if each.labels and not each.enrolled]
    return facts
