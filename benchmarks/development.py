"""Measure rules of judgement on the development sets, `development.toml`.

    python -P benchmarks/development.py [FOLDER] [--bundle fusion-diff-v1-ceramic] [--kilns] [--json FILE]

FOLDER holds the sets of real micrographs; without it the generator's kilns alone are measured. For each task the table
has the shares of specimens that are AUTHENTIC at the enrolment's own bound, and, beside it, the share of unseen
specimens at a bound that an oracle sets so that 95, 93 or 90 of a hundred of the authentic ones tested are kept.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).parents[1]))  # -P keeps it out
from benchmarks.development_sets import Draw, Task, kiln_tasks, real_tasks
from benchmarks.former_rule import FormerRule
from fusiondiff_audit.evaluation.open_set_rule import rank_verdict
from fusiondiff_audit.kiln.parallel import available_cores
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.cross_conformal import CrossConformal
from fusiondiff_audit.model.specimens import TiledSpecimen, TileFeatures
from reports.verdict.verdicts import Verdict

ALPHA = Fraction(1, 20)
SEED = b"development"
TREES = 60
KEPT = (95, 93, 90)  # of a hundred authentic specimens, at an oracle's bound


class FittedRule(Protocol):
    """A rule that has been fitted to one enrolment."""

    def accepts(self, specimen: TiledSpecimen, alpha: Fraction) -> bool: ...
    def distance(self, specimen: TiledSpecimen) -> float: ...


class SpecimenRule:
    """Cross-conformal p-values of specimens: AUTHENTIC is above the error rate as authentic, and not as a copy."""

    def __init__(self, draw: Draw, projection: TileFeatures) -> None:
        enrolled = [*draw.authentic, *draw.copies]
        self._conformal = CrossConformal.fit(enrolled, projection, trees=TREES, seed=draw.seed)

    def accepts(self, specimen: TiledSpecimen, alpha: Fraction) -> bool:
        ranks = self._conformal.ranks(specimen.images, specimen.name, SEED)
        answer = rank_verdict(ranks.authentic, ranks.counterfeit, alpha, spread=ranks.spread, weakest=ranks.weakest)
        return answer is Verdict.AUTHENTIC

    def distance(self, specimen: TiledSpecimen) -> float:
        """Return the mean nonconformity as authentic over the models of all folds."""
        return -self._conformal.ranks(specimen.images, specimen.name, SEED).score


Fit = Callable[[Draw, TileFeatures], FittedRule]
RULES: Mapping[str, Fit] = {
    "former": lambda draw, projection: FormerRule.enrol(draw.authentic, draw.copies, projection, draw.seed),
    "specimen": SpecimenRule,
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One rule on one task, over its draws."""

    task: str
    rule: str
    draws: int
    accepted: Mapping[str, tuple[int, int]]  # by what was tested: AUTHENTIC, of
    at_oracle: Mapping[str, Mapping[int, float]]  # by what was tested: the mean share at each of KEPT
    auroc: float  # of the authentic specimens tested against the unseen ones


def measure(task: Task, rule: str, projection: TileFeatures) -> Measured:
    """Fit a rule to each draw of a task, and ask it."""
    accepted: dict[str, list[int]] = {}
    distances: list[dict[str, npt.NDArray[np.float64]]] = []
    for draw in task.draws:
        fitted = RULES[rule](draw, projection)
        distances.append({})
        for kind, specimens in draw.tested.items():
            counts = accepted.setdefault(kind, [0, 0])
            counts[0] += sum(fitted.accepts(specimen, ALPHA) for specimen in specimens)
            counts[1] += len(specimens)
            distances[-1][kind] = np.array([fitted.distance(specimen) for specimen in specimens])
    at_oracle = {
        kind: {kept: float(np.mean([_share(by_kind, kind, kept) for by_kind in distances])) for kept in KEPT}
        for kind in accepted
        if kind != "own" and task.by_share
    }
    return Measured(
        task.name,
        rule,
        len(task.draws),
        {kind: (counts[0], counts[1]) for kind, counts in accepted.items()},
        at_oracle,
        _auroc(distances, pooled=not task.by_share),
    )


def _share(by_kind: Mapping[str, npt.NDArray[np.float64]], kind: str, kept: int) -> float:
    """Return the share that is no further than the bound which keeps so many of a hundred authentic specimens."""
    return float(np.mean(by_kind[kind] <= np.quantile(by_kind["own"], kept / 100, method="higher")))


def _auroc(distances: Sequence[Mapping[str, npt.NDArray[np.float64]]], *, pooled: bool) -> float:
    """Return the mean over draws; pooled over them where each asks one authentic specimen."""
    groups = [distances] if pooled else [[by_kind] for by_kind in distances]
    aurocs = []
    for group in groups:
        own, unseen = (np.concatenate([by_kind[kind] for by_kind in group]) for kind in ("own", "unseen"))
        aurocs.append(roc_auc_score(np.r_[np.zeros(len(own)), np.ones(len(unseen))], np.r_[own, unseen]))
    return float(np.mean(aurocs))


def lines(measured: Measured) -> Iterator[str]:
    """Yield the line of a table."""
    shares = [f"{kind} {100 * a / of:.1f} % of {of}" for kind, (a, of) in measured.accepted.items()]
    oracle = [
        f"{kind} {' '.join(f'{100 * share:.1f}' for share in shares.values())}"
        for kind, shares in measured.at_oracle.items()
    ]
    yield f"{measured.rule}, {measured.task}: AUROC {measured.auroc:.3f}; AUTHENTIC: {', '.join(shares)}"
    if oracle:
        yield f"    keeping {', '.join(map(str, KEPT))} %: {'; '.join(oracle)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--bundle", default="fusion-diff-v1-ceramic")
    parser.add_argument("--kilns", action="store_true", help="measure the generator's kilns, too (half an hour)")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    model = DiffusionModel.from_pretrained(arguments.bundle, unverified=True)
    if model.encoder.directions is None:
        sys.exit(f"{arguments.bundle}: its encoder has no projection")
    projection: TileFeatures = model.encoder.directions.weight.numpy(force=True)
    real = real_tasks(arguments.folder, model) if arguments.folder else iter(())
    kilns = kiln_tasks(model, workers=available_cores()) if arguments.kilns else iter(())
    results = []
    for task in chain(real, kilns):
        for rule in RULES:
            results.append(measure(task, rule, projection))
            print(*lines(results[-1]), sep="\n", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(result) for result in results], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
