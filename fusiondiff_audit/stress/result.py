"""From what attacks found to what is signed: counts, digests and words."""

from dataclasses import dataclass, replace
from decimal import ROUND_UP, Decimal
from importlib.metadata import version

import signing
from attacks.catalogue import ATLAS, CATALOGUE, NIST
from attacks.outcome import End, Result
from attacks.poison.catalogue import POISONS
from attacks.poison.detectors import DetectorTrial
from attacks.poison.harness import PoisonTrial
from attacks.suite import SuiteResult
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.origin import Origin
from fusiondiff_audit.policy.stress import StressPolicy
from reports.identity import Key, Library
from reports.stress.records import (
    AttackResult,
    DetectorResult,
    Environment,
    GateResult,
    PoisonResult,
)
from reports.stress.result import FORMAT, StressResult
from signing.strict import is_plain

_LONGEST = 1000  # characters
_LIBRARIES = ("torch", "diffusers", "timm", "numpy", "adversarial-robustness-toolbox")


@dataclass(frozen=True, slots=True, eq=False)
class Circumstances:
    """Who asked what of whom."""

    model: DiffusionModel
    policy: StressPolicy
    auditor: Key
    origin: Origin


def result_of(outcome: SuiteResult, asked: Circumstances, *, images: int) -> StressResult:
    """Return what is signed."""
    model, runtime = asked.model, asked.model.runtime
    libraries = tuple(Library(name, version(name)) for name in _LIBRARIES)
    taken = Environment(
        asked.origin.digest,
        asked.origin.released,
        runtime.device,
        runtime.threads,
        outcome.suite.seed,
        int(Decimal(outcome.seconds).to_integral_value(ROUND_UP)),
        libraries,
        ATLAS,
        NIST,
    )
    return StressResult(
        format=FORMAT,
        issued=signing.write_time(signing.now()),
        word=outcome.word,
        why=tuple(map(_text, outcome.why)),
        auditor=asked.auditor,
        model=model.title,
        model_digest=model.digest,
        reference=model.settings.reference or "",
        demonstration=model.settings.demonstration,
        policy=asked.policy.name,
        policy_digest=asked.policy.digest,
        policy_text=asked.policy.text,
        images=images,
        missed=tuple(sorted(outcome.missed)),
        attacks=tuple(map(_tried, outcome.results)),
        poisons=() if outcome.poisoned is None else tuple(map(_harmed, outcome.poisoned.trials)),
        detectors=() if outcome.poisoned is None else tuple(map(_watched, outcome.poisoned.detectors)),
        checks=tuple(replace(one, evidence=_text(one.evidence)) for one in outcome.findings),
        not_selected=outcome.not_selected,
        gates=tuple(
            GateResult(d.gate.name, d.passed, d.gate.severity, d.count, d.of, _text(d.said)) for d in outcome.decisions
        ),
        outcome=outcome.digest,
        taken=taken,
    )


def _text(said: str) -> str:
    """Return a sentence as a record can hold it: a library's words are not to stop a result from being signed."""
    plain = "".join(c if is_plain(c) else "?" for c in said).strip()
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}..."


def _tried(result: Result) -> AttackResult:
    def ended(*ends: End) -> tuple[str, ...]:
        return tuple(sorted(trial.digest for trial in result.trials if trial.end in ends))

    atlas, nist = CATALOGUE[_entry(result)].taxonomies
    fooled = sorted((trial.digest, trial.least) for trial in result.trials if trial.end is End.FOOLED)
    return AttackResult(
        result.attack,
        result.family,
        result.knowledge,
        result.budget.norm,
        f"{result.budget.size:.6f}",
        ended(End.HELD),
        tuple(digest for digest, _ in fooled),
        tuple(size for _, size in fooled),
        ended(End.SILENCED),
        ended(End.LATE, End.FAILED),
        sum(trial.queries for trial in result.trials),
        sum(trial.passes for trial in result.trials),
        None if result.problem is None else _text(result.problem),
        atlas,
        nist,
    )


def _harmed(one: PoisonTrial) -> PoisonResult:
    entry = POISONS[one.poison.rsplit("-", 1)[0]]
    return PoisonResult(
        one.poison,
        one.keeps_labels,
        one.specimens,
        one.asked,
        len(one.turned),
        one.aimed,
        len(one.passed),
        one.certified,
        len(one.broken),
        None if one.problem is None else _text(one.problem),
        entry.atlas,
        entry.nist,
    )


def _watched(one: DetectorTrial) -> DetectorResult:
    return DetectorResult(
        one.detector, one.found, one.planted, one.alarms, one.clean, one.clean_alarms, one.clean_all, one.counts
    )


def _entry(result: Result) -> str:
    """Return the catalogue's name of an attack: a plan's name has norm and size after it."""
    return result.attack.rsplit("-", 2)[0]
