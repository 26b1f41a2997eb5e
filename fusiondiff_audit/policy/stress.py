"""The policy of a stress test, `stress.toml`: attacks, poisons, checks and gates, and the images that they run on.

It has two digests. `digest` is over every setting, and names the policy in a stress result and in an audit's
requirement. `trials_digest` is over the settings that decide what happens to each image, and nothing else: results with
the same one can be compared image by image, whatever their gates, waivers and clocks.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from fusiondiff_audit.policy.one_file import refuse_audit_settings
from fusiondiff_audit.policy.parsing import PolicySection, ResolvedPolicy, Text, read_table, resolve
from reports.stress.quoted_policy import BUDGET, SHARE, QuotedPolicy, read_quoted_policy
from reports.verdict.embedded import STRESS_POLICIES
from signing import Reason, SigningError
from signing.strict import malformed, write_json

Share = Annotated[str, StringConstraints(pattern=f"^({SHARE})$")]
Size = Annotated[str, StringConstraints(pattern=f"^({BUDGET})$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,40}$")]
AttackName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}-(linf|l2|l0)-[0-9./]{1,12}$")]
Day = Annotated[str, StringConstraints(pattern=r"^20[0-9]{2}-[01][0-9]-[0-3][0-9]$")]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
_TRIALS = {"attacks", "poisons", "enrolled", "images", "side", "seed"}


class AttackSettings(PolicySection):
    """An attack and its budget."""

    attack: Name
    norm: Literal["linf", "l2", "l0"]
    size: Size
    steps: Count = 10
    restarts: Count = 1
    queries: Count = 1000  # of the whole pipeline, for each image


class PoisonSettings(PolicySection):
    """A poison of an enrolment and its budget."""

    poison: Name
    specimens: Count = 1  # that it may alter
    size: Size = "8/255"  # of images that keep their labels
    steps: Count = 20


class WaiverSettings(PolicySection):
    """Why a gate that fails does not fail the run, and until when."""

    until: Day
    reason: Text


class GateSettings(PolicySection):
    """A requirement on a metric."""

    metric: Literal["held", "regressions"]
    value: Share
    attack: AttackName | None = None  # None: the worst of all attacks, image by image
    bound: Literal["lower", "point", "upper"] = "lower"
    least: Count = 8
    slice: Literal["all", "authentic", "counterfeit"] = "all"
    severity: Literal["error", "warning", "note"] = "error"
    waiver: WaiverSettings | None = None


class StressPolicy(ResolvedPolicy):
    """All settings of a stress test."""

    images: Count = 8
    side: Count | None = None  # pixels: of larger images the middle is attacked, but never less than a tile
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    minutes: Count | None = None  # a clock that runs out makes the outcome inconclusive
    floor: Share = "0.6"  # of accuracy before any attack
    attacks: tuple[AttackSettings, ...] = ()
    enrolled: Count = 50  # images of the enrolment that is poisoned
    poisons: tuple[PoisonSettings, ...] = ()
    detectors: tuple[Name, ...] = ()
    checks: tuple[Name, ...] = ()
    gates: tuple[GateSettings, ...] = ()

    @property
    def sentences(self) -> Iterable[str]:
        """Yield every text that is shown to people."""
        return (self.name, *(gate.waiver.reason for gate in self.gates if gate.waiver is not None))

    @property
    def as_quoted(self) -> QuotedPolicy:
        """Return the policy as verifiers of its results read it."""
        return read_quoted_policy(self.text)

    @property
    def trials_digest(self) -> str:
        """Return the SHA-256 over the settings that decide what happens to each image."""
        return hashlib.sha256(write_json(self.model_dump(mode="json", include=_TRIALS))).hexdigest()


def stress_policy_file(policy: str) -> Path:
    """Return the path of a policy's file, which is built in, or named by its path."""
    return Path(__file__).with_name("built_in") / f"{policy}.toml" if policy in STRESS_POLICIES else Path(policy)


def read_stress_policy(policy: str) -> StressPolicy:
    """Return a built-in policy by its name, or the policy of a file.

    Unknown keys, other types, days that no calendar has, and gates that end in one way only are refused.
    """
    try:
        table = read_table(stress_policy_file(policy))
    except SigningError as e:
        if e.reason is Reason.UNREADABLE:
            e.add_note(f"built in are {', '.join(STRESS_POLICIES)}; any other is a file")
        raise
    refuse_audit_settings(table, policy)
    settings = resolve(StressPolicy, table, policy, reserved=() if policy in STRESS_POLICIES else STRESS_POLICIES)
    try:
        settings.as_quoted.refuse_foregone_gates()
    except ValueError as e:
        raise malformed(policy, str(e)) from e
    return settings
