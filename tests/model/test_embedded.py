"""The bundle that comes with the tool: pinned, enrolled, and better than chance on pictures that it never saw."""

from pathlib import Path

import pytest
import tifffile

import signing
from fusiondiff_audit import DiffusionModel, load_microstructure_data
from fusiondiff_audit.kiln.bench.bundle import bundle_cells
from fusiondiff_audit.kiln.bench.task import Sizes, task
from fusiondiff_audit.kiln.specimens import specimen
from fusiondiff_audit.kiln.workers import cores
from fusiondiff_audit.weights.pins import PINNED

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


def test_it_is_what_its_pin_and_its_own_key_say(model: DiffusionModel, tmp_path: Path) -> None:
    pin = PINNED[NAME]
    assert (model.digest, model.verified) == (pin.digest, True)
    key = signing.load_public_key(pin.folder.with_name(f"{NAME}.pub.pem"))
    keyid, _ = signing.read_model_claims(pin.folder)
    assert keyid == key.keyid
    assert all(path.stat().st_size <= LARGEST for path in pin.folder.iterdir())


def test_it_says_that_it_is_a_demonstration_and_what_it_was_taught_with(model: DiffusionModel) -> None:
    assert model.settings.demonstration
    assert model.settings.reference == "procedural kiln Alder, demonstration"
    calibration = model.calibration()
    assert min(len(calibration.authentic), len(calibration.counterfeit)) >= 19
    assert not calibration.left_out


@pytest.mark.slow
def test_it_learnt_something(model: DiffusionModel) -> None:
    sizes = Sizes(train=50, test=200, microscope=0, workshop=0, kiln=0)
    (cell,) = bundle_cells(model, task(0, sizes), [50], workers=cores(), watch=lambda rows, total: rows)
    assert cell.measured.balanced is not None
    assert cell.measured.balanced > 0.6  # five standard deviations from a coin
