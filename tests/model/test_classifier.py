"""The classifier: findings are a function of pixels and bundle alone; the press example works."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
import torch

import fusiondiff_audit
from fusiondiff_audit.certify.conformal import conformal_ranks
from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.images.micrograph import LooseMicrograph
from fusiondiff_audit.images.quality import Fault
from fusiondiff_audit.kiln.specimens import specimen
from fusiondiff_audit.model import bundle_files
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.diffusion import FeatureSelection
from fusiondiff_audit.model.encoder import Precision
from fusiondiff_audit.model.enrolment import ForestSettings, partition_of
from fusiondiff_audit.model.findings import Class, Finding, Votes
from fusiondiff_audit.model.nonconformity import calibrate
from fusiondiff_audit.model.settings import UnfamiliarityMeasure
from fusiondiff_audit.weights.pins import Pin
from signing import Reason, SigningError
from tests.model.tiny import ARCHITECTURE, enrolled_model, examples, picture, pictures, tiny_model

MODEL = enrolled_model(calibrate=4)


def fields_of(finding: Finding) -> dict[str, Any]:
    """Return all fields of a finding, for a comparison bit by bit."""
    residual = None if finding.residual is None else finding.residual.tobytes()
    return asdict(replace(finding, residual=None)) | {"residual": residual}


@pytest.mark.parametrize(("micro_batch", "threads"), [(4, 1), (3, 2), (1, 2), (6, 2)])
def test_a_finding_does_not_depend_on_other_images(micro_batch: int, threads: int) -> None:
    """With three tiles in two threads, the last digits would depend on a tile's position in its micro-batch."""
    model = enrolled_model(2, micro_batch=micro_batch, threads=threads)
    others = list(pictures(2, kiln="cedar", side=112))
    (image,) = pictures(1)
    alone = fields_of(next(model.judge([image])))
    for before in (0, 2):
        together = [*others[:before], picture(image.pixels[:64, :64, 0]), image, *others[before:]]
        assert fields_of(list(model.judge(together))[before + 1]) == alone


def test_the_size_of_a_micro_batch_changes_no_more_than_the_last_digits() -> None:
    embeddings = []
    for micro_batch in (1, 3, 4, 7):
        model = tiny_model(micro_batch=micro_batch)
        embeddings.append(np.concatenate([image.embeddings for image in model.embed(pictures(3))]))
    for other in embeddings[1:]:
        np.testing.assert_allclose(other, embeddings[0], atol=2e-5)


def test_the_last_micro_batch_of_a_picture_is_padded_to_a_power_of_two() -> None:
    model, sizes_run = tiny_model(micro_batch=6), list[int]()
    model.encoder.register_forward_pre_hook(lambda _, given: sizes_run.append(len(given[0])))
    for tiles, sizes in ((1, [1]), (3, [4]), (4, [4]), (5, [6]), (6, [6]), (7, [6, 1]), (15, [6, 6, 4])):
        rows = model.embed_tiles(torch.rand(tiles, 1, 64, 64))
        assert len(rows) == tiles
        assert sizes_run == sizes
        sizes_run.clear()
    (image,) = model.embed([next(pictures(1, side=130))])  # nine tiles
    assert (len(image.embeddings), sizes_run) == (9, [6, 4])


def test_absurd_embeddings_are_refused_with_a_reason() -> None:
    """A bundle's maker chose them; a report could not state a distance to them."""
    model = enrolled_model(2)
    model.head.enrolled.training.embeddings.fill(1e20)
    with pytest.raises(SigningError, match="computes absurd numbers for") as caught:
        next(model.judge(pictures(1)))
    assert caught.value.reason is Reason.MALFORMED


