"""Project Wycheproof: every verdict of ours is theirs, none is skipped."""

import json
from pathlib import Path

import pytest

from signing.errors import SigningError
from signing.keys import PublicKey

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
