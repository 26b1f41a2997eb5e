"""Reports of every format version that there was, which verify for ever."""

import base64
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest

from reports.stress.outcome import Outcome
from reports.stress.result import RESULT, open_stress_result
from reports.verdict import versions
from reports.verdict.batch_statement import BatchStatement
from reports.verdict.claims import Admission, ScaleClaim
from reports.verdict.excerpt import verify_excerpt
from reports.verdict.header import VerdictCounts
from reports.verdict.issue import CHECKPOINT, REPORT, SUMMARY
from reports.verdict.report import Report
from reports.verdict.rows import EnrolmentMark
from reports.verdict.verdicts import Verdict
from reports.verdict.verification import Verification, verify_report
from signing import Algorithm, PrivateKey, Reason, Role, SigningError, TrustStore, load_trust
from signing.strict import write_json
from tests.conftest import make_trust
from tests.reports.verdict.made import stress_claim

VECTORS = Path(__file__).parents[2] / "vectors" / "reports"
V1 = VECTORS / "v1"
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
    found = Verification()
    said = verify_report(V1, trust=trusted(at), images=V1 / "batch", verification=found)
    titles = [
        "signature",
        "time",
        "names",
        "trust store",
        "ledger",
        "tree",
        "arithmetic",
        CHECKPOINT,
        SUMMARY,
        "images",
    ]
    assert [check.title for check in found.checks] == titles
    assert found.signer is not None
    assert found.signer.proven
    assert said.header.images == VerdictCounts(authentic=4, counterfeit=4, inconclusive=0, unfamiliar=2, refused=3)
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


def test_an_altered_vector_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(V1, tmp_path / "v1")
    data = bytearray((folder / REPORT).read_bytes())
    data[data.index(b'"payload":"') + 400] ^= 1
    (folder / REPORT).write_bytes(data)
    with pytest.raises(SigningError):
        verify_report(folder, trust=trusted(HOUR))


def test_version_1_says_nothing_that_came_later() -> None:
    said = Report.from_payload(payload_of(V1 / REPORT), "it")
    assert said.header.format == versions.V1
    assert (said.header.model.partitions, said.header.policy.tolerance) == (0, None)
    assert {row.judged.tolerance for row in said.images if row.judged is not None} == {None}
    assert said.to_payload() == payload_of(V1 / REPORT)
    for kind, place in (("model", "partitions"), ("policy", "tolerance")):
        bad = json.loads(payload_of(V1 / REPORT))
        bad["predicate"]["header"][kind][place] = 5
        with pytest.raises(SigningError, match=r"version 1: .* is no field of this version"):
            Report.from_payload(write_json(bad), "it")
    bad = json.loads(payload_of(V1 / REPORT))
    bad["predicate"]["header"]["format"] = versions.NEWEST
    with pytest.raises(SigningError, match="is missing"):
        Report.from_payload(write_json(bad), "it")


class Golden(NamedTuple):
    """What a vector is known by: its trust store, all its bytes, and what it says."""

    pin: str
    bytes: str
    hour: datetime  # while the auditor's key was good
    images: VerdictCounts


GOLDEN = {
    "v2": Golden(
        "3d6ea7001b651493b49969fe6ee4a7311c06be3785ccaf1da23fff3312074a29",
        "100967aaf26b3774789aa928639cec0b4d2f8f5508f7d8cb369db09ae7eb3397",
        datetime(2026, 11, 30, 13, 0, tzinfo=UTC),
        VerdictCounts(authentic=4, counterfeit=3, inconclusive=1, unfamiliar=2, refused=3),
    ),
    "v2-uncalibrated": Golden(
        "4fd369b50e8d04e0f32abee22460ef47d68f5b8a783630833c0bc9adac8972ae",
        "6e6475993ee2ae83b990d395a36d3dc7168fa83119cd0d9472fb7194eb507d12",
        datetime(2026, 11, 30, 13, 0, tzinfo=UTC),
        VerdictCounts(authentic=6, counterfeit=4, inconclusive=0, unfamiliar=0, refused=3),
    ),
}
STRESS_V2 = Golden(
    "98ef80bd96c317e17fc04154e1ace29dabf590095cac41db3bd0691e82ccbbc9",
    "02eddce5e8d265a55c8225ed70ccc0d59b43ed901f6948ec4e65d27249feadc6",
    datetime(2026, 11, 30, 20, 0, tzinfo=UTC),
    VerdictCounts(0, 0, 0, 0, 0),
)
STRESS = Golden(
    "2c8811a9b1fc7c96f8352b8edfd4049367802791464ae5101be0726f1c242061",
    "bf16bd910142674ad3a788e7cd2c1f3bf5eda650d25fce0febbad8146e917524",
    datetime(2026, 11, 30, 13, 0, tzinfo=UTC),
    VerdictCounts(0, 0, 0, 0, 0),
)


