"""Checks of certificates and detectors: none may promise what poison breaks, and none counts that finds nothing."""

from attacks.checks.check import Check, CheckContext, StateAndEvidence, held_if
from attacks.poison.assessment import PoisonAssessment
from attacks.poison.detectors import FALSE_ALARMS
from reports.stress.records import CheckState

_WOKEN, _LOST = 0.9, 0.02  # least share of stamped counterfeits that pass, and most accuracy that a backdoor may cost
_WRONG = 0.1  # largest share of labels that may be certified under swapped names


def _made(bench: CheckContext) -> PoisonAssessment | StateAndEvidence:
    """Return what came of poison, or why there is nothing to look at."""
    found = bench.poisoned
    if found is None:
        return CheckState.NOT_APPLICABLE, "no poison was asked for"
    return (CheckState.FAILED, f"broke down: {found.problem}") if found.problem is not None else found


def _unbroken(bench: CheckContext) -> StateAndEvidence:
    found = _made(bench)
    if not isinstance(found, PoisonAssessment):
        return found
    certified, broken = sum(one.certified for one in found.trials), sum(len(one.broken) for one in found.trials)
    if not certified:
        return CheckState.NOT_APPLICABLE, "no label is certified against any of the poison"
    said = f"{broken} of {certified} certified labels were turned by {len(found.trials)} poisons"
    return held_if(not broken, said)


def _names_matter(bench: CheckContext) -> StateAndEvidence:
    found = _made(bench)
    if not isinstance(found, PoisonAssessment):
        return found
    named = found.swapped
    if named is None or not named.right + named.wrong:
        return CheckState.NOT_APPLICABLE, "no label is certified"
    said = f"right and certified: {named.right} of {named.of}, {named.swapped} when every name is swapped"
    return held_if(named.swapped <= max(named.wrong, _WRONG * named.of), said)


def _wakes(bench: CheckContext) -> StateAndEvidence:
    found = _made(bench)
    if not isinstance(found, PoisonAssessment):
        return found
    planted, named = found.planted, found.swapped
    if planted is None or named is None:
        return CheckState.NOT_APPLICABLE, "no detector was asked for"
    lost = (planted.right_before - planted.right_after) / max(1, named.of)
    said = f"{len(planted.passed)} of {planted.aimed} stamped counterfeits pass, {lost:.1%} of accuracy lost"
    if len(planted.passed) < _WOKEN * planted.aimed or lost > _LOST:
        return CheckState.NOT_APPLICABLE, f"void, as the planted stamp is no backdoor here: {said}"
    return held_if(True, said)


def _detected(bench: CheckContext) -> StateAndEvidence:
    found = _made(bench)
    if not isinstance(found, PoisonAssessment):
        return found
    counts = [one for one in found.detectors if one.counts]
    said = "; ".join(
        f"{one.detector} found {one.found} of {one.planted}, {one.alarms} false alarms"
        + ("" if one.counts else ": not evaluable")
        for one in found.detectors
    )
    return held_if(True, said) if counts else (CheckState.NOT_APPLICABLE, said or "no detector was asked for")


def _quiet(bench: CheckContext) -> StateAndEvidence:
    found = _made(bench)
    if not isinstance(found, PoisonAssessment):
        return found
    counts = [one for one in found.detectors if one.counts]
    if not counts:
        return CheckState.NOT_APPLICABLE, "no detector counts"
    loud = [one.detector for one in counts if one.clean_alarms > FALSE_ALARMS * one.clean_all]
    said = ", ".join(f"{one.detector} flags {one.clean_alarms} of {one.clean_all}" for one in counts)
    return held_if(not loud, f"of the set as it is, {said}")


POISON = (
    Check("S30", "no attack inside a certificate", "no certified label is turned by as much poison", _unbroken),
    Check("S31", "names matter", "with all names swapped, hardly a right label is certified", _names_matter),
    Check("S34", "planted poison is found", "four of five, at one false alarm in twenty, or not evaluable", _detected),
    Check("S35", "a clean set is clean", "what counts flags at most one specimen in twenty of the set itself", _quiet),
    Check("S36", "the planted poison works", "nine of ten stamped counterfeits pass, or it is void", _wakes),
)
