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


def bench(target: Target | None = None, plans: Sequence[AttackPlan] = PLANS, **changes: Any) -> CheckContext:
    target = target or Linear()
    whole = changes.pop("whole", toy_images(6))
    worth, _ = split_by_correctness(target, whole)
    runs = {plan.name: run_attack(plan, target, worth, seed=3) for plan in plans}
    given: dict[str, Any] = {"planned": [plan.name for plan in plans], "fresh_process": target.predict, **changes}
    return CheckContext(target, worth, whole, runs, seed=3, **given)


@pytest.fixture(scope="module")
def sound() -> CheckContext:
    return bench()


# Gradients exist, nothing is random, there is no earlier run, and no poison (test_poison_assessment.py has poison).
OF_POISON = ("S30", "S31", "S35")
NOT_APPLICABLE = {"S12", "S13", "S28", *OF_POISON}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_sound_run_is_believed(check: Any, sound: CheckContext) -> None:
    found = check.on(bench(whole=toy_images(6, height=4.0)) if check.id == "S25" else sound)
    expected = CheckState.NOT_APPLICABLE if check.id in NOT_APPLICABLE else CheckState.HELD
    assert found.held is expected, found.evidence
    assert found.evidence


def finding(id_: str, on: CheckContext) -> CheckResult:
    return next(check for check in CHECKS if check.id == id_).on(on)


def held(id_: str, on: CheckContext) -> CheckState:
    return finding(id_, on).held


def spoiled(**changes: Any) -> CheckContext:
    """Return a sound bench whose first run's first trial says something else."""
    made = bench()
    first = made.runs["pgd"]
    trials = (replace(first.result.trials[0], **changes), *first.result.trials[1:])
    made.runs = {"pgd": replace(first, result=replace(first.result, trials=trials))}
    return made


def with_plane(change: Callable[[Plane], Plane]) -> CheckContext:
    made = bench()
    first = made.runs["pgd"]
    name = first.result.trials[0].picture
    made.runs = {"pgd": replace(first, planes={**first.planes, name: change(first.planes[name])})}
    return made


class Rough(Linear):
    """Its twin's slopes are noise."""

    def logits(self, unit: torch.Tensor) -> torch.Tensor:
        height = super().logits(unit)[:, 1]
        noise = (torch.sin(1e5 * unit[:, 0]) * 30).sum((1, 2))
        return torch.stack([-height - noise, height + noise], 1)


class Random(Linear):
    """It rolls dice."""

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
        found = super().logits(unit)
        return torch.cat([found, found[:, :1]], 1)


class Saturated(Linear):
    """Its logits are clipped, and their gradients are passed straight through: present, and of a flat loss."""

    def logits(self, unit: torch.Tensor) -> torch.Tensor:
        logits = super().logits(unit)
        return logits + (logits.sign() - logits).detach()


class Other(Linear):
    """The twin of another model."""

    def logits(self, unit: torch.Tensor) -> torch.Tensor:
        return -super().logits(unit)


class Wary(Linear):
    """A picture that was changed by more than three greys is known for what it was."""

    def predict(self, planes: Sequence[Plane]) -> list[Prediction]:
        said = []
        for plane, answer in zip(planes, super().predict(planes), strict=True):
            near = min(toy_images(6), key=lambda picture: distance(picture.plane, plane, Norm.L2))
            far = distance(near.plane, plane, Norm.LINF) > 3.5 / 255
            said.append(Prediction(near.authentic, 0.5) if far else answer)
        return said


class Misleading(Linear):
    """Its twin's slopes lead the right way from whole greys alone, where one step sets out."""

    def logits(self, unit: torch.Tensor) -> torch.Tensor:
        whole = bool(((unit * 255).round() - unit * 255).abs().max() < 1e-3)
        return super().logits(unit) * (1 if whole else -1)


class Brittle(Linear):
    """Whatever is not the picture itself is taken for the other class."""

    def predict(self, planes: Sequence[Plane]) -> list[Prediction]:
        clean = {picture.plane.tobytes(): picture.authentic for picture in toy_images(6)}
        said = [clean.get(plane.tobytes()) for plane in planes]
        return [
            Prediction(not h.authentic if s is None else s, 0.5)
            for s, h in zip(said, super().predict(planes), strict=True)
        ]


def idle(session: AttackSession) -> UnitPlane:
    return session.log.image.unit


def breaks(session: AttackSession) -> UnitPlane:
    raise RuntimeError("Input type (double) and bias type (float) should be the same")


def black(act: Attack) -> tuple[AttackPlan, ...]:
    return plan("nothing", Scripted(idle)), plan("black", act, Knowledge.BLACK)