@pytest.mark.slow
def test_another_process_finds_the_same_bits(tmp_path: Path) -> None:
    MODEL.save(tmp_path / "bundle")
    program = (
        "import sys\n"
        "from fusiondiff_audit.model.classifier import DiffusionModel\n"
        "from tests.model.tiny import pictures\n"
        "model = DiffusionModel.from_pretrained(sys.argv[1], unverified=True)\n"
        "print([(f.score.hex(), f.gate.hex(), f.unfamiliarity.hex()) for f in model.judge(pictures(3))])\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "bundle")]
    there = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    here = [(f.score, f.gate, f.unfamiliarity) for f in MODEL.judge(pictures(3))]
    assert there == f"{[tuple(value.hex() for value in row if value is not None) for row in here]}\n"


def test_findings_state_tiles_scores_and_steps() -> None:
    findings = list(MODEL.judge(pictures(2, side=150)))
    assert len(findings) == 2
    for finding in findings:
        assert finding.assessable
        assert len(finding.tiles) == 9
        assert {(tile.top, tile.left) for tile in finding.tiles} == {(y, x) for y in (0, 43, 86) for x in (0, 43, 86)}
        assert finding.score == pytest.approx(np.median([tile.score for tile in finding.tiles]))
        assert finding.gate == pytest.approx(np.mean([tile.gate for tile in finding.tiles]))
        assert finding.votes.label is (Class.AUTHENTIC if finding.votes.authentic else Class.COUNTERFEIT)
        assert finding.score is not None
        assert (finding.score > 0.5) == (finding.votes.authentic == 1)
        assert finding.steps[-1] == "per cent 0.1 to 99.9 mapped to 0 to 1"
    assert asdict(MODEL.runtime) | {"libraries": ()} == {
        "device": "cpu",
        "precision": "fp32",
        "micro_batch": 4,
        "threads": 1,
        "libraries": (),
    }


def test_threads_and_precision_settings_are_restored() -> None:
    before = (torch.get_num_threads(), torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic)
    list(MODEL.judge(pictures(1)))
    assert before == (torch.get_num_threads(), torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic)


def test_an_image_that_cannot_be_judged_has_a_fault_and_no_score() -> None:
    small, flat = picture(np.arange(40 * 40, dtype=np.uint16).reshape(40, 40)), picture(np.full((96, 96), 7, np.uint8))
    good = next(pictures(1))
    findings = list(MODEL.judge([small, good, flat]))
    assert Fault.TOO_SMALL in findings[0].quality.faults
    assert findings[2].quality.faults == (Fault.EMPTY,)
    assert [finding.assessable for finding in findings] == [False, True, False]
    assert (findings[0].score, findings[2].score, findings[2].tiles) == (None, None, ())
    with pytest.raises(AuditError, match="cannot be judged") as caught:
        MODEL.predict_authenticity([good, small])
    assert caught.value.reason is AuditReason.NOT_ASSESSABLE


def test_an_overflow_is_a_fault_of_one_image() -> None:
    """Such an image must not be able to stop an audit."""
    parent = tiny_model(micro_batch=1)
    state = parent._runner.encoder.state_dict()
    model = parent.enrol(examples(3), reference="alder", learning=ForestSettings(trees=5))
    state["local.out.0.weight"][0, 0] = torch.inf
    (finding,) = model.judge(pictures(1))
    assert finding.quality.faults == (Fault.OVERFLOW,)
    assert (finding.score, finding.assessable, finding.tiles) == (None, False, ())
    assert finding.steps[-2] == "the model's arithmetic overflowed"


def test_models_of_one_encoder_move_together() -> None:
    parent = tiny_model()
    child = parent.enrol(examples(3), reference="alder", learning=ForestSettings(trees=5))
    child.to("cpu", threads=2)
    assert parent.runtime == child.runtime
    assert child.runtime.threads == 2


def test_a_specimen_has_one_label_and_one_use() -> None:
    labelled = [(made, replace(example, specimen="the same")) for made, example in examples(2)]
    with pytest.raises(ValueError, match="two labels"):
        tiny_model().enrol(labelled, reference="alder")


def test_nothing_is_learnt_from_an_image_that_no_audit_would_judge() -> None:
    (first, example), *others = examples(3)
    white = np.full_like(first.pixels[:, :, 0], np.iinfo(first.pixels.dtype).max)
    half = np.where(np.arange(white.shape[1]) % 4 < 2, white, first.pixels[:, :, 0])
    saturated = picture(half, "saturated.tif")
    labelled = [(saturated, replace(example, pixel_digest=saturated.pixel_digest)), *others]
    with pytest.raises(ValueError, match=r"saturated\.tif: not assessable \(saturated\).*leave them out of the labels"):
        tiny_model().enrol(labelled, reference="alder")
    many = [(replace(saturated, name=f"{i}.tif"), replace(example, specimen=f"{i}")) for i in range(12)]
    with pytest.raises(ValueError, match=r"9\.tif: not assessable .*; 2 more; no audit"):
        tiny_model().enrol(many, reference="alder")


def test_a_model_without_enrolment_is_refused() -> None:
    with pytest.raises(AuditError, match="no specimen is enrolled") as caught:
        next(tiny_model().judge(pictures(1)))
    assert caught.value.reason is AuditReason.NOT_ENROLLED


def test_a_missing_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(AuditError, match="finds no GPU"):
        tiny_model().to("cuda")


def test_shots_take_the_first_examples_of_each_class() -> None:
    few = MODEL._few(3)
    assert [example.specimen for example in few.enrolled.examples] == [
        f"{k} {n}" for n in range(3) for k in ("alder", "birch")
    ]
    alone = enrolled_model(3)
    images = list(pictures(3))
    assert MODEL.predict_authenticity(images, shots=3).tolist() == alone.predict_authenticity(images).tolist()
    for shots, sentence in ((9, "9 examples of each class are asked for, 8 are enrolled"), (0, "at least one")):
        with pytest.raises(ValueError, match=sentence):
            MODEL.predict_authenticity(images, shots=shots)


def test_forests_of_partitions_vote() -> None:
    learning = ForestSettings(partitions=3, trees=20, seed=1)
    model = enrolled_model(12, learning=learning)
    assert len(model.head.forests) == 3
    for finding in model.judge(pictures(3)):
        assert finding.votes.authentic + finding.votes.counterfeit == 3
    moved = [n for n in range(12) if partition_of(f"alder {n}", 3) == 1]
    assert 0 < len(moved) < 12
    with pytest.raises(ValueError, match="no partition has specimens of both classes"):
        enrolled_model(2, learning=ForestSettings(partitions=999, trees=2))


@pytest.mark.parametrize(
    ("scores", "label"),
    [
        ((0.95, 0.45, 0.45), Class.COUNTERFEIT),  # whatever their mean is
        ((0.0, 0.0, 0.8, 0.8, 0.8), Class.AUTHENTIC),
        ((0.5,), Class.COUNTERFEIT),
    ],
)
def test_the_label_is_that_of_most_forests(scores: tuple[float, ...], label: Class) -> None:
    assert Votes.of(scores).label is label


def test_misclassified_specimens_are_counted_by_label() -> None:
    """Forests that always vote counterfeit misclassify every authentic specimen, whatever the scores."""
    settings = replace(MODEL.settings, seen=())
    blind = tuple(replace(forest, value=np.tile([0.6, 0.4], (len(forest.value), 1))) for forest in MODEL.head.forests)
    known = calibrate(replace(MODEL.head, forests=blind), settings)
    assert known.misclassified == (0, len(known.authentic))


def test_calibration_counts_held_out_specimens() -> None:
    known = MODEL.calibration()
    assert (len(known.authentic), len(known.counterfeit), len(known.held_out)) == (4, 4, 8)
    lone = enrolled_model(5).calibration()
    assert (lone.authentic, lone.counterfeit, lone.held_out, len(lone.leave_one_out)) == ((), (), (), 10)
    score = next(iter(MODEL.judge(pictures(1)))).score
    assert score is not None
    assert conformal_ranks([score], [0.0], known, Fraction(1, 5)).authentic is not None
    assert conformal_ranks([score], [0.0], known, Fraction(1, 10)).authentic is None


def test_distance_is_to_the_fifth_nearest_tile() -> None:
    enrolled = MODEL.head.enrolled
    rows = enrolled.embeddings[:6]

    def plain(row: npt.NDArray[np.float32], besides: str | None) -> float:
        others = enrolled.embeddings[[e != besides for e in enrolled.specimens]].astype(np.float64)
        return float(sorted(np.linalg.norm(others - row.astype(np.float64), axis=1))[4])

    np.testing.assert_allclose(enrolled.distances(rows), [plain(row, None) for row in rows], atol=1e-7)
    alone = [plain(row, name) for row, name in zip(enrolled.embeddings, enrolled.specimens, strict=True)]
    np.testing.assert_allclose(enrolled.neighbour_distances, alone, atol=1e-7)
    assert enrolled.distances(rows + 100).min() > enrolled.distances(rows).max()


@pytest.mark.parametrize("at_once", [1, 7, 10_000])
def test_neighbour_distances_do_not_depend_on_the_chunk_size(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    known = MODEL.head.enrolled.training
    monkeypatch.setattr("fusiondiff_audit.model.enrolment._CHUNK", at_once)
    np.testing.assert_allclose(replace(known).neighbour_distances, known.neighbour_distances, rtol=1e-9)


def residual_of(model: DiffusionModel, *, authentic: bool) -> npt.NDArray[np.float32]:
    """Return the residual of each enrolled tile of a class."""
    known = model.head.enrolled.training
    return known.residual[[known.examples[owner].authentic is authentic for owner in known.example_index]]


def test_the_typical_distance_is_the_median_of_a_class() -> None:
    known = MODEL.head.enrolled.training
    authentic = np.array([known.examples[owner].authentic for owner in known.example_index])
    usual = known.typical_distance
    assert usual == (np.median(known.neighbour_distances[~authentic]), np.median(known.neighbour_distances[authentic]))
    (finding,) = MODEL.judge(pictures(1))
    (image,) = MODEL.embed(pictures(1))
    expected = known.distances(image.embeddings) / usual[finding.votes.label]
    np.testing.assert_array_equal([tile.unfamiliarity for tile in finding.tiles], expected)


def test_without_a_typical_distance_the_scale_is_one() -> None:
    known = MODEL.head.enrolled.training
    same = replace(known, embeddings=np.zeros_like(known.embeddings))
    assert same.typical_distance == (1.0, 1.0)
    one = known.subset(np.arange(len(known.examples)) == 0)
    assert np.isinf(one.neighbour_distances).all()  # there is no other specimen
    assert one.typical_distance == (1.0, 1.0)
    few = replace(
        known,
        embeddings=known.embeddings[:6],
        residual=known.residual[:6],
        example_index=known.example_index[:6],
        examples=known.examples[:2],
    )
    farthest = [
        np.linalg.norm(few.embeddings[few.example_index != own].astype(float) - row, axis=1)
        for row, own in zip(few.embeddings.astype(float), few.example_index, strict=True)
    ]
    np.testing.assert_allclose(few.neighbour_distances, [sorted(far)[:5][-1] for far in farthest])


def test_unfamiliarity_by_residual() -> None:
    architecture = replace(ARCHITECTURE, reading=FeatureSelection(("up1",), (25,), residual=(50, 200)))
    model = enrolled_model(4, architecture=architecture, unfamiliarity=UnfamiliarityMeasure.RESIDUAL)
    (finding,) = model.judge(pictures(1))
    assert finding.residual is not None
    assert finding.residual.shape == (4, 8, 8)
    own = np.sort(finding.residual.reshape(4, -1), axis=1)[:, 6:-6].mean(1)
    usual = np.median(residual_of(model, authentic=finding.votes.label is Class.AUTHENTIC))
    np.testing.assert_allclose([tile.unfamiliarity for tile in finding.tiles], own / usual, rtol=1e-6)
    assert len(model.calibration().leave_one_out) == 8


@pytest.mark.parametrize("precision", [Precision.BF16, Precision.FP16])
def test_low_precision_is_near_full_precision(precision: Precision) -> None:
    full = np.concatenate([one.embeddings for one in tiny_model().embed(pictures(3))])
    low = tiny_model(architecture=replace(ARCHITECTURE, precision=precision))
    reduced = np.concatenate([one.embeddings for one in low.embed(pictures(3))])
    assert 0 < np.abs(reduced - full).max() < 0.15 * full.std()


def test_images_are_judged_one_by_one() -> None:
    """Memory does not depend on the number of images."""
    given = 0

    def counted() -> Iterator[LooseMicrograph]:
        nonlocal given
        for each in pictures(10, side=64):
            given += 1
            yield each

    for back, _ in enumerate(MODEL.judge(counted()), start=1):
        assert given == back


def test_the_press_example_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The example of the README, on a tiny bundle and the CPU."""
    import signing

    MODEL.save(tmp_path / "bundle")
    signing.sign_model(tmp_path / "bundle", key=signing.PrivateKey.generate(signing.Algorithm.P256))
    _, manifest = signing.read_model_claims(tmp_path / "bundle")
    pin = Pin(tmp_path / "bundle", signing.list_digest(manifest.resources), "ab" * 32)
    monkeypatch.setattr(bundle_files, "PINNED", {"fusion-diff-v1-ceramic": pin})
    tifffile.imwrite(tmp_path / "sample_001.tif", specimen("alder", None, "1").field(0, 96))
    monkeypatch.chdir(tmp_path)
    model = fusiondiff_audit.DiffusionModel.from_pretrained("fusion-diff-v1-ceramic")
    model.to("cpu")
    sample = fusiondiff_audit.load_microstructure_data("sample_001.tif")
    print(f"Authenticity Confidence: {model.predict_authenticity(sample, shots=5).item():.4f}")
    assert re.fullmatch(r"Authenticity Confidence: [01]\.\d{4}\n", capsys.readouterr().out)
    assert not next(model.judge([sample])).unverified
    assert isinstance(model, DiffusionModel)
