"""The harness projects, saves, loads and judges again what an attack returns; an attack that raises has a problem."""

import os
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from attacks.gradient import Apgd
from attacks.harness import AttackPlan, run_attack, split_by_correctness
from attacks.images import Budget, LabelledImage, Norm, Plane, UnitPlane, distance, plane_digest
from attacks.target import AttackSession, Prediction
from attacks.trials import AttackTrials, End, Knowledge, PlaneSource, digest_of_results
from tests.attacks.toys import BUDGET, WEIGHTS, ConstantModel, Linear, Rough, Scripted, texture_images, toy_images


def plan(act: Callable[[AttackSession], UnitPlane]) -> AttackPlan:
    return AttackPlan("scripted", "any", Knowledge.WHITE, Scripted(act))


def attacked(act: Callable[[AttackSession], UnitPlane], until: float = float("inf")) -> AttackTrials:
    return run_attack(plan(act), Linear(), toy_images(2), seed=1, until=until).result


def test_a_change_beyond_the_budget_is_projected_before_it_is_judged() -> None:
    run = run_attack(plan(lambda session: 1 - session.log.image.unit), Linear(), toy_images(2), seed=1)
    for trial, picture in zip(run.result.trials, toy_images(2), strict=True):
        assert distance(picture.plane, run.planes[picture.name], Norm.LINF) <= 2 / 255
        assert trial.plane == plane_digest(run.planes[picture.name])
        assert trial.steps == 2


def test_the_harness_ignores_success_that_an_attack_claims() -> None:
    result = attacked(lambda session: session.log.image.unit)
    assert [trial.end for trial in result.trials] == [End.HELD] * 2
    assert all(trial.unchanged for trial in result.trials)


def test_a_plane_that_fooled_during_the_search_counts() -> None:
    def forgetful(session: AttackSession) -> UnitPlane:
        picture = session.log.image
        unit = Apgd(BUDGET, 15)(session)
        session.predict_units(unit[None])
        return picture.unit

    result = attacked(forgetful)
    assert [(trial.end, trial.found) for trial in result.trials] == [(End.FOOLED, PlaneSource.ON_THE_WAY)] * 2


def test_a_change_smaller_than_the_budget_is_enlarged() -> None:
    def timid(session: AttackSession) -> UnitPlane:
        unit = session.log.image.unit
        return unit + (Apgd(BUDGET, 15)(session) - unit) * 0.3

    result = attacked(timid)
    assert [(trial.end, trial.found) for trial in result.trials] == [(End.FOOLED, PlaneSource.ENLARGED)] * 2


def test_a_plane_that_fooled_the_surrogate_is_judged_by_the_pipeline() -> None:
    def forgetful(session: AttackSession) -> UnitPlane:
        Apgd(BUDGET, 15)(session)
        return session.log.image.unit  # without any query

    result = attacked(forgetful)
    assert [(trial.end, trial.found) for trial in result.trials] == [(End.FOOLED, PlaneSource.ON_THE_WAY)] * 2


def test_an_enlarged_change_without_a_label_is_silenced() -> None:
    class Shy(Linear):
        def predict(self, planes: Sequence[Plane]) -> list[Prediction]:
            near = [min(distance(p.plane, plane, Norm.LINF) for p in toy_images(2)) for plane in planes]
            return [
                Prediction(None, None) if d > 1.5 / 255 else a
                for d, a in zip(near, super().predict(planes), strict=True)
            ]

    result = run_attack(plan(lambda session: session.log.image.unit + 1 / 255), Shy(), toy_images(2), seed=1).result
    assert result.count(End.SILENCED) == 2


