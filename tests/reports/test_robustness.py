"""A stress test's result: signed, read back in one form, and never a pass with a doubt in it."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from reports.header import Key, Library
from reports.robustness import (
    FORMAT,
    RESULT,
    Checked,
    Gated,
    Robustness,
    Taken,
    Tried,
    Word,
    open_robustness,
    sign_robustness,
)
from signing import PrivateKey, PublicKey, Reason, SigningError, TrustStore, write_time
from signing.bundle import seal
from tests.conftest import NOW
from tests.reports.made import digest

HELD = tuple(digest(f"held {n}") for n in range(5))
FOOLED = tuple(digest(f"fooled {n}") for n in range(2))
MISSED = (digest("missed"),)
TRIED = Tried(
    "pgd-linf-8/255", "gradient", "white box", "linf", "0.0314", HELD, FOOLED, (), (), 0, 160, None, "AML", "NISTAML"
)
CHECK, GATE = Checked("S01", "budget", "held", "fine"), Gated("held/worst/all", "passed", "error", 5, 8, "5 of 8")


def made(auditor: PublicKey, **changes: Any) -> Robustness:
    libraries = (Library("torch", "2.15.0"),)
    taken = Taken(digest("code"), False, "cpu", 2, 7, 12, libraries, "2026.07", "AI 100-2e2025")
    result = Robustness(
        FORMAT,
        write_time(NOW),
        Word.PASSED,
        (),
        Key("auditor-1", auditor.keyid),
        "alder",
        digest("model"),
        "kiln alder",
        True,
        "quick",
        digest("{}"),
        "{}",
        8,
        MISSED,
        (TRIED,),
        (CHECK,),
        ("S05",),
        (GATE,),
        digest("outcome"),
        taken,
    )
    return replace(result, **changes)


Keyring = dict[str, PrivateKey]


def test_what_is_signed_is_read_back(keys: Keyring, trust: TrustStore) -> None:
    result = made(keys["auditor"].public)
    again, signer = open_robustness(sign_robustness(result, keys["auditor"]), RESULT, trust=trust)
    assert again == result
    assert signer.principal == "auditor-1"


def test_a_reader_of_in_toto_alone_takes_no_doubt_for_a_pass(keys: Keyring) -> None:
    for word, said in ((Word.PASSED, "PASSED"), (Word.FAILED, "FAILED"), (Word.INCONCLUSIVE, "FAILED")):
        statement = json.loads(made(keys["auditor"].public, word=word).to_payload())
        assert statement["predicate"]["result"] == said
        assert statement["subject"] == [{"name": "alder", "digest": {"sha256": digest("model")}}]
    undecided = (replace(GATE, passed="undecided"), replace(GATE, passed="waived"))
    failed = (replace(CHECK, held="failed"),)
    result = made(keys["auditor"].public, word=Word.INCONCLUSIVE, gates=undecided, checks=failed)
    predicate = json.loads(result.to_payload())["predicate"]
    assert len(predicate["failedTests"]) == 2
    assert len(predicate["warnedTests"]) == 1
    assert predicate["passedTests"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"checks": (replace(CHECK, held="failed"),)},
        {"gates": (replace(GATE, passed="failed"),)},
        {"gates": (replace(GATE, passed="undecided", severity="note"),)},
        {"attacks": (replace(TRIED, problem="RuntimeError"),)},
        {"attacks": (replace(TRIED, held=HELD[1:], unfinished=HELD[:1]),)},
        {"attacks": ()},
    ],
)
def test_no_pass_with_a_doubt_in_it_can_be_made(keys: Keyring, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="PASSED, and yet"):
        made(keys["auditor"].public, **changes)
    assert made(keys["auditor"].public, word=Word.INCONCLUSIVE, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "fusiondiff-audit/robustness/v2"},
        {"model_digest": "x"},
        {"policy_text": "{ }"},
        {"missed": ("0" * 63,)},
        {"attacks": (replace(TRIED, held=(*HELD, HELD[0])),)},
        {"attacks": (replace(TRIED, fooled=(*FOOLED[1:], MISSED[0])),)},
        {"attacks": (replace(TRIED, fooled=FOOLED[1:]),)},
        {"images": 9},
    ],
)
def test_parts_that_contradict_each_other_are_refused(keys: Keyring, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"format|digest|ended twice|are asked"):
        made(keys["auditor"].public, **changes)


def test_any_changed_value_of_the_payload_is_refused(keys: Keyring, trust: TrustStore) -> None:
    payload = made(keys["auditor"].public).to_payload()
    for old, new in (
        (b'"result":"PASSED"', b'"result":"FAILED"'),
        (b'"passedTests":["gate', b'"passedTests":["Gate'),
        (digest("{}").encode(), digest("another").encode()),
        (b'"predicateType"', b' "predicateType"'),
        (b'"name":"details"', b'"name":"Details"'),
    ):
        assert old in payload
        bad = seal(payload.replace(old, new, 1), keys["auditor"])
        with pytest.raises(SigningError) as caught:
            open_robustness(bad, RESULT, trust=trust)
        assert caught.value.reason is Reason.MALFORMED


def test_details_are_read_strictly(keys: Keyring, trust: TrustStore) -> None:
    statement = json.loads(made(keys["auditor"].public).to_payload())
    entry = statement["predicate"]["configuration"][1]
    details = json.loads(base64.b64decode(entry["content"]))
    for change in ({"more": 1}, {"word": "SPLENDID"}, {"images": "8"}, {"images": 9}):
        entry["content"] = base64.b64encode(json.dumps(details | change).encode()).decode()
        bad = seal(json.dumps(statement).encode(), keys["auditor"])
        with pytest.raises(SigningError):
            open_robustness(bad, RESULT, trust=trust)


@pytest.mark.parametrize("signer", ["device", "thief"])
def test_who_is_no_auditor_vouches_for_nothing(keys: Keyring, trust: TrustStore, signer: str) -> None:
    data = sign_robustness(made(keys[signer].public), keys[signer])
    with pytest.raises(SigningError) as caught:
        open_robustness(data, RESULT, trust=trust)
    assert caught.value.reason in (Reason.WRONG_ROLE, Reason.UNKNOWN_KEY)


def test_the_auditor_that_is_named_is_the_one_who_signed(keys: Keyring, trust: TrustStore) -> None:
    data = sign_robustness(made(keys["device"].public), keys["auditor"])
    with pytest.raises(SigningError) as caught:
        open_robustness(data, RESULT, trust=trust)
    assert caught.value.reason is Reason.CONTRADICTION
