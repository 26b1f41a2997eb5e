"""How long a run takes is said before it starts."""

import time
from collections.abc import Sequence

import pytest
import torch

from attacks.images import Plane
from attacks.target import Prediction
from fusiondiff_audit.policy.stress import AttackSettings, StressPolicy
from fusiondiff_audit.stress.forecast import forecast
from tests.attacks.toys import Linear, toy_images

PGD = AttackSettings(attack="pgd", norm="linf", size="8/255", steps=8)
JPEG = AttackSettings(attack="jpeg", norm="linf", size="1")


class Slow(Linear):
    """Takes 30 ms for a question, 40 ms for a slope, and ten times as long for the first of either."""

    now, asked, passed = 0.0, 0, 0

    def predict(self, planes: Sequence[Plane]) -> list[Prediction]:
        self.asked += 1
        self.now += 0.03 if self.asked > 1 else 0.3
        return super().predict(planes)

    def logits(self, unit: torch.Tensor) -> torch.Tensor:
        self.passed += 1
        self.now += 0.04 if self.passed > 1 else 0.4
        return super().logits(unit)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    target = Slow()
    monkeypatch.setattr(time, "perf_counter", lambda: target.now)
    return target


def test_time_is_reckoned_from_one_question_and_one_slope(slow: Slow) -> None:
    ahead = forecast(slow, toy_images(1)[0], StressPolicy(name="ours", images=10, attacks=(PGD,)))
    assert ahead.cost.queries == 30
    assert ahead.cost.passes == 210
    assert ahead.seconds == pytest.approx(30 * 0.03 + 210 * 0.02)


def test_no_slope_is_asked_for_where_none_is_needed(slow: Slow) -> None:
    ahead = forecast(slow, toy_images(1)[0], StressPolicy(name="ours", images=10, attacks=(JPEG,)))
    assert ahead.seconds == pytest.approx(10 * (1 + 6) * 0.03)
    assert not slow.passed


def test_a_model_that_breaks_down_is_for_the_run_to_find() -> None:
    class Broken(Linear):
        def logits(self, unit: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("out of memory")

    ahead = forecast(Broken(), toy_images(1)[0], StressPolicy(name="ours", images=10, attacks=(PGD,)))
    assert ahead.seconds is None
    assert ahead.cost.passes == 210
