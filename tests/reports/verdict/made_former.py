"""Reports of versions 1 and 2 that nobody computed: each image was ranked, and a specimen judged by its worst image."""

import json
from dataclasses import fields, replace
from typing import Any

from fusiondiff_audit.policy.audit import AuditPolicy, RobustnessRequirement
from fusiondiff_audit.policy.laboratory import Case
from reports.arithmetic import Rank, error_bounds
from reports.verdict.claims import ScaleClaim
from reports.verdict.former_header import FORMER_ERROR_RATES, FormerHeader, FormerModelHeader
from reports.verdict.former_rows import (
    FormerImageRow,
    FormerJudgement,
    FormerSpecimenRow,
    former_image_verdict,
    former_specimen_rows,
)
from reports.verdict.header import ErrorRate, VerdictCounts
from reports.verdict.report import Report
from reports.verdict.verdicts import Label, Verdict, VerdictRules
from reports.verdict.versions import V2, V3
from signing import PublicKey
from signing.records import write_record
from signing.strict import write_json
from tests.reports.verdict.made import ALPHA, ENROLLED, digest, header


def former_policy(**changes: Any) -> AuditPolicy:
    return AuditPolicy(case=Case(text=("Sale 12",)), robustness=RobustnessRequirement(result="optional"), **changes)


def former_text(policy: AuditPolicy) -> str:
    """Return a policy's text as versions 1 and 2 quoted it, without a setting for instruments."""
    settings = json.loads(policy.text)
    del settings["intake"]["instrument"]
    return write_json(settings).decode()


RULES = former_text(former_policy().certifying(["poisoning"]))
FORMER_RULES = VerdictRules(ALPHA, tolerance=0)


def former_rates(of: int) -> tuple[ErrorRate, ...]:
    """Return error rates of so many specimens of each class."""
    return tuple(ErrorRate(what, 1, of, error_bounds(1, of)) for what in FORMER_ERROR_RATES)


def former_image(number: int, *, specimens: int = 3, needs_scale: bool = False) -> FormerImageRow:
    """Return a row; every fifth is a counterfeit, every seventh was refused, every eleventh is not sure."""
    name, specimen = f"tile-{number:06d}.tif", f"sherd {number % specimens}"
    if number % 7 == 6:
        why = ("digest-mismatch",)
        return FormerImageRow(name, digest(name), None, specimen, Verdict.REFUSED, why)
    authentic = number % 5 != 4
    high, low = Rank(12 + number % 8, 20), Rank(0 if number % 11 != 10 else 5, 20)
    judged = FormerJudgement(
        label=Label.AUTHENTIC if authentic else Label.COUNTERFEIT,
        votes_authentic=7 if authentic else 1,
        votes_counterfeit=1 if authentic else 7,
        score="0.871250" if authentic else "0.120000",
        gate="0.613000",
        tiles=16,
        map="; ".join(" ".join(str(87 - 3 * i * j) for i in range(4)) for j in range(4)),
        tolerance=2 if authentic else 3,
        unfamiliarity="1.250000",
        authentic=high if authentic else low,
        counterfeit=low if authentic else high,
        familiar=Rank(9, 40),
    )
    pixels, scale = digest(f"pixels {name}"), ScaleClaim("200", "manifest")
    row = FormerImageRow(
        name, digest(name), pixels, specimen, Verdict.AUTHENTIC, (), judged, scale, ("cut",), "fit", ("seen",)
    )
    return settled(row, replace(FORMER_RULES, needs_scale=needs_scale))


def settled(row: FormerImageRow, rules: VerdictRules = FORMER_RULES) -> FormerImageRow:
    """Return a row with the verdict that follows."""
    verdict, reasons = former_image_verdict(row, rules)
    return replace(row, verdict=verdict, reasons=reasons)


