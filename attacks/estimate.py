"""The cost of a whole suite and of its poisons, estimated before they start."""

from collections.abc import Callable, Sequence

from attacks.catalogue import CATALOGUE
from attacks.cost import JUDGING, Cost, Effort
from attacks.poison_catalogue import POISONS
from attacks.trials import Knowledge

# By check: its cost for each image, by the number of steps of the strongest attack.
_CHECKS: dict[str, Callable[[int], Cost]] = {
    "S05": lambda steps: Cost(5 * JUDGING, 10 * steps),
    "S06": lambda steps: Cost(JUDGING, 4 * steps),
    "S07": lambda steps: Cost(JUDGING, 3),
    "S08": lambda steps: Cost(JUDGING, 4 * steps),
    "S09": lambda steps: Cost(JUDGING, 4 * steps),
    "S10": lambda steps: Cost(0, 4),
    "S14": lambda steps: Cost(20, 0),
    "S16": lambda steps: Cost(0, 2),
    "S24": lambda steps: Cost(0, 2 * steps),
    "S25": lambda steps: Cost(0, 12),
}
_SHARING = {"S05", "S07", "S08", "S09"}  # one PGD run serves all of them


def cost_of_suite(attacks: Sequence[tuple[str, Effort]], checks: Sequence[str]) -> Cost:
    """Return the cost of attacks and checks for one image."""
    steps = max((effort.steps for _, effort in attacks), default=0)
    white = [name for name, _ in attacks if CATALOGUE[name].knowledge is Knowledge.WHITE]
    total = Cost(queries=1)  # the clean prediction
    for name, effort in attacks:
        total += CATALOGUE[name].cost(effort)
    for check in checks:
        total += _CHECKS[check](steps) if check in _CHECKS else Cost()
    if _SHARING & set(checks):
        total += Cost(JUDGING, 2 * steps)
    if "S02" in checks:
        total += Cost(len(attacks))
    if "S22" in checks:
        total += Cost(0, 1 + len(white))
    return total


def cost_of_poisons(poisons: Sequence[tuple[str, int, int]], *, enrolled: int, images: int) -> Cost:
    """Return the cost of all poisons, given by name, specimens and steps; embeddings are computed once."""
    if not poisons:
        return Cost()
    altered = sum(specimens for _, specimens, _ in poisons)
    predictions = (1 + len(poisons)) * images  # of the images as they are, and of each poison's trigger
    passes = sum(2 * POISONS[name].rounds * (steps + 1) * specimens for name, specimens, steps in poisons)
    return Cost(enrolled + predictions + altered, passes)
