"""Whether a model was attacked before it is believed: what a report says of a stress test's result.

A result counts if a trusted auditor signed it, it is of these very weights, it passed, and it is not too old. It must
also be of this very policy, or, if this one asks for no attack itself, of one that comes with the tool: whoever runs a
stress test does not choose how hard it is. Where the policy requires a result, anything less ends the audit before a
picture is looked at; else the report says what there is.

A bundle that comes with the tool has its result beside it, known by its digest as the bundle is. It is as old as the
tool, so no clock makes it stale; it stops counting with the policies that it was made by.
"""

from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.policy.policy import Policy
from fusiondiff_audit.stress.policies import BUILT_IN, stress_policy
from fusiondiff_audit.weights.pins import PINNED
from reports.stress.outcome import Outcome
from reports.stress.result import MAX_FILE, open_stress_result, read_stress_result
from reports.verdict.claims import RobustnessClaim
from signing import Reason, SigningError, TrustStore, read_capped

_HINT = "`fusiondiff-audit stress --first` makes one; hand it in as --robustness"


def require_robustness(
    path: Path | None, *, model: str, policy: Policy, trust: TrustStore, now: datetime
) -> RobustnessClaim | None:
    """Return what the report says of a result; `model` is the digest of the weights that are about to look."""
    required = policy.robustness.result == "required"
    pin = None if path is not None else next((pin for pin in PINNED.values() if pin.digest == model), None)
    place = path if pin is None else pin.result
    if place is None:
        if required:
            raise _refused("the policy requires a stress test's result, and none was given")
        return None
    data = read_capped(place, limit=MAX_FILE)
    digest = sha256(data).hexdigest()
    if pin is None:
        result, _ = open_stress_result(data, str(place), trust=trust)
    elif digest != pin.tested:
        raise SigningError(Reason.DIGEST_MISMATCH, f"{place}: is not the result that came with this tool")
    else:
        result = read_stress_result(data, str(place))
    if result.model_digest != model:
        raise _refused(f"{place}: a stress test of sha256:{result.model_digest}, the model is sha256:{model}")
    if required and result.policy_digest not in _accepted(policy):
        which = f"policy {policy.name!r}" if policy.robustness.attacks else f"one of {', '.join(BUILT_IN)}"
        raise _refused(f"{place}: a stress test by policy {result.policy!r}, {which} is asked for")
    age = now - result.time
    stale = pin is None and age > timedelta(days=policy.robustness.days)
    if stale and required:
        raise _refused(f"{place}: {age.days} days old, {policy.robustness.days} at most")
    if result.word is not Outcome.PASSED and required:
        why = result.why[0] if result.why else "a gate failed"
        raise _refused(f"{place}: the stress test ended {result.word}: {why}")
    return RobustnessClaim(result.word, result.policy, result.issued[:10], digest, stale)


def _accepted(policy: Policy) -> set[str]:
    """Return the digests of the policies that a stress test may have been made by.

    One certificate more or less, as `--certify` states it or an audit done again quotes it, is no other stress test.
    """
    if not policy.robustness.attacks:
        return {stress_policy(name).digest for name in BUILT_IN}
    either = (policy.certify.model_copy(update={"poisoning": stated}) for stated in ("on", "off"))
    return {policy.model_copy(update={"certify": certify}).digest for certify in either}


def _refused(what: str) -> AuditError:
    return AuditError(AuditReason.NOT_STRESS_TESTED, what, hint=_HINT)
