"""The rows of a report, of text, whole numbers, booleans, and decimals as text.

A p-value is stored as the counts that it comes from, so that whoever checks a report computes it and the verdict again
(`reports.arithmetic`, `reports.verdict.verdicts`, `reports.verdict.specimens`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from reports.arithmetic import Rank, tolerance
from reports.verdict.claims import ScaleClaim
from reports.verdict.verdicts import Label, Verdict
from signing.strict import is_sha256

_SHARE = re.compile(r"0\.[0-9]{1,6}|1\.0{1,6}")
DECIMAL = re.compile(r"-?[0-9]{1,12}\.[0-9]{1,6}")
_MAP = re.compile(r"(?=[-; ]*[0-9])(?:[0-9]{1,3}|-)(?:;? (?:[0-9]{1,3}|-))*")  # one tile at least


@dataclass(frozen=True, slots=True)
class Judgement:
    """The answer of the forests on one image; no verdict depends on it, but that of a policy with a least tolerance."""

    label: Label
    votes_authentic: int  # forests
    votes_counterfeit: int
    score: str  # mean share of trees that vote `authentic`
    gate: str  # 1: the local path decides alone; 0: the global path
    tiles: int
    map: str | None  # scores of the tiles in per cent as they lie, - where none was judged; None: too many to show
    tolerance: int | None  # partitions that may be altered without another label; None: the policy does not ask

    def __post_init__(self) -> None:
        """Refuse numbers out of range, a label or tolerance that the votes do not give, and a map of another form."""
        if self.map is not None and not _MAP.fullmatch(self.map):
            raise ValueError("a map is lines of whole numbers, or - where there is none")
        if not (_SHARE.fullmatch(self.score) and _SHARE.fullmatch(self.gate)):
            raise ValueError("score or gate is no decimal number in its range")
        if min(self.votes_authentic, self.votes_counterfeit, self.tiles) < 0:
            raise ValueError("fewer than no votes or tiles")
        if (self.votes_authentic > self.votes_counterfeit) is not (self.label is Label.AUTHENTIC):
            raise ValueError(f"the votes are not for {self.label}")
        votes = (self.votes_counterfeit, self.votes_authentic)  # the former wins ties
        if self.tolerance is not None and self.tolerance != tolerance(votes):
            raise ValueError(f"the votes do not give a tolerance of {self.tolerance}")


@dataclass(frozen=True, slots=True)
class SpecimenEvidence:
    """What a specimen's images, pooled, are by comparison with the enrolled specimens."""

    authentic: Rank | None  # of its nonconformity as authentic, among those enrolled; None: too few are
    counterfeit: Rank | None
    spread: Rank | None  # of how far its images lie apart; None: it has one, or too few enrolled ones have several
    tiles: tuple[int, ...]  # of the images that were compared, largest first
    reduced: bool  # it has images or tiles beyond what enrolled specimens have, which were left out
    conservative: bool  # an enrolled specimen has fewer, so that p is too large rather than too small
    score: str  # what likelihood ratios are computed from; larger is more like the reference
    weakest: Rank | None = (
        None  # least as authentic of groups of its images; None: all images were compared, or no rank
    )

    def __post_init__(self) -> None:
        """Refuse one rank without the other, a spread of one image, and tiles that are out of order."""
        if (self.authentic is None) is not (self.counterfeit is None):
            raise ValueError("a rank in one class, and none in the other")
        if self.spread is not None and (self.authentic is None or len(self.tiles) < 2 or not self.spread.of):
            raise ValueError("a spread of one image, among no specimen, or without ranks")
        if not self.tiles or min(self.tiles) < 1 or list(self.tiles) != sorted(self.tiles, reverse=True):
            raise ValueError("numbers of tiles that are not positive, largest first")
        if not DECIMAL.fullmatch(self.score):
            raise ValueError("a score that is no decimal number")

    @property
    def ranks(self) -> tuple[Rank | None, Rank | None, Rank | None]:
        """Return the ranks as authentic, as counterfeit, and of the spread."""
        return self.authentic, self.counterfeit, self.spread


class EnrolmentMark(StrEnum):
    """What an image shares with the model's enrolment."""

    IMAGE = "picture"  # its pixels
    SPECIMEN = "specimen"  # a specimen of its name, or another image of its specimen
    NEAR_DUPLICATE = "near-duplicate"  # its pixels are nearly those of an enrolled image


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One file of the batch that is an image, or stands where one should be."""

    name: str
    sha256: str | None  # of the file as signed; None: nobody signed it
    pixels: str | None  # digest of the decoded pixels; None: it was never decoded
    specimen: str | None
    verdict: Verdict  # of its specimen, unless it was refused
    reasons: tuple[str, ...]
    judged: Judgement | None = None  # None: it was refused or is not assessable, and is no part of the evidence
    scale: ScaleClaim | None = None
    steps: tuple[str, ...] = ()
    quality: str | None = None  # measurements; None: nothing was measured
    remarks: tuple[str, ...] = ()
    enrolled: EnrolmentMark | None = None  # None: the model was not enrolled with it; see `reports.verdict.enrolment`
    evidence: SpecimenEvidence | None = None  # of an image without a specimen's name; else the specimen's row has it

    def __post_init__(self) -> None:
        """Refuse malformed digests, a judgement without digests, impossible marks, and evidence of another row."""
        for digest in (self.sha256, self.pixels):
            if digest is not None and not is_sha256(digest):
                raise ValueError(f"{digest[:100]!a} is no digest")
        if self.judged is not None and (self.sha256 is None or self.pixels is None):
            raise ValueError(f"{self.name[:100]!a} was judged, and its file or its pixels have no digest")
        lacks = self.specimen is None if self.enrolled is EnrolmentMark.SPECIMEN else self.pixels is None
        if self.enrolled is not None and (self.verdict is Verdict.REFUSED or lacks):
            message = "was enrolled by its pixels or its specimen, which it has not, or was refused"
            raise ValueError(f"{self.name[:100]!a} {message}")
        if self.evidence is not None and (self.specimen is not None or self.judged is None):
            raise ValueError(f"{self.name[:100]!a} has evidence that is its specimen's, or of an image not judged")


@dataclass(frozen=True, slots=True)
class SpecimenRow:
    """One specimen, judged by all its images."""

    specimen: str
    images: int  # with those that were refused or left out
    verdict: Verdict
    reasons: tuple[str, ...]
    evidence: SpecimenEvidence | None
    tolerance: int | None  # the least of its images'


def least_tolerance(images: Iterable[ImageRow]) -> int | None:
    """Return how many partitions may be altered before any of these images gets another label."""
    stated = [image.judged.tolerance for image in images if image.judged is not None]
    tolerances = [bound for bound in stated if bound is not None]
    return min(tolerances) if tolerances and len(tolerances) == len(stated) else None


def surviving_answers(rows: "Iterable[ImageRow | SpecimenRow]") -> tuple[int, ...]:
    """Return of how many answers the forests' labels cannot change with none, one, two, ... partitions altered."""
    answered = [row for row in rows if row.verdict in (Verdict.AUTHENTIC, Verdict.COUNTERFEIT)]
    stated = [least_tolerance((row,)) if isinstance(row, ImageRow) else row.tolerance for row in answered]
    tolerances = [least for least in stated if least is not None]
    most = max(tolerances, default=-1)
    return tuple(sum(least >= altered for least in tolerances) for altered in range(most + 1))
