"""A model that must have been stress-tested, and what counts as that."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from fusiondiff_audit.audit import requirement as room
from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.policy.policy import AskedAttack, AskedGate, Policy
from fusiondiff_audit.policy.policy import Robustness as Rules
from fusiondiff_audit.weights.pins import Pin
from reports.stress.outcome import Outcome
from reports.stress.result import StressResult, sign_stress_result
from reports.verdict.claims import RobustnessClaim
from signing import PrivateKey, PublicKey, Reason, SigningError, TrustStore
from tests.conftest import NOW
from tests.reports.made import digest
from tests.reports.test_robustness import DOUBT, FAILED_GATE
from tests.reports.test_robustness import made as any_result
from tests.stressed import stressed

Claimed = RobustnessClaim | None
Ask = Callable[..., Claimed]
ASKED: dict[str, Any] = {
    "images": 8,
    "attacks": (AskedAttack(attack="pgd", norm="linf", size="8/255"),),
    "checks": ("S01",),
    "gates": (AskedGate(metric="held", value="0.5"),),
}
REQUIRED = Policy(name="strict", robustness=Rules(days=30, **ASKED))
BUILT_IN = Policy(name="strict", robustness=Rules(days=30))
OPTIONAL, OPTIONAL_MONTH = (Policy(robustness=Rules(result="optional", days=days)) for days in (365, 30))
Keyring = dict[str, PrivateKey]


def made(auditor: PublicKey, policy: Policy = REQUIRED, **changes: Any) -> StressResult:
    """Return a result of a policy, which passed unless told otherwise."""
    return any_result(auditor, policy=policy.name, policy_text=policy.text, **changes)


def named(claim: Claimed) -> tuple[str, str] | None:
    """Return the outcome of a claim, and the policy of its stress test."""
    return None if claim is None else (claim.outcome, claim.policy)


@pytest.fixture
def ask(tmp_path: Path, keys: Keyring, trust: TrustStore) -> Ask:
    """Return what asks for a result that was changed."""

    def call(result: StressResult | None, policy: Policy = REQUIRED, *, days: int = 1, model: str = "model") -> Claimed:
        path = None
        if result is not None:
            path = tmp_path / "robustness.sigstore.json"
            path.write_bytes(sign_stress_result(result, keys["auditor"]))
        return room.require_robustness(
            path, model=digest(model), policy=policy, trust=trust, now=NOW + timedelta(days=days)
        )

    return call


def test_a_result_that_passed_is_named_in_the_report(ask: Ask, keys: Keyring) -> None:
    claim = ask(made(keys["auditor"].public))
    assert claim is not None
    assert (claim.outcome, claim.policy, claim.day, claim.stale) == ("PASSED", "strict", "2026-11-21", False)
    assert claim.is_pass


@pytest.mark.parametrize("word", [Outcome.FAILED, Outcome.INCONCLUSIVE])
def test_what_did_not_pass_counts_only_where_none_is_required(ask: Ask, keys: Keyring, word: Outcome) -> None:
    parts = {"gates": (FAILED_GATE,)} if word is Outcome.FAILED else {"checks": (DOUBT,)}
    result = made(keys["auditor"].public, word=word, why=("S06 no bounds, no defence",), **parts)
    assert named(ask(result, OPTIONAL)) == (word, "strict")
    with pytest.raises(AuditError, match=f"ended {word}: S06") as caught:
        ask(result)
    assert caught.value.reason is AuditReason.NOT_STRESS_TESTED


def test_missing_and_stale_results_are_refused_where_one_is_required(ask: Ask, keys: Keyring) -> None:
    assert ask(None, OPTIONAL) is None
    with pytest.raises(AuditError, match="none was given"):
        ask(None)
    result = made(keys["auditor"].public)
    assert ask(result, days=30)
    with pytest.raises(AuditError, match="31 days old, 30 at most"):
        ask(result, days=31)
    claim = ask(result, OPTIONAL_MONTH, days=31)
    assert claim is not None
    assert claim.stale
    assert not claim.is_pass


def test_a_result_of_other_weights_never_counts(ask: Ask, keys: Keyring) -> None:
    for policy in (REQUIRED, OPTIONAL):
        with pytest.raises(AuditError, match="a stress test of sha256"):
            ask(made(keys["auditor"].public), policy, model="another")


def test_a_result_by_nobody_listed_never_counts(tmp_path: Path, keys: Keyring, trust: TrustStore) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(sign_stress_result(made(keys["thief"].public), keys["thief"]))
    with pytest.raises(SigningError) as caught:
        room.require_robustness(path, model=digest("model"), policy=OPTIONAL, trust=trust, now=NOW)
    assert caught.value.reason is Reason.UNKNOWN_KEY


def test_whoever_runs_a_stress_test_does_not_choose_how_hard_it_is(
    ask: Ask, keys: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    auditor = keys["auditor"].public
    easier = REQUIRED.model_copy(update={"robustness": Rules(**ASKED | {"floor": "0"})})
    with pytest.raises(AuditError, match="policy 'strict' is asked for"):
        ask(made(auditor, easier))
    assert named(ask(made(auditor, easier), OPTIONAL)) == ("PASSED", "strict")
    with pytest.raises(AuditError, match="one of quick, full, exhaustive is asked for"):
        ask(made(auditor), BUILT_IN)
    monkeypatch.setattr(room, "stress_policy", lambda name: REQUIRED)
    assert named(ask(made(auditor), BUILT_IN)) == ("PASSED", "strict")


def test_a_certificate_more_is_no_other_stress_test(ask: Ask, keys: Keyring) -> None:
    """`--certify` states one that the policy has not, and an audit done again quotes both together."""
    stating = REQUIRED.certifying(["poisoning"])
    assert stating.digest != REQUIRED.digest
    for by, asked in ((REQUIRED, stating), (stating, REQUIRED), (stating, stating)):
        assert named(ask(made(keys["auditor"].public, by), asked)) == ("PASSED", "strict")
    easier = stating.model_copy(update={"robustness": Rules(**ASKED | {"floor": "0"})})
    with pytest.raises(AuditError, match="policy 'strict' is asked for"):
        ask(made(keys["auditor"].public, easier))


@pytest.fixture
def beside(tmp_path: Path, keys: Keyring, monkeypatch: pytest.MonkeyPatch) -> Pin:
    """Return the pin of a bundle whose result lies beside it, by a key that no trust store lists."""
    data = sign_stress_result(stressed(keys["thief"].public, digest("model")), keys["thief"])
    pin = Pin(tmp_path / "tiny", digest("model"), sha256(data).hexdigest())
    pin.result.write_bytes(data)
    monkeypatch.setattr(room, "PINNED", {"tiny": pin})
    return pin


def test_a_bundle_that_comes_along_has_its_result_beside_it(ask: Ask, beside: Pin) -> None:
    assert named(ask(None, Policy())) == ("PASSED", "quick")
    assert named(ask(None, Policy(), days=3650)) == ("PASSED", "quick")  # it is as old as the tool
    claim = ask(None, OPTIONAL, days=3650)
    assert claim is not None
    assert not claim.stale
    with pytest.raises(AuditError, match="none was given"):
        ask(None, Policy(), model="another")
    with pytest.raises(AuditError, match="policy 'strict' is asked for"):
        ask(None)


def test_what_was_put_in_its_place_is_not_believed(
    ask: Ask, beside: Pin, keys: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = sign_stress_result(stressed(keys["auditor"].public, digest("model")), keys["auditor"])
    beside.result.write_bytes(other)
    with pytest.raises(SigningError) as caught:
        ask(None, Policy())
    assert caught.value.reason is Reason.DIGEST_MISMATCH
    monkeypatch.setattr(room, "PINNED", {"tiny": replace(beside, tested=sha256(other).hexdigest())})
    assert ask(None, Policy())
    monkeypatch.setattr(room, "PINNED", {"tiny": replace(beside, digest=digest("other"))})
    with pytest.raises(AuditError, match="none was given"):
        ask(None, Policy())


def test_a_result_that_is_handed_in_goes_before_the_one_beside_the_bundle(ask: Ask, beside: Pin, keys: Keyring) -> None:
    with pytest.raises(AuditError, match="31 days old"):
        ask(made(keys["auditor"].public), days=31)