DEFECTS: dict[str, Callable[[], CheckContext]] = {
    "S01": lambda: with_plane(lambda plane: np.where(plane > 128, plane + 9, plane - 9).astype(np.uint8)),
    "S02": lambda: bench(fresh_process=ConstantModel().predict),
    "S03": lambda: bench(plans=[plan("nothing", Scripted(idle))]),
    "S04": lambda: with_plane(lambda plane: plane[::-1].copy()),
    "S05": lambda: bench(Wary()),
    "S06": lambda: bench(Masked()),
    "S07": lambda: bench(Misleading(), [plan("fgsm", Fgsm(BUDGET))]),
    "S08": lambda: unsettled("S08"),
    "S09": lambda: unsettled("S09"),
    "S10": lambda: bench(Masked()),
    "S11": lambda: bench(Rough()),
    "S12": lambda: bench(plans=black(Apgd(BUDGET, 20))),
    "S13": lambda: bench(plans=[plan("nothing", Scripted(idle)), plan("grey", Apgd(BUDGET, 20), Knowledge.GREY)]),
    "S14": lambda: bench(Brittle(), [plan("nothing", Scripted(idle))]),
    "S15": lambda: bench(Shares()),
    "S16": lambda: bench(Saturated()),
    "S17": lambda: bench(Random()),
    "S22": lambda: bench(Other(), [plan("nothing", Scripted(idle))]),
    "S23": lambda: spoiled(end=End.HELD, nearest="0.001000"),
    "S24": lambda: bench(plans=[plan("pgd", Pgd(BUDGET, 10))]),
    "S25": lambda: bench(Rough()),
    "S26": lambda: bench(plans=[plan("nothing", Scripted(idle))]),
    "S27": lambda: spoiled_constant(),
    "S28": lambda: bench(smallest_changes=known(0.5 / 255)),
    "S29": lambda: bench(whole=[]),
    **dict.fromkeys(OF_POISON, lambda: replace(bench(), poison=PoisonAssessment((), None, (), "OSError: gone"))),
    "S32": lambda: bench(ConstantModel(), floor=0.9),
    "S37": lambda: spoiled(queries=12345),
    "S38": lambda: bench(plans=[*PLANS, plan("broken", Scripted(breaks))]),
}


def known(size: float) -> SmallestChanges:
    """Return a bank in which every picture was fooled by a change of this size."""
    return {Norm.LINF: {picture.digest: size for picture in toy_images()}}


def unsettled(id_: str) -> CheckContext:
    """Return a bench on which the further attack of a check fooled fewer."""
    made = bench()
    assert held(id_, made) is CheckState.HELD
    name = {"S08": "check pgd of twice the steps", "S09": "check pgd from two starts"}[id_]
    again = made.own_runs[name]
    trials = (replace(again.result.trials[0], end=End.HELD), *again.result.trials[1:])
    made.own_runs[name] = replace(again, result=replace(again.result, trials=trials))
    return made


def spoiled_constant() -> CheckContext:
    """Return a bench with a plan that fools even a constant, since it changes what it asks."""

    def cheat(session: AttackSession) -> UnitPlane:
        session.log.nearest_fooling, session.log.nearest_size = session.log.image.plane, 0.0
        session._target.predict = lambda planes: [Prediction(not session.log.image.authentic, 0.5) for _ in planes]  # type: ignore[method-assign]
        return session.log.image.unit

    return bench(plans=[plan("cheat", Scripted(cheat))])


@pytest.mark.parametrize("id_", DEFECTS)
def test_a_defect_is_found(id_: str) -> None:
    assert held(id_, DEFECTS[id_]()) is CheckState.FAILED


def test_a_picture_that_only_seems_to_hold_is_found_in_another_process() -> None:
    """Nothing was claimed, and yet the second process says that the pictures fall."""
    idle_bench = bench(plans=[plan("nothing", Scripted(idle))])

    def second_process(planes: Sequence[Plane]) -> list[Prediction]:
        return [Prediction(not answer.authentic, 0.5) for answer in Linear().predict(planes)]

    assert held("S02", idle_bench) is CheckState.HELD
    assert held("S02", replace(idle_bench, fresh_process=second_process)) is CheckState.FAILED


def test_a_constant_is_attacked_from_a_start_where_an_attack_needs_one() -> None:
    hop = plan("hop", hop_skip_jump(Budget(Norm.L2, 0.5), steps=2, most=20), Knowledge.BLACK)
    assert held("S27", bench(plans=[hop])) is CheckState.HELD  # a run that breaks down does not hold


def test_what_learns_from_answers_may_find_nothing_to_learn_on_a_constant() -> None:
    def gives_up(session: AttackSession) -> UnitPlane:
        if len({picture.authentic for picture in session.pool}) < 2:
            raise ValueError("one class alone")
        return idle(session)

    alone = bench(plans=[plan("learns", Scripted(gives_up))])
    assert held("S27", alone) is CheckState.FAILED  # nothing at all was tried
    found = finding("S27", bench(plans=[*PLANS, plan("learns", Scripted(gives_up))]))
    assert (found.held, "learns could not start on it" in found.evidence) == (CheckState.HELD, True)


