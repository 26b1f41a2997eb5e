"""A model that must have been stress-tested, and what counts as that."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from fusiondiff_audit.auditing import requirement as module
from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.policy.audit import AuditPolicy, Certify, Decide, RobustnessRequirement
from fusiondiff_audit.policy.laboratory import Case
from fusiondiff_audit.policy.stress import (
    AttackSettings,
    GateSettings,
    StressPolicy,
    WaiverSettings,
    read_stress_policy,
)
from fusiondiff_audit.weights.pins import Pin
from reports.stress.gates import GateOutcome
from reports.stress.outcome import Outcome
from reports.stress.result import StressResult, sign_stress_result
from reports.verdict.claims import RobustnessClaim
from signing import PrivateKey, PublicKey, Reason, SigningError, TrustStore, write_time
from tests.conftest import NOW
from tests.reports.stress.test_stress_result import DOUBT, FAILED_GATE, FOOLED, HELD, TRIED
from tests.reports.stress.test_stress_result import made as any_result
from tests.reports.verdict.made import digest
from tests.stress_results import stressed

VECTORS = Path(__file__).parents[1] / "vectors" / "reports"
FORMER_BUNDLE = "e79f081976f75c1acd2832d8d2814d53d9bfeb84433edf67ae5ea3c2235d5239"  # embedded until 2026-12-01
FORMER_RESULT = "572c0601161ca7b1bba902250cabd6740373038865af94ca7797294717d97bf7"

Claimed = RobustnessClaim | None
Ask = Callable[..., Claimed]
NIGHTLY = StressPolicy(
    name="nightly",
    attacks=(AttackSettings(attack="pgd", norm="linf", size="8/255"),),
    checks=("S01",),
    gates=(GateSettings(metric="held", value="0.3"),),
)
OWN = (f"sha256:{NIGHTLY.digest}",)
REQUIRED = AuditPolicy(name="strict", robustness=RobustnessRequirement(days=30, policies=OWN))
BUILT_IN = AuditPolicy(name="strict", robustness=RobustnessRequirement(days=30))
OPTIONAL, OPTIONAL_MONTH = (
    AuditPolicy(robustness=RobustnessRequirement(result="optional", days=days)) for days in (365, 30)
)
ALL_LOST = replace(TRIED, held=(), fooled=(), sizes=(), silenced=(*HELD, *FOOLED))
Keyring = dict[str, PrivateKey]


def made(auditor: PublicKey, policy: StressPolicy = NIGHTLY, **changes: Any) -> StressResult:
    """Return a result of a policy, which passed unless told otherwise."""
    return any_result(auditor, policy=policy.name, policy_text=policy.text, **changes)


def named(claim: Claimed) -> tuple[str, str] | None:
    """Return the outcome of a claim, and the policy of its stress test."""
    return None if claim is None else (claim.outcome, claim.policy)


@pytest.fixture
def ask(tmp_path: Path, keys: Keyring, trust: TrustStore) -> Ask:
    """Return what asks for a result that was changed."""

    def call(
        result: StressResult | None, policy: AuditPolicy = REQUIRED, *, days: int = 1, model: str = "model"
    ) -> Claimed:
        path = None
        if result is not None:
            path = tmp_path / "robustness.sigstore.json"
            path.write_bytes(sign_stress_result(result, keys["auditor"]))
        return module.require_robustness(
            path, model=digest(model), policy=policy, trust=trust, now=NOW + timedelta(days=days)
        )

    return call


def test_a_result_that_passed_is_named_in_the_report(ask: Ask, keys: Keyring) -> None:
    claim = ask(made(keys["auditor"].public))
    assert claim is not None
    assert (claim.outcome, claim.policy, claim.day, claim.stale) == ("PASSED", "nightly", "2026-11-21", False)
    assert claim.is_pass


@pytest.mark.parametrize("word", [Outcome.FAILED, Outcome.INCONCLUSIVE])
def test_what_did_not_pass_counts_only_where_none_is_required(ask: Ask, keys: Keyring, word: Outcome) -> None:
    parts = (
        {"gates": (replace(FAILED_GATE, count=0),), "attacks": (ALL_LOST,)}
        if word is Outcome.FAILED
        else {"checks": (DOUBT,)}
    )
    result = made(keys["auditor"].public, word=word, **parts)
    assert named(ask(result, OPTIONAL)) == (word, "nightly")
    with pytest.raises(AuditError, match=re.escape(f"ended {word}: {result.why[0]}")) as caught:
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


def test_a_result_by_an_unlisted_signer_never_counts(tmp_path: Path, keys: Keyring, trust: TrustStore) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(sign_stress_result(made(keys["thief"].public), keys["thief"]))
    with pytest.raises(SigningError) as caught:
        module.require_robustness(path, model=digest("model"), policy=OPTIONAL, trust=trust, now=NOW)
    assert caught.value.reason is Reason.UNKNOWN_KEY


def test_whoever_runs_a_stress_test_does_not_choose_how_hard_it_is(
    ask: Ask, keys: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    auditor = keys["auditor"].public
    easier = NIGHTLY.model_copy(update={"floor": "0"})
    with pytest.raises(AuditError, match=f"by policy 'nightly' sha256:{easier.digest}, policy 'strict' requires") as e:
        ask(made(auditor, easier))
    assert e.value.reason is AuditReason.NOT_STRESS_TESTED
    assert named(ask(made(auditor, easier), OPTIONAL)) == ("PASSED", "nightly")
    with pytest.raises(AuditError, match="requires quick or full or exhaustive"):
        ask(made(auditor), BUILT_IN)
    named_alike = made(auditor, NIGHTLY.model_copy(update={"name": "quick"}))
    with pytest.raises(AuditError, match="requires quick or full or exhaustive"):
        ask(named_alike, BUILT_IN)
    monkeypatch.setattr(module, "read_stress_policy", lambda name: NIGHTLY)
    assert named(ask(made(auditor), BUILT_IN)) == ("PASSED", "nightly")


def test_a_policy_that_only_has_the_name_of_a_built_in_one_never_counts(ask: Ask, keys: Keyring) -> None:
    auditor = keys["auditor"].public
    with pytest.raises(AuditError, match="not the built-in one"):
        ask(made(auditor, NIGHTLY.model_copy(update={"name": "quick"})), OPTIONAL)
    assert named(ask(stressed(auditor, digest("model"), issued=write_time(NOW)), OPTIONAL)) == ("PASSED", "quick")


def test_a_result_is_stale_once_a_waiver_that_it_needed_has_ended(ask: Ask, keys: Keyring) -> None:
    waiver = WaiverSettings(until="2026-11-24", reason="known")
    waived = NIGHTLY.model_copy(update={"gates": (NIGHTLY.gates[0].model_copy(update={"waiver": waiver}),)})
    parts = {"gates": (replace(FAILED_GATE, passed=GateOutcome.WAIVED, count=0),), "attacks": (ALL_LOST,)}
    result = made(keys["auditor"].public, waived, **parts)
    requirement = RobustnessRequirement(policies=(f"sha256:{waived.digest}",))
    required, optional = (
        AuditPolicy(robustness=requirement.model_copy(update={"result": demand})) for demand in ("required", "optional")
    )
    assert named(ask(result, required, days=2)) == ("PASSED", "nightly")
    with pytest.raises(AuditError, match="a gate failed that was waived until 2026-11-24"):
        ask(result, required, days=3)
    for days in (2, 3):
        claim = ask(result, optional, days=days)
        assert claim is not None
        assert claim.stale is (days == 3)


@pytest.mark.parametrize(
    "change",
    [
        {"case": Case(text=("Case 2027-02",))},
        {"decide": Decide(error_rate="0.1")},
        {"certify": Certify(poisoning="on", tolerance=1)},
        {"name": "sale-13"},
    ],
)
def test_another_case_or_error_rate_or_certificate_is_no_other_stress_test(
    change: dict[str, Any], ask: Ask, keys: Keyring
) -> None:
    changed = REQUIRED.model_copy(update=change)
    assert changed.digest != REQUIRED.digest
    assert named(ask(made(keys["auditor"].public), changed)) == ("PASSED", "nightly")


def test_a_result_of_the_one_file_form_counts_for_the_policy_with_its_settings(ask: Ask, keys: Keyring) -> None:
    """Its own digest was over the sections of an audit as well; that digest may be named, too."""
    auditor = keys["auditor"].public
    sections = AuditPolicy(case=Case(text=("Case 2026-12",))).model_dump(mode="json")
    settings = NIGHTLY.model_dump(mode="json", exclude={"name"}) | {"result": "required", "days": 365}
    text = json.dumps(sections | {"name": "nightly", "robustness": settings})
    result = any_result(auditor, policy="nightly", policy_text=text)
    assert result.policy_digest != NIGHTLY.digest
    assert named(ask(result)) == ("PASSED", "nightly")
    by_digest = RobustnessRequirement(policies=(f"sha256:{result.policy_digest}",))
    assert named(ask(result, AuditPolicy(robustness=by_digest))) == ("PASSED", "nightly")
    with pytest.raises(AuditError, match="requires"):
        ask(any_result(auditor, policy="nightly", policy_text=text.replace('"floor": "0.6"', '"floor": "0"')))


def test_a_built_in_policy_that_changed_still_accepts_what_was_signed_by_its_one_file_form(
    monkeypatch: pytest.MonkeyPatch, trust: TrustStore
) -> None:
    harder = read_stress_policy("quick").model_copy(update={"floor": "0.9"})
    monkeypatch.setattr(module, "read_stress_policy", lambda name: harder)
    pin = Pin(VECTORS / "robustness-one-file" / "embedded", FORMER_BUNDLE, FORMER_RESULT)
    monkeypatch.setattr(module, "PINNED", {"fusion-diff-v1-ceramic": pin})
    claim = module.require_robustness(None, model=pin.digest, policy=AuditPolicy(), trust=trust, now=NOW)
    assert named(claim) == ("PASSED", "quick")
    full = AuditPolicy(robustness=RobustnessRequirement(policies=("full",)))
    with pytest.raises(AuditError, match="requires full"):
        module.require_robustness(None, model=pin.digest, policy=full, trust=trust, now=NOW)


@pytest.fixture
def beside(tmp_path: Path, keys: Keyring, monkeypatch: pytest.MonkeyPatch) -> Pin:
    """Return the pin of a bundle whose result lies beside it, by a key that no trust store lists."""
    data = sign_stress_result(stressed(keys["thief"].public, digest("model")), keys["thief"])
    pin = Pin(tmp_path / "tiny", digest("model"), sha256(data).hexdigest())
    pin.result.write_bytes(data)
    monkeypatch.setattr(module, "PINNED", {"tiny": pin})
    return pin


def test_an_embedded_bundle_has_its_result_beside_it(ask: Ask, beside: Pin) -> None:
    assert named(ask(None, AuditPolicy())) == ("PASSED", "quick")
    assert named(ask(None, AuditPolicy(), days=3650)) == ("PASSED", "quick")  # it is as old as the tool
    claim = ask(None, OPTIONAL, days=3650)
    assert claim is not None
    assert not claim.stale
    with pytest.raises(AuditError, match="none was given"):
        ask(None, AuditPolicy(), model="another")
    with pytest.raises(AuditError, match="policy 'strict' requires"):
        ask(None)


def test_a_result_that_replaces_an_embedded_one_is_refused(
    ask: Ask, beside: Pin, keys: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = sign_stress_result(stressed(keys["auditor"].public, digest("model")), keys["auditor"])
    beside.result.write_bytes(other)
    with pytest.raises(SigningError) as caught:
        ask(None, AuditPolicy())
    assert caught.value.reason is Reason.DIGEST_MISMATCH
    monkeypatch.setattr(module, "PINNED", {"tiny": replace(beside, result_digest=sha256(other).hexdigest())})
    assert ask(None, AuditPolicy())
    monkeypatch.setattr(module, "PINNED", {"tiny": replace(beside, digest=digest("other"))})
    with pytest.raises(AuditError, match="none was given"):
        ask(None, AuditPolicy())


def test_a_given_result_replaces_the_one_beside_the_bundle(ask: Ask, beside: Pin, keys: Keyring) -> None:
    with pytest.raises(AuditError, match="31 days old"):
        ask(made(keys["auditor"].public), days=31)
