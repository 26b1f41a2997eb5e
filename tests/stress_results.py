"""Results of stress tests that were never run, for tests of those who ask for one."""

from fractions import Fraction
from typing import Any

from fusiondiff_audit.policy.stress import StressPolicy, read_stress_policy
from fusiondiff_audit.stress.suite import suite_of
from reports.stress.gates import decide, tally
from reports.stress.outcome import CLEAN_ACCURACY, Outcome, clean_accuracy
from reports.stress.records import AttackResult, CheckResult, CheckState
from reports.stress.result import StressResult
from signing import PublicKey, now, write_time
from tests.reports.stress.test_stress_result import made
from tests.reports.verdict.made import digest


def stressed(
    auditor: PublicKey, model: str, policy: StressPolicy | None = None, *, stands: bool = True, **changes: Any
) -> StressResult:
    """Return what a model would get that stood everything that a policy asks for, or that nothing was right of."""
    rules = policy or read_stress_policy("quick")
    suite, count = suite_of(rules, rules.name), rules.images
    images = tuple(digest(f"picture {number}") for number in range(count))
    held, silenced = (images, ()) if stands else ((), images)
    attacks = []
    for one, plan in zip(rules.attacks, suite.plans, strict=True):
        size = f"{float(Fraction(one.size)):.6f}"
        named = (plan.name, plan.family, plan.knowledge, one.norm, size)
        attacks.append(AttackResult(*named, held, (), (), silenced, (), 0, 1, None, "AML", "NISTAML"))
    accuracy = clean_accuracy(count, count, suite.floor)
    left = {attack.name: dict.fromkeys(images, stands) for attack in attacks}
    given: dict[str, Any] = {
        "issued": write_time(now()),
        "word": Outcome.PASSED if stands else Outcome.FAILED,
        "model": "tiny",
        "model_digest": model,
        "policy": rules.name,
        "policy_text": rules.text,
        "images": count,
        "missed": (),
        "authentic": images[::2],
        "attacks": tuple(attacks),
        "checks": tuple(
            CheckResult(check, "title", *(accuracy if check == CLEAN_ACCURACY else (CheckState.HELD, "fine")))
            for check in rules.checks
        ),
        "not_selected": (),
        "gates": tuple(decide(gate, tally(gate, left, images[::2]), now(), first=True) for gate in suite.gates),
    }
    return made(auditor, **given | changes)
