"""Controls with a known answer: what must break, what cannot, and whether there was anything to attack."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch

from attacks.checks.check import Check, CheckContext, StateAndEvidence, held_if
from attacks.harness import run_attack
from attacks.images import LabelledImage, Norm, Plane, UnitPlane
from attacks.outcome import Knowledge
from attacks.target import Prediction
from reports.stress.statistics import wilson

_BROKEN = 0.95
_EASY = 3.0  # times as much budget as would be enough on paper
_QUARTER = 0.25


class LinearModel:
    """A sum of greys with random signs: a change of e everywhere moves it by e times the number of pixels."""

    exact = True

    def height(self, unit: UnitPlane) -> float:
        """Return by how much a plane is authentic."""
        return float((_signs(unit.shape) * unit).sum())

    def enough(self, picture: LabelledImage, norm: Norm) -> float:
        """Return what budget is enough on paper, black and white apart."""
        height, pixels = abs(self.height(picture.unit)), picture.plane.size
        match norm:
            case Norm.LINF:
                return float(height / pixels)
            case Norm.L2:
                return float(height / np.sqrt(pixels))
            case Norm.L0:  # some pixels can be moved by little more than a quarter of the way from black to white
                return float(height / (pixels * _QUARTER))

    def predict(self, planes: Sequence[Plane]) -> list[Prediction]:
        """Return on which side of 0 each plane is."""
        heights = [self.height(plane.astype(np.float64) / np.iinfo(plane.dtype).max) for plane in planes]
        return [Prediction(height > 0, float(1 / (1 + np.exp(-np.clip(height, -50, 50))))) for height in heights]

    def logits(self, unit: torch.Tensor) -> torch.Tensor:
        """Return the same, with a slope."""
        height = self.features(unit)[:, 0]
        return torch.stack([-height / 2, height / 2], 1)

    def features(self, unit: torch.Tensor) -> torch.Tensor:
        """Return the sum itself."""
        return (torch.from_numpy(_signs(unit.shape[2:])).to(unit.dtype) * unit[:, 0]).sum((1, 2))[:, None]


class ConstantModel:
    """Holds everything for authentic."""

    exact = True

    def predict(self, planes: Sequence[Plane]) -> list[Prediction]:
        """Return the same for each plane."""
        return [Prediction(authentic=True, score=0.9) for _ in planes]

    def logits(self, unit: torch.Tensor) -> torch.Tensor:
        """Return the same, with a slope of 0."""
        return unit.new_tensor([[-1.0, 1.0]]).expand(len(unit), 2) + self.features(unit)

    def features(self, unit: torch.Tensor) -> torch.Tensor:
        """Return nothing but zeros."""
        return 0 * unit.sum((1, 2, 3))[:, None]


@lru_cache(maxsize=8)
def _signs(shape: tuple[int, int]) -> UnitPlane:
    signs: UnitPlane = np.random.default_rng(0).choice((-1.0, 1.0), tuple(shape))
    signs -= signs.mean()  # brightness tells nothing
    return signs


def _broken(bench: CheckContext) -> StateAndEvidence:
    control = LinearModel()
    told_of, holds, tried = [], True, 0
    for name, run in bench.runs.items():
        if run.result.knowledge is not Knowledge.WHITE:
            continue
        budget = run.result.budget
        fit = [picture for picture in bench.whole if _EASY * control.enough(picture, budget.norm) <= budget.size]
        mine = [replace(p, authentic=bool(control.predict([p.plane])[0].authentic)) for p in fit]
        tried += 1
        if not mine:  # an attack that cannot be controlled is not believed either
            holds = False
            told_of.append(f"{name} of too small a budget for any picture")
            continue
        mirrored = [replace(p, plane=p.top - p.plane, authentic=not p.authentic) for p in mine]  # to go towards
        result = bench.control(run.plan, control, mine, mirrored).result
        holds &= len(result.fooled) >= _BROKEN * len(mine)
        told_of.append(f"{name} {len(result.fooled)} of {len(mine)}")
    said = f"undefended sums fooled: {', '.join(told_of) or 'no attack with a gradient'}"
    return held_if(holds and tried > 0, f"{said}; attacks that know less are not controlled")


def _unbroken(bench: CheckContext) -> StateAndEvidence:
    """Ask that nothing fools a constant; what learns from answers finds one alone there, and may give up."""
    broken, stopped = list[str](), list[str]()
    for name, run in bench.runs.items():
        mine = [replace(picture, authentic=True) for picture in bench.whole]
        other = [replace(picture, authentic=False) for picture in bench.whole]  # to set out from, for those that do
        done = run_attack(run.plan, ConstantModel(), mine, seed=bench.seed, until=bench.until, starts=other).result
        if done.fooled:
            broken.append(name)
        elif not done.ran:
            stopped.append(name)
    said = "no attack fools what always says the same" if not broken else f"{', '.join(broken)} fooled a constant"
    said += f"; {', '.join(stopped)} found nothing to go by" if stopped else ""
    return held_if(not broken and len(stopped) < len(bench.runs), said)


def _clean(bench: CheckContext) -> StateAndEvidence:
    right, count = len(bench.pictures), len(bench.whole)
    low, high = wilson(right, count)
    said = f"{right} of {count} judged rightly before any attack ({low:.1%} to {high:.1%}), least {bench.floor:.0%}"
    known = {picture.name for picture in bench.pictures}
    only = all({trial.picture for trial in run.result.trials} <= known for run in bench.runs.values())
    return held_if(right >= bench.floor * count and only and right > 0, said)


def _counted(bench: CheckContext) -> StateAndEvidence:
    count = len(bench.pictures)
    low, high = wilson(count, count)
    return held_if(count > 0, f"{count} pictures: of none that fall, {1 - low:.1%} may ({low:.1%} to {high:.1%} stand)")


CONTROLS = (
    Check("S26", "the undefended breaks", "the same attacks fool 95 % where a sum of greys decides", _broken),
    Check("S27", "a constant does not", "the same attacks never fool what always says the same", _unbroken),
    Check(
        "S32", "worth attacking", "clean accuracy is at least the floor, and only right answers are attacked", _clean
    ),
    Check("S33", "numbers with intervals", "every share is stated with its count and 95 % interval", _counted),
)
