"""The harness believes nothing: it settles, saves, loads and asks again, and a breakdown is an outcome."""

import os
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from attacks.gradient import Apgd
from attacks.harness import Plan, judged_rightly, run
from attacks.outcome import End, Found, Knowledge, Result, digest_of_results
from attacks.pictures import Budget, Norm, Picture, Plane, Unit, digest_of, distance
from attacks.target import Aim, Answer
from tests.attacks.toys import BUDGET, WEIGHTS, Constant, Linear, Rough, Scripted, pictures, textures


def plan(act: Callable[[Aim], Unit]) -> Plan:
    return Plan("scripted", "any", Knowledge.WHITE, Scripted(act))


def attacked(act: Callable[[Aim], Unit], until: float = float("inf")) -> Result:
    return run(plan(act), Linear(), pictures(2), seed=1, until=until).result


def test_a_change_beyond_the_budget_is_brought_back_before_it_is_judged() -> None:
    found = run(plan(lambda aim: 1 - aim.watched.picture.unit), Linear(), pictures(2), seed=1)
    for trial, picture in zip(found.result.trials, pictures(2), strict=True):
        assert distance(picture.plane, found.planes[picture.name], Norm.LINF) <= 2 / 255
        assert trial.plane == digest_of(found.planes[picture.name])
        assert trial.steps == 2


def test_an_attack_that_lies_about_success_gains_nothing() -> None:
    result = attacked(lambda aim: aim.watched.picture.unit)
    assert [trial.end for trial in result.trials] == [End.HELD] * 2
    assert all(trial.unchanged for trial in result.trials)


def test_a_success_on_the_way_counts_though_the_attack_hands_in_another() -> None:
    def forgetful(aim: Aim) -> Unit:
        picture = aim.watched.picture
        found = Apgd(BUDGET, 15)(aim)
        aim.ask(found[None])
        return picture.unit

    result = attacked(forgetful)
    assert [(trial.end, trial.found) for trial in result.trials] == [(End.FOOLED, Found.ON_THE_WAY)] * 2


def test_a_change_that_stops_short_is_enlarged_to_the_budget() -> None:
    def timid(aim: Aim) -> Unit:
        unit = aim.watched.picture.unit
        return unit + (Apgd(BUDGET, 15)(aim) - unit) * 0.3

    result = attacked(timid)
    assert [(trial.end, trial.found) for trial in result.trials] == [(End.FOOLED, Found.STRETCHED)] * 2


def test_a_success_of_the_twin_on_the_way_is_asked_of_the_pipeline() -> None:
    def forgetful(aim: Aim) -> Unit:
        Apgd(BUDGET, 15)(aim)
        return aim.watched.picture.unit  # and never asked the pipeline

    result = attacked(forgetful)
    assert [(trial.end, trial.found) for trial in result.trials] == [(End.FOOLED, Found.ON_THE_WAY)] * 2


def test_a_change_that_gets_no_answer_once_it_is_enlarged_is_not_held() -> None:
    class Shy(Linear):
        def decide(self, planes: Sequence[Plane]) -> list[Answer]:
            near = [min(distance(p.plane, plane, Norm.LINF) for p in pictures(2)) for plane in planes]
            return [
                Answer(None, None) if d > 1.5 / 255 else a for d, a in zip(near, super().decide(planes), strict=True)
            ]

    found = run(plan(lambda aim: aim.watched.picture.unit + 1 / 255), Shy(), pictures(2), seed=1).result
    assert found.count(End.SILENCED) == 2


