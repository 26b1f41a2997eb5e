"""Results of stress tests that were never run, for tests of those who ask for one."""

from fractions import Fraction
from typing import Any

from attacks.gates import Metric
from fusiondiff_audit.policy import Policy
from fusiondiff_audit.stress.plans import suite_of
from fusiondiff_audit.stress.policies import stress_policy
from reports.header import Key, Library
from reports.robustness import FORMAT, Robustness
from reports.stress_parts import Checked, Gate, Gated, Held, Severity, Taken, Tried, Word
from signing import PublicKey, now, write_time
from tests.reports.made import digest


def stressed(auditor: PublicKey, model: str, policy: Policy | None = None, **changes: Any) -> Robustness:
    """Return what a model would get that stood everything that a policy asks for."""
    rules = policy or stress_policy("quick")
    suite, count = suite_of(rules, rules.name), rules.robustness.images
    pictures = tuple(digest(f"picture {number}") for number in range(count))
    attacks = []
    for one, plan in zip(rules.robustness.attacks, suite.plans, strict=True):
        size = f"{float(Fraction(one.size)):.6f}"
        named = (plan.name, plan.family, plan.knowledge, one.norm, size)
        attacks.append(Tried(*named, pictures, (), (), (), (), 0, 1, None, "AML", "NISTAML"))
    gates = tuple(
        Gated(gate.name, Gate.UNASKED, Severity(gate.severity), 0, count, "a first result")
        if gate.metric is Metric.REGRESSIONS
        else Gated(gate.name, Gate.PASSED, Severity(gate.severity), count, count, "all of them")
        for gate in suite.gates
    )
    given: dict[str, Any] = {
        "format": FORMAT,
        "issued": write_time(now()),
        "word": Word.PASSED,
        "why": (),
        "auditor": Key("auditor", auditor.keyid),
        "model": "tiny",
        "model_digest": model,
        "reference": "kiln alder",
        "demonstration": True,
        "policy": rules.name,
        "policy_digest": rules.digest,
        "policy_text": rules.text,
        "images": count,
        "missed": (),
        "attacks": tuple(attacks),
        "poisons": (),
        "detectors": (),
        "checks": tuple(Checked(check, "title", Held.HELD, "fine") for check in rules.robustness.checks),
        "not_selected": (),
        "gates": gates,
        "outcome": digest("outcome"),
        "taken": Taken(
            digest("code"), False, "cpu", 2, 0, 1, (Library("torch", "2.15.0"),), "2026.07", "AI 100-2e2025"
        ),
    }
    return Robustness(**given | changes)
