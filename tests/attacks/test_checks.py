"""Every check on a sound run, where it holds, and on a run with its own defect, where it does not."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from attacks.art.decision_based import hop_skip_jump
from attacks.catalogue import CATALOGUE
from attacks.checks import CHECKS
from attacks.checks.check import CheckContext, SmallestChanges
from attacks.cost import Effort
from attacks.gradient import Apgd, Fgsm, Pgd
from attacks.harness import Attack, AttackPlan, run_attack, split_by_correctness
from attacks.images import Budget, Norm, Plane, UnitPlane, distance
from attacks.poison.assessment import PoisonAssessment
from attacks.target import AttackSession, Prediction, Target
from attacks.trials import End, Knowledge
from reports.stress.records import CheckResult, CheckState
from tests.attacks.toys import BUDGET, ConstantModel, Linear, Masked, Scripted, toy_images, weighted_sum


def plan(name: str, attack: Attack, knowledge: Knowledge = Knowledge.WHITE) -> AttackPlan:
    return AttackPlan(name, "gradient", knowledge, attack)


PLANS = (plan("pgd", Pgd(BUDGET, 40)), plan("apgd", Apgd(BUDGET, 40)))


def context(target: Target | None = None, plans: Sequence[AttackPlan] = PLANS, **changes: Any) -> CheckContext:
    target = target or Linear()
    whole = changes.pop("whole", toy_images(6))
    worth, _ = split_by_correctness(target, whole)
    runs = {plan.name: run_attack(plan, target, worth, seed=3) for plan in plans}
    given: dict[str, Any] = {"planned": [plan.name for plan in plans], "fresh_process": target.predict, **changes}
    return CheckContext(target, worth, whole, runs, seed=3, **given)


@pytest.fixture(scope="module")
def sound() -> CheckContext:
    return context()


# Gradients exist, nothing is random, there is no earlier run, and no poison (test_poison_assessment.py has poison).
OF_POISON = ("S30", "S31", "S35")
NOT_APPLICABLE = {"S12", "S13", "S28", *OF_POISON}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_every_check_holds_on_a_sound_run(check: Any, sound: CheckContext) -> None:
    result = check.on(context(whole=toy_images(6, height=4.0)) if check.id == "S25" else sound)
    expected = CheckState.NOT_APPLICABLE if check.id in NOT_APPLICABLE else CheckState.HELD
    assert result.held is expected, result.evidence
    assert result.evidence


def finding(id_: str, on: CheckContext) -> CheckResult:
    return next(check for check in CHECKS if check.id == id_).on(on)


def held(id_: str, on: CheckContext) -> CheckState:
    return finding(id_, on).held


def spoiled(**changes: Any) -> CheckContext:
    """Return a sound context with changes in its first run's first trial."""
    changed = context()
    first = changed.runs["pgd"]
    trials = (replace(first.result.trials[0], **changes), *first.result.trials[1:])
    changed.runs = {"pgd": replace(first, result=replace(first.result, trials=trials))}
    return changed


def with_plane(change: Callable[[Plane], Plane]) -> CheckContext:
    changed = context()
    first = changed.runs["pgd"]
    name = first.result.trials[0].picture
    changed.runs = {"pgd": replace(first, planes={**first.planes, name: change(first.planes[name])})}
    return changed


class Rough(Linear):
    """The surrogate's gradients are noise."""

    def logits(self, unit: torch.Tensor) -> torch.Tensor:
        height = super().logits(unit)[:, 1]
        noise = (torch.sin(1e5 * unit[:, 0]) * 30).sum((1, 2))
        return torch.stack([-height - noise, height + noise], 1)


class Random(Linear):
    """Predictions are random."""

    def __init__(self) -> None:
        super().__init__()
        self._rng = np.random.default_rng(0)

    def logits(self, unit: torch.Tensor) -> torch.Tensor:
        return super().logits(unit) + float(self._rng.normal()) * 1e-2


class Shares(Linear):
    def logits(self, unit: torch.Tensor) -> torch.Tensor:
        return super().logits(unit).softmax(1)