def listed_by(name: str, known: Golden, at: datetime) -> TrustStore:
    store = load_trust(VECTORS / name / "trust.json", at=at)
    assert store.fingerprint == known.pin
    return store


def bytes_of(folder: Path) -> str:
    digests = [sha256(file.read_bytes()).hexdigest() for file in sorted(folder.rglob("*")) if file.is_file()]
    return sha256("".join(digests).encode()).hexdigest()


@pytest.mark.parametrize("name", GOLDEN)
def test_version_2_verifies_for_ever_with_its_images(name: str) -> None:
    known, folder = GOLDEN[name], VECTORS / name
    assert bytes_of(folder) == known.bytes
    for at in (known.hour, LATER):
        found = Verification()
        said = verify_report(folder, trust=listed_by(name, known, at), images=folder / "batch", verification=found)
        assert found.signer is not None
        assert found.signer.proven
        assert said.header.images == known.images
        assert said.header.format == "fusiondiff-audit/report/v2"
        assert (said.header.model.partitions, said.header.policy.tolerance) == (5, 0)
        assert said.to_payload() == payload_of(folder / REPORT)


@pytest.mark.parametrize("folder", [V1, *(VECTORS / name for name in GOLDEN)], ids=["v1", *GOLDEN])
def test_names_in_older_versions_are_held_against_the_trust_store(folder: Path) -> None:
    """Nobody escapes a comparison by writing an older version."""
    store = load_trust(folder / "trust.json", at=LATER)
    for role in (Role.AUDITOR, Role.DEVICE):
        entries = tuple(replace(e, principal="another") if e.role is role else e for e in store.root.entries)
        other = replace(make_trust(PrivateKey.generate(Algorithm.ED25519), entries), at=LATER)
        with pytest.raises(SigningError, match="the trust store lists that key as 'another'") as caught:
            verify_report(folder, trust=other)
        assert caught.value.reason is Reason.CONTRADICTION


def test_version_2_says_every_verdict() -> None:
    said = Report.from_payload(payload_of(VECTORS / "v2" / REPORT), "it")
    assert {row.verdict for row in said.images} == {row.verdict for row in said.specimens} == set(Verdict)


@pytest.mark.parametrize("name", GOLDEN)
def test_an_excerpt_of_version_2_counts_while_the_key_did(name: str) -> None:
    known, data = GOLDEN[name], (VECTORS / name / "excerpt.json").read_bytes()
    found = verify_excerpt(data, "excerpt", trust=listed_by(name, known, known.hour))
    assert found.row.verdict is Verdict.AUTHENTIC
    assert found.specimen is not None
    with pytest.raises(SigningError) as caught:
        verify_excerpt(data, "excerpt", trust=listed_by(name, known, LATER))
    assert caught.value.reason is Reason.EXPIRED


