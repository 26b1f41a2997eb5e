"""The suite of a stress policy: names become attacks, and texts become numbers."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from urllib.parse import quote

from attacks.catalogue import CATALOGUE
from attacks.cost import Effort
from attacks.harness import AttackPlan
from attacks.images import Budget, Norm
from attacks.poison.detectors import DETECTORS
from attacks.poison.harness import PoisonPlan
from attacks.poison.threat import PoisonBudget
from attacks.poison_catalogue import POISONS
from attacks.suite import Suite
from fusiondiff_audit.policy.parsing import MAX_POLICY
from fusiondiff_audit.policy.stress import (
    AttackSettings,
    GateSettings,
    PoisonSettings,
    StressPolicy,
    stress_policy_file,
)
from reports.stress.gates import Bound, Gate, Metric, Severity, Slice, Waiver
from reports.verdict.embedded import STRESS_POLICIES
from signing import read_capped
from signing.strict import malformed

_GATE = re.compile(r"\s*\[\[\s*gates\s*\]\]")


def policy_place(policy: str, settings: StressPolicy) -> tuple[str, dict[str, int]]:
    """Return where a policy lies, as a relative URI, and in which line each of its gates begins."""
    path = stress_policy_file(policy)
    built_in = f"fusiondiff_audit/policy/built_in/{path.name}"
    where = built_in if policy in STRESS_POLICIES else quote(path.as_posix().lstrip("/"))
    lines = read_capped(path, limit=MAX_POLICY).decode(errors="replace").splitlines()
    gates = [_gate(gate).name for gate in settings.gates]
    starts = [n for n, line in enumerate(lines, start=1) if _GATE.match(line)]
    return where, dict(zip(gates, starts, strict=False))  # gates on one line have no line of their own


def suite_of(policy: StressPolicy, where: str) -> Suite:
    """Return what a policy asks for; what cannot be asked for is refused before anything is attacked."""
    if not policy.attacks:
        raise malformed(where, f"policy {policy.name!r} asks for no attack: attacks is empty")
    try:
        return Suite(
            policy.name,
            tuple(map(_plan, policy.attacks)),
            policy.checks,
            tuple(map(_gate, policy.gates)),
            policy.seed,
            float(policy.floor),
            60.0 * policy.minutes if policy.minutes is not None else float("inf"),
        )
    except ValueError as e:
        raise malformed(where, str(e)) from e


def poisons_of(policy: StressPolicy, where: str) -> tuple[PoisonPlan, ...]:
    """Return the poisons that a policy asks for; what cannot be asked for is refused."""
    fault = None
    names = [f"{settings.poison}-{settings.specimens}" for settings in policy.poisons]
    if unknown := sorted({settings.poison for settings in policy.poisons} - set(POISONS)):
        fault = f"no poison {unknown[0]}; there are {', '.join(sorted(POISONS))}"
    elif unknown := sorted(set(policy.detectors) - set(DETECTORS)):
        fault = f"no detector {unknown[0]}; there are {', '.join(sorted(DETECTORS))}"
    elif len(set(names)) != len(names):
        fault = "a poison of so many specimens is asked for twice"
    elif policy.detectors and not names:
        fault = "detectors are asked for, and no poison"
    if fault is not None:
        raise malformed(where, f"policy {policy.name!r}: {fault}")
    try:
        return tuple(map(_poison, policy.poisons))
    except ValueError as e:
        raise malformed(where, str(e)) from e


def _poison(settings: PoisonSettings) -> PoisonPlan:
    allowed = PoisonBudget(settings.specimens, Budget(Norm.LINF, float(Fraction(settings.size))), settings.steps)
    return PoisonPlan(f"{settings.poison}-{settings.specimens}", POISONS[settings.poison].poison, allowed)


def _plan(settings: AttackSettings) -> AttackPlan:
    entry = CATALOGUE.get(settings.attack)
    if entry is None:
        raise ValueError(f"no attack {settings.attack}; there are {', '.join(sorted(CATALOGUE))}")
    norm = Norm(settings.norm)
    if norm not in entry.norms:
        raise ValueError(f"{settings.attack} has no budget in {norm}; it has one in {', '.join(entry.norms)}")
    budget = Budget(norm, float(Fraction(settings.size)))
    attack = entry.make(budget, Effort(settings.steps, settings.restarts, settings.queries))
    return AttackPlan(
        f"{settings.attack}-{norm}-{settings.size}", entry.family, entry.knowledge, attack, settings.queries
    )


def _gate(settings: GateSettings) -> Gate:
    waiver = None
    if settings.waiver is not None:
        until = datetime.strptime(settings.waiver.until, "%Y-%m-%d").replace(tzinfo=UTC)
        waiver = Waiver(until, settings.waiver.reason)
    return Gate(
        Metric(settings.metric),
        float(Decimal(settings.value)),
        settings.attack,
        Bound(settings.bound),
        settings.least,
        Slice(settings.slice),
        Severity(settings.severity),
        waiver,
    )
