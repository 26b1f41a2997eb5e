"""The rows of a report, of text, whole numbers, booleans, and decimals as text; and how verdicts follow from them.

A p-value is stored as the counts that it comes from, so that whoever checks a report computes it, the set and the
verdict again (`reports.arithmetic`, `reports.verdict.verdicts`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from reports.arithmetic import Rank, tolerance
from reports.verdict.claims import ScaleClaim
from reports.verdict.verdicts import Evidence, Label, Verdict, VerdictRules, verdict
from signing.strict import is_sha256

Ranks = tuple[Rank | None, Rank | None, Rank | None]  # as authentic, as counterfeit, familiar
_SHARE = re.compile(r"0\.[0-9]{1,6}|1\.0{1,6}")
_DECIMAL = re.compile(r"-?[0-9]{1,12}\.[0-9]{1,6}")
_MAP = re.compile(r"(?=[-; ]*[0-9])(?:[0-9]{1,3}|-)(?:;? (?:[0-9]{1,3}|-))*")  # one tile at least


@dataclass(frozen=True, slots=True)
class Judgement:
    """The model's answer on one image."""

    label: Label
    votes_authentic: int  # forests
    votes_counterfeit: int
    score: str  # mean share of trees that vote `authentic`
    gate: str  # 1: the local path decides alone; 0: the global path
    unfamiliarity: str
    tiles: int
    map: str | None  # scores of the tiles in per cent as they lie, - where none was judged; None: too many to show
    authentic: Rank | None  # among specimens of that class; None: too few of them
    counterfeit: Rank | None
    familiar: Rank | None
    tolerance: int | None  # partitions that may be altered without another label; None: the policy does not ask

    def __post_init__(self) -> None:
        """Refuse numbers out of range, a label or tolerance that the votes do not give, and a map of another form."""
        if self.map is not None and not _MAP.fullmatch(self.map):
            raise ValueError("a map is lines of whole numbers, or - where there is none")
        if not (
            _SHARE.fullmatch(self.score) and _SHARE.fullmatch(self.gate) and _DECIMAL.fullmatch(self.unfamiliarity)
        ):
            raise ValueError("score, gate or unfamiliarity is no decimal number in its range")
        if min(self.votes_authentic, self.votes_counterfeit, self.tiles) < 0:
            raise ValueError("fewer than no votes or tiles")
        if (self.votes_authentic > self.votes_counterfeit) is not (self.label is Label.AUTHENTIC):
            raise ValueError(f"the votes are not for {self.label}")
        votes = (self.votes_counterfeit, self.votes_authentic)  # the former wins ties
        if self.tolerance is not None and self.tolerance != tolerance(votes):
            raise ValueError(f"the votes do not give a tolerance of {self.tolerance}")


