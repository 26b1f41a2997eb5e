"""The baseline of a stress test: an earlier result of a model of the same name, signed by a listed auditor."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from attacks.images import Norm
from fusiondiff_audit.policy.quoted import quoted_stress_policy
from fusiondiff_audit.policy.stress import StressPolicy
from reports.stress.gates import HeldImages
from reports.stress.result import MAX_RESULT_FILE, StressResult, open_stress_result
from signing import Reason, SigningError, TrustStore, read_capped


@dataclass(frozen=True, slots=True)
class StressBaseline:
    """A verified earlier result, and the SHA-256 of its file."""

    result: StressResult
    digest: str

    @property
    def held_images(self) -> HeldImages:
        """Return which images held, by attack; what an attack would have left that did not end is unknown."""
        ended = {attack.name for attack in self.result.attacks if attack.problem is None and not attack.unfinished}
        return {name: images for name, images in self.result.held_images.items() if name in ended}

    def smallest_changes(self, weights: str) -> dict[Norm, dict[str, float]]:
        """Return the smallest change that fooled each image, by norm; nothing of a baseline of other weights."""
        changes: dict[Norm, dict[str, float]] = {}
        for attack in self.result.attacks if self.result.model_digest == weights else ():
            if not attack.bounded or attack.problem:
                continue  # the size of a transformation measures nothing
            best = changes.setdefault(Norm(attack.norm), {})
            for digest, size in zip(attack.fooled, attack.sizes, strict=True):
                best[digest] = min(best.get(digest, float("inf")), float(size))
        return changes


def open_baseline(path: Path, trust: TrustStore, *, model: str, policy: StressPolicy) -> StressBaseline:
    """Return an earlier result that can be compared image by image.

    It is of a model of this name, and its policy had the same attacks, poisons, images, side and seed; gates, waivers,
    checks and clock may differ.
    """
    data = read_capped(path, limit=MAX_RESULT_FILE)
    result, _ = open_stress_result(data, str(path), trust=trust)
    if result.model != model:
        what = f"{path}: of model {result.model}, this run is of {model}: nothing that could be compared"
        hint = "a model that is enrolled anew keeps its name with enrol --name NAME"
        raise SigningError(Reason.BAD_REQUEST, what, hint=hint)
    if quoted_stress_policy(result.policy_text, str(path)).trials_digest != policy.trials_digest:
        what = f"{path}: by policy {result.policy!r}, whose attacks, poisons, images, side or seed are other ones"
        raise SigningError(Reason.BAD_REQUEST, f"{what} than those of {policy.name!r}: nothing that could be compared")
    return StressBaseline(result, sha256(data).hexdigest())
