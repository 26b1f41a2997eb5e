"""Marks images of a batch that the model was enrolled with: by their pixels, or by the name of their specimen.

A model recognises the images that it learnt from, so its label of such an image is no evidence. The mark is part of the
signed row, and the verdict follows from it. Where one image of a specimen was enrolled, all of them are marked, since
they show the same object.

A model marks an image as well whose pixels are nearly those of an enrolled one. Nobody can tell that from a report and
the bundle's lists, so this mark is the auditor's claim. It counts where the lists give no mark.
"""

from collections.abc import Collection, Iterable
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
    """Return the rows with a mark where the image, or another of its specimen, was enrolled; verdicts stay.

    Marks of near-duplicates are those that the rows have; whatever other marks they have do not matter.
    """
    images = tuple(rows)
    near = EnrolmentMark.NEAR_DUPLICATE
    listed = enrolled.specimens | {row.specimen for row in images if row.pixels in enrolled.images}
    resembling = {row.specimen for row in images if row.enrolled is near}
    return tuple(replace(row, enrolled=_mark(row, enrolled, listed, resembling)) for row in images)


def _mark(
    row: ImageRow, enrolled: EnrolledSet, listed: Collection[str | None], resembling: Collection[str | None]
) -> EnrolmentMark | None:
    if row.verdict is Verdict.REFUSED:
        return None
    if row.pixels in enrolled.images:
        return EnrolmentMark.IMAGE
    if row.specimen is not None and row.specimen in listed:
        return EnrolmentMark.SPECIMEN
    if row.enrolled is EnrolmentMark.NEAR_DUPLICATE:
        return row.enrolled
    return EnrolmentMark.SPECIMEN if row.specimen is not None and row.specimen in resembling else None


def unmarked_image(rows: Iterable[ImageRow]) -> str | None:
    """Return the name of an image that lacks the mark which another of its specimen has; None if there is none."""
    images = tuple(rows)
    specimens = {row.specimen for row in images if row.enrolled is not None} - {None}
    for row in images:
        if row.enrolled is None and row.verdict is not Verdict.REFUSED and row.specimen in specimens:
            return row.name
    return None
