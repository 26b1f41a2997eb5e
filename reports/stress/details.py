"""The fields of a stress result before any check: the object `details` of its statement."""

from dataclasses import dataclass
from datetime import datetime

from reports.identity import Key
from reports.stress.gates import GateResult, HeldImages
from reports.stress.outcome import Outcome
from reports.stress.records import AttackResult, CheckResult, DetectorResult, Environment, PoisonResult
from signing.times import read_time


@dataclass(frozen=True, slots=True)
class StressDetails:
    """Model, policy, trials, checks, gates and outcome of a stress test."""

    format: str
    issued: str
    word: Outcome
    why: tuple[str, ...]
    auditor: Key
    model: str
    model_digest: str
    reference: str
    demonstration: bool
    policy: str
    policy_digest: str
    policy_text: str
    images: int
    missed: tuple[str, ...]  # judged wrongly before any attack
    attacks: tuple[AttackResult, ...]
    poisons: tuple[PoisonResult, ...]
    detectors: tuple[DetectorResult, ...]
    checks: tuple[CheckResult, ...]
    not_selected: tuple[str, ...]  # checks
    gates: tuple[GateResult, ...]
    outcome: str  # SHA-256 over all trials: the same for the same seed
    taken: Environment
    authentic: tuple[str, ...] = ()  # of all images that were judged; none in version 1
    baseline: str | None = None  # SHA-256 of the earlier result's file that gates compare with
    detector_problem: str | None = None  # why detectors were not tried

    @property
    def time(self) -> datetime:
        """Return when it was issued, as its signer says."""
        return read_time(self.issued, "the stress result")

    @property
    def held_images(self) -> HeldImages:
        """Return for each attack which images kept their right answer; one that never had it is none of them."""
        return {
            attack.name: dict.fromkeys((*self.missed, *attack.images), False) | dict.fromkeys(attack.held, True)
            for attack in self.attacks
        }
