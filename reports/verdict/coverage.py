"""The calibration that a report needs: enough enrolled specimens of either class, among which each specimen is ranked.

A class with fewer than `least_specimens` can never be ruled out. Without both classes there is no answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from reports.arithmetic import Rank, least_specimens
from reports.verdict.header import Header
from reports.verdict.rows import ImageRow, SpecimenEvidence, SpecimenRow


def is_calibrated(header: Header) -> bool:
    """Say whether enough specimens of either class are enrolled for the error rate of the policy."""
    model = header.model
    return min(model.enrolled_authentic, model.enrolled_counterfeit) >= least_specimens(header.policy.rate)


@dataclass(frozen=True, slots=True)
class AvailableChecks:
    """The tests that the specimens of a report of version 3 went through."""

    ranks: bool  # which class could be ruled out: without ranks there is no answer
    unspread: int  # specimens of several images, of which nobody checked how far these lie apart
    without_ratios: int  # specimens that were compared by fewer tiles than the model's likelihood ratios hold for
    confounding: bool  # whether imaging predicts the labels of the enrolled specimens


def available_checks(header: Header, specimens: Iterable[SpecimenRow], images: Iterable[ImageRow]) -> AvailableChecks:
    """Return the tests of these rows: a test counts if every row that could have it has it."""
    rows = tuple(images)
    stated = [*(row.evidence for row in specimens), *(row.evidence for row in rows)]
    evidence = [each for each in stated if each is not None]
    comparable = any(row.judged is not None and row.enrolled is None for row in rows)
    ranked = all(each.authentic is not None for each in evidence) and (bool(evidence) or not comparable)
    unspread = sum(len(each.tiles) > 1 and each.spread is None for each in evidence)
    model = header.model
    without_ratios = sum(bool(model.ratios) and not model.states_ratios(each.tiles) for each in evidence)
    return AvailableChecks(is_calibrated(header) and ranked, unspread, without_ratios, model.confounded is not None)


def ratios_are_stated(evidence: SpecimenEvidence, header: Header) -> bool:
    """Say whether a specimen's likelihood ratios are stated.

    They are not where both classes are ruled out, since a ratio would compare two propositions that are both wrong; nor
    through an instrument that speaks against the comparison, nor by fewer tiles than the calibrators hold for.
    """
    classes = (evidence.authentic, evidence.counterfeit)
    possible = any(rank is not None and rank.above(header.policy.rate) for rank in classes)
    return possible and not header.rules.instrument and header.model.states_ratios(evidence.tiles)


def ranks_fault(ranks: tuple[Rank | None, Rank | None], header: Header) -> str | None:
    """Return why a specimen cannot have these ranks, as authentic and as counterfeit; None if it can."""
    model = header.model
    expected = (model.enrolled_authentic, model.enrolled_counterfeit) if is_calibrated(header) else (None, None)
    if tuple(rank and rank.of for rank in ranks) != expected:
        return "has ranks among other specimens than are enrolled, or lacks some"
    return None
