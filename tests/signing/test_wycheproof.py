"""Project Wycheproof: every result of ours is theirs, none is skipped."""

import base64
import json
from pathlib import Path

import pytest

from signing.errors import SigningError
from signing.keys import Algorithm, PublicKey

COUNTS = {"ed25519_test": (151, 88), "ecdsa_secp256r1_sha256_test": (484, 174)}


@pytest.mark.vectors
@pytest.mark.parametrize("name", COUNTS)
def test_every_case_agrees(vectors: Path, name: str) -> None:
    suite = json.loads((vectors / "wycheproof" / f"{name}.json").read_text())
    ran = valid = 0
    mismatches = []
    for group in suite["testGroups"]:
        for case in group["tests"]:
            assert case["result"] in ("valid", "invalid")  # no case leaves the verdict to us
            accepted = accepts(group["publicKeyPem"], case["sig"], case["msg"])
            ran += 1
            valid += accepted
            if accepted != (case["result"] == "valid"):
                mismatches.append((case["tcId"], case["comment"]))
    assert mismatches == []
    assert (ran, valid) == COUNTS[name]
    assert ran == suite["numberOfTests"]


def accepts(pem: str, signature: str, message: str) -> bool:
    key = PublicKey.from_pem(pem.encode(), "vector")
    try:
        key.verify(bytes.fromhex(signature), bytes.fromhex(message), "vector")
    except SigningError:
        return False
    return True


WITH_CONTEXT = 7  # cases that give a context, which our signatures do not have; two of them are valid with it


@pytest.mark.vectors
def test_every_ml_dsa_65_case_agrees(vectors: Path) -> None:
    suite = json.loads((vectors / "wycheproof" / "mldsa_65_verify_test.json").read_text())
    ran, valid, out_of_scope = 0, 0, []
    for group in suite["testGroups"]:
        for case in group["tests"]:
            accepted = accepts_der(group["publicKeyDer"], case["sig"], case["msg"])
            ran += 1
            if case.get("ctx"):
                out_of_scope.append(case["comment"])
                assert not accepted  # what was signed with a context means nothing without it
                continue
            assert accepted == (case["result"] == "valid"), (case["tcId"], case["comment"])
            valid += accepted
    assert (ran, ran) == (210, suite["numberOfTests"])
    assert valid == 77
    assert len(out_of_scope) == WITH_CONTEXT
    assert {"non-empty context", "longest context", "context too long"} <= set(out_of_scope)


def accepts_der(der: str, signature: str, message: str) -> bool:
    pem = f"-----BEGIN PUBLIC KEY-----\n{base64.encodebytes(bytes.fromhex(der)).decode()}-----END PUBLIC KEY-----\n"
    try:
        key = PublicKey.from_pem(pem.encode(), "vector")
        assert key.algorithm is Algorithm.ML_DSA_65
        key.verify(bytes.fromhex(signature), bytes.fromhex(message), "vector")
    except SigningError:
        return False
    return True
