"""The suite of a stress policy: names become attacks and poisons. Budgets and gates are those that a verifier reads."""

import re
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
from fusiondiff_audit.policy.stress import AttackSettings, PoisonSettings, StressPolicy, stress_policy_file
from reports.stress.quoted_policy import QuotedAttack
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
    gates = [gate.name for gate in settings.as_quoted.gates]
    starts = [n for n, line in enumerate(lines, start=1) if _GATE.match(line)]
    return where, dict(zip(gates, starts, strict=False))  # gates on one line have no line of their own


def suite_of(policy: StressPolicy, where: str) -> Suite:
    """Return what a policy asks for; what cannot be asked for is refused before anything is attacked."""
    if not policy.attacks:
        raise malformed(where, f"policy {policy.name!r} asks for no attack: attacks is empty")
    quoted = policy.as_quoted
    try:
        return Suite(
            quoted.name,
            tuple(map(_plan, policy.attacks, quoted.attacks)),
            quoted.checks,
            quoted.gates,
            quoted.seed,
            quoted.floor,
            60.0 * policy.minutes if policy.minutes is not None else float("inf"),
        )
    except ValueError as e:
        raise malformed(where, str(e)) from e


def poisons_of(policy: StressPolicy, where: str) -> tuple[PoisonPlan, ...]:
    """Return the poisons that a policy asks for; what cannot be asked for is refused."""
    fault, names = None, policy.as_quoted.poisons
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
        return tuple(map(_poison, policy.poisons, names))
    except ValueError as e:
        raise malformed(where, str(e)) from e


def _poison(settings: PoisonSettings, name: str) -> PoisonPlan:
    allowed = PoisonBudget(settings.specimens, Budget(Norm.LINF, float(Fraction(settings.size))), settings.steps)
    return PoisonPlan(name, POISONS[settings.poison].poison, allowed)


def _plan(settings: AttackSettings, quoted: QuotedAttack) -> AttackPlan:
    entry = CATALOGUE.get(settings.attack)
    if entry is None:
        raise ValueError(f"no attack {settings.attack}; there are {', '.join(sorted(CATALOGUE))}")
    norm = Norm(quoted.norm)
    if norm not in entry.norms:
        raise ValueError(f"{settings.attack} has no budget in {norm}; it has one in {', '.join(entry.norms)}")
    effort = Effort(settings.steps, settings.restarts, settings.queries)
    attack = entry.make(Budget(norm, quoted.size), effort)
    return AttackPlan(quoted.name, entry.family, entry.knowledge, attack, settings.queries)