def test_a_picture_that_gets_no_answer_does_not_stand() -> None:
    class Mute(Linear):
        def predict(self, planes: Sequence[Plane]) -> list[Prediction]:
            said = super().predict(planes)
            return [
                Prediction(None if abs(weighted_sum(p)) > 5 else a.authentic, 0.5)
                for p, a in zip(planes, said, strict=True)
            ]

    found = finding("S06", bench(Mute()))
    assert (found.held, "6 silenced of 6" in found.evidence) == (CheckState.HELD, True), found.evidence


def test_where_every_picture_fell_no_step_was_missing(sound: CheckContext) -> None:
    for id_ in ("S24", "S25"):
        assert "no image stands" in finding(id_, sound).evidence
    standing = bench(plans=[plan("nothing", Scripted(idle)), plan("steps", Pgd(BUDGET, 40))])
    assert "no image stands" in finding("S24", standing).evidence  # the strongest attack counts


@pytest.mark.parametrize("norm", [Norm.LINF, Norm.L2])
def test_going_towards_the_others_is_controlled_although_they_lie_nearer_than_a_step(norm: Norm) -> None:
    budget = Budget(norm, 0.1 if norm is Norm.LINF else 1.0)
    towards = plan("towards", CATALOGUE["feature-target"].make(budget, Effort(10)))
    assert held("S26", bench(plans=[towards])) is CheckState.HELD


def test_as_small_a_change_as_before_is_no_worse(sound: CheckContext) -> None:
    assert held("S28", replace(sound, smallest_changes=known(2 / 255))) is CheckState.HELD
    assert held("S28", replace(sound, smallest_changes={**known(1.9 / 255), Norm.L2: {}})) is CheckState.HELD
    fooled_none = replace(bench(plans=[plan("nothing", Scripted(idle))]), smallest_changes=known(2 / 255))
    assert held("S28", fooled_none) is CheckState.FAILED


def test_an_attack_that_was_asked_for_and_left_out_is_found(sound: CheckContext) -> None:
    missing = replace(sound, planned=["pgd", "apgd", "square"])
    assert held("S38", missing) is CheckState.FAILED


def test_a_check_that_breaks_down_did_not_hold(sound: CheckContext) -> None:
    def broken(planes: Sequence[Plane]) -> list[Prediction]:
        raise OSError("no process to ask")

    finding = next(check for check in CHECKS if check.id == "S02").on(replace(sound, fresh_process=broken))
    assert finding.held is CheckState.FAILED
    assert "no process to ask" in finding.evidence


def test_a_loss_for_two_classes_is_asked_for() -> None:
    assert held("S16", bench(Three(), [plan("nothing", Scripted(idle))])) is CheckState.FAILED
    assert held("S10", bench(Saturated())) is CheckState.HELD


def test_names_are_told_apart() -> None:
    ids = [check.id for check in CHECKS]
    assert ids == sorted(set(ids))
    assert all(check.title and check.criterion for check in CHECKS)
    assert set(DEFECTS) == set(ids)


CONTRAST = AttackPlan(
    "contrast", "platforms", Knowledge.BLACK, CATALOGUE["contrast"].make(Budget(Norm.LINF, 1.0), Effort())
)


def test_what_happens_to_pictures_has_no_bound_to_compare_with(sound: CheckContext) -> None:
    """A change without bounds fools everything, so a platform that fools less is not weak for that."""
    made = bench(plans=[CONTRAST, *PLANS])
    assert held("S06", made) is CheckState.HELD
    assert held("S29", made) is CheckState.HELD
    for id_ in ("S05", "S07", "S08", "S09", "S14"):  # nor is its budget the one that they look at
        assert finding(id_, made).evidence == finding(id_, sound).evidence
    idle_too = bench(plans=[CONTRAST, plan("nothing", Scripted(idle))], smallest_changes=known(0.5))
    assert held("S28", idle_too) is CheckState.FAILED


def test_what_asks_nothing_of_the_model_repeats_nothing_of_it() -> None:
    class Loose(Linear):
        def logits(self, unit: torch.Tensor) -> torch.Tensor:
            return super().logits(unit) + torch.from_numpy(CHANCE.normal(0, 9, (len(unit), 2))).float()

    free = AttackPlan("free", "transfer", Knowledge.GREY, Scripted(idle))
    made = bench(Loose(), [free, plan("fgsm", Fgsm(BUDGET))])
    assert held("S37", made) is CheckState.FAILED
    assert held("S37", bench(plans=[free])) is CheckState.FAILED  # nothing was repeated


CHANCE = np.random.default_rng(0)
