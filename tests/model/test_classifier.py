"""The classifier: findings are a function of pixels and bundle alone; the press example works."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

import fusiondiff_audit
from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.images.micrograph import LooseMicrograph
from fusiondiff_audit.images.quality import Fault
from fusiondiff_audit.kiln.specimens import specimen
from fusiondiff_audit.model import bundle_files
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.encoder import Precision
from fusiondiff_audit.model.enrolment import ForestSettings, partition_of
from fusiondiff_audit.model.findings import Class, Finding, Votes
from fusiondiff_audit.weights.pins import Pin
from signing import Reason, SigningError
from tests.model.tiny import ARCHITECTURE, enrolled_model, examples, picture, pictures, tiny_model

MODEL = enrolled_model()


def fields_of(finding: Finding) -> dict[str, Any]:
    """Return all fields of a finding, for a comparison bit by bit."""
    return asdict(replace(finding, features=finding.features[:0])) | {"features": finding.features.tobytes()}


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
    """A bundle's maker chose the weights."""
    model = enrolled_model(2)
    model.encoder.gate.register_forward_hook(lambda _, given, output: (output[0] * 1e20, output[1]))
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
        "print([(f.score.hex(), f.gate.hex(), f.features.tobytes().hex()) for f in model.judge(pictures(3))])\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "bundle")]
    there = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    here = [(f.score, f.gate, f.features.tobytes()) for f in MODEL.judge(pictures(3))]
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


def test_a_specimen_is_ranked_by_the_features_of_its_images() -> None:
    own, other = (
        [finding.features for finding in MODEL.judge([picture(specimen(kiln, None, "rank").field(0, 96))])]
        for kiln in ("alder", "birch")
    )
    ranks = [MODEL.rank(images, "a specimen", b"seed") for images in (own, other)]
    assert [rank.authentic.of for rank in ranks] == [rank.counterfeit.of for rank in ranks] == [8, 8]
    assert ranks[0].authentic.at_least > ranks[1].authentic.at_least
    assert ranks[0].score > ranks[1].score
    assert ranks[0] == MODEL.rank(own, "a specimen", b"seed")


def test_scores_that_are_no_numbers_are_refused_with_a_reason() -> None:
    """A bundle's maker chose the models of folds."""
    model = enrolled_model(4)
    assert model.head.conformal is not None
    (finding,) = model.judge(pictures(1))
    model.head.conformal.models[0].discriminant.fill(1e308)
    with pytest.raises(SigningError, match="a nonconformity that is no number, of specimen 'sherd'") as caught:
        model.rank([finding.features], "sherd", b"seed")
    assert caught.value.reason is Reason.MALFORMED


def test_too_few_specimens_rank_nobody() -> None:
    model = enrolled_model(2)
    assert (model.settings.ranks, model.settings.ratios) == (None, ())
    (finding,) = model.judge(pictures(1))
    with pytest.raises(AuditError, match="too few specimens are enrolled") as caught:
        model.rank([finding.features], "a specimen", b"seed")
    assert caught.value.reason is AuditReason.NOT_ENROLLED


def test_an_enrolment_states_the_ranks_of_its_specimens() -> None:
    ranks = MODEL.settings.ranks
    assert ranks is not None
    assert (len(ranks.own), len(ranks.copies), ranks.left_out) == (8, 8, ())  # all copies are by one maker
    assert {pair.authentic.of for pair in ranks.own} == {pair.counterfeit.of for pair in ranks.copies} == {7}
    assert {pair.authentic.of for pair in ranks.copies} == {pair.counterfeit.of for pair in ranks.own} == {8}


def test_a_changed_copy_of_an_enrolled_image_is_a_near_duplicate() -> None:
    enrolled, _ = next(examples(1))
    pixel, turned = enrolled.pixels[:, :, 0].copy(), enrolled.pixels[:, ::-1, 0]
    pixel[5, 5] ^= 255
    fresh = specimen("alder", None, "another").field(0, 96)
    findings = MODEL.judge([picture(image) for image in (pixel, turned, fresh)])
    assert [finding.near_duplicate for finding in findings] == [True, True, False]


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
