"""How long a stress test is going to take: what it asks for, by what one question and one pass were seen to take."""

import time
from dataclasses import dataclass

from attacks.catalogue import Effort
from attacks.cost import Cost, of_suite
from attacks.gradient import slope
from attacks.gradient import to_tensor as batch
from attacks.pictures import Budget, Norm, Picture
from attacks.target import Aim, Limits, Target
from fusiondiff_audit.policy import Robustness

_ANY = Budget(Norm.LINF, 1.0)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What all pictures together cost."""

    cost: Cost
    seconds: float


def forecast(target: Target, picture: Picture, asked: Robustness) -> Forecast:
    """Ask a target one question, and one slope, and reckon."""
    attacks = [(one.attack, Effort(one.steps, one.restarts, one.queries)) for one in asked.attacks]
    each = of_suite(attacks, asked.checks)
    target.decide([picture.plane])  # the first one warms up
    started = time.perf_counter()
    target.decide([picture.plane])
    question = time.perf_counter() - started
    aim = Aim(target, picture, _ANY, seed=0, limits=Limits(), pool=[picture])
    started = time.perf_counter()
    slope(aim, batch(picture.unit))
    one_pass = (time.perf_counter() - started) / aim.watched.passes
    whole = Cost(each.questions * asked.images, each.passes * asked.images)
    return Forecast(whole, whole.seconds(question, one_pass))
