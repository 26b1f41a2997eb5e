"""The requirement that a model was stress-tested before it judges, and the claim that the report makes of it.

A result counts if a trusted auditor signed it, it is of these very weights, it passed, and it is not too old. It must
also be of a stress policy that the audit's policy names: whoever runs a stress test does not choose how hard it is.
A built-in policy is known by its digest; a policy that only has the name of one is refused, also where no result is
required.
Where the policy requires a result, anything less ends the audit before an image is judged; else the report states the
result, whatever its outcome, or that there is none.

An embedded bundle has its result beside it, pinned by digest like the bundle. That result is as old as the tool, so it
is never stale.
"""

from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.policy.audit import AuditPolicy
from fusiondiff_audit.policy.one_file import ONE_FILE_DIGESTS
from fusiondiff_audit.policy.quoted import stress_policy_digest
from fusiondiff_audit.policy.stress import read_stress_policy
from fusiondiff_audit.weights.pins import PINNED
from reports.stress.outcome import Outcome
from reports.stress.result import MAX_RESULT_FILE, StressResult, open_stress_result, read_stress_result
from reports.verdict.claims import RobustnessClaim
from reports.verdict.embedded import STRESS_POLICIES
from signing import Reason, SigningError, TrustStore, read_capped

_HINT = "`fusiondiff-audit stress --first` makes one; give it with --robustness"


def require_robustness(
    path: Path | None, *, model: str, policy: AuditPolicy, trust: TrustStore, now: datetime
) -> RobustnessClaim | None:
    """Return the claim of a report about a stress result; `model` is the digest of the weights that are to judge."""
    required = policy.robustness.result == "required"
    pin = None if path is not None else next((pin for pin in PINNED.values() if pin.digest == model), None)
    place = path if pin is None else pin.result
    if place is None:
        if required:
            raise _refused("the policy requires a stress test's result, and none was given")
        return None
    data = read_capped(place, limit=MAX_RESULT_FILE)
    digest = sha256(data).hexdigest()
    if pin is None:
        result, _ = open_stress_result(data, str(place), trust=trust)
    elif digest != pin.result_digest:
        raise SigningError(Reason.DIGEST_MISMATCH, f"{place}: is not the result that came with this tool")
    else:
        result = read_stress_result(data, str(place))
    if result.model_digest != model:
        raise _refused(f"{place}: a stress test of sha256:{result.model_digest}, the model is sha256:{model}")
    named = f"sha256:{result.policy_digest}" in policy.robustness.policies
    policy_digest = result.policy_digest if named else stress_policy_digest(result, str(place))
    if not named and (required or result.policy in STRESS_POLICIES):
        _refuse_other_policy(result, policy_digest, policy, place)
    fault = None if pin is not None else _staleness(result, policy, now)
    if fault is not None and required:
        raise _refused(f"{place}: {fault}")
    if result.word is not Outcome.PASSED and required:
        why = result.why[0] if result.why else "a gate failed"
        raise _refused(f"{place}: the stress test ended {result.word}: {why}")
    return RobustnessClaim(result.word, result.policy, policy_digest, result.issued[:10], digest, fault is not None)


def _staleness(result: StressResult, policy: AuditPolicy, now: datetime) -> str | None:
    """Say why a result counts no longer: by its age, or because a gate that failed is waived no longer."""
    age, waived = now - result.time, result.waived_until
    if age > timedelta(days=policy.robustness.days):
        return f"{age.days} days old, {policy.robustness.days} at most"
    return f"a gate failed that was waived until {waived:%Y-%m-%d}" if waived is not None and now >= waived else None


def _refuse_other_policy(result: StressResult, digest: str, policy: AuditPolicy, place: Path) -> None:
    """Refuse a result of a stress policy that the audit's policy does not name, or that borrows a built-in name."""
    required = policy.robustness.result == "required"
    references = policy.robustness.policies if required else (result.policy,)
    accepted = {reference.removeprefix("sha256:") for reference in references}
    accepted |= {read_stress_policy(name).digest for name in references if name in STRESS_POLICIES}
    accepted |= {digest for digest, name in ONE_FILE_DIGESTS.items() if name in references}
    if not accepted & {result.policy_digest, digest}:
        what = f"{place}: a stress test by policy {result.policy!r} sha256:{digest}"
        demand = f"policy {policy.name!r} requires {' or '.join(references)}" if required else "not the built-in one"
        raise _refused(f"{what}, {demand}")


def _refused(what: str) -> AuditError:
    return AuditError(AuditReason.NOT_STRESS_TESTED, what, hint=_HINT)
