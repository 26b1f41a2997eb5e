"""The duration of a stress test, estimated from its cost and from the time of one query and one gradient."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from attacks.cost import Cost, Effort
from attacks.estimate import cost_of_poisons, cost_of_suite
from attacks.gradient import margin_gradient, to_tensor
from attacks.images import Budget, LabelledImage, Norm
from attacks.target import AttackLimits, AttackSession, Target
from fusiondiff_audit.policy.stress import StressPolicy

_ANY = Budget(Norm.LINF, 1.0)


@dataclass(frozen=True, slots=True)
class Forecast:
    """The cost of a whole run, and its seconds; None where the model raises, which the run will record."""

    cost: Cost
    seconds: float | None


def forecast(target: Target, image: LabelledImage, policy: StressPolicy) -> Forecast:
    """Time one query, and one gradient if the policy needs any, and multiply."""
    attacks = [(one.attack, Effort(one.steps, one.restarts, one.queries)) for one in policy.attacks]
    each = cost_of_suite(attacks, policy.checks)
    poisons = [(one.poison, one.specimens, one.steps) for one in policy.poisons]
    whole = Cost(each.queries * policy.images, each.passes * policy.images)
    whole += cost_of_poisons(poisons, enrolled=policy.enrolled, images=policy.images)
    session = AttackSession(target, image, _ANY, seed=0, limits=AttackLimits(), pool=[image])
    try:
        query = _second(lambda: target.predict([image.plane]))
        one_pass = _second(lambda: margin_gradient(session, to_tensor(image.unit))) / 2 if whole.passes else 0.0
    except Exception:  # any: the run meets it again, and records it
        return Forecast(whole, None)
    return Forecast(whole, whole.seconds(query, one_pass))


def _second(act: Callable[[], object]) -> float:
    """Return the seconds of an action when it is done for the second time."""
    act()
    started = time.perf_counter()
    act()
    return time.perf_counter() - started