def former_header(auditor: PublicKey, **changes: Any) -> FormerHeader:
    """Return a header that counts nothing yet."""
    head = header(auditor)
    own = {field.name: getattr(head, field.name) for field in fields(head)}
    shared = {field.name: getattr(head.model, field.name) for field in fields(head.model)}
    shared |= {"error_rates": former_rates(20), "devices": (), "confounded": None, "ratios": (), "enrolled_tiles": ()}
    own["model"] = FormerModelHeader(**shared, calibrated_authentic=ENROLLED, calibrated_counterfeit=ENROLLED)
    own["policy"] = replace(head.policy, digest=digest(RULES), text=RULES, needs_instrument=False)
    return FormerHeader(**own | {"format": V2} | changes)


def former_report(auditor: PublicKey, count: int = 30, *, specimens: int = 3, **changes: Any) -> Report:
    """Return a report of so many images, as it is read of version 2."""
    images = tuple(former_image(number, specimens=specimens) for number in range(count))
    return former_following(former_header(auditor, **changes), images)


def former_following(head: FormerHeader, images: tuple[FormerImageRow, ...]) -> Report:
    """Return the report of some rows, with specimens and counts as they follow."""
    rows = former_specimen_rows(images, head.rules)
    counts = VerdictCounts.of(row.verdict for row in rows), VerdictCounts.of(row.verdict for row in images)
    return former_of(replace(head, specimens=counts[0], images=counts[1]), rows, images)


def former_of(
    head: FormerHeader, specimens: tuple[FormerSpecimenRow, ...], images: tuple[FormerImageRow, ...]
) -> Report:
    """Return a report whose leaves are as its version has them, whatever they say."""
    kinds = ["header", *["specimen"] * len(specimens), *["image"] * len(images)]
    leaves = (head, *specimens, *images)
    texts = tuple(_leaf(kind, write_record(leaf), head.format) for kind, leaf in zip(kinds, leaves, strict=True))
    return Report(head, specimens, images, bytes(range(32)), texts)


ADDED: dict[
    str, dict[str, tuple[tuple[str | None, str], ...]]
] = {  # by version, the fields that it added to a leaf, or to an object in it
    V2: {
        "header": (("model", "partitions"), ("policy", "tolerance")),
        "specimen": ((None, "tolerance"),),
        "image": (("judged", "tolerance"),),
    },
    V3: {
        "header": (
            *(("model", name) for name in ("base", "devices", "confounded", "ratios", "enrolled_tiles")),
            *(("policy", "needs_instrument"), (None, "admission"), (None, "statement")),
        ),
        "specimen": ((None, "evidence"),),
        "image": ((None, "enrolled"), (None, "evidence")),
    },
}


def _leaf(kind: str, leaf: dict[str, Any], version: str) -> bytes:
    leaf = in_sentences(leaf)
    for part, name in (field for later in ADDED if later > version for field in ADDED[later].get(kind, ())):
        holder = leaf if part is None else leaf[part]
        if holder is not None:
            del holder[name]
    return write_json(leaf)


def in_sentences(leaf: dict[str, Any]) -> dict[str, Any]:
    """Return a leaf with stress test, admission and scale as versions 1 and 2 wrote them."""
    if claim := leaf.get("robustness"):
        stale = ", stale" if claim["stale"] else ""
        leaf["robustness"] = f"{claim['outcome']} {claim['policy']}, {claim['day']}, sha256:{claim['digest']}{stale}"
    elif "robustness" in leaf:
        leaf["robustness"] = "not stress-tested"
    if admission := leaf.get("admission"):
        if admission["again"] is not None:
            leaf["limits"].append(
                f"The ledger was told to admit this batch whatever it knew of it: {admission['again']}"
            )
        if admission["out_of_order"]:
            leaf["limits"].append("The batch came out of order: the ledger had admitted a later one of its device.")
    if leaf.get("scale"):
        leaf["scale"] = f"{leaf['scale']['nm']} nm, by {leaf['scale']['source']}"
    return leaf
