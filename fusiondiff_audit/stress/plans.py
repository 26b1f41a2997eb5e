"""From a policy to a suite: names become attacks, and texts become numbers."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from urllib.parse import quote

from attacks.catalogue import CATALOGUE, Effort
from attacks.harness import AttackPlan
from attacks.images import Budget, Norm
from attacks.poison.catalogue import POISONS
from attacks.poison.detectors import DETECTORS
from attacks.poison.harness import PoisonPlan
from attacks.poison.threat import PoisonBudget
from attacks.suite import Suite
from fusiondiff_audit.policy.policy import MAX_POLICY, AskedAttack, AskedGate, AskedPoison, Policy
from fusiondiff_audit.stress.policies import BUILT_IN, policy_file
from reports.stress.gates import Bound, Gate, Metric, Severity, Slice, Waiver
from signing import read_capped
from signing.strict import malformed

_GATE = re.compile(r"\s*\[\[\s*robustness\s*\.\s*gates\s*\]\]")


def policy_place(said: str, policy: Policy) -> tuple[str, dict[str, int]]:
    """Return where a policy lies, as a relative URI, and in which line each of its gates begins."""
    path = policy_file(said)
    where = f"fusiondiff_audit/stress/policies/{path.name}" if said in BUILT_IN else quote(path.as_posix().lstrip("/"))
    lines = read_capped(path, limit=MAX_POLICY).decode(errors="replace").splitlines()
    gates = [_gate(asked).name for asked in policy.robustness.gates]
    starts = [n for n, line in enumerate(lines, start=1) if _GATE.match(line)]
    return where, dict(zip(gates, starts, strict=False))  # gates on one line have no line of their own


def suite_of(policy: Policy, where: str) -> Suite:
    """Return what a policy asks for; what cannot be asked for is refused before anything is attacked."""
    asked = policy.robustness
    if not asked.attacks:
        raise malformed(where, f"policy {policy.name!r} asks for no attack: [robustness] attacks is empty")
    try:
        return Suite(
            policy.name,
            tuple(map(_plan, asked.attacks)),
            asked.checks,
            tuple(map(_gate, asked.gates)),
            asked.seed,
            float(asked.floor),
            60.0 * asked.minutes if asked.minutes is not None else float("inf"),
        )
    except ValueError as e:
        raise malformed(where, str(e)) from e


def poisons_of(policy: Policy, where: str) -> tuple[PoisonPlan, ...]:
    """Return the poisons that a policy asks for; what cannot be asked for is refused."""
    asked = policy.robustness
    fault = None
    names = [f"{one.poison}-{one.specimens}" for one in asked.poisons]
    if unknown := sorted({one.poison for one in asked.poisons} - set(POISONS)):
        fault = f"no poison {unknown[0]}; there are {', '.join(sorted(POISONS))}"
    elif unknown := sorted(set(asked.detectors) - set(DETECTORS)):
        fault = f"no detector {unknown[0]}; there are {', '.join(sorted(DETECTORS))}"
    elif len(set(names)) != len(names):
        fault = "a poison of so many specimens is asked for twice"
    elif asked.detectors and not names:
        fault = "detectors are asked for, and no poison"
    if fault is not None:
        raise malformed(where, f"policy {policy.name!r}: {fault}")
    try:
        return tuple(map(_poison, asked.poisons))
    except ValueError as e:
        raise malformed(where, str(e)) from e


def _poison(asked: AskedPoison) -> PoisonPlan:
    allowed = PoisonBudget(asked.specimens, Budget(Norm.LINF, float(Fraction(asked.size))), asked.steps)
    return PoisonPlan(f"{asked.poison}-{asked.specimens}", POISONS[asked.poison].poison, allowed)


def _plan(asked: AskedAttack) -> AttackPlan:
    entry = CATALOGUE.get(asked.attack)
    if entry is None:
        raise ValueError(f"no attack {asked.attack}; there are {', '.join(sorted(CATALOGUE))}")
    norm = Norm(asked.norm)
    if norm not in entry.norms:
        raise ValueError(f"{asked.attack} has no budget in {norm}; it has one in {', '.join(entry.norms)}")
    budget = Budget(norm, float(Fraction(asked.size)))
    attack = entry.make(budget, Effort(asked.steps, asked.restarts, asked.queries))
    return AttackPlan(f"{asked.attack}-{norm}-{asked.size}", entry.family, entry.knowledge, attack, asked.queries)


def _gate(asked: AskedGate) -> Gate:
    waiver = None
    if asked.waiver is not None:
        until = datetime.strptime(asked.waiver.until, "%Y-%m-%d").replace(tzinfo=UTC)
        waiver = Waiver(until, asked.waiver.reason)
    return Gate(
        Metric(asked.metric),
        float(Decimal(asked.value)),
        asked.attack,
        Bound(asked.bound),
        asked.least,
        Slice(asked.slice),
        Severity(asked.severity),
        waiver,
    )
