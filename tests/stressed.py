"""Results of stress tests that were never run, for tests of those who ask for one."""

from fractions import Fraction
from typing import Any

from fusiondiff_audit.policy.stress import StressPolicy, read_stress_policy
from fusiondiff_audit.stress.suite import suite_of
from reports.stress.gates import GateOutcome, Metric, Severity
from reports.stress.records import AttackResult, CheckResult, CheckState, GateResult
from reports.stress.result import StressResult
from signing import PublicKey, now, write_time
from tests.reports.test_robustness import made
from tests.reports.verdict.made import digest


def stressed(auditor: PublicKey, model: str, policy: StressPolicy | None = None, **changes: Any) -> StressResult:
    """Return what a model would get that stood everything that a policy asks for."""
    rules = policy or read_stress_policy("quick")
    suite, count = suite_of(rules, rules.name), rules.images
    pictures = tuple(digest(f"picture {number}") for number in range(count))
    attacks = []
    for one, plan in zip(rules.attacks, suite.plans, strict=True):
        size = f"{float(Fraction(one.size)):.6f}"
        named = (plan.name, plan.family, plan.knowledge, one.norm, size)
        attacks.append(AttackResult(*named, pictures, (), (), (), (), 0, 1, None, "AML", "NISTAML"))
    gates = tuple(
        GateResult(gate.name, GateOutcome.UNASKED, Severity(gate.severity), 0, count, "a first result")
        if gate.metric is Metric.REGRESSIONS
        else GateResult(gate.name, GateOutcome.PASSED, Severity(gate.severity), count, count, "all of them")
        for gate in suite.gates
    )
    given: dict[str, Any] = {
        "issued": write_time(now()),
        "model": "tiny",
        "model_digest": model,
        "policy": rules.name,
        "policy_text": rules.text,
        "images": count,
        "missed": (),
        "attacks": tuple(attacks),
        "checks": tuple(CheckResult(check, "title", CheckState.HELD, "fine") for check in rules.checks),
        "not_selected": (),
        "gates": gates,
    }
    return made(auditor, **given | changes)