class EnrolmentMark(StrEnum):
    """What an image shares with the model's enrolment."""

    IMAGE = "picture"  # its pixels
    SPECIMEN = "specimen"  # a specimen of its name, or another image of its specimen


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One file of the batch that is an image, or stands where one should be."""

    name: str
    sha256: str | None  # of the file as signed; None: nobody signed it
    pixels: str | None  # digest of the decoded pixels; None: it was never decoded
    specimen: str | None
    verdict: Verdict
    reasons: tuple[str, ...]
    judged: Judgement | None = None
    scale: ScaleClaim | None = None
    steps: tuple[str, ...] = ()
    quality: str | None = None  # measurements; None: nothing was measured
    remarks: tuple[str, ...] = ()
    enrolled: EnrolmentMark | None = None  # None: the model was not enrolled with it; see `reports.verdict.enrolment`

    def __post_init__(self) -> None:
        """Refuse malformed digests, a judgement without digests, and impossible marks."""
        for digest in (self.sha256, self.pixels):
            if digest is not None and not is_sha256(digest):
                raise ValueError(f"{digest[:100]!a} is no digest")
        if self.judged is not None and (self.sha256 is None or self.pixels is None):
            raise ValueError(f"{self.name[:100]!a} was judged, and its file or its pixels have no digest")
        lacks = {EnrolmentMark.IMAGE: self.pixels is None, EnrolmentMark.SPECIMEN: self.specimen is None}
        if self.enrolled is not None and (self.verdict is Verdict.REFUSED or lacks[self.enrolled]):
            message = "was enrolled by its pixels or its specimen, which it has not, or was refused"
            raise ValueError(f"{self.name[:100]!a} {message}")


@dataclass(frozen=True, slots=True)
class SpecimenRow:
    """One specimen, judged by its worst image."""

    specimen: str
    images: int
    verdict: Verdict
    reasons: tuple[str, ...]
    authentic: Rank | None
    counterfeit: Rank | None
    familiar: Rank | None
    tolerance: int | None  # the least of its images'


def evidence(images: tuple[ImageRow, ...], ranks: Ranks, rules: VerdictRules) -> Evidence:
    """Return the evidence for the verdict on one image, or on a specimen with several; refused files do not count."""
    judgeable = [image for image in images if image.verdict is not Verdict.REFUSED]
    authentic, counterfeit, familiar = ranks
    classes = None
    if authentic is not None and counterfeit is not None:
        pairs = ((Label.AUTHENTIC, authentic), (Label.COUNTERFEIT, counterfeit))
        classes = tuple(label for label, rank in pairs if rank.above(rules.alpha))
    return Evidence(
        labels=tuple(image.judged.label for image in judgeable if image.judged is not None),
        faults=any(image.judged is None for image in judgeable),
        scale_missing=rules.needs_scale and any(image.scale is None for image in judgeable),
        familiar=None if familiar is None else familiar.above(rules.alpha),
        classes=classes,
        needs_calibration=rules.needs_calibration,
        enrolled=any(image.enrolled is not None for image in images),
        refused=len(judgeable) < len(images),
        short=(least_tolerance(judgeable) or 0) < (rules.tolerance or 0),
    )


def least_tolerance(images: Iterable[ImageRow]) -> int | None:
    """Return how many partitions may be altered before any of these images gets another label."""
    stated = [image.judged.tolerance for image in images if image.judged is not None]
    tolerances = [bound for bound in stated if bound is not None]
    return min(tolerances) if tolerances and len(tolerances) == len(stated) else None


def surviving_answers(rows: "Iterable[ImageRow | SpecimenRow]") -> tuple[int, ...]:
    """Return how many answers cannot change with none, one, two, ... partitions altered."""
    answered = [row for row in rows if row.verdict in (Verdict.AUTHENTIC, Verdict.COUNTERFEIT)]
    stated = [least_tolerance((row,)) if isinstance(row, ImageRow) else row.tolerance for row in answered]
    tolerances = [least for least in stated if least is not None]
    most = max(tolerances, default=-1)
    return tuple(sum(least >= altered for least in tolerances) for altered in range(most + 1))


def worst_rank(ranks: list[Rank | None]) -> Rank | None:
    """Return the rank with the least p-value, or None if one of them is not available."""
    available = [rank for rank in ranks if rank is not None]
    return min(available, key=lambda rank: rank.p) if available and len(available) == len(ranks) else None


def image_verdict(image: ImageRow, rules: VerdictRules) -> tuple[Verdict, tuple[str, ...]]:
    """Return the verdict on one image that was not refused, and the reasons if it is no answer."""
    return verdict(evidence((image,), ranks_of(image), rules))


def ranks_of(image: ImageRow) -> Ranks:
    """Return an image's ranks."""
    judged = image.judged
    return (None, None, None) if judged is None else (judged.authentic, judged.counterfeit, judged.familiar)


def specimen_rows(images: Iterable[ImageRow], rules: VerdictRules) -> tuple[SpecimenRow, ...]:
    """Return a row for each specimen, in the order of their names."""
    by_specimen: dict[str, list[ImageRow]] = {}
    for row in images:
        if row.specimen is not None:
            by_specimen.setdefault(row.specimen, []).append(row)
    return tuple(_specimen_row(name, tuple(by_specimen[name]), rules) for name in sorted(by_specimen))


def _specimen_row(name: str, images: tuple[ImageRow, ...], rules: VerdictRules) -> SpecimenRow:
    """Return the row of a specimen, by all its images that were not refused."""
    if all(image.verdict is Verdict.REFUSED for image in images):
        return SpecimenRow(name, len(images), Verdict.REFUSED, ("all-refused",), None, None, None, None)
    judged = [ranks_of(image) for image in images if image.judged is not None]
    authentic, counterfeit, familiar = (worst_rank([ranks[kind] for ranks in judged]) for kind in range(3))
    ranks = (authentic, counterfeit, familiar)
    result, reasons = verdict(evidence(images, ranks, rules))
    return SpecimenRow(name, len(images), result, reasons, *ranks, least_tolerance(images))
