"""The part of a bundle's settings, `bundle.json`, that a report's header repeats, read with the standard library.

The tool itself reads the same file with `fusiondiff_audit.model.settings`; a test compares both readers.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from reports.verdict.enrolment import EnrolledSet
from reports.verdict.header import ERROR_RATES
from signing.fields import Fields
from signing.records import LONGEST, MOST_INTEGER, read_record

BUNDLE_FORMAT = "fusiondiff-audit/bundle/v1"
OPTIONAL = ("base",)
FIELDS = (
    *("architecture", "demonstration", "examples", "format", "geometry", "intensity", "learning", "micro_batch"),
    *("name", "reference", "seen", "threads", "unfamiliarity"),
)


@dataclass(frozen=True, slots=True)
class EnrolledExample:
    """A labelled image that a bundle learnt from, or was calibrated with."""

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
    examples: tuple[EnrolledExample, ...]
    enrolled: EnrolledSet
    seen: frozenset[str]  # pixel digests of labelled images that the encoder was trained with

    @classmethod
    def from_fields(cls, settings: Fields) -> "BundleSettings":
        """Read a bundle's settings; an unknown or missing field, and a bundle that is not enrolled, are refused."""
        settings.closed(*FIELDS, optional=OPTIONAL).constant("format", BUNDLE_FORMAT)
        examples = settings.list("examples", least=1, most=LONGEST)
        learning = settings.fields("learning").closed("partitions", "seed", "trees")
        return cls(
            settings.text("name"),
            settings.text("base") if settings.has("base") else None,
            settings.text("reference"),
            settings.boolean("demonstration"),
            learning.integer("partitions", least=1, most=MOST_INTEGER),
            tuple(read_record(EnrolledExample, example) for example in examples),
            EnrolledSet.from_settings(settings, most=LONGEST),
            frozenset(settings.texts("seen", most=LONGEST)),
        )

    def count(self, *, authentic: bool, calibrates: bool) -> int:
        """Return the number of specimens of a class that the bundle learnt from, or was calibrated with."""
        use = (authentic, calibrates)
        return len({example.specimen for example in self.examples if (example.authentic, example.calibrates) == use})

    def rated(self) -> Mapping[str, int]:
        """Return the number of specimens behind each error rate; a class without any has no rate.

        Images whose labels the encoder was trained with do not count.
        """
        kept = [example for example in self.examples if example.calibrates and example.pixel_digest not in self.seen]
        counts = (
            len({example.specimen for example in kept if example.authentic is authentic}) for authentic in (False, True)
        )
        return {name: count for name, count in zip(ERROR_RATES, counts, strict=True) if count}
