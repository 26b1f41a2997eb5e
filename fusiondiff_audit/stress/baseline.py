"""The baseline of a stress test: an earlier result of a model of the same name, signed by a listed auditor."""

from pathlib import Path

from attacks.images import Norm
from fusiondiff_audit.policy.quoted import quoted_stress_policy
from fusiondiff_audit.policy.stress import StressPolicy
from reports.stress.result import MAX_FILE, StressResult, open_stress_result
from signing import Reason, SigningError, TrustStore, read_capped


def open_baseline(path: Path, trust: TrustStore, *, model: str, policy: StressPolicy) -> StressResult:
    """Return an earlier result that can be compared image by image.

    It is of a model of this name, and its policy had the same attacks, poisons, images, side and seed; gates, waivers,
    checks and clock may differ.
    """
    result, _ = open_stress_result(read_capped(path, limit=MAX_FILE), str(path), trust=trust)
    if result.model != model:
        what = f"{path}: of model {result.model}, this run is of {model}: nothing that could be compared"
        hint = "a model that is enrolled anew keeps its name with enrol --name NAME"
        raise SigningError(Reason.BAD_REQUEST, what, hint=hint)
    if quoted_stress_policy(result.policy_text, str(path)).trials_digest != policy.trials_digest:
        what = f"{path}: by policy {result.policy!r}, whose attacks, poisons, images, side or seed are other ones"
        raise SigningError(Reason.BAD_REQUEST, f"{what} than those of {policy.name!r}: nothing that could be compared")
    return result


def held_in(baseline: StressResult) -> dict[str, dict[str, bool]]:
    """Return which images held, by attack."""
    held = {}
    for attack in baseline.attacks:
        if attack.problem or attack.unfinished:
            continue  # it did not end, so which images it would have left is unknown
        lost = (*attack.fooled, *attack.silenced, *baseline.missed)
        held[attack.name] = dict.fromkeys(lost, False) | dict.fromkeys(attack.held, True)
    return held


def smallest_changes(baseline: StressResult, *, weights: str) -> dict[Norm, dict[str, float]]:
    """Return the smallest change that fooled each image, by norm; nothing of a baseline of other weights."""
    changes: dict[Norm, dict[str, float]] = {}
    for attack in baseline.attacks if baseline.model_digest == weights else ():
        if not attack.bounded or attack.problem:
            continue  # the size of a transformation measures nothing
        best = changes.setdefault(Norm(attack.norm), {})
        for digest, size in zip(attack.fooled, attack.sizes, strict=True):
            best[digest] = min(best.get(digest, float("inf")), float(size))
    return changes
