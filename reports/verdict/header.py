"""The header of a report: what AUTHENTIC means in it, and everything that a repetition of the audit needs."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from reports.identity import Key, Library
from reports.verdict.batch_statement import BatchStatement
from reports.verdict.claims import Admission, RobustnessClaim
from reports.verdict.likelihood_ratio import Alternative, RatioCalibrator
from reports.verdict.verdicts import Verdict, VerdictReason, VerdictRules
from reports.verdict.versions import VERSIONS, rules_of
from signing.strict import is_sha256
from signing.times import read_time

_LEAST_SHARE = 4
_ID = re.compile("[0-9a-f]{32}")
_RATE = re.compile(r"0\.[0-9]{1,6}")


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
    """An error rate that a bundle states of itself; `reports.verdict.error_rates` has the names."""

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
    enrolled_authentic: int  # specimens, among which an audited one is ranked
    enrolled_counterfeit: int
    partitions: int  # forests, each of which learnt from specimens of its own
    error_rates: tuple[ErrorRate, ...]  # none: not measured
    devices: tuple[str, ...]  # instruments of enrolled images, sorted; none: not stated
    confounded: bool | None  # imaging predicts the labels of the enrolled specimens; None: not checked
    ratios: tuple[RatioCalibrator, ...]  # from a specimen's score to its likelihood ratios, by alternative
    enrolled_tiles: tuple[
        int, ...
    ]  # of the images that most enrolled specimens have, largest first; none: it ranks nobody
    base: str | None  # the bundle that it was enrolled on; None: nothing is said of another

    def __post_init__(self) -> None:
        """Refuse devices in another order, and two calibrators of one alternative."""
        if list(self.devices) != sorted(set(self.devices)) or "" in self.devices:
            raise ValueError("devices that are not sorted, named, each once")
        alternatives = [calibrator.alternative for calibrator in self.ratios]
        if alternatives != sorted(set(alternatives), key=list(Alternative).index):
            raise ValueError("calibrators of likelihood ratios that are not of each alternative once, in their order")
        ordered = list(self.enrolled_tiles) == sorted(self.enrolled_tiles, reverse=True)
        if not ordered or min(self.enrolled_tiles, default=1) < 1:
            raise ValueError("numbers of enrolled tiles that are not positive, largest first")

    @property
    def least_tiles(self) -> int:
        """Return by how many tiles a specimen must be compared to be AUTHENTIC: a quarter of those of enrolled ones.

        Fewer show too little: everything is as usual as anything else.
        """
        return -(-sum(self.enrolled_tiles) // _LEAST_SHARE)

    def states_ratios(self, tiles: tuple[int, ...]) -> bool:
        """Say whether a specimen that was compared by these tiles has likelihood ratios.

        Scores vary more with fewer tiles, so that a calibrator holds for about as many as it was fitted to: as many
        images, and of each three quarters of the tiles.
        """
        pairs = zip(tiles, self.enrolled_tiles, strict=False)
        enough = len(tiles) >= len(self.enrolled_tiles) and all(4 * own >= 3 * fitted for own, fitted in pairs)
        return bool(self.ratios) and enough

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
    alpha: str  # error rate: the share of specimens of a class whose p-value may be no larger
    needs_scale: bool
    needs_instrument: bool  # an instrument that was not enrolled, or confounding, prevents an answer
    tolerance: int | None  # the least tolerance of an answer; None: the policy asks for no tolerance

    @property
    def rate(self) -> Fraction:
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
    specimens: VerdictCounts  # with images without a specimen's name, each of which counts as a specimen
    images: VerdictCounts
    statement: BatchStatement | None  # of the whole batch; None: no specimen was ranked

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
        """Return the policy's rules, and what speaks against the instrument, by which verdicts follow."""
        policy = self.policy
        return VerdictRules(
            policy.rate,
            needs_scale=policy.needs_scale,
            tolerance=policy.tolerance,
            needs_instrument=policy.needs_instrument,
            instrument=instrument_reasons(self.model, self.batch.device),
            least_tiles=self.model.least_tiles,
        )

    @property
    def time(self) -> datetime:
        """Return the time of issue that the auditor claims."""
        return read_time(self.issued, "a report")


def instrument_reasons(model: ModelHeader, device: str) -> tuple[VerdictReason, ...]:
    """Return what speaks against comparing images of a device with those that the model was enrolled with."""
    reasons = (
        (VerdictReason.INSTRUMENT_NOT_ENROLLED, device not in model.devices),
        (VerdictReason.INSTRUMENT_CONFOUNDED, model.confounded is True),
    )
    return tuple(reason for reason, applies in reasons if applies)


def model_title(name: str, base: str | None) -> str:
    """Return a model's name and the name of its base as one title."""
    return name if base is None else f"{name}, enrolled on {base}"
