"""The rules that the tool's is compared with on `bench/2`, on made-up cells whose answers are known."""

from collections import Counter
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from benchmarks import cell_maps
from benchmarks.cell_maps import Cells, encoder_cells, lite0_cells
from benchmarks.convert_efficientnet import converted
from benchmarks.memory_banks import ANOMALY_DINO, CELLS_OF_SPECIMEN, PATCHCORE, BankStyle, bank_rule, k_centres
from benchmarks.open_set import kept_answers, shown
from benchmarks.open_set_rules import RULES, Seed, _compositions
from benchmarks.score_rule import ScoreRule, Scores, folds_of
from fusiondiff_audit.evaluation.open_set import OpenSetSpecimen, SpecimenAnswer
from fusiondiff_audit.evaluation.open_set_features import TaskFeatures
from fusiondiff_audit.evaluation.open_set_task import OpenSetPart, OpenSetSizes, open_set_task
from fusiondiff_audit.kiln.recipe_files import bench2_kilns
from reports.verdict.verdicts import Verdict
from signing import SigningError
from tests.model.tiny import pictures, tiny_model

IMAGES = 2
OWN, COPIES, STRANGERS = "own", "copies", "strangers"


def specimen(kind: str, number: int) -> OpenSetSpecimen:
    """Return a specimen whose images have places that tell its kind and number."""
    first = 10_000 * (OWN, COPIES, STRANGERS).index(kind) + 10 * number
    images = tuple(range(first, first + IMAGES))
    return OpenSetSpecimen(f"{kind} {number}", OpenSetPart.OWN, kind, number, kind == OWN, images)


ENROLLED = [specimen(kind, number) for kind in (OWN, COPIES) for number in range(20)]


@cache
def cells(place: int) -> Cells:
    """Return 30 cells of an image, in the direction of its kind."""
    rng, kind = np.random.default_rng(place), place // 10_000
    of_specimen = np.random.default_rng(place // 10).normal(0, 0.5, 3)
    mean = 6 * np.eye(3)[kind]
    made: Cells = (mean + of_specimen + rng.normal(0, 0.5, (30, 3))).astype(np.float32)
    return made


@pytest.mark.parametrize("style", [PATCHCORE, ANOMALY_DINO])
def test_banks_tell_own_ware_copies_and_strangers(style: BankStyle) -> None:
    rule = bank_rule(style, cells)(ENROLLED)
    asked = [(kind, number) for kind in (OWN, COPIES, STRANGERS) for number in range(100, 115)]
    answers = [(kind, rule.judge(specimen(kind, number))) for kind, number in asked]
    verdicts = Counter((kind, answer.verdict) for kind, answer in answers)
    assert verdicts[OWN, Verdict.AUTHENTIC] >= 12
    assert verdicts[COPIES, Verdict.COUNTERFEIT] >= 12
    assert verdicts[STRANGERS, Verdict.UNFAMILIAR] >= 12
    own, strangers = ([a.nonconformity or 0 for kind, a in answers if kind == of] for of in (OWN, STRANGERS))
    assert max(own) < min(strangers)


@pytest.mark.parametrize("style", [PATCHCORE, ANOMALY_DINO, BankStyle(cosine=False, furthest=0.5)])
def test_a_bank_without_folds_is_one_of_the_other_specimens_alone(style: BankStyle) -> None:
    rule = bank_rule(style, cells)(ENROLLED)
    assert isinstance(rule, ScoreRule)
    folds = folds_of(ENROLLED)
    image = cells(20_000)
    scores = rule.scores(20_000)
    for one, other, label in product(range(3), range(3), (False, True)):
        rest = [s for s, fold in zip(ENROLLED, folds, strict=True) if s.authentic == label and fold not in (one, other)]
        bank = np.concatenate([cells(place) for s in rest for place in s.images]).astype(np.float64)
        if style.cosine:
            bank, unit = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (bank, image))
            distances = np.sort((1 - unit @ bank.T).min(1))
        else:
            distances = np.sort(np.linalg.norm(image[:, None] - bank, axis=2).min(1))
        count = max(1, round(style.furthest * len(image)))
        assert scores[one, other, int(label)] == pytest.approx(np.log(distances[-count:].mean()), abs=1e-3)
    assert len(np.concatenate([cells(place) for place in ENROLLED[0].images])) < CELLS_OF_SPECIMEN  # all are kept


