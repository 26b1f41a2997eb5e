"""The answer of the verb `stress`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusiondiff_audit.cli.answer import Answer, say
from fusiondiff_audit.cli.exits import Exit
from fusiondiff_audit.cli.options import TrustContext
from fusiondiff_audit.cli.text import count, table
from fusiondiff_audit.errors import AuditReason

if TYPE_CHECKING:
    from attacks.suite import SuiteResult
    from reports.stress.result import StressResult


def answer_of(
    outcome: "SuiteResult", result: "StressResult", out: Path, trust: TrustContext, remarks: tuple[str, ...]
) -> Answer:
    """Return what the verb prints: tables of attacks, poisons, checks and gates, and the outcome in one sentence."""
    from reports.stress.outcome import Outcome
    from reports.stress.statistics import wilson

    rows = [("attack", "budget", "fooled", "of", "95 %", "queries and passes")]
    for attack in outcome.results:
        fooled, of = len(attack.fooled), len(attack.trials)
        low, high = wilson(fooled, of)
        spent = sum(trial.queries + trial.passes for trial in attack.trials)
        rows.append((attack.attack, str(attack.budget), str(fooled), str(of), f"{low:.0%} to {high:.0%}", f"{spent:,}"))
    checks = [("check", "", "", "")] + [(check.id, check.title, check.held, check.evidence) for check in outcome.checks]
    gates = [("gate", "", "")] + [(gate.name, gate.passed, gate.said) for gate in outcome.gates]
    poisons = [("poison", "altered", "labels turned", "of them certified", "passed")] + [
        (p.name, str(p.specimens), f"{p.turned} of {p.asked}", f"{p.broken} of {p.certified}", p.reach)
        for p in result.poisons
    ]
    skipped = f"not selected: {', '.join(outcome.not_selected) or 'none'}"
    lines = [table(rows), *([table(poisons)] if result.poisons else []), table(checks), table(gates), skipped]
    lines += ["\n".join(remarks)] if remarks else []
    worst = frozenset[str]().union(*(attack.fooled for attack in outcome.results))
    attacked = count(result.images - len(result.missed), "image")
    code = {Outcome.PASSED: Exit.DONE, Outcome.FAILED: Exit.GATE, Outcome.INCONCLUSIVE: Exit.INCONCLUSIVE}[outcome.word]
    show = "DEMONSTRATION. " if result.demonstration else ""
    for reason in outcome.why[1:]:
        say(reason)
    why = f"{outcome.why[0] if outcome.why else _passed(outcome)}; "
    sentence = f"{show}{why}{len(worst)} of {attacked} fooled by at least one attack; {out}{trust.remarks()}"
    data: dict[str, Any] = {
        "result": str(out),
        "word": outcome.word,
        "why": list(outcome.why),
        "digest": outcome.digest,
        "policy": {"name": result.policy, "digest": result.policy_digest},
        "attacks": {a.attack: {"fooled": len(a.fooled), "of": len(a.trials)} for a in outcome.results},
        "poisons": {poison.name: {"turned": poison.turned, "broken": poison.broken} for poison in result.poisons},
        "checks": {check.id: check.held for check in outcome.checks},
        "gates": {gate.name: gate.passed for gate in outcome.gates},
        "notSelected": list(outcome.not_selected),
        "pictures": list(remarks),
        "trust": trust.data(),
    }
    word = str(outcome.word)
    if outcome.word is Outcome.FAILED:
        word, data["reason"] = "REFUSED", AuditReason.GATE_FAILED.value
        sentence += f" ({AuditReason.GATE_FAILED})"
    return Answer(word, sentence, "\n\n".join(lines), data, code)


def _passed(outcome: "SuiteResult") -> str:
    """Say what a pass means: that these gates were passed, and no more."""
    names = ", ".join(gate.name for gate in outcome.gates if gate.passed == "passed")
    return f"gates passed: {names or 'none was asked for'}"
