"""The rows of report versions 1 and 2: an image was ranked by itself, and a specimen judged by its worst image."""

from collections.abc import Iterable
from dataclasses import dataclass

from reports.arithmetic import Rank
from reports.verdict.former_verdicts import FormerEvidence, former_verdict
from reports.verdict.rows import DECIMAL, ImageRow, Judgement, SpecimenRow, least_tolerance
from reports.verdict.verdicts import Label, Verdict, VerdictRules

FormerRanks = tuple[Rank | None, Rank | None, Rank | None]  # as authentic, as counterfeit, familiar


@dataclass(frozen=True, slots=True)
class FormerJudgement(Judgement):
    """The model's answer on one image, with its ranks among calibration specimens."""

    unfamiliarity: str
    authentic: Rank | None  # among specimens of that class; None: too few of them
    counterfeit: Rank | None
    familiar: Rank | None

    def __post_init__(self) -> None:
        """Refuse what `Judgement` refuses, and an unfamiliarity that is no number."""
        Judgement.__post_init__(self)
        if not DECIMAL.fullmatch(self.unfamiliarity):
            raise ValueError("an unfamiliarity that is no decimal number")

    @property
    def ranks(self) -> FormerRanks:
        return self.authentic, self.counterfeit, self.familiar


@dataclass(frozen=True, slots=True)
class FormerImageRow(ImageRow):
    """One file of the batch; each had a verdict of its own, and neither mark nor evidence."""

    judged: FormerJudgement | None = None


@dataclass(frozen=True, slots=True)
class FormerSpecimenRow(SpecimenRow):
    """One specimen, judged by its worst image; it had no evidence of its own."""

    authentic: Rank | None
    counterfeit: Rank | None
    familiar: Rank | None

    @property
    def ranks(self) -> FormerRanks:
        return self.authentic, self.counterfeit, self.familiar


def former_images(rows: Iterable[ImageRow]) -> tuple[FormerImageRow, ...]:
    """Return rows of images as those of versions 1 and 2; rows of another version raise ValueError."""
    images = tuple(rows)
    former = tuple(row for row in images if isinstance(row, FormerImageRow))
    if len(former) < len(images):
        raise ValueError("rows of version 3 under a header of an older one")
    return former


def former_evidence(images: tuple[FormerImageRow, ...], ranks: FormerRanks, rules: VerdictRules) -> FormerEvidence:
    """Return the evidence for the verdict on one image, or on a specimen with several; refused files do not count."""
    judgeable = [image for image in images if image.verdict is not Verdict.REFUSED]
    authentic, counterfeit, familiar = ranks
    classes = None
    if authentic is not None and counterfeit is not None:
        pairs = ((Label.AUTHENTIC, authentic), (Label.COUNTERFEIT, counterfeit))
        classes = tuple(label for label, rank in pairs if rank.above(rules.alpha))
    return FormerEvidence(
        labels=tuple(image.judged.label for image in judgeable if image.judged is not None),
        faults=any(image.judged is None for image in judgeable),
        scale_missing=rules.needs_scale and any(image.scale is None for image in judgeable),
        familiar=None if familiar is None else familiar.above(rules.alpha),
        classes=classes,
        refused=len(judgeable) < len(images),
        short=(least_tolerance(judgeable) or 0) < (rules.tolerance or 0),
    )


def former_image_verdict(image: FormerImageRow, rules: VerdictRules) -> tuple[Verdict, tuple[str, ...]]:
    """Return the verdict on one image that was not refused, and the reasons if it is no answer."""
    return former_verdict(former_evidence((image,), image_ranks(image), rules))


def image_ranks(image: FormerImageRow) -> FormerRanks:
    """Return an image's ranks; none if it was not judged."""
    return (None, None, None) if image.judged is None else image.judged.ranks


def former_specimen_rows(images: Iterable[FormerImageRow], rules: VerdictRules) -> tuple[FormerSpecimenRow, ...]:
    """Return a row for each specimen, in the order of their names."""
    by_specimen: dict[str, list[FormerImageRow]] = {}
    for row in images:
        if row.specimen is not None:
            by_specimen.setdefault(row.specimen, []).append(row)
    return tuple(_specimen_row(name, tuple(by_specimen[name]), rules) for name in sorted(by_specimen))


def _specimen_row(name: str, images: tuple[FormerImageRow, ...], rules: VerdictRules) -> FormerSpecimenRow:
    """Return the row of a specimen, by all its images that were not refused."""
    if all(image.verdict is Verdict.REFUSED for image in images):
        return FormerSpecimenRow(name, len(images), Verdict.REFUSED, ("all-refused",), None, None, None, None, None)
    judged = [image.judged.ranks for image in images if image.judged is not None]
    authentic, counterfeit, familiar = (_worst_rank([ranks[kind] for ranks in judged]) for kind in range(3))
    ranks = (authentic, counterfeit, familiar)
    result, reasons = former_verdict(former_evidence(images, ranks, rules))
    return FormerSpecimenRow(name, len(images), result, reasons, None, least_tolerance(images), *ranks)


def _worst_rank(ranks: list[Rank | None]) -> Rank | None:
    """Return the rank with the least p-value, or None if one of them is not available."""
    available = [rank for rank in ranks if rank is not None]
    return min(available, key=lambda rank: rank.p) if available and len(available) == len(ranks) else None
