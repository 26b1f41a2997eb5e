"""Reports that nobody computed: rows whose verdicts follow from numbers that were made up."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256
from typing import Any

from fusiondiff_audit.origin import Origin
from fusiondiff_audit.policy.audit import AuditPolicy, RobustnessRequirement
from fusiondiff_audit.policy.laboratory import Case
from reports.arithmetic import Rank, error_bounds
from reports.identity import Key, Library
from reports.stress.outcome import Outcome
from reports.verdict.claims import Admission, RobustnessClaim, ScaleClaim
from reports.verdict.enrolment_ranks import COPIES_ACCEPTED, MAKER_ACCEPTED, OWN_REJECTED
from reports.verdict.evidence_check import is_comparable
from reports.verdict.header import (
    BatchHeader,
    ErrorRate,
    Header,
    ModelHeader,
    PolicyHeader,
    RunHeader,
    TrustHeader,
    VerdictCounts,
)
from reports.verdict.likelihood_ratio import Alternative, RatioCalibrator
from reports.verdict.limits import STANDARD_LIMITS
from reports.verdict.report import Report
from reports.verdict.rows import ImageRow, Judgement, SpecimenEvidence
from reports.verdict.specimens import DecidedRows, SpecimenKey, by_specimen, decide_rows
from reports.verdict.verdicts import Label, Verdict
from reports.verdict.versions import NEWEST
from signing import PublicKey, write_time

ALPHA = Fraction("0.05")
RULES = (
    AuditPolicy(case=Case(text=("Sale 12",)), robustness=RobustnessRequirement(result="optional"))
    .certifying(["poisoning"])
    .text
)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ORIGIN = Origin("0.1.0", "0" * 64, released=False)  # of code that makes pages
ENROLLED = 20  # specimens of each class
TILES = 16
AUTHENTIC, COPY, EITHER, NEITHER, WITH_REFUSED, APART, BLURRED, ALL_REFUSED = range(8)  # what specimens are, in turn
HIGH, LOW = Rank(15, ENROLLED), Rank(0, ENROLLED)
CALIBRATORS = (
    RatioCalibrator(Alternative.ENROLLED_MAKERS, Decimal("0.5"), Decimal("9"), Decimal("0.1"), Decimal("10"), 20, 20),
    RatioCalibrator(Alternative.ANOTHER_MAKER, Decimal("0.1"), Decimal("3"), Decimal("0.5"), Decimal("2"), 20, 3),
)


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def stress_claim(policy: str = "quick", day: str = "2026-11-21", **changes: Any) -> RobustnessClaim:
    """Return the claim of a stress test that was passed, or of another that is told."""
    return replace(
        RobustnessClaim(Outcome.PASSED, policy, digest("stress policy"), day, digest("result"), stale=False), **changes
    )


def rates(of: int) -> tuple[ErrorRate, ...]:
    """Return error rates of so many specimens of each class, and of two makers."""
    classes = [ErrorRate(what, 1, of, error_bounds(1, of)) for what in (COPIES_ACCEPTED, OWN_REJECTED)]
    of_makers = (("Oak", 2), ("Elm", 0))
    makers = [ErrorRate(f"{MAKER_ACCEPTED}{maker}", wrong, 5, error_bounds(wrong, 5)) for maker, wrong in of_makers]
    return (*classes, *makers)


def image(number: int, *, specimens: int = 8) -> ImageRow:
    """Return a row without a verdict, unless it is refused; each tenth names no specimen."""
    name, (specimen, kind) = f"tile-{number:06d}.tif", _specimen(number, specimens)
    if kind == ALL_REFUSED or (kind == WITH_REFUSED and number // specimens == 1):
        why = ("digest-mismatch",)
        return ImageRow(name, digest(name), None, specimen, Verdict.REFUSED, why)
    votes = (1, 7) if kind == COPY else (7, 1)
    judged = Judgement(
        Label.COUNTERFEIT if kind == COPY else Label.AUTHENTIC,
        *votes,
        "0.120000" if kind == COPY else "0.871250",
        "0.613000",
        TILES,
        "; ".join(" ".join(str(87 - 3 * i * j) for i in range(4)) for j in range(4)),
        3 if kind == COPY else 2,
    )
    blurred = kind == BLURRED or (kind == AUTHENTIC and number // specimens == 3)  # left out beside those that are not
    pixels, scale = digest(f"pixels {name}"), ScaleClaim("200", "manifest")
    row = ImageRow(name, digest(name), pixels, specimen, Verdict.INCONCLUSIVE, (), judged, scale, ("cut",), "fit")
    return (
        replace(row, judged=None, quality="not assessable (out of focus)")
        if blurred
        else replace(row, remarks=("seen",))
    )


def _specimen(number: int, specimens: int) -> tuple[str | None, int]:
    """Return the name of an image's specimen, and what that is."""
    if number % 10 == 9:
        return None, (AUTHENTIC, ALL_REFUSED, COPY)[number // 10 % 3]
    return f"sherd {number % specimens}", number % specimens % 8


def evidence(kind: int, images: int = 1, **changes: Any) -> SpecimenEvidence:
    """Return the evidence of a specimen of some kind, with so many assessable images."""
    ranks = {AUTHENTIC: (HIGH, LOW), WITH_REFUSED: (HIGH, LOW), COPY: (LOW, HIGH), EITHER: (HIGH, HIGH)}
    authentic, counterfeit = ranks.get(kind, (LOW, LOW))
    spread = Rank(0 if kind == APART else 7, 25) if images > 1 else None
    made = SpecimenEvidence(authentic, counterfeit, spread, (TILES,) * images, False, False, f"-{kind}.250000")
    return replace(made, **changes)


def decided(images: Iterable[ImageRow], header: Header) -> DecidedRows:
    """Return all rows, with evidence as the names of specimens and the forests' labels give it."""
    stated: dict[SpecimenKey, SpecimenEvidence] = {}
    for key, rows in by_specimen(images).items():
        judged = [row.judged for row in rows if row.judged is not None]
        if is_comparable(rows):
            kind = COPY if judged[0].label is Label.COUNTERFEIT else AUTHENTIC
            stated[key] = evidence(int(key[0].split()[1]) % 8 if key[0] else kind, len(judged))
    return decide_rows(images, stated, header.rules)


def header(auditor: PublicKey, principal: str = "auditor-1", **changes: Any) -> Header:
    """Return a header that counts nothing yet."""
    said = Header(
        format=NEWEST,
        id="0123456789abcdef" * 2,
        issued=write_time(NOW),
        reference="Kiln Alder, lot 7, chosen by J. Doe",
        demonstration=True,
        auditor=Key(principal, auditor.keyid),
        batch=BatchHeader(
            digest("batch"), Key("sem-1", digest("device")), "sem-1", None, write_time(NOW), "1", "ab" * 16, 40, False
        ),
        trust=TrustHeader(digest("trust"), 1, write_time(NOW.replace(year=2030))),
        model=ModelHeader(
            *("alder", digest("model"), True, ENROLLED, ENROLLED, 8, rates(ENROLLED)),
            *(("sem-1", "sem-2"), False, CALIBRATORS, (TILES,), None),
        ),
        policy=PolicyHeader("built-in", digest(RULES), RULES, "0.05", False, True, 0),
        run=RunHeader(digest("code"), False, "cpu", "fp32", 4, 2, "00" * 32, None, (Library("torch", "2.13.0"),)),
        robustness=None,
        admission=Admission(),
        ledger=None,
        case=("Sale 12",),
        limits=STANDARD_LIMITS,
        specimens=VerdictCounts.of(()),
        images=VerdictCounts.of(()),
        statement=None,
    )
    return replace(said, **changes)


def report(
    auditor: PublicKey, count: int = 30, *, specimens: int = 8, principal: str = "auditor-1", **changes: Any
) -> Report:
    """Return a report of so many images."""
    head = header(auditor, principal, **changes)
    return following(head, decided([image(number, specimens=specimens) for number in range(count)], head))


def following(head: Header, rows: DecidedRows, salt_key: bytes = bytes(range(32))) -> Report:
    """Return the report of some rows, with the header's counts and statement as they follow."""
    counts = VerdictCounts.of(rows.verdicts), VerdictCounts.of(row.verdict for row in rows.images)
    head = replace(head, specimens=counts[0], images=counts[1], statement=rows.statement(head.policy.rate))
    return Report.of(head, rows.specimens, rows.images, salt_key)


def redecided(said: Report, images: Iterable[ImageRow], **changes: Any) -> Report:
    """Return a report with other images or header, in which all that can follow follows from the stated evidence."""
    head, rows = replace(said.header, **changes), tuple(images)
    stated = DecidedRows(said.specimens, said.images).evidence
    comparable = {key for key, own in by_specimen(rows).items() if is_comparable(own)}
    kept = {key: own for key, own in stated.items() if key in comparable}
    return following(head, decide_rows(rows, kept, head.rules), said.salt_key)


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
