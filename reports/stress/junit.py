"""A stress test's result as JUnit XML: what every CI system shows.

A suite for each family of attacks, one for gates, one for checks, and one for what they come to. A gate that failed is
a failure; what broke down, ran out of time or could not be decided is an error, so that no doubt is shown in green;
what does not apply is skipped.
"""

from collections.abc import Iterable
from xml.etree import ElementTree

from reports.stress.outcome import Outcome
from reports.stress.records import AttackResult, CheckResult, GateResult, PoisonResult
from reports.stress.result import StressResult

Case = tuple[str, str | None, str]  # name, what it is besides passed, and what is said


def to_junit(result: StressResult) -> bytes:
    """Return the XML document."""
    root = ElementTree.Element("testsuites", name=f"fusiondiff-audit stress: {result.word}")
    families: dict[str, list[Case]] = {}
    for one in result.attacks:
        families.setdefault(f"attacks.{one.family}", []).append(_attack(one))
    if result.poisons:
        families["poisons"] = [
            (one.name, "error" if one.problem or one.broken else None, _harm(one)) for one in result.poisons
        ]
    suites = {
        **families,
        "checks": list(map(_check, result.checks)),
        "gates": list(map(_gate, result.gates)),
        "outcome": [_outcome(result)],
    }
    for name, cases in suites.items():
        root.append(_suite(name, cases, result))
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _suite(name: str, cases: Iterable[Case], result: StressResult) -> ElementTree.Element:
    known = list(cases)
    counts = {kind: sum(case[1] == kind for case in known) for kind in ("failure", "error", "skipped")}
    suite = ElementTree.Element(
        "testsuite",
        name=name,
        tests=str(len(known)),
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
    for title, kind, said in known:
        case = ElementTree.SubElement(suite, "testcase", classname=f"stress.{name}", name=title, time="0")
        if kind is None:
            ElementTree.SubElement(case, "system-out").text = said
        else:
            ElementTree.SubElement(case, kind, message=said)
    return suite


def _outcome(result: StressResult) -> Case:
    """Return what all parts come to: a run in which nothing failed may still say nothing."""
    kind = {Outcome.PASSED: None, Outcome.FAILED: "failure"}.get(result.word, "error")
    return str(result.word), kind, "; ".join(result.why) or "every gate that can fail it held"


def _harm(one: PoisonResult) -> str:
    if one.problem:
        return one.problem
    certified = f"{one.broken} of {one.certified} certified"
    return f"{one.turned} of {one.asked} labels turned, {certified}; {one.reach} passed"


def _attack(one: AttackResult) -> Case:
    """Return an attack as a case: that it succeeded is for gates to judge, that it ran is what is shown."""
    pictures = len(one.held) + len(one.fooled) + len(one.silenced) + len(one.unfinished)
    said = f"{len(one.fooled)} of {pictures} fooled, {len(one.silenced)} silenced; {one.queries + one.passes} questions"
    broken = one.problem or (f"{len(one.unfinished)} pictures not attacked to the end" if one.unfinished else None)
    if broken is None and not pictures:
        broken = "no picture was attacked"
    return one.name, "error" if broken else None, broken or said


def _check(one: CheckResult) -> Case:
    kind = {"held": None, "not applicable": "skipped"}.get(one.held, "error")
    return f"{one.id} {one.title}", kind, one.evidence


def _gate(one: GateResult) -> Case:
    if one.passed == "failed" and one.severity != "error":
        return one.name, None, f"{one.severity}: {one.said}"
    kinds = {"passed": None, "waived": "skipped", "not asked": "skipped", "failed": "failure"}
    return one.name, kinds.get(one.passed, "error"), one.said
