"""A payload in any other form than the one that we write is refused, even if an auditor signed it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reports.verdict.issue import REPORT, issue
from reports.verdict.report import Report
from reports.verdict.verification import Verification, verify_report
from signing import Algorithm, PrivateKey, Reason, Role, SigningError, TrustStore
from signing.sigstore_bundle import sign_payload
from signing.trust_entries import Revocation, RevocationReason
from tests.conftest import NOW, entry, make_trust
from tests.reports.verdict.made import report

AUDITOR = PrivateKey.generate(Algorithm.ED25519)
ROOT = PrivateKey.generate(Algorithm.ED25519)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def payload() -> bytes:
    return report(AUDITOR.public, 8).to_payload()


@pytest.mark.parametrize(
    "harm",
    [
        lambda data: data.replace(b'"name":', b'"name":"first","name":', 1),
        lambda data: data.replace(b'"header":', b'"header": ', 1),
        lambda data: data.replace(b"tile-000001", b"tile-00000\\u0031", 1),
        lambda data: data.replace(b'"at_least":15', b'"at_least":15.0', 1),
        lambda data: data.replace(b'"limit":null', b'"limit":NaN', 1),
        lambda data: data.replace(b'},{"', b'}{"', 1),
        lambda data: data.replace(b'},{"', b'},,{"', 1),
        lambda data: data.replace(b'],"saltKey"', b',],"saltKey"', 1),
        lambda data: data.replace(b'"images":[', b'"images":[' + b"[" * 100_000, 1),
        lambda data: data.replace(b'{"digest":', b'{"digest":{"sha256":"00"},"digest":', 1),
        lambda data: data.replace(b"authenticity-report/v3", b"authenticity-report/v2", 1),
        lambda data: data.replace(b"statement/v1", b"statement/v2").replace(b"Statement/v1", b"Statement/v2"),
        lambda data: data + b"\n",
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b"sherd 1", "sh\u00e9rd 1".encode()),
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: b"",
        lambda data: b"[]",
    ],
)
def test_another_form_is_refused(harm: Callable[[bytes], bytes], payload: bytes) -> None:
    assert Report.from_payload(payload, "it").to_payload() == payload
    bad = harm(payload)
    assert bad != payload
    with pytest.raises(SigningError):
        Report.from_payload(bad, "it")


def trust(**changes: Any) -> TrustStore:
    """Return a store that lists the auditor so."""
    listed = entry(AUDITOR, Role.AUDITOR, "auditor-1")
    return make_trust(ROOT, (replace(listed, **changes),))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"until": NOW - DAY}, Reason.EXPIRED),
        ({"start": NOW + DAY}, Reason.NOT_YET_VALID),
        ({"revoked": Revocation(NOW - DAY, RevocationReason.RETIRED)}, Reason.REVOKED),
        ({"revoked": Revocation(NOW + DAY, RevocationReason.COMPROMISED)}, Reason.REVOKED),
        ({"role": Role.DEVICE}, Reason.WRONG_ROLE),
    ],
)
def test_an_auditor_s_key_that_was_not_good_then_is_refused(
    changes: dict[str, Any], reason: Reason, tmp_path: Path
) -> None:
    (tmp_path / REPORT).write_bytes(issue(report(AUDITOR.public, 4), AUDITOR)[REPORT])  # nothing beside it helps
    found = Verification()
    assert verify_report(tmp_path / REPORT, trust=trust(), verification=found).header.auditor.principal == "auditor-1"
    with pytest.raises(SigningError) as caught:
        verify_report(tmp_path / REPORT, trust=trust(**changes))
    assert caught.value.reason is reason


def test_a_batch_s_manifest_is_no_report(tmp_path: Path) -> None:
    (tmp_path / REPORT).write_bytes(sign_payload(b'{"_type":"https://in-toto.io/Statement/v1"}', AUDITOR))
    with pytest.raises(SigningError, match="not in the form of a report"):
        verify_report(tmp_path, trust=trust())