def test_an_attack_on_a_target_that_raises_did_not_run() -> None:
    class Fragile(Linear):
        def logits(self, unit: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("out of memory")

    def climb(session: AttackSession) -> UnitPlane:
        return Apgd(BUDGET, 5)(session)

    result = run_attack(plan(climb), Fragile(), toy_images(2), seed=1).result
    assert (result.ran, result.problem) == (False, "RuntimeError: out of memory")
    calm = run_attack(plan(lambda session: session.log.image.unit), Fragile(), toy_images(2), seed=1).result
    assert calm.count(End.FAILED) == 2  # judging the returned plane raises, too


def test_the_digest_depends_on_missed_images_and_on_the_type_of_a_problem_alone() -> None:
    def breaks(session: AttackSession) -> UnitPlane:
        raise OSError(f"no such file {os.getcwd()}")

    first, again = (run_attack(plan(breaks), Linear(), toy_images(2), seed=1).result for _ in range(2))
    assert first.problem != again.problem  # the folder is another one each time
    assert digest_of_results((first,), {}) == digest_of_results((again,), {})
    assert digest_of_results((first,), {}) != digest_of_results((first,), {"ab": True})


def test_a_success_beyond_the_budget_does_not_count_but_its_size_is_recorded() -> None:
    def far(session: AttackSession) -> UnitPlane:
        session.predict_units(1 - session.log.image.unit[None])
        return session.log.image.unit

    for trial in attacked(far).trials:
        assert trial.end is End.HELD
        assert float(trial.nearest or 0) > 2 / 255


def test_an_attack_that_raises_did_not_run() -> None:
    def breaks(session: AttackSession) -> UnitPlane:
        raise IndexError(f"index -3 is out of bounds, {len(session.log.start)}")

    result = attacked(breaks)
    assert not result.ran
    assert result.problem == "IndexError: index -3 is out of bounds, 0"
    assert result.count(End.FAILED) == 2
    assert not result.held


def test_an_attack_that_returns_another_shape_or_none_did_not_run() -> None:
    assert not attacked(lambda session: session.log.image.unit[:3]).ran
    assert not attacked(lambda session: None).ran  # type: ignore[arg-type, return-value]


def test_attacks_after_the_deadline_did_not_run() -> None:
    def late(session: AttackSession) -> UnitPlane:
        session.predict_units(session.log.image.unit[None])
        return session.log.image.unit

    result = attacked(late, until=0.0)
    assert result.count(End.LATE) == 2
    assert not result.ran


def test_an_attack_without_images_did_not_run() -> None:
    assert not run_attack(plan(lambda session: session.log.image.unit), Linear(), [], seed=1).result.ran


def test_misclassified_images_are_not_attacked() -> None:
    assert [picture.name for picture in split_by_correctness(ConstantModel(), toy_images(4))[0]] == ["toy-1", "toy-3"]


def test_an_attack_has_a_folder_and_random_states_of_its_own_and_prints_nothing(capsys: object, tmp_path: Path) -> None:
    records = []

    def messy(session: AttackSession) -> UnitPlane:
        print("progress")
        Path("left.npy").write_bytes(b"x")
        records.append((os.getcwd(), random.random(), float(np.random.rand()), float(torch.rand(()))))
        return session.log.image.unit

    home, states = os.getcwd(), (random.getstate(), str(np.random.get_state()), torch.get_rng_state())
    attacked(messy)
    first = list(records)
    records.clear()
    attacked(messy)
    assert [state[1:] for state in records] == [state[1:] for state in first]
    assert records[0][1:] != records[1][1:]
    assert {state[0] for state in first} & {home} == set()
    assert not Path(first[0][0]).exists()
    assert os.getcwd() == home
    assert random.getstate() == states[0]
    assert str(np.random.get_state()) == states[1]
    assert torch.equal(torch.get_rng_state(), states[2])
    assert capsys.readouterr().out == ""  # type: ignore[attr-defined]


def test_the_same_seed_gives_the_same_outcome_and_another_another() -> None:
    def wander(session: AttackSession) -> UnitPlane:
        return session.log.image.unit + session.rng.uniform(-1, 1, session.log.image.plane.shape) / 255

    first, again, other = (
        digest_of_results((run_attack(plan(wander), Linear(), toy_images(2), seed=seed).result,), {})
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_a_trial_does_not_depend_on_earlier_images() -> None:
    def wander(session: AttackSession) -> UnitPlane:
        return session.log.image.unit + torch.rand(session.log.image.plane.shape).double().numpy() / 99

    both = run_attack(plan(wander), Linear(), toy_images(2), seed=1).result.trials[1]
    assert run_attack(plan(wander), Linear(), toy_images(2)[1:], seed=1).result.trials[0] == both


def test_the_nearest_size_is_that_of_the_smallest_change_that_fooled() -> None:
    """An attack that fools with a small change, and returns a large one, does not make the model look stronger."""
    large = Budget(Norm.LINF, 16 / 255)

    def act(session: AttackSession) -> UnitPlane:
        picture = session.log.image
        way = np.sign(WEIGHTS) * (-1 if picture.authentic else 1)
        session.predict_units((picture.unit + 2 / 255 * way)[None])
        return picture.unit + 16 / 255 * way

    result = run_attack(
        AttackPlan("far", "any", Knowledge.BLACK, Scripted(act, large)), Linear(), toy_images(2), seed=0
    ).result
    assert [float(trial.size) for trial in result.trials] == pytest.approx([16 / 255] * 2, abs=1e-6)
    assert [float(trial.least) for trial in result.trials] == pytest.approx([2 / 255] * 2, abs=1e-6)


def test_a_start_of_another_size_and_depth_is_converted_and_predicted_again() -> None:
    """Images of several microscopes differ in both; without a start no image would be attacked."""
    authentic, counterfeit = [texture_images(2)[at] for at in (1, 0)]
    deep = replace(counterfeit, plane=np.pad(counterfeit.plane.astype(np.uint16) * 257, ((0, 9), (3, 0)), "edge"))
    starts: list[LabelledImage] = []

    def act(session: AttackSession) -> UnitPlane:
        starts.append(session.starting_image())
        return session.log.image.unit

    result = run_attack(
        AttackPlan("start", "any", Knowledge.BLACK, Scripted(act)), Rough(), [authentic, deep], seed=0
    ).result
    assert result.ran
    assert [trial.start for trial in result.trials] == [deep.name, authentic.name]
    for start, picture in zip(starts, (authentic, deep), strict=True):
        assert (start.plane.shape, start.plane.dtype) == (picture.plane.shape, picture.plane.dtype)
        assert Rough().predict([start.plane])[0].authentic is start.authentic
    assert all(trial.queries for trial in result.trials)


def test_a_start_that_loses_its_label_by_conversion_is_not_used() -> None:
    authentic, counterfeit = [texture_images(2)[at] for at in (1, 0)]
    cropped = replace(counterfeit, plane=counterfeit.plane[:40])

    class Fickle(Rough):
        def predict(self, planes: Sequence[Plane]) -> list[Prediction]:
            return [Prediction(True, None) for _ in planes]

    def act(session: AttackSession) -> UnitPlane:
        return session.starting_image().unit

    result = run_attack(
        AttackPlan("start", "any", Knowledge.BLACK, Scripted(act)), Fickle(), [authentic, cropped], seed=0
    ).result
    assert not result.ran
    assert "no image of the other class to start from" in (result.problem or "")


def test_the_best_queried_plane_is_judged_where_an_attack_returns_the_clean_image() -> None:
    """The toolbox returns the clean image where no queried plane was better; the best of these is judged."""
    clean = toy_images(2)
    kept = clean[0].unit + 1 / 255

    def act(session: AttackSession) -> UnitPlane:
        unit = session.log.image.unit
        for step, height in ((0.2, 0.1), (1.0, 0.4), (1.9, 0.3), (3.0, 0.9)):  # greys; the last is out of bounds
            session.keep_candidate(
                torch.from_numpy(unit + step / 255)[None, None], height
            ) if height > session.log.best_margin else None
        return unit

    (trial, _) = run_attack(
        AttackPlan("gives up", "any", Knowledge.BLACK, Scripted(act)), Linear(), clean, seed=0
    ).result.trials
    assert (trial.unchanged, trial.found, trial.end) == (False, PlaneSource.ON_THE_WAY, End.HELD)
    assert trial.plane == plane_digest(np.rint(kept.clip(0, 1) * 255).astype(np.uint8))


def test_the_plane_of_the_largest_margin_is_judged_where_no_plane_fooled_the_surrogate() -> None:
    """The toolbox returns the clean image where no step fooled the surrogate; the best step is judged."""

    def act(session: AttackSession) -> UnitPlane:
        unit = session.log.image.unit
        for step in (0.2, 1.0, 0.4):
            session.logits(
                torch.from_numpy(unit - step * np.sign(WEIGHTS) * (2 * session.log.image.authentic - 1) / 255)[
                    None, None
                ]
            )
        return unit

    for trial in run_attack(
        AttackPlan("gives up", "any", Knowledge.WHITE, Scripted(act)), Linear(), toy_images(2), seed=0
    ).result.trials:
        assert (trial.unchanged, trial.found, trial.end) == (False, PlaneSource.ON_THE_WAY, End.HELD)
        assert float(trial.size) == pytest.approx(1 / 255, abs=1e-6)
