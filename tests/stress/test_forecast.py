"""How long a run takes is said before it starts."""

import time
from collections.abc import Sequence

import torch

from attacks.pictures import Plane
from attacks.target import Answer
from fusiondiff_audit.policy import AskedAttack, Robustness
from fusiondiff_audit.stress.forecast import forecast
from tests.attacks.toys import Linear, pictures


class Slow(Linear):
    """Takes 30 ms for a question, and 20 ms for a pass."""

    def decide(self, planes: Sequence[Plane]) -> list[Answer]:
        time.sleep(0.03 * len(planes))
        return super().decide(planes)

    def logits(self, unit: torch.Tensor) -> torch.Tensor:
        time.sleep(0.04)
        return super().logits(unit)


def test_time_is_reckoned_from_one_question_and_one_slope() -> None:
    asked = Robustness(images=10, attacks=(AskedAttack(attack="pgd", norm="linf", size="8/255", steps=8),))
    ahead = forecast(Slow(), pictures(1)[0], asked)
    assert ahead.cost.questions == 30
    assert ahead.cost.passes == 210
    assert 30 * 0.03 + 210 * 0.02 <= ahead.seconds <= 2 * (30 * 0.03 + 210 * 0.02)
