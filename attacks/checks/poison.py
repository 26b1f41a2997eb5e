"""Checks of certificates and detectors against poison."""

from collections.abc import Callable

from attacks.checks.check import Check, CheckContext, StateAndEvidence, held_if
from attacks.poison.assessment import PoisonAssessment
from reports.stress.records import CheckState
from reports.stress.statistics import FALSE_ALARMS

_SWAPPED = 0.1  # largest share of labels that may be right and certified after an enrolment with swapped labels


def _of_poison(check: Callable[[PoisonAssessment], StateAndEvidence]) -> Callable[[CheckContext], StateAndEvidence]:
    """Return a check of the poison part of a stress test; it does not apply where the policy names no poison."""

    def make(context: CheckContext) -> StateAndEvidence:
        if context.poison is None:
            return CheckState.NOT_APPLICABLE, "the policy names no poison"
        if context.poison.problem is not None:
            return CheckState.FAILED, f"broke down: {context.poison.problem}"
        return check(context.poison)

    return make


@_of_poison
def _certificates_hold(poison: PoisonAssessment) -> StateAndEvidence:
    certified = sum(trial.certified for trial in poison.trials)
    broken = sum(len(trial.broken) for trial in poison.trials)
    if not certified:
        return CheckState.NOT_APPLICABLE, "no label is certified against any of the poisons"
    return held_if(not broken, f"{broken} of {certified} certified labels were turned by {len(poison.trials)} poisons")


@_of_poison
def _labels_matter(poison: PoisonAssessment) -> StateAndEvidence:
    swapped = poison.swapped
    if swapped is None or not swapped.right + swapped.wrong:
        return CheckState.NOT_APPLICABLE, "no label is certified"
    evidence = f"right and certified: {swapped.right} of {swapped.of}, {swapped.swapped} with all labels swapped"
    return held_if(swapped.swapped <= max(swapped.wrong, _SWAPPED * swapped.of), evidence)


@_of_poison
def _clean_enrolment(poison: PoisonAssessment) -> StateAndEvidence:
    """Compare the detectors that find planted poison: where they flag many specimens, the enrolment is suspicious."""
    able = [trial for trial in poison.detectors if trial.finds_planted]
    if not able:
        return CheckState.NOT_APPLICABLE, "no detector finds planted poison"
    evidence = ", ".join(f"{trial.detector} flags {trial.clean_alarms} of {trial.clean_all}" for trial in able)
    return held_if(all(trial.quiet for trial in able), f"in the enrolment as it is, {evidence}")


_CLEAN = f"no detector that finds planted poison flags more than {FALSE_ALARMS:.0%} of the enrolment as it is"
POISON = (
    Check("S30", "no certificate broken", "poison within a certificate changes no certified label", _certificates_hold),
    Check(
        "S31",
        "certificate depends on the labels",
        "with all labels swapped, at most a tenth of the labels are right and certified",
        _labels_matter,
    ),
    Check("S35", "clean enrolment", _CLEAN, _clean_enrolment),
)
