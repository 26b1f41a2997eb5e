"""Adaptive attacks, which use no gradient of the head, on a head that has one, so that their success is known."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
import torch

from attacks import adaptive
from attacks.adaptive import AdaptiveAttack, PlaneObjective, distilled_head, other_class_features, surrogate_network
from attacks.gradient import random_start, to_plane, to_tensor
from attacks.harness import Attack, AttackPlan, AttackRun, run_attack
from attacks.images import Budget, Norm, UnitPlane
from attacks.target import AttackSession
from attacks.trials import AttackTrials, Knowledge
from tests.attacks.toys import Linear, Rough, Scripted, texture_images, toy_images

BUDGET = Budget(Norm.LINF, 16 / 255)
MORE = Budget(Norm.LINF, 24 / 255)
LONG = Budget(Norm.L2, 3.0)


@pytest.fixture(autouse=True)
def short_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train surrogates with fewer batches: 60 separate rough and smooth textures as well as 400."""
    monkeypatch.setattr(adaptive, "_EPOCHS", 60)


class Blind(Rough):
    """Raises where its gradients are requested."""

    def logits(self, unit: torch.Tensor) -> torch.Tensor:
        raise AssertionError("asked for the model's own gradients")

    features = logits


def attacked(attack: Attack, knowledge: Knowledge = Knowledge.GREY, target: type[Rough] = Rough) -> AttackRun:
    return run_attack(AttackPlan("adaptive", "transfer", knowledge, attack), target(), texture_images(), seed=3)


@cache
def first_result(attack: AdaptiveAttack) -> AttackTrials:
    """Return an attack's result; attacks that train on predictions alone request no gradients."""
    knowledge = Knowledge.WHITE if attack.objective is other_class_features else Knowledge.GREY
    return attacked(attack, knowledge, Blind if attack.objective is surrogate_network else Rough).result


@pytest.mark.parametrize("budget", [BUDGET, LONG])
def test_features_can_be_moved_to_the_other_class(budget: Budget) -> None:
    result = first_result(AdaptiveAttack(budget, other_class_features))
    assert result.ran
    assert len(result.fooled) == 8


def test_the_gradient_of_a_distilled_head_fools_the_model() -> None:
    result = first_result(AdaptiveAttack(BUDGET, distilled_head))
    assert result.ran
    assert len(result.fooled) == 8
    assert not sum(trial.queries for trial in result.trials)


def test_a_surrogate_network_needs_predictions_alone() -> None:
    def noise(session: AttackSession) -> UnitPlane:
        return to_plane(random_start(to_tensor(session.log.image.unit), MORE, session.generator))

    result = first_result(AdaptiveAttack(MORE, surrogate_network))
    assert result.ran
    assert not sum(trial.queries + trial.passes for trial in result.trials)
    random = attacked(Scripted(noise, MORE), target=Blind).result
    assert len(result.fooled) >= 2 > 0 == len(random.fooled)


@pytest.mark.parametrize(
    "attack",
    [
        AdaptiveAttack(BUDGET, other_class_features),
        AdaptiveAttack(BUDGET, distilled_head),
        AdaptiveAttack(MORE, surrogate_network),
    ],
)
def test_the_same_seed_gives_the_same_planes(attack: AdaptiveAttack) -> None:
    first = first_result(attack)
    assert attacked(attack, first.knowledge).result == first


def test_without_an_image_of_the_other_class_the_attack_is_refused() -> None:
    authentic = [image for image in toy_images() if image.authentic]
    plan = AttackPlan("features", "features", Knowledge.WHITE, AdaptiveAttack(BUDGET, other_class_features))
    result = run_attack(plan, Linear(), authentic, seed=3).result
    assert not result.ran
    assert "no image of the other class" in (result.problem or "")


@pytest.mark.parametrize("objective", [distilled_head, surrogate_network])
def test_a_surrogate_that_does_not_separate_the_classes_is_refused(
    objective: Callable[[AttackSession], PlaneObjective], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A useless surrogate would leave every image unchanged. It is trained once, so all images have one failure."""
    trained, train = list[torch.nn.Module](), adaptive._train

    def counted(network: torch.nn.Module, batch: Callable[[], tuple[torch.Tensor, torch.Tensor]]) -> None:
        trained.append(network)
        train(network, batch)

    monkeypatch.setattr(adaptive, "_train", counted)
    authentic = [image for image in texture_images() if image.authentic]
    alike = [replace(authentic[0], name=str(n), authentic=bool(n % 2)) for n in range(6)]
    for images in (authentic, alike):
        plan = AttackPlan("surrogate", "transfer", Knowledge.GREY, AdaptiveAttack(BUDGET, objective))
        result = run_attack(plan, Rough(), images, seed=3).result
        assert not result.ran
        assert "learnt too little" in (result.problem or "")
    assert len(trained) == 2


@pytest.mark.parametrize("objective", [other_class_features, distilled_head])
def test_a_plane_without_tiles_has_a_gradient_of_zero(
    objective: Callable[[AttackSession], PlaneObjective],
) -> None:
    class Bare(Rough):
        def features(self, unit: torch.Tensor) -> torch.Tensor:
            clean = any(torch.allclose(unit[0, 0], torch.from_numpy(p.unit).float()) for p in texture_images())
            return super().features(unit) if clean else unit.new_zeros(0, 1)

    result = attacked(AdaptiveAttack(BUDGET, objective), target=Bare).result
    assert result.ran
    assert not result.fooled
