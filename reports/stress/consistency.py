"""When a stress result contradicts itself, or the policy that it quotes: every gate is decided again from its counts.

Of version 2, each gate is counted from the images that each attack left, by class, and from the losses against the
baseline. Of version 1, a gate of all images is counted in the same way; one of a slice is decided by the counts that it
states, within what the attacks left; one that compares must have ended as its losses allow.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import count

from reports.stress.details import StressDetails
from reports.stress.gates import Gate, GateOutcome, GateResult, HeldImages, Slice, Tally, decide, tally
from reports.stress.outcome import ACCURACY_CRITERION, CLEAN_ACCURACY, clean_accuracy, outcome_of
from reports.stress.quoted_policy import QuotedPolicy, read_quoted_policy
from reports.stress.records import CheckState
from reports.stress.statistics import is_quiet, is_sensitive, mcnemar
from reports.stress.versions import RESULT_V1
from signing.strict import is_sha256

_SIZE = re.compile(r"[0-9]{1,6}\.[0-9]{6}")
_DIGIT = Decimal("0.000001")
_DECIDED = (GateOutcome.PASSED, GateOutcome.FAILED, GateOutcome.WAIVED)


def contradiction_of(result: StressDetails) -> str | None:
    """Return how a result contradicts itself or the policy that it quotes; None if it does not."""
    fault = _name_fault(result) or _attack_fault(result) or _class_fault(result) or _poison_fault(result)
    if fault := fault or _policy_fault(result):
        return fault
    outcome, reasons = outcome_of(
        attacks=result.attacks,
        poisons=result.poisons,
        detectors=result.detectors,
        checks=result.checks,
        gates=result.gates,
        detector_problem=result.detector_problem,
    )
    if outcome is not result.word:
        return f"{result.word}, and yet its parts come to {outcome}"
    return None if result.format == RESULT_V1 or reasons == result.why else "other reasons than its parts come to"


def is_recomputed(result: StressDetails, gate: GateResult) -> bool:
    """Return whether the result states all counts of a gate, so that a verifier decided the gate again."""
    return result.format != RESULT_V1 or (gate.name.startswith("held/") and gate.name.endswith("/all"))


def _name_fault(result: StressDetails) -> str | None:
    """Return which digest has another form than SHA-256, or which name is listed twice."""
    digests = [*result.missed, *result.authentic, *(digest for attack in result.attacks for digest in attack.images)]
    digests += [] if result.baseline is None else [result.baseline]
    if not all(map(is_sha256, (result.model_digest, result.policy_digest, result.outcome, *digests))):
        return "a digest that is none"
    for kind, names in (
        ("attack", [attack.name for attack in result.attacks]),
        ("check", [check.id for check in result.checks]),
        ("gate", [gate.name for gate in result.gates]),
        ("image that was judged wrongly", list(result.missed)),
        ("authentic image", list(result.authentic)),
        ("poison", [poison.name for poison in result.poisons]),
        ("detector", [detector.name for detector in result.detectors]),
    ):
        if len(set(names)) != len(names):
            return f"a {kind} that is there twice"
    return None


def _attack_fault(result: StressDetails) -> str | None:
    missed = set(result.missed)
    for attack in result.attacks:
        images = set(attack.images)
        if len(images) != len(attack.images) or images & missed:
            return f"attack {attack.name}: an image that ended twice"
        if len(attack.sizes) != len(attack.fooled) or not all(map(_SIZE.fullmatch, (attack.size, *attack.sizes))):
            return f"attack {attack.name}: not one size for each image that it fooled"
        if min(attack.queries, attack.passes) < 0:
            return f"attack {attack.name}: a negative number of queries or passes"
        if any(Decimal(size) > Decimal(attack.size) + _DIGIT for size in attack.sizes):
            return f"attack {attack.name}: a change larger than its budget"
        if len(images) + len(missed) != result.images:
            return f"attack {attack.name}: {len(images)} images, {result.images} less {len(missed)} are asked"
    if len({frozenset(attack.images) for attack in result.attacks}) > 1:
        return "attacks on different images"
    return None


def _class_fault(result: StressDetails) -> str | None:
    """Return which authentic image is not among the images of the attacks."""
    judged = {*result.missed, *(result.attacks[0].images if result.attacks else ())}
    stranger = next((digest for digest in result.authentic if digest not in judged), None)
    return stranger and f"an authentic image {stranger} that was not judged"


def _fault_of_version_2(result: StressDetails, policy: QuotedPolicy) -> str | None:
    """Return what contradicts the quoted policy and is not checked in results of version 1."""
    policy.refuse_foregone_gates()
    if result.attacks and len(result.authentic) != policy.authentic:
        return f"{len(result.authentic)} authentic images, the quoted policy asks for {policy.authentic}"
    if result.taken.seed != policy.seed:
        return f"seed {result.taken.seed}, the quoted policy asks for {policy.seed}"
    state, evidence = clean_accuracy(result.images - len(result.missed), result.images, policy.floor)
    evidence += f"; criterion: {ACCURACY_CRITERION}" if state is CheckState.FAILED else ""
    for check in result.checks:
        if check.id == CLEAN_ACCURACY and (check.held, check.evidence) != (state, evidence):
            return f"check {check.id}: {check.held}, which comes to {state}: {evidence}"
    return None


def _poison_fault(result: StressDetails) -> str | None:
    """Return which counts of a poison or of a detector contradict each other."""
    for poison in result.poisons:
        counts = (poison.broken, poison.turned, poison.passed, poison.certified, poison.specimens, poison.aimed)
        turned, certified = poison.turned, poison.certified
        if min(counts) < 0 or poison.broken > min(turned, certified) or max(turned, certified) > poison.asked:
            return f"poison {poison.name}: counts that contradict each other"
        if result.format != RESULT_V1 and poison.problem is None and not (poison.asked and poison.specimens):
            return f"poison {poison.name}: compared no label, or altered no specimen, and states no problem"
        if poison.passed > min(poison.aimed, poison.turned):
            return f"poison {poison.name}: {poison.passed} passed of {poison.aimed}, and {poison.turned} labels turned"
    for detector in result.detectors:
        alarms = (detector.alarms, detector.clean), (detector.clean_alarms, detector.clean_all)
        if any(not 0 <= number <= of for number, of in (*alarms, (detector.found, detector.planted))):
            return f"detector {detector.name}: counts that contradict each other"
        evaluable = is_sensitive(detector.found, detector.planted) and all(is_quiet(*flagged) for flagged in alarms)
        if detector.counts is not evaluable:
            return f"detector {detector.name}: whether it counts does not follow from what it found"
    return None


def _policy_fault(result: StressDetails) -> str | None:
    """Return how the result differs from the quoted policy, or which gate is decided otherwise by that policy."""
    policy = read_quoted_policy(result.policy_text)
    for kind, wanted, present in (
        ("poisons", list(policy.poisons), [one.name for one in result.poisons]),
        ("detectors", list(policy.detectors), [one.name for one in result.detectors]),
        ("attacks", [one.name for one in policy.attacks], [one.name for one in result.attacks]),
        ("gates", [gate.name for gate in policy.gates], [gate.name for gate in result.gates]),
        ("checks", sorted(policy.checks), sorted(check.id for check in result.checks)),
    ):
        if wanted != present:
            return f"other {kind} than the quoted policy asks for"
    if (result.policy, result.images) != (policy.name, policy.images):
        return "another name or number of images than in the quoted policy"
    for attack, budget in zip(result.attacks, policy.attacks, strict=True):
        if (attack.norm, attack.size) != (budget.norm, f"{budget.size:.6f}"):
            return f"attack {attack.name}: another budget than the quoted policy asks for"
    if result.format != RESULT_V1 and (fault := _fault_of_version_2(result, policy)):
        return fault
    held, authentic = result.held_images, frozenset(result.authentic)
    for gate, signed in zip(policy.gates, result.gates, strict=True):
        if fault := _gate_fault(result, gate, signed, held, authentic):
            return f"gate {gate.name}: {fault}"
    return None


def _gate_fault(
    result: StressDetails, gate: Gate, signed: GateResult, held: HeldImages, authentic: frozenset[str]
) -> str | None:
    """Return how the signed result of a gate differs from the decision by the quoted policy."""
    first = signed.passed is GateOutcome.UNASKED
    if not 0 <= signed.count <= signed.of <= result.images:
        return f"{signed.count} of {signed.of}, of {result.images} images"
    if signed.severity is not gate.severity:
        return f"{signed.severity}, where the quoted policy says {gate.severity}"
    if first and (not gate.compares or result.baseline is not None):
        return f"not asked, {'and there is a baseline' if gate.compares else 'and it compares with nothing'}"
    if result.format == RESULT_V1 and gate.compares and signed.passed not in _DECIDED:
        return None  # a doubt, whatever its counts
    ended, instead = f"{signed.passed} with {signed.count} of {signed.of}", "which the attacks do not leave"
    for counts in _possible_counts(result, gate, signed, held, authentic):
        decided = decide(gate, counts, result.time, first=first)
        if result.format == RESULT_V1:
            decided = replace(decided, said=signed.said, before=signed.before)
        if decided == signed:
            return None
        instead = f"which comes to {decided.passed} with {decided.count} of {decided.of} by the quoted policy"
        instead += f": {decided.said}" if result.format != RESULT_V1 else ""
    return f"{ended}, {instead}"


def _possible_counts(
    result: StressDetails, gate: Gate, signed: GateResult, held: HeldImages, authentic: frozenset[str]
) -> Iterator[Tally]:
    """Yield the counts that a gate was decided by, or those that version 1 leaves possible."""
    if not is_recomputed(result, signed):
        yield from _possible_of_version_1(gate, signed, tally(replace(gate, slice=Slice.ALL), held, ()))
    elif not gate.compares or signed.before is None:
        yield tally(gate, held, authentic)
    elif result.baseline is not None:
        yield replace(tally(gate, held, authentic), before=signed.before, lost=signed.count)


def _possible_of_version_1(gate: Gate, signed: GateResult, whole: Tally) -> Iterator[Tally]:
    """Yield the counts, within those of all images, that may have decided a gate that does not sign its own."""
    lost = signed.count if gate.compares else signed.of - signed.count
    kept = min(whole.held, signed.of - lost) if gate.compares else signed.count
    of_all = gate.slice is not Slice.ALL or signed.of == whole.of
    if not of_all or not (0 <= lost <= whole.of - whole.held and 0 <= kept <= whole.held):
        return
    if not gate.compares:
        yield Tally(signed.of, kept)
        return
    enough = next(number for number in count() if mcnemar(number, 0) < gate.value)
    for before in {max(lost, enough), kept + lost}:  # the most that can have been gained, and the least
        if lost <= before <= kept + lost:
            yield Tally(signed.of, kept, before, lost)
