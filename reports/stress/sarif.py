"""A stress test's result as SARIF 2.1.0: what code hosts show beside the policy's line.

Gates and checks are rules, with their places in public taxonomies. A doubt is a `review`, a notification and an
execution that was not successful. Fingerprints are made of rule, model and slice, never of numbers, so that a result
keeps its history when its numbers change.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from reports.stress.gates import GateOutcome, GateResult
from reports.stress.outcome import Outcome
from reports.stress.records import AttackResult, CheckResult, PoisonResult
from reports.stress.result import StressResult
from signing.strict import write_json

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_SEVERITY = {"error": "8.0", "warning": "5.0", "note": "2.0"}  # as code hosts sort them
_EVASION = ("AML.T0015", "NISTAML.022")  # what gates and checks are about


def to_sarif(
    result: StressResult, *, policy: str, lines: Mapping[str, int], version: str, before: StressResult | None
) -> bytes:
    """Return the document; `policy` is the policy's place as a relative URI, `lines` where in it each gate stands.

    With the result `before`, to which this one was compared, each gate says whether it ended as it did then.
    """
    then = {} if before is None else {gate.name: gate.passed for gate in before.gates}
    place, is_doubtful = {"uri": policy, "index": 0}, result.word is Outcome.INCONCLUSIVE
    tried: tuple[AttackResult | PoisonResult, ...] = (*result.attacks, *result.poisons)
    ids = sorted({i for one in tried for i in (one.atlas, one.nist)} | set(_EVASION))
    run: dict[str, Any] = {
        "tool": {"driver": {"name": "fusiondiff-audit", "version": version, "rules": _rules(result)}},
        "taxonomies": [
            _taxonomy("MITRE ATLAS", result.taken.atlas, [i for i in ids if i.startswith("AML")]),
            _taxonomy("NIST AI 100-2", result.taken.nist, [i for i in ids if i.startswith("NIST")]),
        ],
        "artifacts": [
            {"location": {"uri": policy}, "roles": ["userSpecifiedConfiguration"]},
            {"location": {"uri": "model"}, "hashes": {"sha-256": result.model_digest}, "roles": ["analysisTarget"]},
        ],
        "invocations": [
            {
                "executionSuccessful": not is_doubtful,
                "endTimeUtc": result.issued,
                "toolExecutionNotifications": [
                    {"level": "error", "message": {"text": reason}} for reason in result.why if is_doubtful
                ],
            }
        ],
        "results": [
            *(_gate(one, result, place, lines.get(one.name, 1), then.get(one.name)) for one in result.gates),
            *(_check(one, result, place) for one in result.checks),
            *(_attack(one, result, place) for one in result.attacks),
            *(_poison(one, result, place) for one in result.poisons),
        ],
        "properties": {
            "word": result.word,
            "demonstration": result.demonstration,
            "outcome": result.outcome,
            "policyDigest": result.policy_digest,  # of every setting, resolved
            "seed": result.taken.seed,
            "images": result.images,
            "missed": len(result.missed),
            "notSelected": list(result.not_selected),
        },
    }
    return write_json({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _rules(result: StressResult) -> list[dict[str, Any]]:
    rules: dict[str, dict[str, Any]] = {}
    for gate in result.gates:
        rules[_gate_rule(gate)] = _rule(_gate_rule(gate), "A gate of the policy", gate.severity)
    for check in result.checks:
        rules[check.id] = _rule(check.id, check.title, "error")
    for one in result.attacks:
        rules[_attack_rule(one)] = _rule(_attack_rule(one), "An attack that was run", "note", (one.atlas, one.nist))
    for harm in result.poisons:
        rules[harm.name] = _rule(harm.name, "A poison of the enrolment", "note", (harm.atlas, harm.nist))
    return list(rules.values())


def _rule(id_: str, title: str, severity: str, taxa: tuple[str, str] = _EVASION) -> dict[str, Any]:
    return {
        "id": id_,
        "shortDescription": {"text": title},
        "defaultConfiguration": {"level": severity},
        "relationships": [
            {
                "target": {"id": name, "toolComponent": {"name": _component(name)}},
                "kinds": ["relevant"],
            }
            for name in taxa
        ],
        "properties": {"security-severity": _SEVERITY[severity], "tags": ["security", "robustness"]},
    }


def _component(name: str) -> str:
    return "MITRE ATLAS" if name.startswith("AML") else "NIST AI 100-2"


def _taxonomy(name: str, version: str, ids: list[str]) -> dict[str, Any]:
    return {"name": name, "version": version, "taxa": [{"id": one} for one in ids]}


def _gate(
    gate: GateResult, result: StressResult, place: dict[str, Any], line: int, then: GateOutcome | None
) -> dict[str, Any]:
    entry = _result(_gate_rule(gate), result.explain(gate), gate.name, result, place, line)
    if gate.passed in (GateOutcome.FAILED, GateOutcome.WAIVED):
        entry |= {"kind": "fail", "level": gate.severity}
    else:
        entry["kind"] = {GateOutcome.PASSED: "pass", GateOutcome.UNASKED: "notApplicable"}.get(gate.passed, "review")
    if gate.passed is GateOutcome.WAIVED:
        entry["suppressions"] = [{"kind": "external", "status": "accepted", "justification": gate.said}]
    if then is not None:
        entry["baselineState"] = "unchanged" if gate.passed is then else "updated"
    return entry


def _check(check: CheckResult, result: StressResult, place: dict[str, Any]) -> dict[str, Any]:
    kind = {"held": "pass", "not applicable": "notApplicable"}.get(check.held, "review")
    return _result(check.id, f"{check.title}: {check.evidence}", check.id, result, place, 1) | {"kind": kind}


def _poison(poison: PoisonResult, result: StressResult, place: dict[str, Any]) -> dict[str, Any]:
    certified = f"{poison.broken} of {poison.certified} certified ones"
    text = f"{poison.name}: {poison.turned} of {poison.asked} labels turned, {certified}"
    entry = _result(poison.name, text, poison.name, result, place, 1)
    return entry | {"kind": "review" if poison.problem or poison.broken else "informational"}


def _attack(attack: AttackResult, result: StressResult, place: dict[str, Any]) -> dict[str, Any]:
    fooled = f"{len(attack.fooled)} of {len(attack.images)} images fooled"
    text = f"{attack.name}: {fooled}, {len(attack.silenced)} silenced"
    entry = _result(_attack_rule(attack), text, attack.name, result, place, 1)
    return entry | {"kind": "review" if attack.problem or attack.unfinished else "informational"}


def _result(rule: str, text: str, name: str, result: StressResult, place: dict[str, Any], line: int) -> dict[str, Any]:
    identity = sha256(f"{rule}\n{result.model}\n{name}".encode()).hexdigest()
    return {
        "ruleId": rule,
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": place, "region": {"startLine": line}},
                "logicalLocations": [{"name": result.model, "kind": "module"}],
            }
        ],
        "partialFingerprints": {"fusiondiffAudit/v1": identity},
    }


def _gate_rule(one: GateResult) -> str:
    return f"gate/{one.name.split('/')[0]}"


def _attack_rule(one: AttackResult) -> str:
    return f"attack/{one.name.rsplit('-', 2)[0]}"
