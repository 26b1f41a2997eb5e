"""A stress test's result as JUnit XML: what every CI system shows.

A suite for each family of attacks, one for gates, one for checks, and one for what they come to. A gate that failed is
a failure; what broke down, ran out of time or could not be decided is an error, so that no doubt is shown in green;
what does not apply is skipped.
"""

from collections.abc import Sequence
from xml.etree import ElementTree

from reports.stress.gates import GateResult
from reports.stress.outcome import Outcome
from reports.stress.records import AttackResult, CheckResult, PoisonResult
from reports.stress.result import StressResult

JunitCase = tuple[str, str | None, str]  # name, element if it did not pass, and text


def to_junit(result: StressResult) -> bytes:
    """Return the XML document."""
    root = ElementTree.Element("testsuites", name=f"fusiondiff-audit stress: {result.word}")
    families: dict[str, list[JunitCase]] = {}
    for attack in result.attacks:
        families.setdefault(f"attacks.{attack.family}", []).append(_attack(attack))
    if result.poisons:
        families["poisons"] = list(map(_poison, result.poisons))
    suites = {
        **families,
        "checks": list(map(_check, result.checks)),
        "gates": [_gate(gate, result.explain(gate)) for gate in result.gates],
        "outcome": [_outcome(result)],
    }
    for name, cases in suites.items():
        root.append(_suite(name, cases, result))
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _suite(name: str, cases: Sequence[JunitCase], result: StressResult) -> ElementTree.Element:
    counts = {kind: sum(case[1] == kind for case in cases) for kind in ("failure", "error", "skipped")}
    suite = ElementTree.Element(
        "testsuite",
        name=name,
        tests=str(len(cases)),
        failures=str(counts["failure"]),
        errors=str(counts["error"]),
        skipped=str(counts["skipped"]),
        time="0",
        timestamp=result.issued.removesuffix("Z"),
    )
    properties = ElementTree.SubElement(suite, "properties")
    for key, value in (
        ("word", result.word),
        ("model", f"{result.model} sha256:{result.model_digest}"),
        ("policy", f"{result.policy} sha256:{result.policy_digest}"),
        ("outcome", f"sha256:{result.outcome}"),
        ("seed", str(result.taken.seed)),
        ("demonstration", str(result.demonstration).lower()),
    ):
        ElementTree.SubElement(properties, "property", name=key, value=value)
    for title, kind, text in cases:
        case = ElementTree.SubElement(suite, "testcase", classname=f"stress.{name}", name=title, time="0")
        if kind is None:
            ElementTree.SubElement(case, "system-out").text = text
        else:
            ElementTree.SubElement(case, kind, message=text)
    return suite


def _outcome(result: StressResult) -> JunitCase:
    """Return the outcome as a case: a run in which nothing failed may still say nothing."""
    kind = {Outcome.PASSED: None, Outcome.FAILED: "failure"}.get(result.word, "error")
    return str(result.word), kind, "; ".join(result.why) or "every gate that can fail it held"


def _poison(poison: PoisonResult) -> JunitCase:
    certified = f"{poison.broken} of {poison.certified} certified"
    reached = f"{poison.turned} of {poison.asked} labels turned, {certified}; {poison.reach} passed"
    return poison.name, "error" if poison.problem or poison.broken else None, poison.problem or reached


def _attack(attack: AttackResult) -> JunitCase:
    """Return an attack as a case: whether it succeeded is for gates to judge, whether it ran is shown."""
    reached = f"{len(attack.fooled)} of {len(attack.images)} fooled, {len(attack.silenced)} silenced"
    if attack.ran:
        return attack.name, None, f"{reached}; {attack.queries + attack.passes} questions"
    unfinished = len(attack.unfinished)
    fault = f"{unfinished} images not attacked to the end" if unfinished else "no image was attacked"
    return attack.name, "error", attack.problem or fault


def _check(check: CheckResult) -> JunitCase:
    kind = {"held": None, "not applicable": "skipped"}.get(check.held, "error")
    return f"{check.id} {check.title}", kind, check.evidence


def _gate(gate: GateResult, explanation: str) -> JunitCase:
    if gate.passed == "failed" and gate.severity != "error":
        return gate.name, None, f"{gate.severity}: {explanation}"
    kinds = {"passed": None, "waived": "skipped", "not asked": "skipped", "failed": "failure"}
    return gate.name, kinds.get(gate.passed, "error"), explanation
