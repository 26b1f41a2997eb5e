"""An audit in Python gives what the verb gives."""

from pathlib import Path

import pytest

import fusiondiff_audit as fda
from signing import Algorithm, PrivateKey, Reason
from tests.cli.conftest import Tool
from tests.cli.test_audit_verb import TESTED


def test_an_audit_returns_its_verified_report(ready: Tool) -> None:
    trust = fda.load_trust("trust.json")
    request = {"model": "tiny", "key": "auditor.pem", "trust": trust, "robustness": TESTED, "ledger": None}
    made = fda.audit("pictures", out="out", **request)  # type: ignore[arg-type]
    assert made.verified
    assert made.id == fda.verify("out", trust=trust, images="pictures").id
    assert ready("verify", "out", "--trust", "trust.json").code == 0
    with pytest.raises(fda.SigningError) as refused:
        fda.audit("pictures", out="out", **request)  # type: ignore[arg-type]
    assert refused.value.reason is Reason.EXISTS


def test_a_key_that_nobody_trusts_is_refused_before_the_work(ready: Tool) -> None:
    request = {"model": "tiny", "trust": fda.load_trust("trust.json"), "robustness": TESTED, "ledger": None}
    with pytest.raises(fda.SigningError) as refused:
        fda.audit("pictures", out="out", key=PrivateKey.generate(Algorithm.ED25519), **request)  # type: ignore[arg-type]
    assert refused.value.reason is Reason.UNKNOWN_KEY
    assert not Path("out").exists()