def test_centres_are_the_furthest_from_those_before() -> None:
    line = np.array([[0], [1], [2], [3], [10]], np.float32)
    assert k_centres(line, 3).ravel().tolist() == [10, 0, 3]
    assert sorted(k_centres(line, 9).ravel().tolist()) == [0, 1, 2, 3, 10]


def test_own_ware_is_rejected_no_more_often_than_promised() -> None:
    shares = []
    for enrolment in range(20):

        def scores(place: int, enrolment: int = enrolment) -> Scores:
            rng = np.random.default_rng([place, enrolment])
            return np.broadcast_to(rng.normal(size=2), (8, 8, 2))  # the same without whatever folds

        rule = ScoreRule(ENROLLED, scores)
        verdicts = [rule.judge(specimen(OWN, number)).verdict for number in range(100, 120)]
        shares.append(sum(verdict in (Verdict.COUNTERFEIT, Verdict.UNFAMILIAR) for verdict in verdicts) / 20)
    error = np.std(shares, ddof=1) / np.sqrt(len(shares))
    assert 0 < np.mean(shares) <= 1 / 21 + 2 * error  # less conforming than all of 20


def test_a_composition_is_that_of_the_specimen_and_not_of_the_image() -> None:
    sizes = OpenSetSizes(3, 2, 3, 1, 1, 1, 1, images=2, fewer_images=1)
    items = open_set_task(0, 64 * "a", bench2_kilns(), sizes).items
    rows = np.concatenate(_compositions(items))
    assert np.isfinite(rows).all()
    np.testing.assert_allclose(rows.std(0), 1, rtol=1e-3)
    of_specimen = {
        item.key: [row for other, row in zip(items, rows, strict=True) if other.key == item.key] for item in items
    }
    assert all((same == drawn[0]).all() for drawn in of_specimen.values() for same in drawn)
    assert len(np.unique([drawn[0] for drawn in of_specimen.values()], axis=0)) == len(of_specimen)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_bytes(b"others")
    with pytest.raises(SigningError, match=r"pinned as sha256:f42a.*, found sha256:"):
        lite0_cells(tmp_path / "weights.safetensors", tiny_model())
    with pytest.raises(ValueError, match=r"is sha256:.*, not sha256:5793"):
        converted(b"others")


def test_cells_of_the_encoder_are_of_the_tiles_that_it_embeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cell_maps, "_SIDE", 128)
    monkeypatch.setattr(cell_maps, "_DEVELOPMENT_IMAGES", 1)
    model = tiny_model()
    of_image = encoder_cells(model)
    (image,) = pictures(1, side=130)
    made = of_image(image)
    tiles = len(next(model.embed([image])).features)
    assert made.shape == (tiles * (64 // 16) ** 2, sum(model.settings.architecture.channels().values()))
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made, of_image(image))
    development = np.concatenate([of_image(one) for one in cell_maps.development_images()])
    np.testing.assert_allclose(development.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(development.std(0), 1, atol=1e-3)


def test_answers_are_kept_and_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = OpenSetSizes(3, 2, 2, 1, 1, 1, 1, images=1, fewer_images=1)
    task = open_set_task(0, "ab" * 32, bench2_kilns(), sizes)
    features = TaskFeatures((np.ones((1, 2), np.float32),) * len(task.items), ((),) * len(task.items))
    seed = Seed(tiny_model(), task, features, {})

    class Alternating:
        def judge(self, specimen: OpenSetSpecimen) -> SpecimenAnswer:
            return SpecimenAnswer(Verdict.AUTHENTIC if specimen.number % 2 else None, specimen.number / 3)

    monkeypatch.setattr("benchmarks.open_set.RULES", {"toy": lambda seed: lambda enrolled: Alternating()})
    answers = kept_answers(tmp_path, "toy", seed)
    monkeypatch.setattr("benchmarks.open_set.RULES", {})
    assert kept_answers(tmp_path, "toy", seed) == answers
    assert {answer.verdict for answer in answers} == {Verdict.AUTHENTIC, None}
    assert "toy" not in RULES


def test_the_most_accepted_maker_of_each_part_is_shown() -> None:
    from tests.evaluation.test_open_set import rows

    assert [(row.part, row.maker) for row in shown(rows())] == [
        (OpenSetPart.OWN, ""),
        (OpenSetPart.OWN, "larch: larch"),
        (OpenSetPart.UNSEEN, ""),
        (OpenSetPart.UNSEEN, "larch: refired"),
    ]
