"""The step of `verify` that reads the reviews beside a report."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from reports.verdict.report import Report
from reports.verdict.review import MAX_REVIEW_FILE, REVIEW, REVIEW_ENDING, Decision, Review, open_review
from reports.verdict.verification import PassedCheck, Verification
from signing import SigningError, TrustStore, read_capped, write_time
from signing.records import write_record

_SHOWN = 3  # decisions that are not `agree`, in a check's sentence


def check_reviews(path: Path, report: Report, verification: Verification, trust: TrustStore) -> tuple[Review, ...]:
    """Return the genuine reviews beside a verified report; each becomes a check, and any other stays unchecked.

    A review alters nothing in a report, so one that is refused does not refuse the report.
    """
    names = [file.name for file in verification.unchecked if file.name == REVIEW or file.name.endswith(REVIEW_ENDING)]
    if not names:
        return ()
    folder = path if os.path.isdir(path) else path.parent
    reviews, faults = [], {}
    for name in names:
        beside = folder / name
        try:
            data = read_capped(beside, limit=MAX_REVIEW_FILE)
            review, signer = open_review(data, str(beside), report=report, trust=trust)
        except SigningError as e:
            faults[name] = f"NOT a genuine review of this report ({e.reason}), and not counted"
            continue
        reviews.append(review)
        when = f"{write_time(signer.time or review.time)} ({'proven' if signer.proven else 'claimed'})"
        own = ", who signed the report" if review.reviewer.keyid == report.header.auditor.keyid else ""
        verification.checks.append(
            PassedCheck("review", f"{signer.principal!r}{own}, {when}: {review.counts}{_others(review)}")
        )
    genuine = set(names) - faults.keys()
    verification.unchecked = tuple(
        replace(file, state=faults.get(file.name, file.state))
        for file in verification.unchecked
        if file.name not in genuine
    )
    return tuple(reviews)


def reviews_sentence(reviews: tuple[Review, ...]) -> str:
    """Return what the last line says of reviews: who made them, and what they object to."""
    return "".join(f"; reviewed by {review.reviewer.principal!r}: {review.counts}" for review in reviews)


def reviews_data(reviews: tuple[Review, ...]) -> list[dict[str, Any]]:
    return [write_record(review) for review in reviews]


def _others(review: Review) -> str:
    others = [decided for decided in review.decisions if decided.decision is not Decision.AGREE]
    shown = [f"{one.specimen[:60]!a} {one.decision}: {(one.reason or '')[:200]!a}" for one in others[:_SHOWN]]
    rest = len(others) - len(shown)
    return "".join(f"; {text}" for text in shown) + (f"; {rest:,} more with --json" if rest else "")
