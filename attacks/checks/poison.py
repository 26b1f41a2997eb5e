"""Checks of certificates and detectors against poison."""

from attacks.checks.check import Check, CheckContext, StateAndEvidence, held_if
from attacks.poison.assessment import PoisonAssessment
from attacks.poison.detectors import FALSE_ALARMS
from reports.stress.records import CheckState

_SWAPPED = 0.1  # largest share of labels that may be right and certified after an enrolment with swapped labels


def _assessed(context: CheckContext) -> PoisonAssessment | StateAndEvidence:
    """Return the poison part of the run, or why a check has nothing to look at."""
    poison = context.poison
    if poison is None:
        return CheckState.NOT_APPLICABLE, "the policy names no poison"
    return (CheckState.FAILED, f"broke down: {poison.problem}") if poison.problem is not None else poison


def _certificates_hold(context: CheckContext) -> StateAndEvidence:
    poison = _assessed(context)
    if not isinstance(poison, PoisonAssessment):
        return poison
    certified = sum(trial.certified for trial in poison.trials)
    broken = sum(len(trial.broken) for trial in poison.trials)
    if not certified:
        return CheckState.NOT_APPLICABLE, "no label is certified against any of the poisons"
    return held_if(not broken, f"{broken} of {certified} certified labels were turned by {len(poison.trials)} poisons")


def _labels_matter(context: CheckContext) -> StateAndEvidence:
    poison = _assessed(context)
    if not isinstance(poison, PoisonAssessment):
        return poison
    swapped = poison.swapped
    if swapped is None or not swapped.right + swapped.wrong:
        return CheckState.NOT_APPLICABLE, "no label is certified"
    evidence = f"right and certified: {swapped.right} of {swapped.of}, {swapped.swapped} with all labels swapped"
    return held_if(swapped.swapped <= max(swapped.wrong, _SWAPPED * swapped.of), evidence)


def _clean_enrolment(context: CheckContext) -> StateAndEvidence:
    """Look at the detectors that find planted poison: many flags without it mean that the enrolment is suspicious."""
    poison = _assessed(context)
    if not isinstance(poison, PoisonAssessment):
        return poison
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
