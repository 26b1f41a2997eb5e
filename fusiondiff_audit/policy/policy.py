"""The auditor's rules, from audit.toml: every key is known, and the resolved text stands in the report."""

import hashlib
import tomllib
from collections.abc import Collection
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from reports.stress.consistency import BUDGET, SHARE
from reports.verdict.verdicts import VerdictRules
from signing.files import read_capped
from signing.strict import MAX_LABEL, MAX_TEXT, is_name, is_plain, malformed, write_json

BUILT_IN = "built-in"
MAX_POLICY = 64 * 1024  # bytes; a report quotes a quarter of that
Text = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Rate = Annotated[str, StringConstraints(pattern=r"^0\.[0-9]{1,6}$")]
Share = Annotated[str, StringConstraints(pattern=f"^({SHARE})$")]
Size = Annotated[str, StringConstraints(pattern=f"^({BUDGET})$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,40}$")]
PlanName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}-(linf|l2|l0)-[0-9./]{1,12}$")]
Day = Annotated[str, StringConstraints(pattern=r"^20[0-9]{2}-[01][0-9]-[0-3][0-9]$")]
Count = Annotated[int, Field(ge=1, le=1_000_000)]


def _plain_name(name: str) -> str:
    if not is_name(name):
        raise ValueError("a name is one line of visible characters")
    return name


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Case(_Section):
    """What the auditor wants to stand on page one."""

    text: tuple[Text, ...] = ()


class Intake(_Section):
    """What a batch must be like."""

    second_signature: bool = False  # ask for the post-quantum one as well
    scale: Literal["required", "optional"] = "optional"


class Certify(_Section):
    """Which certificates a verdict must carry."""

    radius: Literal["off"] = "off"
    poisoning: Literal["off", "on"] = "off"  # say how many enrolled specimens may be altered
    tolerance: Annotated[int, Field(ge=0, le=499)] = 0  # of these at least, or there is no answer


class AskedAttack(_Section):
    """An attack that a stress test runs, and how far it may change a picture."""

    attack: Name
    norm: Literal["linf", "l2", "l0"]
    size: Size
    steps: Count = 10
    restarts: Count = 1
    queries: Count = 1000  # of the whole pipeline, for each picture


class AskedPoison(_Section):
    """A poison of an enrolment, and how much of it."""

    poison: Name
    specimens: Count = 1  # that it may alter
    size: Size = "8/255"  # of pictures that keep their labels
    steps: Count = 20


class AskedWaiver(_Section):
    """Why a gate that fails does not fail the run, and until when."""

    until: Day
    reason: Text


class AskedGate(_Section):
    """What a stress test must show."""

    metric: Literal["held", "regressions"]
    value: Share
    attack: PlanName | None = None  # of the worst of all, picture by picture
    bound: Literal["lower", "point", "upper"] = "lower"
    least: Count = 8
    slice: Literal["all", "authentic", "counterfeit"] = "all"
    severity: Literal["error", "warning", "note"] = "error"
    waiver: AskedWaiver | None = None


class Robustness(_Section):
    """Whether a model must have been stress-tested, and how `stress` does it."""

    result: Literal["required", "optional"] = "required"
    days: Annotated[int, Field(ge=1, le=3650)] = 365  # after which a result is stale
    images: Count = 8
    side: Count | None = None  # pixels: of larger pictures the middle is attacked, but never less than a tile
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    minutes: Count | None = None  # a clock that runs out makes the outcome inconclusive
    floor: Share = "0.6"  # of accuracy before any attack
    attacks: tuple[AskedAttack, ...] = ()
    enrolled: Count = 50  # pictures that are taught, to be poisoned
    poisons: tuple[AskedPoison, ...] = ()
    detectors: tuple[Name, ...] = ()
    checks: tuple[Name, ...] = ()
    gates: tuple[AskedGate, ...] = ()


class Decide(_Section):
    """When a finding is an answer."""

    error_rate: Rate = "0.05"  # of conformal sets, and of calling what is familiar unfamiliar


class Policy(_Section):
    """All of it."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=MAX_LABEL), AfterValidator(_plain_name)] = BUILT_IN
    case: Case = Field(default_factory=Case)
    intake: Intake = Field(default_factory=Intake)
    certify: Certify = Field(default_factory=Certify)
    robustness: Robustness = Field(default_factory=Robustness)
    decide: Decide = Field(default_factory=Decide)

    @property
    def text(self) -> str:
        """Return every setting, in one form."""
        return write_json(self.model_dump(mode="json")).decode()

    @property
    def digest(self) -> str:
        """Return the SHA-256 over every setting."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def rules(self) -> VerdictRules:
        """Return what decides a verdict."""
        return VerdictRules(
            Fraction(self.decide.error_rate),
            needs_scale=self.intake.scale == "required",
            tolerance=self.certify.tolerance if self.certify.poisoning == "on" else None,
        )

    def certifying(self, asked: Collection[str]) -> "Policy":
        """Return the policy that states these certificates as well."""
        certify = self.certify.model_copy(update=dict.fromkeys(asked, "on"))
        return self.model_copy(update={"certify": certify})


def read_policy(path: Path | None) -> Policy:
    """Return the policy of a file, or the built-in one; what is unknown or of another type is refused."""
    if path is None:
        return Policy()
    data = read_capped(path, limit=MAX_POLICY)
    try:
        said = tomllib.loads(data.decode())
        policy = Policy.model_validate(_with_tuples(said))
    except ValidationError as e:
        first = e.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise malformed(str(path), f"{where}: {first['msg'].lower()}") from e
    except (ValueError, RecursionError) as e:  # UnicodeDecodeError and TOMLDecodeError are ValueErrors
        raise malformed(str(path), f"is not a policy: {e}") from e
    if policy.name == BUILT_IN:
        raise malformed(str(path), f"a policy of its own has a name of its own; {BUILT_IN!r} is taken")
    reasons = [gate.waiver.reason for gate in policy.robustness.gates if gate.waiver is not None]
    for text in (policy.name, *policy.case.text, *reasons):
        if not is_plain(text) or text != text.strip():
            what = f"{text[:100]!a} has characters that cannot be shown, or white space at its ends"
            raise malformed(str(path), what)
    if len(policy.text) > MAX_TEXT:
        raise malformed(str(path), f"{len(policy.text):,} characters as a report quotes it, at most {MAX_TEXT:,}")
    if policy.certify.tolerance and policy.certify.poisoning == "off":
        raise malformed(str(path), 'certify.tolerance: a least tolerance is asked for; poisoning = "on" states one')
    if not policy.rules.alpha:
        raise malformed(str(path), "decide.error_rate: an error rate of 0 cannot be promised")
    return policy


def quoted_policy(text: str, where: str) -> Policy:
    """Return the policy that a report quotes."""
    try:
        policy = Policy.model_validate_json(text)
    except ValidationError as e:
        raise malformed(where, "quotes a policy that this version does not know") from e
    if policy.text != text:
        raise malformed(where, "quotes a policy in another form")
    return policy


def _with_tuples(value: object) -> object:
    """Return TOML's lists as tuples, which is what a frozen policy holds."""
    if isinstance(value, dict):
        return {key: _with_tuples(item) for key, item in value.items()}
    return tuple(map(_with_tuples, value)) if isinstance(value, list) else value
