"""Controls whose result is known: a linear model must be fooled, a constant model cannot be; and clean accuracy."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch

from attacks.checks.check import Check, CheckContext, StateAndEvidence, held_if
from attacks.harness import run_attack
from attacks.images import LabelledImage, Norm, Plane, UnitPlane
from attacks.target import Prediction
from attacks.trials import Knowledge
from reports.stress.outcome import ACCURACY_CRITERION, CLEAN_ACCURACY, clean_accuracy

_BROKEN = 0.95
_EASY = 3.0  # times the budget that suffices by calculation
_QUARTER = 0.25


class LinearModel:
    """A sum of greys with random signs: a change of e in every pixel moves it by e times the number of pixels."""

    def value(self, unit: UnitPlane) -> float:
        """Return the sum; above 0 the label is authentic."""
        return float((_signs(unit.shape) * unit).sum())

    def sufficient_budget(self, image: LabelledImage, norm: Norm) -> float:
        """Return the budget that suffices by calculation, if no pixel were clipped to black or white."""
        value, pixels = abs(self.value(image.unit)), image.plane.size
        match norm:
            case Norm.LINF:
                return float(value / pixels)
            case Norm.L2:
                return float(value / np.sqrt(pixels))
            case Norm.L0:  # some pixels have little more than a quarter of the range to move in
                return float(value / (pixels * _QUARTER))

    def predict(self, planes: Sequence[Plane]) -> list[Prediction]:
        values = [self.value(plane.astype(np.float64) / np.iinfo(plane.dtype).max) for plane in planes]
        return [Prediction(value > 0, float(1 / (1 + np.exp(-np.clip(value, -50, 50))))) for value in values]

    def logits(self, unit: torch.Tensor) -> torch.Tensor:
        value = self.features(unit)[:, 0]
        return torch.stack([-value / 2, value / 2], 1)

    def features(self, unit: torch.Tensor) -> torch.Tensor:
        return (torch.from_numpy(_signs(unit.shape[2:])).to(unit.dtype) * unit[:, 0]).sum((1, 2))[:, None]


class ConstantModel:
    """Labels every image authentic."""

    def predict(self, planes: Sequence[Plane]) -> list[Prediction]:
        return [Prediction(authentic=True, score=0.9) for _ in planes]

    def logits(self, unit: torch.Tensor) -> torch.Tensor:
        return unit.new_tensor([[-1.0, 1.0]]).expand(len(unit), 2) + self.features(unit)

    def features(self, unit: torch.Tensor) -> torch.Tensor:
        return 0 * unit.sum((1, 2, 3))[:, None]


@lru_cache(maxsize=8)
def _signs(shape: tuple[int, int]) -> UnitPlane:
    signs: UnitPlane = np.random.default_rng(0).choice((-1.0, 1.0), tuple(shape))
    signs -= signs.mean()  # so that brightness has no part in the label
    return signs


def _linear_is_broken(context: CheckContext) -> StateAndEvidence:
    control = LinearModel()
    counts, all_broken, tried = [], True, 0
    for name, run in context.runs.items():
        if run.result.knowledge is not Knowledge.WHITE:
            continue
        budget = run.result.budget
        easy = [p for p in context.all_images if _EASY * control.sufficient_budget(p, budget.norm) <= budget.size]
        images = [replace(p, authentic=bool(control.predict([p.plane])[0].authentic)) for p in easy]
        tried += 1
        if not images:  # an attack without a control is not believed
            all_broken = False
            counts.append(f"{name} of too small a budget for any image")
            continue
        inverted = [replace(p, plane=p.top - p.plane, authentic=not p.authentic) for p in images]  # the other class
        result = context.control(run.plan, control, images, inverted).result
        all_broken &= len(result.fooled) >= _BROKEN * len(images)
        counts.append(f"{name} {len(result.fooled)} of {len(images)}")
    evidence = f"linear models fooled: {', '.join(counts) or 'no attack with a gradient'}"
    return held_if(all_broken and tried > 0, f"{evidence}; black-box and grey-box attacks have no such control")


def _constant_is_not(context: CheckContext) -> StateAndEvidence:
    """Attack a constant model; an attack that trains on predictions may refuse to start on a single class."""
    fooled, stopped = list[str](), list[str]()
    for name, run in context.runs.items():
        images = [replace(image, authentic=True) for image in context.all_images]
        starts = [replace(image, authentic=False) for image in context.all_images]
        result = run_attack(
            run.plan, ConstantModel(), images, seed=context.seed, until=context.until, starts=starts
        ).result
        if result.fooled:
            fooled.append(name)
        elif not result.ran:
            stopped.append(name)
    evidence = f"{', '.join(fooled)} fooled a constant model" if fooled else "no attack fools a constant model"
    evidence += f"; {', '.join(stopped)} could not start on it" if stopped else ""
    return held_if(not fooled and len(stopped) < len(context.runs), evidence)


def _clean_accuracy(context: CheckContext) -> StateAndEvidence:
    return clean_accuracy(len(context.images), len(context.all_images), context.floor)


CONTROLS = (
    Check(
        "S26",
        "control: linear model is broken",
        "every white-box attack fools 95 % of images of a linear model",
        _linear_is_broken,
    ),
    Check("S27", "control: constant model is not", "no attack fools a model of one constant label", _constant_is_not),
    Check(
        CLEAN_ACCURACY,
        "clean accuracy",
        ACCURACY_CRITERION,
        _clean_accuracy,
    ),
)
