"""Reports that nobody computed: rows whose verdicts follow from numbers that were made up."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from hashlib import sha256
from typing import Any

from fusiondiff_audit.policy.audit import AuditPolicy, Case, RobustnessRequirement
from reports.arithmetic import Rank, error_bounds
from reports.identity import Key, Library
from reports.stress.outcome import Outcome
from reports.verdict.claims import Admission, RobustnessClaim, ScaleClaim
from reports.verdict.header import (
    ERROR_RATES,
    BatchHeader,
    ErrorRate,
    Header,
    ModelHeader,
    PolicyHeader,
    RunHeader,
    TrustHeader,
    VerdictCounts,
)
from reports.verdict.report import Report
from reports.verdict.rows import ImageRow, Judgement, image_verdict, specimen_rows
from reports.verdict.verdicts import Label, Verdict, VerdictRules
from reports.verdict.versions import NEWEST
from signing import PublicKey, write_time

ALPHA = Fraction("0.05")
RULES = (
    AuditPolicy(case=Case(text=("Sale 12",)), robustness=RobustnessRequirement(result="optional"))
    .certifying(["poisoning"])
    .text
)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def stress_claim(policy: str = "quick", day: str = "2026-11-21", **changes: Any) -> RobustnessClaim:
    """Return the claim of a stress test that was passed, or of another that is told."""
    return replace(
        RobustnessClaim(Outcome.PASSED, policy, digest("stress policy"), day, digest("result"), stale=False), **changes
    )


def rates(of: int) -> tuple[ErrorRate, ...]:
    """Return error rates of so many specimens of each class."""
    return tuple(ErrorRate(what, 1, of, error_bounds(1, of)) for what in ERROR_RATES)


def image(number: int, *, specimens: int = 3, needs_scale: bool = False) -> ImageRow:
    """Return a row; every fifth is a counterfeit, every seventh was refused, every eleventh is not sure."""
    name, specimen = f"tile-{number:06d}.tif", f"sherd {number % specimens}"
    if number % 7 == 6:
        why = ("digest-mismatch",)
        return ImageRow(name, digest(name), None, specimen, Verdict.REFUSED, why, None, None, (), None, ())
    authentic = number % 5 != 4
    high, low = Rank(12 + number % 8, 20), Rank(0 if number % 11 != 10 else 5, 20)
    judged = Judgement(
        Label.AUTHENTIC if authentic else Label.COUNTERFEIT,
        7 if authentic else 1,
        1 if authentic else 7,
        "0.871250" if authentic else "0.120000",
        "0.613000",
        "1.250000",
        16,
        "; ".join(" ".join(str(87 - 3 * i * j) for i in range(4)) for j in range(4)),
        high if authentic else low,
        low if authentic else high,
        Rank(9, 40),
        2 if authentic else 3,
    )
    pixels, scale = digest(f"pixels {name}"), ScaleClaim("200", "manifest")
    row = ImageRow(
        name, digest(name), pixels, specimen, Verdict.AUTHENTIC, (), judged, scale, ("cut",), "fit", ("seen",)
    )
    verdict, reasons = image_verdict(row, VerdictRules(ALPHA, needs_scale=needs_scale, tolerance=0))
    return replace(row, verdict=verdict, reasons=tuple(reasons))


def report(
    auditor: PublicKey, count: int = 30, *, specimens: int = 3, principal: str = "auditor-1", **changes: Any
) -> Report:
    """Return a report of so many images."""
    images = tuple(image(number, specimens=specimens) for number in range(count))
    rows = specimen_rows(images, VerdictRules(ALPHA, tolerance=0))
    header = Header(
        NEWEST,
        "0123456789abcdef" * 2,
        write_time(NOW),
        "Kiln Alder, lot 7, chosen by J. Doe",
        True,
        Key(principal, auditor.keyid),
        BatchHeader(
            digest("batch"), Key("sem-1", digest("device")), "sem-1", None, write_time(NOW), "1", "ab" * 16, 40, False
        ),
        TrustHeader(digest("trust"), 1, write_time(NOW.replace(year=2030))),
        ModelHeader("alder", digest("model"), True, 25, 25, 20, 20, 8, rates(20)),
        PolicyHeader("built-in", digest(RULES), RULES, "0.05", False, 0),
        RunHeader(digest("code"), False, "cpu", "fp32", 4, 2, "00" * 32, None, (Library("torch", "2.13.0"),)),
        None,
        Admission(),
        None,
        ("Sale 12",),
        ("It says nothing of age.",),
        VerdictCounts.of(row.verdict for row in rows),
        VerdictCounts.of(row.verdict for row in images),
    )
    return Report.of(replace(header, **changes), rows, images, bytes(range(32)))


def changed(said: Report, **changes: Any) -> Report:
    """Return a report that says something else."""
    parts = {"header": said.header, "specimens": said.specimens, "images": said.images, "salt_key": said.salt_key}
    return Report.of(**{**parts, **changes})


def fields(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every plain value of a JSON object."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from fields(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from fields(inner, (*path, place))
    else:
        yield path
