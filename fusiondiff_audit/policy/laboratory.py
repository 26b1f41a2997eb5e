"""What a test report states of its laboratory and its case, in the auditor's words (ISO/IEC 17025:2017, 7.8.2.1).

All of it is optional, and none of it decides a verdict. `reports.verdict.laboratory` reads it from the policy that a
report quotes.
"""

from collections.abc import Iterable
from datetime import date

from fusiondiff_audit.policy.parsing import PolicySection, Text


class StatedSection(PolicySection):
    """A section of texts and days that a report shows to people."""

    @property
    def sentences(self) -> Iterable[str]:
        """Yield every text."""
        for value in dict(self).values():
            yield from (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ()


class Laboratory(StatedSection):
    """The laboratory and its method."""

    name: Text | None = None
    address: Text | None = None
    place: Text | None = None  # of the test, where it is not the address
    method: Text | None = None
    method_version: Text | None = None
    reproduction: Text | None = None  # the terms for copies of parts of the report


class Case(StatedSection):
    """The customer, the items and the days; `text` are further sentences."""

    text: tuple[Text, ...] = ()
    customer: Text | None = None
    contact: Text | None = None  # of the customer
    item: Text | None = None  # what was handed in
    condition: Text | None = None  # in which it was
    received: date | None = None
    sampled: date | None = None
    sampling: Text | None = None  # plan and method
    tested_from: date | None = None
    tested_until: date | None = None
    deviations: Text | None = None  # from the method, and additions to it
    external: Text | None = None  # results of other laboratories
    authorised_by: Text | None = None
