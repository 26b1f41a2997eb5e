"""Marks images of a batch that the model was enrolled with: by their pixels, or by the name of their specimen.

A model recognises the images that it learnt from, so its label of such an image is no evidence. The mark is part of the
signed row, and the verdict follows from it. Where one image of a specimen was enrolled, all of them are marked, since
they show the same object.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from reports.verdict.rows import EnrolmentMark, ImageRow
from reports.verdict.verdicts import Verdict
from signing.fields import Fields


@dataclass(frozen=True, slots=True)
class EnrolledSet:
    """The images and specimens of a bundle's enrolment, and the labelled images that its encoder was trained with."""

    images: frozenset[str]  # digests of their pixels
    specimens: frozenset[str]

    @classmethod
    def from_settings(cls, settings: Fields, *, most: int) -> "EnrolledSet":
        """Return the lists in a bundle's own settings, `bundle.json`."""
        examples = settings.list("examples", least=0, most=most)
        trained_with = settings.texts("seen", most=most)
        return cls(
            frozenset((*(example.text("pixel_digest") for example in examples), *trained_with)),
            frozenset(example.text("specimen") for example in examples),
        )


def mark_enrolled(rows: Iterable[ImageRow], enrolled: EnrolledSet) -> tuple[ImageRow, ...]:
    """Return the rows with a mark where the image, or another of its specimen, was enrolled; verdicts stay."""
    images = tuple(rows)
    matched = {row.specimen for row in images if row.specimen is not None and row.pixels in enrolled.images}
    specimens = enrolled.specimens | matched
    return tuple(replace(row, enrolled=_mark(row, enrolled, specimens)) for row in images)


def _mark(row: ImageRow, enrolled: EnrolledSet, specimens: frozenset[str]) -> EnrolmentMark | None:
    if row.verdict is Verdict.REFUSED:
        return None
    if row.pixels in enrolled.images:
        return EnrolmentMark.IMAGE
    return EnrolmentMark.SPECIMEN if row.specimen in specimens else None


def unmarked_image(rows: Iterable[ImageRow]) -> str | None:
    """Return the name of an image that lacks the mark which another of its specimen has; None if there is none."""
    images = tuple(rows)
    specimens = {row.specimen for row in images if row.enrolled is not None} - {None}
    for row in images:
        if row.enrolled is None and row.verdict is not Verdict.REFUSED and row.specimen in specimens:
            return row.name
    return None
