"""Sentences for people about a stress result: what happened to its images, and what its gates asked for.

No sentence is read back, so each may change.

    >>> from reports.stress.gates import GateOutcome, Metric, Severity
    >>> gate = Gate(Metric.HELD, 0.9, "pgd-linf-8/255")
    >>> said = GateResult(gate.name, GateOutcome.FAILED, Severity.ERROR, 1, 8, "1 of 8 held")
    >>> print(gate_sentence(gate, said))  # doctest: +NORMALIZE_WHITESPACE
    only 1 of 8 images kept its right answer under pgd at 8/255 (linf); the policy asks for 90 %, and the 95 % interval
    of the share begins at 2.2 %
"""

from reports.stress.consistency import is_recomputed
from reports.stress.gates import Bound, Gate, GateOutcome, GateResult, Severity, Slice
from reports.stress.outcome import Outcome
from reports.stress.quoted_policy import read_quoted_policy
from reports.stress.result import StressResult
from reports.stress.statistics import wilson

_COUNTED = (GateOutcome.PASSED, GateOutcome.FAILED, GateOutcome.WAIVED)  # by what the images did


def gate_sentence(gate: Gate, result: GateResult) -> str:
    """Return how many images kept their right answer, and what the policy asks for; of another gate, what it says."""
    if gate.compares or result.passed not in _COUNTED:
        return result.said
    sentence = f"{_kept(gate, result)} {_under(gate.attack)}; the policy asks for {_per_cent(gate.value)}, and "
    low, high = wilson(result.count, result.of)
    interval = "the 95 % interval of the share"
    sentence += {
        Bound.LOWER: f"{interval} begins at {_per_cent(low)}",
        Bound.POINT: f"the share is {_per_cent(result.count / result.of)}",
        Bound.UPPER: f"{interval} ends at {_per_cent(high)}",
    }[gate.bound]
    if result.passed is GateOutcome.WAIVED and gate.waiver is not None:
        sentence += f"; waived until {gate.waiver.until:%Y-%m-%d}: {gate.waiver.reason}"
    return sentence


def gate_sentences(result: StressResult) -> tuple[str, ...]:
    """Return a sentence for each gate of a result, in their order."""
    pairs = zip(read_quoted_policy(result.policy_text).gates, result.gates, strict=True)
    return tuple(
        gate_sentence(gate, ended)
        + ("" if is_recomputed(result, ended) else "; not recomputable from a version 1 result")
        for gate, ended in pairs
    )


def result_sentences(result: StressResult) -> tuple[str, ...]:
    """Return what happened to the images, why the result is not PASSED, and how every other gate ended."""
    gates = zip(result.gates, gate_sentences(result), strict=True)
    others = (f"gate {gate.name} {gate.passed}: {text}" for gate, text in gates if _reason(gate) not in result.why)
    return (*_image_sentences(result), *reason_sentences(result), *others)


def reason_sentences(result: StressResult) -> tuple[str, ...]:
    """Return why a result is not PASSED; of a gate that failed, what the images did."""
    gates = zip(result.gates, gate_sentences(result), strict=True)
    failed = {_reason(gate): text for gate, text in gates if gate.passed is GateOutcome.FAILED and text != gate.said}
    return tuple(failed.get(reason, reason) for reason in result.why)


def _reason(gate: GateResult) -> str:
    """Return the reason that a result states if this gate is one (`outcome_of`)."""
    return f"gate {gate.name}: {gate.said}"


def outcome_sentence(result: StressResult) -> str:
    """Return the outcome, and what it rests on first: why it is not PASSED, or a gate that was passed."""
    gates = zip(result.gates, gate_sentences(result), strict=True)
    passed = [text for gate, text in gates if gate.passed is GateOutcome.PASSED]
    texts = reason_sentences(result) if result.why else passed
    sentence = f"the stress test of {result.model} by policy {result.policy} {_ENDED[result.word]}"
    if texts:
        more = f" ({len(texts) - 1:,} more in the list)" if len(texts) > 1 else ""
        sentence += f": {texts[0]}{more}"
    lesser = sum(gate.passed is GateOutcome.FAILED and gate.severity is not Severity.ERROR for gate in result.gates)
    return sentence + (f"; {_number(lesser, 'gate')} that cannot fail it failed" if lesser else "")


_ENDED = {
    Outcome.PASSED: "PASSED",
    Outcome.FAILED: "FAILED",
    Outcome.INCONCLUSIVE: "is INCONCLUSIVE",
}


def _image_sentences(result: StressResult) -> tuple[str, ...]:
    images, missed = _number(result.images, "image"), len(result.missed)
    first = f"{images} and {_number(len(result.attacks), 'attack')} were asked for"
    first += (
        f"; {_number(missed, 'image')} had a wrong answer before any attack, and none was made on it" if missed else ""
    )
    if not result.attacks:
        return (first,)
    fooled = frozenset[str]().union(*(attack.fooled for attack in result.attacks))
    silenced = frozenset[str]().union(*(attack.silenced for attack in result.attacks)) - fooled
    second = f"{len(fooled):,} of {result.images - missed:,} attacked got the label of the other class under an attack"
    return first, second + (f", and {len(silenced):,} more got no answer" if silenced else "")


def _kept(gate: Gate, result: GateResult) -> str:
    count, of = result.count, result.of
    kind = "images" if gate.slice is Slice.ALL else f"{gate.slice} images"
    if count == of:
        return f"all {of:,} {kind} kept their right answer"
    if not count:
        return f"none of {of:,} {kind} kept its right answer"
    only = "" if result.passed is GateOutcome.PASSED else "only "
    return f"{only}{count:,} of {of:,} {kind} kept {'its' if count == 1 else 'their'} right answer"


def _under(attack: str | None) -> str:
    """Return an attack by its name, norm and size, which a result has in one word."""
    if attack is None:
        return "under every attack"
    name, norm, size = attack.rsplit("-", 2)
    return f"under {name} at {size} ({norm})"


def _per_cent(share: float) -> str:
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


def _number(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
