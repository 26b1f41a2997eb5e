"""Pictures of a batch that the model was enrolled with: by their pixels, or by the name of their specimen.

A model knows what it was taught better than anything new, so its label of such a picture says nothing. The mark stands
in the signed row, and the verdict follows from it. All pictures of a specimen are marked where one of them was
enrolled: they show the same object.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from reports.verdict.rows import EnrolmentMark, ImageRow
from reports.verdict.verdicts import Verdict
from signing.fields import Fields


@dataclass(frozen=True, slots=True)
class EnrolledSet:
    """What a bundle was enrolled with, to learn from or to calibrate, and what its encoder saw with labels."""

    pictures: frozenset[str]  # digests of their pixels
    specimens: frozenset[str]

    @classmethod
    def from_settings(cls, settings: Fields, *, most: int) -> "EnrolledSet":
        """Return what a bundle's own settings, `bundle.json`, list."""
        examples = settings.list("examples", least=0, most=most)
        seen = settings.texts("seen", most=most)
        return cls(
            frozenset((*(example.text("pixel_digest") for example in examples), *seen)),
            frozenset(example.text("specimen") for example in examples),
        )


def mark_enrolled(rows: Iterable[ImageRow], known: EnrolledSet) -> tuple[ImageRow, ...]:
    """Return rows that say of each picture whether it, or another of its specimen, was enrolled; verdicts stay."""
    each = tuple(rows)
    own = {row.specimen for row in each if row.specimen is not None and row.pixels in known.pictures}
    specimens = known.specimens | own
    return tuple(replace(row, enrolled=_mark(row, known, specimens)) for row in each)


def _mark(row: ImageRow, known: EnrolledSet, specimens: frozenset[str]) -> EnrolmentMark | None:
    if row.verdict is Verdict.REFUSED:
        return None
    if row.pixels in known.pictures:
        return EnrolmentMark.IMAGE
    return EnrolmentMark.SPECIMEN if row.specimen in specimens else None


def unmarked_image(rows: Iterable[ImageRow]) -> str | None:
    """Return the name of a picture that lacks the mark which another of its specimen has; None if there is none."""
    each = tuple(rows)
    specimens = {row.specimen for row in each if row.enrolled is not None} - {None}
    return next(
        (
            row.name
            for row in each
            if row.enrolled is None and row.verdict is not Verdict.REFUSED and row.specimen in specimens
        ),
        None,
    )
