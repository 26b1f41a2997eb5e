"""What a bundle's own settings, `bundle.json`, say that a report's header repeats; the standard library reads them.

The tool itself reads the same file with `fusiondiff_audit.model.settings`; a test compares both readers.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from reports.verdict.enrolment import EnrolledSet
from reports.verdict.header import ERROR_RATES
from signing.fields import Fields
from signing.records import LONGEST, MOST_INTEGER, read_record

FORMAT = "fusiondiff-audit/bundle/v1"
OPTIONAL = ("base",)
FIELDS = (
    *("architecture", "demonstration", "examples", "format", "geometry", "intensity", "learning", "micro_batch"),
    *("name", "reference", "seen", "threads", "unfamiliarity"),
)


@dataclass(frozen=True, slots=True)
class Example:
    """A labelled picture that a bundle learnt from, or was calibrated with."""

    pixel_digest: str
    specimen: str
    authentic: bool
    calibrates: bool


@dataclass(frozen=True, slots=True)
class BundleSettings:
    """The part of a bundle's settings that a report states."""

    name: str
    base: str | None
    reference: str
    demonstration: bool
    partitions: int
    examples: tuple[Example, ...]
    enrolled: EnrolledSet
    seen: frozenset[str]  # pixel digests of labelled pictures that the encoder was trained with

    @classmethod
    def from_fields(cls, settings: Fields) -> "BundleSettings":
        """Read a bundle's settings; an unknown or missing field, and a bundle that is not enrolled, are refused."""
        settings.closed(*FIELDS, optional=OPTIONAL).constant("format", FORMAT)
        learning = settings.fields("learning").closed("partitions", "seed", "trees")
        return cls(
            settings.text("name"),
            settings.text("base") if settings.has("base") else None,
            settings.text("reference"),
            settings.boolean("demonstration"),
            learning.integer("partitions", least=1, most=MOST_INTEGER),
            tuple(read_record(Example, example) for example in settings.list("examples", least=1, most=LONGEST)),
            EnrolledSet.from_settings(settings, most=LONGEST),
            frozenset(settings.texts("seen", most=LONGEST)),
        )

    def count(self, *, authentic: bool, calibrates: bool) -> int:
        """Return the number of specimens of a class that the bundle learnt from, or was calibrated with."""
        kind = (authentic, calibrates)
        return len({one.specimen for one in self.examples if (one.authentic, one.calibrates) == kind})

    def rated(self) -> Mapping[str, int]:
        """Return of how many specimens each error rate is; a class without any has no rate.

        A picture whose label the encoder was trained with counts for nothing.
        """
        kept = [one for one in self.examples if one.calibrates and one.pixel_digest not in self.seen]
        counts = (len({one.specimen for one in kept if one.authentic is authentic}) for authentic in (False, True))
        return {what: count for what, count in zip(ERROR_RATES, counts, strict=True) if count}
