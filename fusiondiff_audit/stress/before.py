"""An earlier result to compare with: of a model of the same name, by the same policy, signed by a listed auditor."""

from pathlib import Path

from attacks.images import Norm
from reports.stress.result import MAX_FILE, StressResult, open_stress_result
from signing import Reason, SigningError, TrustStore, read_capped


def open_before(path: Path, trust: TrustStore, *, model: str, policy: str) -> StressResult:
    """Return an earlier result of a model of this name, under the policy of this digest."""
    result, _ = open_stress_result(read_capped(path, limit=MAX_FILE), str(path), trust=trust)
    for what, theirs, ours in (("model", result.model, model), ("policy", result.policy_digest, policy)):
        if theirs != ours:
            said = f"{path}: of {what} {theirs}, this run is of {ours}: nothing that could be compared"
            hint = "a model that is enrolled anew keeps its name with enrol --name NAME" if what == "model" else None
            raise SigningError(Reason.BAD_REQUEST, said, hint=hint)
    return result


def held_before(before: StressResult) -> dict[str, dict[str, bool]]:
    """Return which pictures held then, by attack."""
    found = {}
    for one in before.attacks:
        if one.problem or one.unfinished:
            continue  # it did not end, so nothing is known of what it would have left
        lost = (*one.fooled, *one.silenced, *before.missed)
        found[one.name] = dict.fromkeys(lost, False) | dict.fromkeys(one.held, True)
    return found


def bank_of(before: StressResult, *, weights: str) -> dict[Norm, dict[str, float]]:
    """Return the smallest change that fooled each picture then, norm by norm; other weights have another one."""
    found: dict[Norm, dict[str, float]] = {}
    for one in before.attacks if before.model_digest == weights else ():
        if not one.bounded or one.problem:
            continue  # what happens to a picture is not measured by its size
        best = found.setdefault(Norm(one.norm), {})
        for digest, size in zip(one.fooled, one.sizes, strict=True):
            best[digest] = min(best.get(digest, float("inf")), float(size))
    return found
