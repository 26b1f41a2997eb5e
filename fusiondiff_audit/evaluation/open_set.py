"""One seed of the benchmark `bench/2`: a rule is fitted to enrolled specimens, and asked about the tested ones.

1. Specimens are enrolled with their assessable images alone; one without any is not replaced, but counted.
2. There are two enrolments: through the everyday microscope, and one of the same size through both.
3. Each tested specimen is judged by its first image, its first two, and its first five, where it has so many. Images
   that are not assessable are left out; a specimen without an assessable image is INCONCLUSIVE.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from fusiondiff_audit.evaluation.open_set_task import OpenSetItem, OpenSetPart, OpenSetTask
from reports.verdict.verdicts import Verdict

IMAGES_OF_DESIGNS = (1, 2, 5)  # how many images a tested specimen is judged by


class Microscopes(StrEnum):
    """The microscopes through which specimens were enrolled."""

    EVERYDAY = "everyday"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class OpenSetSpecimen:
    """A specimen of a task; `images` are the places of its assessable images among the task's items."""

    name: str
    part: OpenSetPart
    maker: str
    number: int
    authentic: bool
    images: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SpecimenAnswer:
    """What a rule says of a specimen."""

    verdict: Verdict | None  # None: not AUTHENTIC, by a rule that says no more
    nonconformity: float  # how unlike the reference it is; what an oracle's bound is set on


class FittedRule(Protocol):
    """A rule that has been fitted to one enrolment."""

    def judge(self, specimen: OpenSetSpecimen) -> SpecimenAnswer: ...


FitRule = Callable[[Sequence[OpenSetSpecimen]], FittedRule]


@dataclass(frozen=True, slots=True)
class OpenSetAnswer:
    """One answer of one rule; field names are those of the benchmark's JSON."""

    seed: int
    reference: str
    enrolled: Microscopes
    part: OpenSetPart
    maker: str
    number: int
    images: int  # that the specimen was to be judged by, assessable or not
    verdict: Verdict | None
    nonconformity: float | None  # None: no image of it is assessable


@dataclass(frozen=True, slots=True)
class EnrolmentCount:
    """How many specimens of one seed were enrolled."""

    seed: int
    enrolled: Microscopes
    authentic: int
    counterfeit: int
    left_out: int  # specimens without an assessable image


def enrolments(
    task: OpenSetTask, is_assessable: Callable[[int], bool]
) -> Iterator[tuple[EnrolmentCount, list[OpenSetSpecimen]]]:
    """Yield the two enrolments of a task."""
    for microscopes, items in (
        (Microscopes.EVERYDAY, task.part(OpenSetPart.ENROLLED)),
        (Microscopes.BOTH, task.enrolled_on_both()),
    ):
        specimens = _specimens(task, items, is_assessable)
        kept = [specimen for specimen in specimens if specimen.images]
        authentic = sum(specimen.authentic for specimen in kept)
        left_out = len(specimens) - len(kept)
        yield EnrolmentCount(task.seed, microscopes, authentic, len(kept) - authentic, left_out), kept


def judge_task(task: OpenSetTask, is_assessable: Callable[[int], bool], fit: FitRule) -> Iterator[OpenSetAnswer]:
    """Fit a rule to each enrolment of a task, and yield its answers."""
    for count, enrolled in enrolments(task, is_assessable):
        rule = fit(enrolled)
        for images in IMAGES_OF_DESIGNS:
            for specimen in specimens_of_design(task, is_assessable, images):
                answer = rule.judge(specimen) if specimen.images else None
                yield OpenSetAnswer(
                    task.seed,
                    task.reference,
                    count.enrolled,
                    specimen.part,
                    specimen.maker,
                    specimen.number,
                    images,
                    Verdict.INCONCLUSIVE if answer is None else answer.verdict,
                    None if answer is None else answer.nonconformity,
                )


def number_of_answers(task: OpenSetTask) -> int:
    """Return how many specimens `judge_task` yields."""
    every = (specimens_of_design(task, lambda place: True, images) for images in IMAGES_OF_DESIGNS)
    return len(Microscopes) * sum(len(list(specimens)) for specimens in every)


def specimens_of_design(
    task: OpenSetTask, is_assessable: Callable[[int], bool], images: int
) -> Iterator[OpenSetSpecimen]:
    """Yield the tested specimens that have so many images, with the assessable ones of the first so many."""
    whole = _specimens(task, task.tested(), lambda place: True)
    for specimen in whole:
        if len(specimen.images) >= images:
            yield replace(specimen, images=tuple(filter(is_assessable, specimen.images[:images])))


def _specimens(
    task: OpenSetTask, items: Sequence[OpenSetItem], is_assessable: Callable[[int], bool]
) -> list[OpenSetSpecimen]:
    """Return the specimens that these items show."""
    place = {(item.key, item.field): number for number, item in enumerate(task.items)}
    of_specimen: dict[tuple[str, ...], list[OpenSetItem]] = {}
    for item in items:
        of_specimen.setdefault(item.key, []).append(item)
    return [
        OpenSetSpecimen(
            " ".join(key),
            shown[0].part,
            shown[0].maker,
            shown[0].number,
            shown[0].authentic,
            tuple(where for where in (place[key, item.field] for item in shown) if is_assessable(where)),
        )
        for key, shown in of_specimen.items()
    ]
