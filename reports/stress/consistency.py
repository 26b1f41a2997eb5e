"""What the parts of a stress test's result come to, and when they contradict each other or the quoted policy."""

import re
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from reports.stress.gates import GateOutcome, Severity
from reports.stress.outcome import Outcome
from reports.stress.records import CheckState, GateResult
from signing.fields import Fields, read_json
from signing.strict import MAX_TEXT, is_sha256

if TYPE_CHECKING:
    from reports.stress.result import StressResult

_MOST = 1000  # attacks, checks or gates
_PICTURES = 1_000_000
_TOKENS = 20_000
_SIZE = re.compile(r"[0-9]{1,6}\.[0-9]{6}")
SHARE = r"0|1|0\.[0-9]{1,6}|1\.0{1,6}"  # how a policy writes a share, and how far a picture may be changed
BUDGET = r"[0-9]{1,3}(?:\.[0-9]{1,6})?|[1-9][0-9]{0,4}/(?:255|65535)"
_DIGIT = Decimal("0.000001")
_DECIDED = (GateOutcome.PASSED, GateOutcome.FAILED, GateOutcome.WAIVED)
_FOUND, _ALARMS = (4, 5), 20  # a detector counts that finds four of five, with one false alarm in twenty at most


def outcome_of(result: "StressResult") -> Outcome:
    """Return what the parts come to, whatever the result says of itself."""
    doubts = [one for one in result.checks if one.held is CheckState.FAILED]
    broken: list[object] = [one for one in result.attacks if one.problem or one.unfinished or not one.pictures]
    broken += [one for one in result.poisons if one.problem or one.broken]
    broken += [one for one in result.detectors if not one.planted]  # it was never tried
    undecided = [one for one in result.gates if one.passed is GateOutcome.UNDECIDED]
    strict = [one for one in result.gates if one.severity is Severity.ERROR and one.passed is not GateOutcome.UNASKED]
    if doubts or broken or undecided or not strict or not result.attacks:
        return Outcome.INCONCLUSIVE
    return Outcome.FAILED if any(one.passed is GateOutcome.FAILED for one in strict) else Outcome.PASSED


def contradiction_of(result: "StressResult") -> str | None:
    """Say what contradicts itself, or the policy that is quoted."""
    pictures = {frozenset(one.pictures) for one in result.attacks}
    digests = [*result.missed, *(digest for one in result.attacks for digest in one.pictures)]
    if not all(map(is_sha256, (result.model_digest, result.policy_digest, result.outcome, *digests))):
        return "a digest that is none"
    for what, names in (
        ("attack", [one.name for one in result.attacks]),
        ("check", [one.id for one in result.checks]),
        ("gate", [one.name for one in result.gates]),
        ("picture that was judged wrongly", list(result.missed)),
        ("poison", [one.name for one in result.poisons]),
        ("detector", [one.name for one in result.detectors]),
    ):
        if len(set(names)) != len(names):
            return f"a {what} that is there twice"
    for one in result.attacks:
        if len(set(one.pictures)) != len(one.pictures) or set(one.pictures) & set(result.missed):
            return f"attack {one.name}: a picture that ended twice"
        if len(one.sizes) != len(one.fooled) or not all(map(_SIZE.fullmatch, (one.size, *one.sizes))):
            return f"attack {one.name}: not one size for each picture that it fooled"
        if any(Decimal(size) > Decimal(one.size) + _DIGIT for size in one.sizes):
            return f"attack {one.name}: a change larger than its budget"
        if len(one.pictures) + len(result.missed) != result.images:
            return (
                f"attack {one.name}: {len(one.pictures)} pictures, {result.images} less {len(result.missed)} are asked"
            )
    if len(pictures) > 1:
        return "attacks on different pictures"
    for gate in result.gates:
        if not 0 <= gate.count <= gate.of <= result.images:
            return f"gate {gate.name}: {gate.count} of {gate.of}, of {result.images} pictures"
        metric, rest = gate.name.split("/", 1)
        if gate.passed is GateOutcome.UNASKED and metric != "regressions":
            return f"gate {gate.name}: not asked, and it compares with nothing"
        attack, part = rest.rsplit("/", 1)
        if (metric, part) == ("held", "all") and (gate.count, gate.of) != (_held(result, attack), result.images):
            return f"gate {gate.name}: {gate.count} of {gate.of}, the attacks left {_held(result, attack)}"
    return _poison_fault(result) or _unlike_policy(result)