class Three(Linear):
    def logits(self, unit: torch.Tensor) -> torch.Tensor:
        result = super().logits(unit)
        return torch.cat([result, result[:, :1]], 1)


class Saturated(Linear):
    """Logits are clipped and gradients passed through: gradients are present, and the loss is flat."""

    def logits(self, unit: torch.Tensor) -> torch.Tensor:
        logits = super().logits(unit)
        return logits + (logits.sign() - logits).detach()


class Other(Linear):
    """The surrogate is that of another model."""

    def logits(self, unit: torch.Tensor) -> torch.Tensor:
        return -super().logits(unit)


class Wary(Linear):
    """Labels images by their clean versions where they changed by more than three greys."""

    def predict(self, planes: Sequence[Plane]) -> list[Prediction]:
        predictions = []
        for plane, answer in zip(planes, super().predict(planes), strict=True):
            near = min(toy_images(6), key=lambda picture: distance(picture.plane, plane, Norm.L2))
            far = distance(near.plane, plane, Norm.LINF) > 3.5 / 255
            predictions.append(Prediction(near.authentic, 0.5) if far else answer)
        return predictions


class Misleading(Linear):
    """The surrogate's gradients are right at whole greys alone, where a single step starts."""

    def logits(self, unit: torch.Tensor) -> torch.Tensor:
        whole = bool(((unit * 255).round() - unit * 255).abs().max() < 1e-3)
        return super().logits(unit) * (1 if whole else -1)


class Brittle(Linear):
    """Every changed image is labelled as the other class."""

    def predict(self, planes: Sequence[Plane]) -> list[Prediction]:
        clean = {picture.plane.tobytes(): picture.authentic for picture in toy_images(6)}
        predictions = [clean.get(plane.tobytes()) for plane in planes]
        return [
            Prediction(not h.authentic if s is None else s, 0.5)
            for s, h in zip(predictions, super().predict(planes), strict=True)
        ]


def idle(session: AttackSession) -> UnitPlane:
    return session.log.image.unit


def breaks(session: AttackSession) -> UnitPlane:
    raise RuntimeError("Input type (double) and bias type (float) should be the same")


def black(act: Attack) -> tuple[AttackPlan, ...]:
    return plan("nothing", Scripted(idle)), plan("black", act, Knowledge.BLACK)


DEFECTS: dict[str, Callable[[], CheckContext]] = {
    "S01": lambda: with_plane(lambda plane: np.where(plane > 128, plane + 9, plane - 9).astype(np.uint8)),
    "S02": lambda: context(fresh_process=ConstantModel().predict),
    "S03": lambda: context(plans=[plan("nothing", Scripted(idle))]),
    "S04": lambda: with_plane(lambda plane: plane[::-1].copy()),
    "S05": lambda: context(Wary()),
    "S06": lambda: context(Masked()),
    "S07": lambda: context(Misleading(), [plan("fgsm", Fgsm(BUDGET))]),
    "S08": lambda: unsettled("S08"),
    "S09": lambda: unsettled("S09"),
    "S10": lambda: context(Masked()),
    "S11": lambda: context(Rough()),
    "S12": lambda: context(plans=black(Apgd(BUDGET, 20))),
    "S13": lambda: context(plans=[plan("nothing", Scripted(idle)), plan("grey", Apgd(BUDGET, 20), Knowledge.GREY)]),
    "S14": lambda: context(Brittle(), [plan("nothing", Scripted(idle))]),
    "S15": lambda: context(Shares()),
    "S16": lambda: context(Saturated()),
    "S17": lambda: context(Random()),
    "S22": lambda: context(Other(), [plan("nothing", Scripted(idle))]),
    "S23": lambda: spoiled(end=End.HELD, nearest="0.001000"),
    "S24": lambda: context(plans=[plan("pgd", Pgd(BUDGET, 10))]),
    "S25": lambda: context(Rough()),
    "S26": lambda: context(plans=[plan("nothing", Scripted(idle))]),
    "S27": lambda: spoiled_constant(),
    "S28": lambda: context(smallest_changes=changes_of(0.5 / 255)),
    "S29": lambda: context(whole=[]),
    **dict.fromkeys(OF_POISON, lambda: replace(context(), poison=PoisonAssessment((), None, (), "OSError: gone"))),
    "S32": lambda: context(ConstantModel(), floor=0.9),
    "S37": lambda: spoiled(queries=12345),
    "S38": lambda: context(plans=[*PLANS, plan("broken", Scripted(breaks))]),
}


