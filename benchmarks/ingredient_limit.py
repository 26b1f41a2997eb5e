"""Count the unseen copies of `bench/2` that pass where each specimen's ingredients are known exactly.

    python -P benchmarks/ingredient_limit.py [--enrolments 200]

No encoder can know more of a specimen than what it was made of. Here a specimen is its ingredients, in deviations of
the kiln's own recipe: normal numbers, shifted and scaled where a workshop misses the recipe. 25 authentic specimens and
five of each known workshop are enrolled, distances are by their deviations within makers, and ranks are cross-conformal
as those of the tool (eight folds). Rules differ in how they make one number of the deviations of all ingredients.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).parents[1]))  # -P keeps it out
from fusiondiff_audit.cli.text import table
from fusiondiff_audit.kiln.recipe_files import KilnFile, WorkshopRole, bench2_kilns
from fusiondiff_audit.kiln.recipes import deviation_of
from fusiondiff_audit.model.cross_conformal import MOST_FOLDS

Numbers = npt.NDArray[np.float64]
AUTHENTIC, OF_EACH_WORKSHOP, ASKED, ALPHA = 25, 5, 40, 0.05
_USUAL = 1.5  # deviations that count for nothing in the last rule
_MEANINGLESS = "direction"  # of the cut: any

RULES: Mapping[str, Callable[[Numbers], Numbers]] = {
    "sum of squares": lambda deviations: (deviations**2).sum(1),
    "greatest": lambda deviations: np.abs(deviations).max(1),
    "three greatest": lambda deviations: np.sort(deviations**2, 1)[:, -3:].sum(1),
    "beyond 1.5": lambda deviations: (np.maximum(np.abs(deviations) - _USUAL, 0) ** 2).sum(1),
}


def shares_accepted(kiln: KilnFile, enrolments: int, rng: np.random.Generator) -> dict[str, dict[str, float]]:
    """Return for each rule the share of a kiln's own ware, and of the ware of each unseen workshop, that passes."""
    makers = {"own ware": None} | {name: name for name in kiln.workshops(WorkshopRole.UNSEEN)}
    counts = {rule: dict.fromkeys(makers, 0.0) for rule in RULES}
    for _ in range(enrolments):
        own = _draw(kiln, None, AUTHENTIC, rng)
        copies = [_draw(kiln, name, OF_EACH_WORKSHOP, rng) for name in kiln.workshops(WorkshopRole.KNOWN)]
        tested = {maker: _draw(kiln, workshop, ASKED, rng) for maker, workshop in makers.items()}
        for rule, combine in RULES.items():
            for maker, specimens in tested.items():
                counts[rule][maker] += _accepted(own, copies, specimens, combine) / enrolments
    return counts


def _draw(kiln: KilnFile, workshop: str | None, count: int, rng: np.random.Generator) -> Numbers:
    """Return ingredients in deviations of the kiln's own recipe: specimens x ingredients."""
    names = [name for name in sorted(kiln.kiln.recipe) if name != _MEANINGLESS]
    drawn = rng.standard_normal((count, len(names)))
    for name, missed in ({} if workshop is None else kiln.kiln.workshops[workshop]).items():
        if name in names:
            shift, scale = deviation_of(name, missed, kiln.kiln.recipe[name])
            drawn[:, names.index(name)] = drawn[:, names.index(name)] * scale + shift
    return drawn


def _accepted(own: Numbers, copies: Sequence[Numbers], asked: Numbers, combine: Callable[[Numbers], Numbers]) -> float:
    """Return the share of asked specimens whose cross-conformal p-value is above the error rate."""
    fold = np.arange(len(own)) % MOST_FOLDS
    enrolled, of_asked = np.empty(len(own)), np.empty((len(own), len(asked)))
    for left_out in range(MOST_FOLDS):
        learnt = own[fold != left_out]
        within = np.concatenate([maker - maker.mean(0) for maker in (learnt, *copies)])
        scale = np.sqrt((within**2).sum(0) / (len(within) - 1 - len(copies)))
        enrolled[fold == left_out] = combine((own[fold == left_out] - learnt.mean(0)) / scale)
        of_asked[fold == left_out] = combine((asked - learnt.mean(0)) / scale)
    p = (1 + (enrolled[:, None] >= of_asked).sum(0)) / (len(own) + 1)
    return float((p > ALPHA).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--enrolments", type=int, default=200)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    rows, unseen = [["kiln", "maker", *RULES]], {rule: list[float]() for rule in RULES}
    for kiln in bench2_kilns():
        shares = shares_accepted(kiln, arguments.enrolments, rng)
        makers = shares["greatest"] if kiln.workshops(WorkshopRole.UNSEEN) else ()  # else of other kilns' ware alone
        rows += [[kiln.name, maker, *(f"{100 * shares[rule][maker]:.1f}" for rule in RULES)] for maker in makers]
        for rule in RULES:
            unseen[rule] += [share for maker, share in shares[rule].items() if maker != "own ware"]
    rows.append(["all", "unseen workshops", *(f"{100 * np.mean(unseen[rule]):.1f}" for rule in RULES)])
    print("Specimens that are AUTHENTIC in per cent, where ingredients are known exactly")
    print(table(rows))


if __name__ == "__main__":
    main()