def _poison_fault(result: "StressResult") -> str | None:
    """Say which counts of poison or detectors contradict themselves."""
    for one in result.poisons:
        counts = (one.broken, one.turned, one.passed, one.certified, one.specimens, one.aimed)
        if min(counts) < 0 or one.broken > min(one.turned, one.certified) or max(one.turned, one.certified) > one.asked:
            return f"poison {one.name}: counts that contradict each other"
        if one.passed > min(one.aimed, one.turned):
            return f"poison {one.name}: {one.passed} passed of {one.aimed}, and {one.turned} labels turned"
    for found in result.detectors:
        parts = ((found.found, found.planted), (found.alarms, found.clean), (found.clean_alarms, found.clean_all))
        if any(not 0 <= some <= whole for some, whole in parts):
            return f"detector {found.name}: counts that contradict each other"
        quiet = all(_ALARMS * some <= whole for some, whole in parts[1:])
        if found.counts is not (quiet and _FOUND[1] * found.found >= _FOUND[0] * found.planted > 0):
            return f"detector {found.name}: whether it counts does not follow from what it found"
    return None


def _held(result: "StressResult", attack: str) -> int:
    """Return how many pictures an attack left, or all attacks together (`worst`)."""
    kept = [set(one.held) for one in result.attacks if attack in ("worst", one.name)]
    return len(set.intersection(*kept)) if kept else 0


def _gate_fault(gate: GateResult, asked: Fields, issued: str) -> str | None:
    """Say how a gate ended otherwise than the quoted policy lets it end."""
    least, share = asked.integer("least", least=1, most=_PICTURES), _quoted(asked, "value", SHARE)
    waiver = asked.optional_fields("waiver")
    if gate.severity != asked.text("severity"):
        return f"{gate.severity}, where the quoted policy says {asked.text('severity')}"
    if gate.passed is GateOutcome.WAIVED and (waiver is None or issued[:10] >= waiver.text("until")):
        return "waived, and the quoted policy waives nothing, or did so until an earlier day"
    if gate.passed in _DECIDED and gate.of < least:
        return f"decided on {gate.of} pictures, at least {least} are asked for"
    reached = gate.of > 0 and Fraction(gate.count, gate.of) >= share
    if asked.text("metric") != "held" or gate.passed not in _DECIDED:
        return None
    bound, passed = asked.text("bound"), gate.passed is GateOutcome.PASSED
    if (passed and not reached and bound != "upper") or (not passed and reached and bound != "lower"):
        return f"{gate.passed}, with {gate.count} of {gate.of} held and {asked.text('value')} asked for"
    return None


def _quoted(asked: Fields, name: str, form: str) -> Fraction:
    """Return a number as a policy may write it: others could be a division by zero, or have a million digits."""
    text = asked.text(name)
    if not re.fullmatch(form, text):
        raise ValueError(f"the quoted policy: {name} {text[:100]!a} is no number that a policy has")
    return Fraction(text)


def _unlike_policy(result: "StressResult") -> str | None:
    """Say what the quoted policy asked for and the result has not, or the other way round."""
    said = read_json(result.policy_text.encode(), "the quoted policy", limit=MAX_TEXT, tokens=_TOKENS)
    asked = said.fields("robustness") if said.has("robustness") else said  # older policies were of an audit, too
    attacks = [
        f"{one.text('attack')}-{one.text('norm')}-{one.text('size')}"
        for one in asked.list("attacks", least=0, most=_MOST)
    ]
    gates = [
        f"{one.text('metric')}/{'worst' if one.null('attack') else one.text('attack')}/{one.text('slice')}"
        for one in asked.list("gates", least=0, most=_MOST)
    ]
    for one, budget in zip(result.attacks, asked.list("attacks", least=0, most=_MOST), strict=False):
        if (one.norm, one.size) != (budget.text("norm"), f"{float(_quoted(budget, 'size', BUDGET)):.6f}"):
            return f"attack {one.name}: another budget than the quoted policy asks for"
    checks = asked.texts("checks", most=_MOST)
    poisons = [
        f"{one.text('poison')}-{one.integer('specimens', least=1, most=_PICTURES)}"
        for one in asked.list("poisons", least=0, most=_MOST)
    ]
    for gate, wished in zip(result.gates, asked.list("gates", least=0, most=_MOST), strict=False):
        if fault := _gate_fault(gate, wished, result.issued):
            return f"gate {gate.name}: {fault}"
    for what, wanted, found in (
        ("poisons", poisons, [one.name for one in result.poisons]),
        ("detectors", list(asked.texts("detectors", most=_MOST)), [one.name for one in result.detectors]),
        ("attacks", attacks, [one.name for one in result.attacks]),
        ("gates", gates, [one.name for one in result.gates]),
        ("checks", sorted(checks), sorted(one.id for one in result.checks)),
    ):
        if wanted != found:
            return f"other {what} than the quoted policy asks for"
    if result.policy != said.text("name") or result.images != asked.integer("images", least=1, most=_PICTURES):
        return "another name or number of pictures than in the quoted policy"
    return None