def test_a_target_that_breaks_down_is_an_attack_that_did_not_run() -> None:
    class Fragile(Linear):
        def logits(self, unit: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("out of memory")

    def climb(aim: Aim) -> Unit:
        return Apgd(BUDGET, 5)(aim)

    result = run(plan(climb), Fragile(), pictures(2), seed=1).result
    assert (result.ran, result.problem) == (False, "RuntimeError: out of memory")
    calm = run(plan(lambda aim: aim.watched.picture.unit), Fragile(), pictures(2), seed=1).result
    assert calm.count(End.FAILED) == 2  # the twin is asked what was handed in, and cannot say


def test_a_problem_counts_by_its_kind_and_missed_pictures_count() -> None:
    def breaks(aim: Aim) -> Unit:
        raise OSError(f"no such file {os.getcwd()}")

    first, again = (run(plan(breaks), Linear(), pictures(2), seed=1).result for _ in range(2))
    assert first.problem != again.problem  # the folder is another one each time
    assert digest_of_results((first,), {}) == digest_of_results((again,), {})
    assert digest_of_results((first,), {}) != digest_of_results((first,), {"ab": True})


def test_a_success_beyond_the_budget_is_none_but_its_distance_is_kept() -> None:
    def far(aim: Aim) -> Unit:
        aim.ask(1 - aim.watched.picture.unit[None])
        return aim.watched.picture.unit

    for trial in attacked(far).trials:
        assert trial.end is End.HELD
        assert float(trial.nearest or 0) > 2 / 255


def test_an_attack_that_breaks_down_did_not_run() -> None:
    def breaks(aim: Aim) -> Unit:
        raise IndexError(f"index -3 is out of bounds, {len(aim.watched.start)}")

    result = attacked(breaks)
    assert not result.ran
    assert result.problem == "IndexError: index -3 is out of bounds, 0"
    assert result.count(End.FAILED) == 2
    assert not result.held


def test_an_attack_that_gives_another_shape_or_nothing_did_not_run() -> None:
    assert not attacked(lambda aim: aim.watched.picture.unit[:3]).ran
    assert not attacked(lambda aim: None).ran  # type: ignore[arg-type, return-value]


def test_a_clock_that_ran_out_is_no_pass() -> None:
    def late(aim: Aim) -> Unit:
        aim.ask(aim.watched.picture.unit[None])
        return aim.watched.picture.unit

    result = attacked(late, until=0.0)
    assert result.count(End.LATE) == 2
    assert not result.ran


def test_nothing_to_attack_is_no_pass() -> None:
    assert not run(plan(lambda aim: aim.watched.picture.unit), Linear(), [], seed=1).result.ran


def test_pictures_that_are_judged_wrongly_are_not_attacked() -> None:
    assert [picture.name for picture in judged_rightly(Constant(), pictures(4))[0]] == ["toy-1", "toy-3"]


def test_an_attack_has_a_folder_and_random_states_of_its_own_and_prints_nothing(capsys: object, tmp_path: Path) -> None:
    seen = []

    def messy(aim: Aim) -> Unit:
        print("progress")
        Path("left.npy").write_bytes(b"x")
        seen.append((os.getcwd(), random.random(), float(np.random.rand()), float(torch.rand(()))))
        return aim.watched.picture.unit

    home, states = os.getcwd(), (random.getstate(), str(np.random.get_state()), torch.get_rng_state())
    attacked(messy)
    first = list(seen)
    seen.clear()
    attacked(messy)
    assert [one[1:] for one in seen] == [one[1:] for one in first]
    assert seen[0][1:] != seen[1][1:]
    assert {one[0] for one in first} & {home} == set()
    assert not Path(first[0][0]).exists()
    assert os.getcwd() == home
    assert random.getstate() == states[0]
    assert str(np.random.get_state()) == states[1]
    assert torch.equal(torch.get_rng_state(), states[2])
    assert capsys.readouterr().out == ""  # type: ignore[attr-defined]


def test_the_same_seed_gives_the_same_outcome_and_another_another() -> None:
    def wander(aim: Aim) -> Unit:
        return aim.watched.picture.unit + aim.rng.uniform(-1, 1, aim.watched.picture.plane.shape) / 255

    first, again, other = (
        digest_of_results((run(plan(wander), Linear(), pictures(2), seed=seed).result,), {}) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_what_comes_of_a_picture_does_not_depend_on_who_came_before() -> None:
    def wander(aim: Aim) -> Unit:
        return aim.watched.picture.unit + torch.rand(aim.watched.picture.plane.shape).double().numpy() / 99

    both = run(plan(wander), Linear(), pictures(2), seed=1).result.trials[1]
    assert run(plan(wander), Linear(), pictures(2)[1:], seed=1).result.trials[0] == both


def test_the_size_of_what_fooled_is_the_smallest_that_was_met() -> None:
    """An attack that met a small change, and hands in a large one, does not make the model look stronger."""
    large = Budget(Norm.LINF, 16 / 255)

    def act(aim: Aim) -> Unit:
        picture = aim.watched.picture
        way = np.sign(WEIGHTS) * (-1 if picture.authentic else 1)
        aim.ask((picture.unit + 2 / 255 * way)[None])
        return picture.unit + 16 / 255 * way

    result = run(Plan("far", "any", Knowledge.BLACK, Scripted(act, large)), Linear(), pictures(2), seed=0).result
    assert [float(trial.size) for trial in result.trials] == pytest.approx([16 / 255] * 2, abs=1e-6)
    assert [float(trial.least) for trial in result.trials] == pytest.approx([2 / 255] * 2, abs=1e-6)


def test_a_start_of_another_size_and_depth_is_brought_to_this_one_and_asked_about() -> None:
    """A batch of several microscopes mixes both; without a start nothing would be attacked."""
    authentic, counterfeit = [textures(2)[at] for at in (1, 0)]
    deep = replace(counterfeit, plane=np.pad(counterfeit.plane.astype(np.uint16) * 257, ((0, 9), (3, 0)), "edge"))
    seen: list[Picture] = []

    def act(aim: Aim) -> Unit:
        seen.append(aim.opposite())
        return aim.watched.picture.unit

    result = run(Plan("start", "any", Knowledge.BLACK, Scripted(act)), Rough(), [authentic, deep], seed=0).result
    assert result.ran
    assert [trial.start for trial in result.trials] == [deep.name, authentic.name]
    for start, picture in zip(seen, (authentic, deep), strict=True):
        assert (start.plane.shape, start.plane.dtype) == (picture.plane.shape, picture.plane.dtype)
        assert Rough().decide([start.plane])[0].authentic is start.authentic
    assert all(trial.queries for trial in result.trials)


def test_a_start_that_is_of_the_other_class_no_longer_is_none() -> None:
    authentic, counterfeit = [textures(2)[at] for at in (1, 0)]
    cropped = replace(counterfeit, plane=counterfeit.plane[:40])

    class Fickle(Rough):
        def decide(self, planes: Sequence[Plane]) -> list[Answer]:
            return [Answer(True, None) for _ in planes]

    def act(aim: Aim) -> Unit:
        return aim.opposite().unit

    result = run(Plan("start", "any", Knowledge.BLACK, Scripted(act)), Fickle(), [authentic, cropped], seed=0).result
    assert not result.ran
    assert "no picture of the other class to set out from" in (result.problem or "")


def test_an_attack_that_gives_up_hands_in_the_best_that_it_asked_about() -> None:
    """The toolbox returns the clean picture where no proposal was better; what was tried is judged all the same."""
    clean = pictures(2)
    kept = clean[0].unit + 1 / 255

    def act(aim: Aim) -> Unit:
        unit = aim.watched.picture.unit
        for step, height in ((0.2, 0.1), (1.0, 0.4), (1.9, 0.3), (3.0, 0.9)):  # greys; the last is out of bounds
            aim.keep(torch.from_numpy(unit + step / 255)[None, None], height) if height > aim.watched.height else None
        return unit

    (trial, _) = run(Plan("gives up", "any", Knowledge.BLACK, Scripted(act)), Linear(), clean, seed=0).result.trials
    assert (trial.unchanged, trial.found, trial.end) == (False, Found.ON_THE_WAY, End.HELD)
    assert trial.plane == digest_of(np.rint(kept.clip(0, 1) * 255).astype(np.uint8))


def test_slopes_that_lead_to_no_success_leave_the_best_that_they_met() -> None:
    """The toolbox hands in the clean picture where its steps never fooled the twin; what they met is judged."""

    def act(aim: Aim) -> Unit:
        unit = aim.watched.picture.unit
        for step in (0.2, 1.0, 0.4):
            aim.logits(
                torch.from_numpy(unit - step * np.sign(WEIGHTS) * (2 * aim.watched.picture.authentic - 1) / 255)[
                    None, None
                ]
            )
        return unit

    for trial in run(
        Plan("gives up", "any", Knowledge.WHITE, Scripted(act)), Linear(), pictures(2), seed=0
    ).result.trials:
        assert (trial.unchanged, trial.found, trial.end) == (False, Found.ON_THE_WAY, End.HELD)
        assert float(trial.size) == pytest.approx(1 / 255, abs=1e-6)
