"""A baseline is a result of this model, of the same trials, signed by somebody listed."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from attacks.images import Norm
from fusiondiff_audit.policy.quoted import quoted_stress_policy
from fusiondiff_audit.policy.stress import WaiverSettings, read_stress_policy
from fusiondiff_audit.stress.baseline import StressBaseline, open_baseline
from reports.stress.outcome import Outcome
from reports.stress.result import StressResult, sign_stress_result
from signing import PrivateKey, Reason, SigningError, TrustStore, write_time
from tests.conftest import NOW
from tests.reports.stress.test_stress_result import FOOLED, HELD, MISSED, TRIED, left, made
from tests.reports.verdict.made import digest
from tests.stress_results import stressed

Keyring = dict[str, PrivateKey]
FINER = replace(TRIED, name="apgd-linf-8/255", sizes=("0.011765", "0.031373"))
BLUR = replace(TRIED, name="blur-linf-1", family="platforms", size="1.000000")
BROKEN = replace(TRIED, name="zoo-l2-2.0", norm="l2", size="2.000000", problem="RuntimeError")


def digest_of(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def kept(folder: Path, result: StressResult, key: PrivateKey) -> Path:
    path = folder / "before.json"
    path.write_bytes(sign_stress_result(result, key))
    return path


def test_what_is_of_another_model_or_policy_or_by_nobody_is_refused(
    tmp_path: Path, keys: Keyring, trust: TrustStore
) -> None:
    result = made(keys["auditor"].public)
    path = kept(tmp_path, result, keys["auditor"])
    policy = quoted_stress_policy(result.policy_text, "it")
    assert open_baseline(path, trust, model=result.model, policy=policy) == StressBaseline(result, digest_of(path))
    for model, asked in (("birch", policy), (result.model, policy.model_copy(update={"seed": 1}))):
        with pytest.raises(SigningError, match="nothing that could be compared") as caught:
            open_baseline(path, trust, model=model, policy=asked)
        assert caught.value.reason is Reason.BAD_REQUEST
    thief = kept(tmp_path, made(keys["thief"].public), keys["thief"])
    with pytest.raises(SigningError) as caught:
        open_baseline(thief, trust, model=result.model, policy=policy)
    assert caught.value.reason is Reason.UNKNOWN_KEY


def test_a_waiver_keeps_the_baseline_that_it_waives_a_regression_against(
    tmp_path: Path, keys: Keyring, trust: TrustStore
) -> None:
    nightly = read_stress_policy("quick").model_copy(update={"name": "nightly"})
    waiver = WaiverSettings(until="2027-01-31", reason="known since the change of lenses")
    gates = tuple(gate.model_copy(update={"waiver": waiver}) for gate in nightly.gates)
    result = stressed(keys["auditor"].public, digest("model"), nightly, issued=write_time(NOW))
    path = kept(tmp_path, result, keys["auditor"])
    for change in ({"gates": gates}, {"minutes": 90}):
        changed = nightly.model_copy(update=change)
        assert changed.digest != nightly.digest
        assert open_baseline(path, trust, model=result.model, policy=changed).result == result


def test_what_did_not_end_says_nothing_of_what_held(keys: Keyring) -> None:
    result = made(keys["auditor"].public, word=Outcome.INCONCLUSIVE, attacks=(TRIED, BROKEN))
    held = StressBaseline(result, "").held_images
    assert set(held) == {TRIED.name}
    assert held[TRIED.name] == dict.fromkeys(HELD, True) | dict.fromkeys((*FOOLED, *MISSED), False)


def test_the_bank_keeps_the_smallest_change_of_each_norm(keys: Keyring) -> None:
    result = made(keys["auditor"].public, attacks=(TRIED, FINER, BLUR), gates=left(5))
    known = {Norm.LINF: {FOOLED[0]: 0.011765, FOOLED[1]: 0.015686}}
    assert StressBaseline(result, "").smallest_changes(result.model_digest) == known
    assert StressBaseline(result, "").smallest_changes("0" * 64) == {}  # a stronger model
