"""How long a stress test is going to take: what it asks for, by what one question and one pass were seen to take."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from attacks.cost import Cost, Effort
from attacks.estimate import cost_of_poisons, cost_of_suite
from attacks.gradient import margin_gradient
from attacks.gradient import to_tensor as batch
from attacks.images import Budget, LabelledImage, Norm
from attacks.target import AttackLimits, AttackSession, Target
from fusiondiff_audit.policy.stress import StressPolicy

_ANY = Budget(Norm.LINF, 1.0)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the whole run costs; no time is known where the model breaks down, which is the run's own to find."""

    cost: Cost
    seconds: float | None


def forecast(target: Target, picture: LabelledImage, policy: StressPolicy) -> Forecast:
    """Ask a target one question, and one slope if any is going to be asked for, and reckon."""
    attacks = [(one.attack, Effort(one.steps, one.restarts, one.queries)) for one in policy.attacks]
    each = cost_of_suite(attacks, policy.checks)
    poisons = [(one.poison, one.specimens, one.steps) for one in policy.poisons]
    whole = Cost(each.queries * policy.images, each.passes * policy.images)
    whole += cost_of_poisons(poisons, enrolled=policy.enrolled, images=policy.images)
    session = AttackSession(target, picture, _ANY, seed=0, limits=AttackLimits(), pool=[picture])
    try:
        question = _second(lambda: target.predict([picture.plane]))
        one_pass = _second(lambda: margin_gradient(session, batch(picture.unit))) / 2 if whole.passes else 0.0
    except Exception:  # whatever it may be: the run meets it again, and signs what came of it
        return Forecast(whole, None)
    return Forecast(whole, whole.seconds(question, one_pass))


def _second(act: Callable[[], object]) -> float:
    """Return how long something takes when it is done for the second time."""
    act()
    started = time.perf_counter()
    act()
    return time.perf_counter() - started
