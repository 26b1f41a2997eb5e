"""The header of a report: what AUTHENTIC means in it, and everything that a repetition of the audit needs."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from reports.identity import Key, Library
from reports.verdict.claims import Admission, RobustnessClaim
from reports.verdict.verdicts import Verdict, VerdictRules
from reports.verdict.versions import VERSIONS, rules_of
from signing.strict import is_sha256
from signing.times import read_time

_ID = re.compile("[0-9a-f]{32}")
_RATE = re.compile(r"0\.[0-9]{1,6}")
ERROR_RATES = ("counterfeit specimens taken for authentic", "authentic specimens taken for counterfeit")


@dataclass(frozen=True, slots=True)
class BatchHeader:
    """The batch that was audited."""

    payload: str  # SHA-256 of the signed manifest
    signer: Key
    device: str
    lab: str | None
    captured: str
    sequence: str  # as text, since it may be larger than JSON readers take for a whole number
    nonce: str
    files: int
    second: bool  # a second, post-quantum signature was verified


@dataclass(frozen=True, slots=True)
class TrustHeader:
    """The trust store that the auditor used."""

    fingerprint: str
    version: int
    expires: str


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """An error rate that a bundle states of itself."""

    what: str
    errors: int
    of: int
    interval: str  # of 95 %, as `reports.arithmetic` gives it


@dataclass(frozen=True, slots=True)
class ModelHeader:
    """The model."""

    name: str
    digest: str  # over names and digests of its files
    verified: bool
    enrolled_authentic: int  # specimens
    enrolled_counterfeit: int
    calibrated_authentic: int
    calibrated_counterfeit: int
    partitions: int  # forests, each of which learnt from specimens of its own
    error_rates: tuple[ErrorRate, ...]  # none: not measured
    base: str | None = None  # the bundle that it was enrolled on; None: nothing is said of another

    @property
    def title(self) -> str:
        """Return the model's name, and the bundle that it was enrolled on."""
        return model_title(self.name, self.base)


@dataclass(frozen=True, slots=True)
class PolicyHeader:
    """The policy; its text holds every setting."""

    name: str
    digest: str
    text: str
    alpha: str  # error rate of the conformal sets, of which there is one for each specimen
    needs_scale: bool
    tolerance: int | None  # the least tolerance of an answer; None: the policy asks for no tolerance

    @property
    def rate(self) -> Fraction:
        """Return the error rate of the conformal sets."""
        return Fraction(self.alpha)


@dataclass(frozen=True, slots=True)
class RunHeader:
    """How and on which machine the audit was computed."""

    code: str  # SHA-256 over the sources
    released: bool
    device: str
    precision: str
    micro_batch: int
    threads: int
    noise_seed: str
    limit: int | None  # only so many of the batch's images were to be judged
    libraries: tuple[Library, ...]

    def __post_init__(self) -> None:
        """Refuse a limit of no image."""
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"a limit of {self.limit} images")


@dataclass(frozen=True, slots=True)
class VerdictCounts:
    """The number of rows of each verdict."""

    authentic: int
    counterfeit: int
    inconclusive: int
    unfamiliar: int
    refused: int

    @classmethod
    def of(cls, verdicts: Iterable[Verdict]) -> "VerdictCounts":
        """Return the counts of some verdicts."""
        stated = list(verdicts)
        return cls(*(stated.count(verdict) for verdict in Verdict))

    def by_verdict(self) -> dict[Verdict, int]:
        """Return the counts by verdict."""
        return {verdict: getattr(self, verdict.name.lower()) for verdict in Verdict}

    def __str__(self) -> str:
        return (
            ", ".join(f"{number:,} {verdict}" for verdict, number in self.by_verdict().items() if number) or "nothing"
        )


@dataclass(frozen=True, slots=True)
class Header:
    """What a report states about itself; leaf 0 of its tree."""

    format: str
    id: str  # 128 random bits
    issued: str
    reference: str  # AUTHENTIC means: authentic as this
    demonstration: bool
    auditor: Key
    batch: BatchHeader
    trust: TrustHeader
    model: ModelHeader
    policy: PolicyHeader
    run: RunHeader
    robustness: RobustnessClaim | None  # None: the model was not stress-tested
    admission: Admission
    ledger: str | None  # the newest checkpoint; None: replay was not checked
    case: tuple[str, ...]
    limits: tuple[str, ...]  # what the report does not prove
    specimens: VerdictCounts
    images: VerdictCounts

    def __post_init__(self) -> None:
        """Refuse what cannot be a report of this version."""
        if self.format not in VERSIONS:
            raise ValueError(f"format {self.format[:100]!a}; those that are read are {', '.join(VERSIONS)}")
        if self.model.partitions < 0 or (self.model.partitions > 0) is not rules_of(self.format).partitions_are_stated:
            raise ValueError(f"{self.model.partitions} partitions in a report of format {self.format}")
        if not _ID.fullmatch(self.id):
            raise ValueError("a report's id has 32 hexadecimal digits")
        digests = (self.batch.payload, self.model.digest, self.policy.digest, self.run.code, self.trust.fingerprint)
        for digest in (*digests, self.run.noise_seed):  # the seed is as long as a digest
            if not is_sha256(digest):
                raise ValueError(f"{digest[:100]!a} is no digest")
        if not _RATE.fullmatch(self.policy.alpha) or not self.policy.rate:
            raise ValueError(f"an error rate of {self.policy.alpha[:100]!a}")
        read_time(self.issued, "a report")

    @property
    def rules(self) -> VerdictRules:
        """Return the policy's rules and those of the report's version, by which verdicts follow."""
        policy, version = self.policy, rules_of(self.format)
        return VerdictRules(
            policy.rate,
            needs_scale=policy.needs_scale,
            tolerance=policy.tolerance,
            needs_calibration=version.answers_need_calibration,
        )

    @property
    def time(self) -> datetime:
        """Return the time of issue that the auditor claims."""
        return read_time(self.issued, "a report")


def model_title(name: str, base: str | None) -> str:
    """Return a model's name and the name of its base as one title."""
    return name if base is None else f"{name}, enrolled on {base}"


def limit_notice(limit: int | None) -> tuple[str, ...]:
    """Return the sentence that a report of a part of its batch must have among its limits."""
    return () if limit is None else (f"Only the first {limit:,} images of the batch were asked for.",)