def changes_of(size: float) -> SmallestChanges:
    """Return smallest changes of one size for every image."""
    return {Norm.LINF: {picture.digest: size for picture in toy_images()}}


def unsettled(id_: str) -> CheckContext:
    """Return a context in which a check's own attack fooled one image less."""
    changed = context()
    assert held(id_, changed) is CheckState.HELD
    name = {"S08": "check pgd of twice the steps", "S09": "check pgd from two starts"}[id_]
    again = changed.own_runs[name]
    trials = (replace(again.result.trials[0], end=End.HELD), *again.result.trials[1:])
    changed.own_runs[name] = replace(again, result=replace(again.result, trials=trials))
    return changed


def spoiled_constant() -> CheckContext:
    """Return a context with a plan that fools the constant model by replacing its `predict`."""

    def cheat(session: AttackSession) -> UnitPlane:
        session.log.nearest_fooling, session.log.nearest_size = session.log.image.plane, 0.0
        session._target.predict = lambda planes: [Prediction(not session.log.image.authentic, 0.5) for _ in planes]  # type: ignore[method-assign]
        return session.log.image.unit

    return context(plans=[plan("cheat", Scripted(cheat))])


@pytest.mark.parametrize("id_", DEFECTS)
def test_every_check_fails_on_a_run_with_its_defect(id_: str) -> None:
    assert held(id_, DEFECTS[id_]()) is CheckState.FAILED


def test_a_fooled_image_recorded_as_held_fails_the_fresh_process_check() -> None:
    """The second process labels every image wrongly."""
    idle_context = context(plans=[plan("nothing", Scripted(idle))])

    def second_process(planes: Sequence[Plane]) -> list[Prediction]:
        return [Prediction(not answer.authentic, 0.5) for answer in Linear().predict(planes)]

    assert held("S02", idle_context) is CheckState.HELD
    assert held("S02", replace(idle_context, fresh_process=second_process)) is CheckState.FAILED


def test_attacks_that_need_a_start_get_one_on_the_constant_model() -> None:
    hop = plan("hop", hop_skip_jump(Budget(Norm.L2, 0.5), Effort(2, queries=40)), Knowledge.BLACK)
    assert held("S27", context(plans=[hop])) is CheckState.HELD  # a run that breaks down does not hold


def test_attacks_that_train_on_predictions_may_refuse_the_constant_model() -> None:
    def gives_up(session: AttackSession) -> UnitPlane:
        if len({picture.authentic for picture in session.pool}) < 2:
            raise ValueError("one class alone")
        return idle(session)

    alone = context(plans=[plan("learns", Scripted(gives_up))])
    assert held("S27", alone) is CheckState.FAILED  # nothing at all was tried
    result = finding("S27", context(plans=[*PLANS, plan("learns", Scripted(gives_up))]))
    assert (result.held, "learns could not start on it" in result.evidence) == (CheckState.HELD, True)


def test_an_image_without_a_label_has_not_held() -> None:
    class Mute(Linear):
        def predict(self, planes: Sequence[Plane]) -> list[Prediction]:
            predictions = super().predict(planes)
            return [
                Prediction(None if abs(weighted_sum(p)) > 5 else a.authentic, 0.5)
                for p, a in zip(planes, predictions, strict=True)
            ]

    result = finding("S06", context(Mute()))
    assert (result.held, "6 silenced of 6" in result.evidence) == (CheckState.HELD, True), result.evidence


