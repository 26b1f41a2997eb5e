"""Reports of every format version that there was, which verify for ever."""

import base64
import json
import shutil
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from reports import versions
from reports.checks import Examination, examine
from reports.excerpt import verify_excerpt
from reports.header import Counts
from reports.issue import REPORT
from reports.report import Report
from reports.verdicts import Verdict
from signing import Reason, SigningError, TrustStore, load_trust
from signing.strict import write_json

V1 = Path(__file__).parent.parent / "vectors" / "reports" / "v1"
PIN = "b9ede86b885f3e30be4e9d199e2f5b5776d1e257fc71173c692d2343de3a9cd9"
BYTES = "964b3ccca31b7edf8bc0c7b1815e375876b274773b0e09ead40086b8d2e26d2d"
HOUR = datetime(2026, 11, 21, 21, 15, tzinfo=UTC)  # while the auditor's key was good
LATER = datetime(2027, 11, 1, tzinfo=UTC)  # a timestamp is all that speaks for it


def trusted(at: datetime) -> TrustStore:
    store = load_trust(V1 / "trust.json", at=at)
    assert store.fingerprint == PIN
    return store


@pytest.mark.parametrize("at", [HOUR, LATER])
def test_version_1_verifies_with_its_images(at: datetime) -> None:
    found = Examination()
    said = examine(V1, trust=trusted(at), images=V1 / "batch", found=found)
    assert len(found.checks) == 7
    assert found.signer is not None
    assert found.signer.proven
    assert said.header.images == Counts(authentic=4, counterfeit=4, inconclusive=0, unfamiliar=2, refused=3)
    assert {row.verdict for row in said.specimens} == set(Verdict)
    assert said.header.model.error_rates[0].interval
    assert said.header.ledger is not None


def test_version_1_is_these_bytes_and_no_others() -> None:
    digests = [sha256(file.read_bytes()).hexdigest() for file in sorted(V1.rglob("*")) if file.is_file()]
    assert (
        sha256("".join(digests).encode()).hexdigest()
        == "964b3ccca31b7edf8bc0c7b1815e375876b274773b0e09ead40086b8d2e26d2d"
    )


def test_an_excerpt_of_version_1_counts_while_the_key_did() -> None:
    data = (V1 / "excerpt.json").read_bytes()
    assert verify_excerpt(data, "excerpt", trust=trusted(HOUR)).row.verdict is Verdict.AUTHENTIC
    with pytest.raises(SigningError) as caught:
        verify_excerpt(data, "excerpt", trust=trusted(LATER))
    assert caught.value.reason is Reason.EXPIRED


def test_a_harmed_vector_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(V1, tmp_path / "v1")
    data = bytearray((folder / REPORT).read_bytes())
    data[data.index(b'"payload":"') + 400] ^= 1
    (folder / REPORT).write_bytes(data)
    with pytest.raises(SigningError):
        examine(folder, trust=trusted(HOUR), found=Examination())


def test_version_1_says_nothing_that_came_later() -> None:
    said = Report.from_payload(payload_of(V1 / REPORT), "it")
    assert said.header.format == versions.V1
    assert (said.header.model.partitions, said.header.policy.tolerance) == (0, None)
    assert {row.judged.tolerance for row in said.images if row.judged is not None} == {None}
    assert said.to_payload() == payload_of(V1 / REPORT)
    for kind, place in (("model", "partitions"), ("policy", "tolerance")):
        bad = json.loads(payload_of(V1 / REPORT))
        bad["predicate"]["header"][kind][place] = 5
        with pytest.raises(SigningError, match="is no field of version 1"):
            Report.from_payload(write_json(bad), "it")
    bad = json.loads(payload_of(V1 / REPORT))
    bad["predicate"]["header"]["format"] = versions.FORMAT
    with pytest.raises(SigningError, match="is missing"):
        Report.from_payload(write_json(bad), "it")


def payload_of(path: Path) -> bytes:
    return base64.b64decode(json.loads(path.read_bytes())["dsseEnvelope"]["payload"])
