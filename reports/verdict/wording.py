"""Sentences for people about a report's typed facts: one wording for the command line and for pages.

No sentence is read back, so each may change.

    >>> scale_text(ScaleClaim("12.5", "manifest"))
    '12.5 nm, by manifest'
    >>> robustness_text(None)
    'not stress-tested'
"""

from reports.verdict.claims import RobustnessClaim, ScaleClaim
from reports.verdict.header import Header


def robustness_lines(claim: RobustnessClaim | None) -> tuple[str, ...]:
    """Return what a report states of a stress test, one digest in a line at most: a table cuts longer lines."""
    if claim is None:
        return ("not stress-tested",)
    stale = ", stale" if claim.stale else ""
    policy = () if claim.policy_digest is None else (f"policy sha256:{claim.policy_digest}",)
    return (
        f"{claim.outcome}{stale}, policy {claim.policy!a}",
        *policy,
        f"result of {claim.day}, sha256:{claim.digest}",
    )


def robustness_text(claim: RobustnessClaim | None) -> str:
    """Return what a report states of a stress test as one sentence."""
    return ", ".join(robustness_lines(claim))


def scale_text(scale: ScaleClaim) -> str:
    """Return the side of a pixel, and who states it."""
    return f"{scale.nm} nm, by {scale.source}"


def limitations(header: Header) -> tuple[str, ...]:
    """Return what a report does not prove, and what a reader must know of how its batch was admitted."""
    admission, sentences = header.admission, list(header.limits)
    if admission.again is not None:
        sentences.append(f"The ledger was told to admit this batch whatever it knew of it: {admission.again}")
    if admission.out_of_order:
        sentences.append("The batch came out of order: the ledger had admitted a later batch of its device.")
    return tuple(sentences)