@pytest.mark.parametrize("name", ["v3", "v3-uncalibrated"])
def test_the_version_that_is_open_verifies_as_the_script_makes_it(name: str) -> None:
    folder = VECTORS / name
    trust = load_trust(folder / "trust.json", at=LATER)
    found = Verification()
    said = verify_report(folder, trust=trust, images=folder / "batch", verification=found)
    assert said.header.format == versions.NEWEST
    assert said.to_payload() == payload_of(folder / REPORT)
    shown = verify_excerpt((folder / "excerpt.json").read_bytes(), "excerpt", trust=replace(trust, at=said.header.time))
    assert shown.row in said.images
    passed = json.loads(payload_of(folder / SUMMARY))["predicate"]["verificationResult"]
    assert passed == "FAILED"
    if name == "v3":
        assert {row.verdict for row in said.images} == {row.verdict for row in said.specimens} == set(Verdict)
        assert said.header.model.title == "digest, enrolled on sd14"
        assert said.header.admission == Admission(again="a golden sample", out_of_order=False)
        assert said.header.robustness == stress_claim(day=said.header.issued[:10], outcome=Outcome.FAILED)
        assert {row.scale for row in said.images if row.judged} == {ScaleClaim("12.5", "manifest")}
        assert {row.name: row.enrolled for row in said.images if row.enrolled} == {
            "tile-02.tif": EnrolmentMark.SPECIMEN,
            "tile-03.tif": EnrolmentMark.SPECIMEN,
            "tile-12.tif": EnrolmentMark.NEAR_DUPLICATE,
        }
        assert said.header.statement == BatchStatement(2, 6, 20, 1, 1, approximate=True)
        left_out = next(row for row in said.images if row.name == "tile-01.tif")
        assert (left_out.judged, left_out.verdict) == (None, Verdict.INCONCLUSIVE)
        assert [row.name for row in said.images if row.evidence] == ["tile-13.tif"]
        assert len(said.header.model.ratios) == 2
    else:
        assert {row.verdict for row in said.images} == {Verdict.INCONCLUSIVE, Verdict.REFUSED}
        assert {row.reasons for row in said.images if row.judged} == {("not-calibrated",)}
        assert said.header.statement is None


def test_version_2_says_nothing_that_came_later() -> None:
    payload = payload_of(VECTORS / "v2" / REPORT)
    said = Report.from_payload(payload, "it")
    assert (said.header.model.base, {row.enrolled for row in said.images}) == (None, {None})
    added = {
        "base": "model",
        "devices": "model",
        "needs_instrument": "policy",
        "statement": None,
        "enrolled": "images",
        "evidence": "images",
    }
    for place, part in added.items():
        bad = json.loads(payload)["predicate"]
        leaf = bad["header"] if part is None else bad["images"][0] if part == "images" else bad["header"][part]
        leaf[place] = None
        with pytest.raises(SigningError, match=r"version 2: .* is no field of this version"):
            Report.from_payload(write_json(json.loads(payload) | {"predicate": bad}), "it")


@pytest.mark.parametrize(("version", "golden"), [("v1", STRESS), ("v2", STRESS_V2)])
def test_a_stress_result_of_each_version_verifies_for_ever(version: str, golden: Golden) -> None:
    name = f"robustness-{version}"
    assert bytes_of(VECTORS / name) == golden.bytes
    data = (VECTORS / name / RESULT).read_bytes()
    for at in (golden.hour, LATER):
        found, signer = open_stress_result(data, RESULT, trust=listed_by(name, golden, at))
        expected = (Outcome.PASSED, f"fusiondiff-audit/robustness/{version}", True)
        assert (found.word, found.format, signer.proven) == expected
        assert all((found.attacks, found.poisons, found.detectors, found.checks, found.gates, found.missed))
        assert found.to_payload() == payload_of(VECTORS / name / RESULT)
    assert bool(found.authentic) is bool(found.baseline) is (version == "v2")
    trusted_alone = [gate.name for gate in found.gates if "not recomputable" in found.explain(gate)]
    assert trusted_alone == (["held/worst/counterfeit", "regressions/worst/all"] if version == "v1" else [])


def payload_of(path: Path) -> bytes:
    return base64.b64decode(json.loads(path.read_bytes())["dsseEnvelope"]["payload"])
