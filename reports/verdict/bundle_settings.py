"""The part of a bundle's settings, `bundle.json`, that a report's header repeats, read with the standard library.

The tool itself reads the newest format with `fusiondiff_audit.model.settings`; a test compares both readers. Bundles of
the first format are read for the reports that were made with them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from reports.verdict.confounding import ImagingClaim
from reports.verdict.enrolment import EnrolledSet
from reports.verdict.enrolment_ranks import EnrolmentRanks
from reports.verdict.former_header import FORMER_ERROR_RATES
from reports.verdict.header import ErrorRate
from reports.verdict.likelihood_ratio import Alternative, RatioCalibrator
from signing.fields import Fields
from signing.records import LONGEST, MOST_INTEGER, read_record
from signing.strict import malformed

FORMER_BUNDLE_FORMAT, BUNDLE_FORMAT = "fusiondiff-audit/bundle/v1", "fusiondiff-audit/bundle/v2"
OPTIONAL = ("base",)
FIELDS = (
    *("architecture", "demonstration", "examples", "format", "geometry", "intensity", "learning", "micro_batch"),
    *("name", "ranks", "ratio_quality", "ratios", "reference", "confounding", "seen", "threads"),
)
_FORMER_FIELDS = (*set(FIELDS) - {"ranks", "ratio_quality", "ratios", "confounding"}, "unfamiliarity")


@dataclass(frozen=True, slots=True)
class EnrolledExample:
    """A labelled image that a bundle learnt from, or, in the first format, was calibrated with."""

    pixel_digest: str
    specimen: str
    authentic: bool
    maker: str | None = None  # None: not stated, as always in the first format
    session: str | None = None
    device: str | None = None
    calibrates: bool = False


@dataclass(frozen=True, slots=True)
class BundleSettings:
    """The part of a bundle's settings that a report states."""

    name: str
    base: str | None
    reference: str
    demonstration: bool
    partitions: int
    examples: tuple[EnrolledExample, ...]
    enrolled: EnrolledSet
    seen: frozenset[str]  # pixel digests of labelled images that the encoder was trained with
    ranks: EnrolmentRanks | None = None  # of its own specimens; None: too few, or a bundle of the first format
    ratios: tuple[RatioCalibrator, ...] = ()
    confounding: ImagingClaim | None = None

    @classmethod
    def from_fields(cls, settings: Fields) -> "BundleSettings":
        """Read a bundle's settings; an unknown or missing field, and a bundle that is not enrolled, are refused."""
        stated = settings.value.get("format")
        if stated not in (FORMER_BUNDLE_FORMAT, BUNDLE_FORMAT):
            raise malformed(settings.where, f"format {str(stated)[:100]!a}; {BUNDLE_FORMAT} is read")
        is_former = stated == FORMER_BUNDLE_FORMAT
        settings.closed(*(_FORMER_FIELDS if is_former else FIELDS), optional=OPTIONAL)
        examples = settings.list("examples", least=1, most=LONGEST)
        learning = settings.fields("learning").closed("partitions", "seed", "trees")
        return cls(
            settings.text("name"),
            settings.text("base") if settings.has("base") else None,
            settings.text("reference"),
            settings.boolean("demonstration"),
            learning.integer("partitions", least=1, most=MOST_INTEGER),
            tuple(map(_former_example if is_former else _example, examples)),
            EnrolledSet.from_settings(settings, most=LONGEST),
            frozenset(settings.texts("seen", most=LONGEST)),
            *(() if is_former else _enrolment_claims(settings)),
        )

    @property
    def devices(self) -> tuple[str, ...]:
        """Return the instruments of the enrolled images."""
        return tuple(sorted({example.device for example in self.examples if example.device is not None}))

    def count(self, *, authentic: bool, calibrates: bool = False) -> int:
        """Return the number of specimens of a class that the bundle learnt from, or was calibrated with."""
        use = (authentic, calibrates)
        return len({example.specimen for example in self.examples if (example.authentic, example.calibrates) == use})

    def error_rates(self, alpha: Fraction) -> tuple[ErrorRate, ...]:
        """Return the error rates that its ranks come to at the error rate of a policy."""
        return () if self.ranks is None else self.ranks.error_rates(alpha)

    @property
    def confounded(self) -> bool | None:
        """Whether facts about imaging predict the label; None if that was not checked."""
        return None if self.confounding is None else self.confounding.confounded

    def rated(self) -> Mapping[str, int]:
        """Return the number of calibration specimens behind each former error rate; a class without any has no rate.

        Images whose labels the encoder was trained with do not count.
        """
        kept = [example for example in self.examples if example.calibrates and example.pixel_digest not in self.seen]
        counts = (
            len({example.specimen for example in kept if example.authentic is authentic}) for authentic in (False, True)
        )
        return {name: count for name, count in zip(FORMER_ERROR_RATES, counts, strict=True) if count}


def _former_example(fields: Fields) -> EnrolledExample:
    fields.closed("pixel_digest", "specimen", "authentic", "calibrates")
    named = fields.text("pixel_digest"), fields.text("specimen"), fields.boolean("authentic")
    return EnrolledExample(*named, calibrates=fields.boolean("calibrates"))


def _example(fields: Fields) -> EnrolledExample:
    fields.closed("pixel_digest", "specimen", "authentic", "maker", "session", "device")
    named = fields.text("pixel_digest"), fields.text("specimen"), fields.boolean("authentic")
    maker, session, device = (
        None if fields.null(name) else fields.text(name) for name in ("maker", "session", "device")
    )
    return EnrolledExample(*named, maker, session, device)


def _enrolment_claims(
    settings: Fields,
) -> tuple[EnrolmentRanks | None, tuple[RatioCalibrator, ...], ImagingClaim | None]:
    """Return what a bundle states of its enrolment: ranks, likelihood ratios, and the check of imaging."""
    ranks = None if settings.null("ranks") else read_record(EnrolmentRanks, settings.fields("ranks"))
    ratios = settings.list("ratios", least=0, most=len(Alternative))
    claim = None if settings.null("confounding") else read_record(ImagingClaim, settings.fields("confounding"))
    return ranks, tuple(read_record(RatioCalibrator, ratio) for ratio in ratios), claim
