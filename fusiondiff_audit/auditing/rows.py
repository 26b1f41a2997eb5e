"""Findings to rows; the verdicts come with the evidence of specimens (`fusiondiff_audit.auditing.compose`)."""

import hashlib
from collections.abc import Sequence

from fusiondiff_audit.images.micrograph import SignedMicrograph
from fusiondiff_audit.model.findings import Class, Finding, TileFinding
from fusiondiff_audit.model.specimens import SpecimenRanks
from reports.arithmetic import least_specimens, tolerance
from reports.verdict.claims import ScaleClaim
from reports.verdict.rows import EnrolmentMark, ImageRow, Judgement, SpecimenEvidence
from reports.verdict.verdicts import Label, Verdict, VerdictRules
from signing import FileEntry
from signing.names import MAX_NAME
from signing.strict import is_plain

_DIGITS = 6  # of a decimal
_MOST_TILES = 800  # of a map, with up to five characters each


def image_row(finding: Finding, image: SignedMicrograph, rules: VerdictRules) -> ImageRow:
    """Return the row of an image that reached the model, without a verdict yet."""
    bar = ("the data bar was found in the pixels; no metadata states its place",) if finding.guessed else ()
    scale = finding.scale
    return ImageRow(
        name=finding.name,
        sha256=finding.digest,
        pixels=finding.pixel_digest,
        specimen=image.entry.specimen,
        verdict=Verdict.INCONCLUSIVE,
        reasons=(),
        judged=_judged(finding, rules) if finding.assessable else None,
        scale=None if scale is None else ScaleClaim(f"{scale.nanometres.normalize():f}", scale.source.value),
        steps=finding.steps,
        quality=str(finding.quality),
        remarks=(*bar, *(f"two sizes of a pixel: {sizes}" for sizes in image.claims.conflicts)),
        enrolled=EnrolmentMark.NEAR_DUPLICATE if finding.near_duplicate else None,
    )


def specimen_evidence(ranks: SpecimenRanks, rules: VerdictRules) -> SpecimenEvidence:
    """Return a specimen's evidence as a report states it; without ranks if too few of a class are enrolled."""
    least, spread = least_specimens(rules.alpha), ranks.spread
    is_calibrated = min(ranks.authentic.of, ranks.counterfeit.of) >= least
    return SpecimenEvidence(
        authentic=ranks.authentic if is_calibrated else None,
        counterfeit=ranks.counterfeit if is_calibrated else None,
        spread=spread if is_calibrated and spread is not None and spread.of >= least else None,
        tiles=ranks.design.tiles,
        reduced=ranks.reduced,
        conservative=ranks.conservative,
        score=_decimal(ranks.score),
        weakest=ranks.weakest if is_calibrated else None,
    )


def refused_row(name: str, reason: str, entry: FileEntry | None) -> ImageRow:
    """Return the row of a file that never reached the model; `entry` is its signed manifest entry, if any."""
    return ImageRow(
        name=displayed_name(name),
        sha256=entry.sha256 if entry else None,
        pixels=None,
        specimen=entry.specimen if entry else None,
        verdict=Verdict.REFUSED,
        reasons=(reason,),
    )


def displayed_name(name: str) -> str:
    """Return a file's name as a report can show it: an attacker may choose the names of unsigned files."""
    text = name if is_plain(name) and name == name.strip() else ascii(name)
    if len(text) <= MAX_NAME:
        return text
    return f"{text[:MAX_NAME]}... sha256:{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _judged(finding: Finding, rules: VerdictRules) -> Judgement | None:
    if finding.score is None or finding.gate is None:
        return None
    return Judgement(
        label=Label.AUTHENTIC if finding.votes.label is Class.AUTHENTIC else Label.COUNTERFEIT,
        votes_authentic=finding.votes.authentic,
        votes_counterfeit=finding.votes.counterfeit,
        score=_decimal(finding.score),
        gate=_decimal(finding.gate),
        tiles=len(finding.tiles),
        map=_map(finding.tiles),
        tolerance=None if rules.tolerance is None else tolerance((finding.votes.counterfeit, finding.votes.authentic)),
    )


def _map(tiles: Sequence[TileFinding]) -> str | None:
    """Return the scores of tiles by rows, spaces between numbers, semicolons between rows; - is no tile."""
    scores = {(tile.top, tile.left): f"{100 * tile.score:.0f}" for tile in tiles}
    tops, lefts = (sorted(set(edges)) for edges in zip(*scores, strict=True))
    if len(tops) * len(lefts) > _MOST_TILES:
        return None
    return "; ".join(" ".join(scores.get((top, left), "-") for left in lefts) for top in tops)


def _decimal(number: float) -> str:
    return f"{number:.{_DIGITS}f}"
