"""An earlier result is compared with only if it is one of this model and this policy, signed by somebody listed."""

from dataclasses import replace
from pathlib import Path

import pytest

from attacks.images import Norm
from fusiondiff_audit.stress.before import bank_of, held_before, open_before
from reports.stress.outcome import Outcome
from reports.stress.result import StressResult, sign_stress_result
from signing import PrivateKey, Reason, SigningError, TrustStore
from tests.reports.test_robustness import FOOLED, HELD, MISSED, TRIED, left, made

Keyring = dict[str, PrivateKey]
FINER = replace(TRIED, name="apgd-linf-8/255", sizes=("0.011765", "0.031373"))
BLUR = replace(TRIED, name="blur-linf-1", family="platforms", size="1.000000")
BROKEN = replace(TRIED, name="zoo-l2-2.0", norm="l2", size="2.000000", problem="RuntimeError")


def kept(folder: Path, result: StressResult, key: PrivateKey) -> Path:
    path = folder / "before.json"
    path.write_bytes(sign_stress_result(result, key))
    return path


def test_what_is_of_another_model_or_policy_or_by_nobody_is_refused(
    tmp_path: Path, keys: Keyring, trust: TrustStore
) -> None:
    result = made(keys["auditor"].public)
    path = kept(tmp_path, result, keys["auditor"])
    known = {"model": result.model, "policy": result.policy_digest}
    assert open_before(path, trust, **known) == result
    for change in ({"model": "birch"}, {"policy": "0" * 64}):
        with pytest.raises(SigningError, match="nothing that could be compared") as caught:
            open_before(path, trust, **known | change)
        assert caught.value.reason is Reason.BAD_REQUEST
    thief = kept(tmp_path, made(keys["thief"].public), keys["thief"])
    with pytest.raises(SigningError) as caught:
        open_before(thief, trust, **known)
    assert caught.value.reason is Reason.UNKNOWN_KEY


def test_what_did_not_end_says_nothing_of_what_held(keys: Keyring) -> None:
    result = made(keys["auditor"].public, word=Outcome.INCONCLUSIVE, attacks=(TRIED, BROKEN))
    held = held_before(result)
    assert set(held) == {TRIED.name}
    assert held[TRIED.name] == dict.fromkeys(HELD, True) | dict.fromkeys((*FOOLED, *MISSED), False)


def test_the_bank_keeps_the_smallest_change_of_each_norm(keys: Keyring) -> None:
    result = made(keys["auditor"].public, attacks=(TRIED, FINER, BLUR), gates=left(5))
    known = {Norm.LINF: {FOOLED[0]: 0.011765, FOOLED[1]: 0.015686}}
    assert bank_of(result, weights=result.model_digest) == known
    assert bank_of(result, weights="0" * 64) == {}  # a model that became stronger is no weaker attack
