"""The policy of an audit, `audit.toml`: the requirements of a verdict, and of the model's stress result."""

from collections.abc import Collection, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from fusiondiff_audit.policy.laboratory import Case, Laboratory
from fusiondiff_audit.policy.one_file import refuse_stress_settings
from fusiondiff_audit.policy.parsing import PolicyName, PolicySection, ResolvedPolicy, read_table, resolve
from reports.verdict.embedded import STRESS_POLICIES
from reports.verdict.verdicts import VerdictRules
from signing import SigningError
from signing.strict import malformed, write_json

BUILT_IN = "built-in"
Rate = Annotated[str, StringConstraints(pattern=r"^0\.[0-9]{1,6}$")]
PolicyReference = Annotated[str, StringConstraints(pattern=f"^({'|'.join(STRESS_POLICIES)}|sha256:[0-9a-f]{{64}})$")]


class Intake(PolicySection):
    """The requirements of a batch."""

    second_signature: bool = False  # the post-quantum one
    scale: Literal["required", "optional"] = "optional"
    instrument: Literal["required", "remark"] = "required"  # one that was enrolled, and no confounding


class Certify(PolicySection):
    """The certificates that a verdict must carry."""

    poisoning: Literal["off", "on"] = "off"  # state how many enrolled specimens may be altered
    tolerance: Annotated[int, Field(ge=0, le=499)] = 0  # specimens; with fewer there is no answer


class RobustnessRequirement(PolicySection):
    """The stress result that a model needs before it may judge."""

    result: Literal["required", "optional"] = "required"
    days: Annotated[int, Field(ge=1, le=3650)] = 365  # after which a result is stale
    policies: Annotated[tuple[PolicyReference, ...], Field(min_length=1, max_length=100)] = STRESS_POLICIES


class Decide(PolicySection):
    """The error rate at which a finding counts as an answer."""

    error_rate: Rate = "0.05"  # at which a class is ruled out


class AuditPolicy(ResolvedPolicy):
    """All settings of an audit's decisions."""

    name: PolicyName = BUILT_IN
    laboratory: Laboratory = Field(default_factory=Laboratory)
    case: Case = Field(default_factory=Case)
    intake: Intake = Field(default_factory=Intake)
    certify: Certify = Field(default_factory=Certify)
    robustness: RobustnessRequirement = Field(default_factory=RobustnessRequirement)
    decide: Decide = Field(default_factory=Decide)

    @property
    def text(self) -> str:
        """Return every setting but those of laboratory and case that nobody stated, in one form."""
        settings = self.model_dump(mode="json", exclude_none=True)
        if not settings["laboratory"]:
            del settings["laboratory"]
        return write_json(settings).decode()

    @property
    def sentences(self) -> Iterable[str]:
        """Yield every text that is shown to people."""
        return (self.name, *self.laboratory.sentences, *self.case.sentences)

    @property
    def rules(self) -> VerdictRules:
        return VerdictRules(
            Fraction(self.decide.error_rate),
            needs_scale=self.intake.scale == "required",
            tolerance=self.certify.tolerance if self.certify.poisoning == "on" else None,
            needs_instrument=self.intake.instrument == "required",
        )

    def certifying(self, certificates: Collection[str]) -> "AuditPolicy":
        """Return the policy that states these certificates as well."""
        certify = self.certify.model_copy(update=dict.fromkeys(certificates, "on"))
        return self.model_copy(update={"certify": certify})


def read_audit_policy(path: Path | None) -> AuditPolicy:
    """Return the policy of a file, or the built-in one; unknown keys and values of another type are refused."""
    if path is None:
        return AuditPolicy()
    try:
        table, where = read_table(path), str(path)
    except SigningError as e:
        if str(path) in STRESS_POLICIES:
            e.add_note(f"{path} is a policy of `stress`; without --policy `audit` takes its own built-in one")
        raise
    refuse_stress_settings(table, where)
    policy = resolve(AuditPolicy, table, where, reserved=(BUILT_IN,))
    if policy.certify.tolerance and policy.certify.poisoning == "off":
        raise malformed(where, 'certify.tolerance: a least tolerance is asked for; poisoning = "on" states one')
    if not policy.rules.alpha:
        raise malformed(where, "decide.error_rate: an error rate of 0 cannot be promised")
    first, last = policy.case.tested_from, policy.case.tested_until
    if first is not None and last is not None and last < first:
        raise malformed(where, f"case.tested_until: {last} is before case.tested_from, {first}")
    return policy