def test_convergence_holds_where_every_image_is_fooled(sound: CheckContext) -> None:
    for id_ in ("S24", "S25"):
        assert "no image stands" in finding(id_, sound).evidence
    standing = context(plans=[plan("nothing", Scripted(idle)), plan("steps", Pgd(BUDGET, 40))])
    assert "no image stands" in finding("S24", standing).evidence  # the strongest attack counts


@pytest.mark.parametrize("norm", [Norm.LINF, Norm.L2])
def test_the_feature_target_fools_the_linear_control_although_classes_are_nearer_than_a_step(norm: Norm) -> None:
    budget = Budget(norm, 0.1 if norm is Norm.LINF else 1.0)
    towards = plan("towards", CATALOGUE["feature-target"].make(budget, Effort(10)))
    assert held("S26", context(plans=[towards])) is CheckState.HELD


def test_changes_as_small_as_the_baseline_s_are_no_weaker(sound: CheckContext) -> None:
    assert held("S28", replace(sound, smallest_changes=changes_of(2 / 255))) is CheckState.HELD
    assert held("S28", replace(sound, smallest_changes={**changes_of(1.9 / 255), Norm.L2: {}})) is CheckState.HELD
    fooled_none = replace(context(plans=[plan("nothing", Scripted(idle))]), smallest_changes=changes_of(2 / 255))
    assert held("S28", fooled_none) is CheckState.FAILED


def test_a_planned_attack_without_a_run_fails_the_check(sound: CheckContext) -> None:
    missing = replace(sound, planned=["pgd", "apgd", "square"])
    assert held("S38", missing) is CheckState.FAILED


def test_a_check_that_raises_has_failed(sound: CheckContext) -> None:
    def broken(planes: Sequence[Plane]) -> list[Prediction]:
        raise OSError("no process to ask")

    finding = next(check for check in CHECKS if check.id == "S02").on(replace(sound, fresh_process=broken))
    assert finding.held is CheckState.FAILED
    assert "no process to ask" in finding.evidence


def test_three_classes_fail_the_check_of_the_loss() -> None:
    assert held("S16", context(Three(), [plan("nothing", Scripted(idle))])) is CheckState.FAILED
    assert held("S10", context(Saturated())) is CheckState.HELD


def test_ids_and_titles_of_checks_are_unique() -> None:
    ids = [check.id for check in CHECKS]
    assert ids == sorted(set(ids))
    assert all(check.title and check.criterion for check in CHECKS)
    assert set(DEFECTS) == set(ids)


CONTRAST = AttackPlan(
    "contrast", "platforms", Knowledge.BLACK, CATALOGUE["contrast"].make(Budget(Norm.LINF, 1.0), Effort())
)


def test_transformations_do_not_enter_comparisons_of_budgets(sound: CheckContext) -> None:
    """A check that allows any change is not made of transformations, which fool fewer images."""
    changed = context(plans=[CONTRAST, *PLANS])
    assert held("S06", changed) is CheckState.HELD
    assert held("S29", changed) is CheckState.HELD
    for id_ in ("S05", "S07", "S08", "S09", "S14"):  # their budget is not that of a transformation
        assert finding(id_, changed).evidence == finding(id_, sound).evidence
    idle_too = context(plans=[CONTRAST, plan("nothing", Scripted(idle))], smallest_changes=changes_of(0.5))
    assert held("S28", idle_too) is CheckState.FAILED


def test_an_attack_without_queries_or_passes_does_not_show_reproducibility() -> None:
    class Loose(Linear):
        def logits(self, unit: torch.Tensor) -> torch.Tensor:
            return super().logits(unit) + torch.from_numpy(CHANCE.normal(0, 9, (len(unit), 2))).float()

    free = AttackPlan("free", "transfer", Knowledge.GREY, Scripted(idle))
    changed = context(Loose(), [free, plan("fgsm", Fgsm(BUDGET))])
    assert held("S37", changed) is CheckState.FAILED
    assert held("S37", context(plans=[free])) is CheckState.FAILED  # nothing was repeated


CHANCE = np.random.default_rng(0)
