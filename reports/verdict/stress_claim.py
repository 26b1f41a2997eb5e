"""A claim of a stress test, compared with the policy that the header quotes.

The signed result is no part of a report, so its existence and its content are claims of the auditor. The header alone
shows whether the audit's policy allows the claim: outcome, stress policy and age.
"""

from datetime import timedelta

from reports.stress.outcome import Outcome
from reports.verdict.embedded import EMBEDDED_BUNDLES, STRESS_POLICIES
from reports.verdict.header import Header
from signing.fields import Fields

_MOST_DAYS, _MOST_POLICIES = 3650, 100
_DAY = timedelta(days=1)


def stress_claim_fault(header: Header, requirement: Fields) -> str | None:
    """Return why the policy's `[robustness]` does not allow the header's claim of a stress test; None if it does."""
    claim = header.robustness
    if claim is None:  # `consistency` refuses that where a result is required
        return None
    bundle = EMBEDDED_BUNDLES.get(header.model.digest)
    embedded = bundle is not None and bundle.tested == claim.digest
    if bundle is not None and embedded:
        stated = (Outcome.PASSED, bundle.tested_by, bundle.tested_on)
        if (claim.outcome, claim.policy, claim.day) != stated:
            return f"it claims of the embedded model's stress test something else than {' '.join(stated)}"
    if claim.policy_digest is None:
        return "its stress test was made by a policy without a digest"
    if requirement.text("result") == "required":
        accepted = requirement.texts("policies", most=_MOST_POLICIES)
        by_name = claim.policy in STRESS_POLICIES and claim.policy in accepted
        if not by_name and f"sha256:{claim.policy_digest}" not in accepted:
            return f"its stress test was made by policy {claim.policy!a}; one by {', '.join(accepted)} is required"
    oldest = header.time - claim.midnight
    youngest = oldest - _DAY  # the result was issued at some hour of that day
    if not embedded and oldest < timedelta(0):
        return f"its stress test is of {claim.day}, after the report itself"
    days = timedelta(days=requirement.integer("days", least=1, most=_MOST_DAYS))
    if not embedded and not claim.stale and youngest >= days:  # a waiver that ended makes a younger one stale
        return f"its stress test is older than the {days.days} days of the policy"
    return None
