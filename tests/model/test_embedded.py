"""The bundle that comes with the tool: pinned, enrolled, and better than chance on new images."""

from datetime import timedelta
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import pytest
import tifffile

import signing
from fusiondiff_audit import DiffusionModel, load_microstructure_data
from fusiondiff_audit.auditing import requirement as module
from fusiondiff_audit.evaluation.bundle import evaluate_bundle
from fusiondiff_audit.evaluation.task import PartSizes, benchmark_task
from fusiondiff_audit.kiln.parallel import available_cores
from fusiondiff_audit.kiln.specimens import specimen
from fusiondiff_audit.policy.audit import AuditPolicy
from fusiondiff_audit.policy.stress import read_stress_policy
from fusiondiff_audit.weights.pins import PINNED
from reports.arithmetic import least_specimens
from reports.stress.outcome import Outcome
from reports.stress.result import open_stress_result, read_stress_result
from signing import Algorithm, PrivateKey, Role
from tests.evaluation.unwatched import no_progress

NAME = "fusion-diff-v1-ceramic"
LARGEST = 45 * 2**20  # bytes of a file


@pytest.fixture(scope="module")
def model() -> DiffusionModel:
    return DiffusionModel.from_pretrained(NAME)


def test_the_press_example_runs_as_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("sample_001.tif", specimen("alder", None, "press").field(0, 256))
    model = DiffusionModel.from_pretrained("fusion-diff-v1-ceramic")
    model.to("cpu")
    sample = load_microstructure_data("sample_001.tif")
    print(f"Authenticity Confidence: {model.predict_authenticity(sample, shots=5).item():.4f}")
    words, _, number = capsys.readouterr().out.strip().rpartition(" ")
    assert words == "Authenticity Confidence:"
    assert 0 <= float(number) <= 1


def test_its_digest_and_signature_are_the_pinned_ones(model: DiffusionModel, tmp_path: Path) -> None:
    pin = PINNED[NAME]
    assert (model.digest, model.verified) == (pin.digest, True)
    key = signing.load_public_key(pin.folder.with_name(f"{NAME}.pub.pem"))
    keyid, _ = signing.read_model_claims(pin.folder)
    assert keyid == key.keyid
    assert all(path.stat().st_size <= LARGEST for path in pin.folder.iterdir())


def test_it_is_a_demonstration_that_can_answer(model: DiffusionModel) -> None:
    assert model.settings.demonstration
    assert model.settings.reference == "procedural kiln Alder, demonstration"
    ranks = model.settings.ranks
    assert ranks is not None
    assert min(len(ranks.own), len(ranks.copies)) >= least_specimens(Fraction(1, 20))
    assert len(ranks.left_out) == len({example.maker for example in model.settings.examples if not example.authentic})


def test_its_stress_result_is_the_pinned_one(model: DiffusionModel) -> None:
    """Its policy is a built-in one in its present form: a changed policy needs a new stress result."""
    pin = PINNED[NAME]
    data = pin.result.read_bytes()
    assert sha256(data).hexdigest() == pin.result_digest
    result = read_stress_result(data, NAME)
    key = signing.load_public_key(pin.folder.with_name(f"{NAME}.auditor.pub.pem"))
    root, when, day = PrivateKey.generate(Algorithm.ED25519), result.time, timedelta(days=1)
    listed = signing.TrustEntry(key.keyid, Role.AUDITOR, "auditor", key.pem, when - day, when + day)
    first = signing.propose_first((root.public,), threshold=1, entries=(listed,), issued=when, expires=when + day)
    trust = first.cosigned((root,)).complete(when)
    assert open_stress_result(data, NAME, trust=trust)[0] == result
    assert (result.word, result.model_digest, result.auditor.keyid) == (Outcome.PASSED, pin.digest, key.keyid)
    assert (result.policy, result.policy_digest) == ("quick", read_stress_policy("quick").digest)
    assert (result.demonstration, result.reference) == (True, model.settings.reference)
    claim = module.require_robustness(None, model=model.digest, policy=AuditPolicy(), trust=trust, now=signing.now())
    assert claim is not None
    assert (claim.outcome, claim.policy, claim.stale) == (Outcome.PASSED, "quick", False)


@pytest.mark.slow
def test_it_is_better_than_chance(model: DiffusionModel) -> None:
    sizes = PartSizes(train=50, test=200, microscope=0, workshop=0, kiln=0)
    (cell,) = evaluate_bundle(model, benchmark_task(0, sizes), [50], workers=available_cores(), watch=no_progress)
    assert cell.metrics.balanced is not None
    assert cell.metrics.balanced > 0.6  # five standard deviations from a coin
