"""The pipeline under attack, and its twin: the same answers, and a slope that is the slope."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from attacks.gradient import Apgd
from attacks.harness import AttackPlan, run_attack, split_by_correctness
from attacks.images import Budget, LabelledImage, Norm
from attacks.trials import Knowledge
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.tiles import Aggregation
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.enrolment import ForestSettings
from fusiondiff_audit.model.inference import reproducible
from fusiondiff_audit.stress.surrogate import Surrogate
from fusiondiff_audit.stress.target import Pipeline
from tests.model.tiny import SETTINGS, enrolled_model, examples


@pytest.fixture(scope="module")
def model() -> DiffusionModel:
    return enrolled_model(8, learning=ForestSettings(partitions=3, trees=20))


@pytest.fixture(scope="module")
def pipeline(model: DiffusionModel) -> Iterator[Pipeline]:
    with Guard() as guard:
        yield Pipeline(model, guard)


@pytest.fixture(scope="module")
def pictures() -> list[LabelledImage]:
    return [
        LabelledImage(made.name, made.pixels[:, :, 0], example.authentic, example.specimen)
        for made, example in list(examples(5))[4:]
    ]


def unit(picture: LabelledImage) -> torch.Tensor:
    return torch.from_numpy(picture.unit).float()[None, None]


def test_the_pipeline_says_of_a_plane_what_the_model_says_of_its_picture(
    model: DiffusionModel, pipeline: Pipeline
) -> None:
    made = [sample for sample, _ in examples(3)]
    predictions = pipeline.predict([sample.pixels[:, :, 0] for sample in made])
    assert [answer.score for answer in predictions] == [finding.score for finding in model.judge(made)]
    assert {answer.authentic for answer in predictions} == {True, False}


def test_a_plane_without_structure_gets_no_answer(pipeline: Pipeline) -> None:
    (answer,) = pipeline.predict([np.full((96, 96), 7, np.uint8)])
    assert answer.authentic is None
    assert not pipeline.logits(torch.full((1, 1, 96, 96), 0.03, requires_grad=True)).any()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"geometry": replace(SETTINGS.geometry, rule=Aggregation.TRIMMED_MEAN, overlap=0.6)},
    ],
    ids=["median", "trimmed mean of many tiles"],
)
def test_a_cold_twin_says_what_the_pipeline_says(changes: dict[str, Any], pictures: list[LabelledImage]) -> None:
    model = enrolled_model(6, learning=ForestSettings(trees=20), **changes)
    twin = Surrogate(model, temperature=1e-6)
    with Guard() as guard:
        predictions = Pipeline(model, guard).predict([picture.plane for picture in pictures])
    for picture, answer in zip(pictures, predictions, strict=True):
        share = float(torch.softmax(twin.logits(unit(picture)), 1)[0, 1].detach())
        assert answer.score is not None
        assert share == pytest.approx(answer.score, abs=2e-3)


def test_the_slope_of_the_twin_is_what_differences_say(pipeline: Pipeline, pictures: list[LabelledImage]) -> None:
    """Measured between whole greys: where pixels share a grey, per cents of them have a kink."""
    generator = torch.Generator().manual_seed(0)
    at = (unit(pictures[0]) + torch.rand((1, 1, 96, 96), generator=generator) * 0.02).requires_grad_()
    (slope,) = torch.autograd.grad(pipeline.logits(at)[0, 1], at)
    for _ in range(4):
        way = torch.randn(at.shape, generator=generator) + slope * float(2 / slope.abs().mean())
        way = way / way.norm()
        with torch.no_grad():
            low, high = (float(pipeline.logits(at + reach * way)[0, 1]) for reach in (-5e-4, 5e-4))
        assert (high - low) / 1e-3 == pytest.approx(float((slope * way).sum()), rel=0.03)


def test_slopes_of_many_micro_batches_are_those_of_one(model: DiffusionModel, pictures: list[LabelledImage]) -> None:
    wide = Surrogate(model, temperature=0.1)
    narrow = Surrogate(
        enrolled_model(8, learning=ForestSettings(partitions=3, trees=20), micro_batch=1), temperature=0.1
    )
    slopes = []
    for twin in (wide, narrow):
        at = unit(pictures[1]).requires_grad_()
        slopes.append(torch.autograd.grad(twin.logits(at)[0, 1], at)[0])
    first, second = slopes
    assert torch.allclose(first, second, rtol=1e-3, atol=1e-4 * float(first.abs().max()))


def test_the_pipeline_is_fooled_through_its_twin(pipeline: Pipeline, pictures: list[LabelledImage]) -> None:
    worth = split_by_correctness(pipeline, pictures)[0][:3]
    assert worth
    plan = AttackPlan("apgd", "gradient", Knowledge.WHITE, Apgd(Budget(Norm.LINF, 0.1), 15))
    with reproducible(1):
        result = run_attack(plan, pipeline, worth, seed=1).result
    assert result.ran
    assert len(result.fooled) == len(worth)
