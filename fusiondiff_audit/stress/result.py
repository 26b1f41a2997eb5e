"""The signed record of a suite's result."""

from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from importlib.metadata import version

import signing
from attacks.catalogue import ATLAS, CATALOGUE, NIST
from attacks.poison.detectors import DetectorTrial
from attacks.poison.harness import PoisonTrial
from attacks.poison_catalogue import POISONS
from attacks.suite import SuiteResult
from attacks.trials import AttackTrials, End
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.origin import Origin
from fusiondiff_audit.policy.stress import StressPolicy
from fusiondiff_audit.stress.baseline import StressBaseline
from reports.identity import Key, Library
from reports.stress.records import AttackResult, DetectorResult, Environment, PoisonResult
from reports.stress.result import StressResult
from reports.stress.versions import NEWEST_RESULT

_LIBRARIES = ("torch", "diffusers", "timm", "numpy", "adversarial-robustness-toolbox")


@dataclass(frozen=True, slots=True, eq=False)
class Circumstances:
    """Which model was tested by which policy, by whom, and against which earlier result."""

    model: DiffusionModel
    policy: StressPolicy
    auditor: Key
    origin: Origin
    baseline: StressBaseline | None


def result_of(suite_result: SuiteResult, circumstances: Circumstances, *, images: int) -> StressResult:
    """Return the stress result to sign; `images` counts the misjudged ones as well."""
    model, runtime, poisoned = circumstances.model, circumstances.model.runtime, suite_result.poisoned
    return StressResult(
        format=NEWEST_RESULT,
        issued=signing.write_time(suite_result.decided),
        word=suite_result.word,
        why=suite_result.why,
        auditor=circumstances.auditor,
        model=model.title,
        model_digest=model.digest,
        reference=model.settings.reference or "",
        demonstration=model.settings.demonstration,
        policy=circumstances.policy.name,
        policy_digest=circumstances.policy.digest,
        policy_text=circumstances.policy.text,
        images=images,
        missed=tuple(sorted(suite_result.missed)),
        attacks=tuple(map(_attack_result, suite_result.results)),
        poisons=() if poisoned is None else tuple(map(_poison_result, poisoned.trials)),
        detectors=() if poisoned is None else tuple(map(_detector_result, poisoned.detectors)),
        checks=suite_result.checks,
        not_selected=suite_result.not_selected,
        gates=suite_result.gates,
        outcome=suite_result.digest,
        taken=Environment(
            circumstances.origin.digest,
            circumstances.origin.released,
            runtime.device,
            runtime.threads,
            suite_result.suite.seed,
            int(Decimal(suite_result.seconds).to_integral_value(ROUND_UP)),
            tuple(Library(name, version(name)) for name in _LIBRARIES),
            ATLAS,
            NIST,
        ),
        authentic=tuple(sorted(suite_result.authentic)),
        baseline=None if circumstances.baseline is None else circumstances.baseline.digest,
        detector_problem=None if poisoned is None else poisoned.problem,
    )


def _attack_result(result: AttackTrials) -> AttackResult:
    def ended(*ends: End) -> tuple[str, ...]:
        return tuple(sorted(trial.digest for trial in result.trials if trial.end in ends))

    atlas, nist = CATALOGUE[result.attack.rsplit("-", 2)[0]].taxonomies  # a plan's name has norm and size after it
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
        result.problem,
        atlas,
        nist,
    )


def _poison_result(trial: PoisonTrial) -> PoisonResult:
    entry = POISONS[trial.poison.rsplit("-", 1)[0]]
    return PoisonResult(
        trial.poison,
        trial.keeps_labels,
        trial.specimens,
        trial.asked,
        len(trial.turned),
        trial.aimed,
        len(trial.passed),
        trial.certified,
        len(trial.broken),
        trial.problem,
        entry.atlas,
        entry.nist,
    )


def _detector_result(trial: DetectorTrial) -> DetectorResult:
    alarms = (trial.alarms, trial.clean, trial.clean_alarms, trial.clean_all)
    return DetectorResult(trial.detector, trial.found, trial.planted, *alarms, trial.counts)
