"""Universal attacks: one change for all images of a class and size, trained on those under attack."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from art.attacks import evasion

from attacks.art.estimators import AttackView, BlockView, art_estimator, art_norm
from attacks.images import Budget, LabelledImage, UnitPlane
from attacks.target import AttackSession


@dataclass(frozen=True, slots=True)
class Universal:
    """One change within the budget; `targeted` is ART's second algorithm, towards the other class."""

    budget: Budget
    steps: int = 5
    targeted: bool = False

    def __call__(self, session: AttackSession) -> UnitPlane:
        image = session.log.image
        change: UnitPlane = session.shared(f"change {_kind(image)}", lambda: self._trained(session))
        return image.unit + change

    def _trained(self, session: AttackSession) -> UnitPlane:
        estimator = art_estimator(session, AttackView.LOGITS, BlockView(session.log.image.unit))
        units, truth = _training_set(session)
        size, norm = self.budget.size, art_norm(self.budget.norm)
        if self.targeted:
            inner = {"eps": size, "norm": norm, "targeted": True}
            attack = evasion.TargetedUniversalPerturbation(
                estimator, "fgsm", inner, max_iter=self.steps, eps=size, norm=norm
            )
            attack.generate(x=units, y=truth[:, ::-1])
        else:
            inner = {"eps": size, "eps_step": size / 4, "max_iter": 5, "norm": norm, "verbose": False}
            attack = evasion.UniversalPerturbation(
                estimator, "pgd", inner, max_iter=self.steps, eps=size, norm=norm, verbose=False
            )
            attack.generate(x=units, y=truth)
        change: UnitPlane = np.asarray(attack.noise, np.float64).reshape(units.shape[2:])
        return change


@dataclass(frozen=True, slots=True)
class Patch:
    """A square in the centre, of the budget's share of pixels, with any greys in it."""

    budget: Budget
    steps: int = 30

    def __call__(self, session: AttackSession) -> UnitPlane:
        image = session.log.image
        side = int(np.sqrt(self.budget.size * image.plane.size))
        top, left = ((length - side) // 2 for length in image.plane.shape)
        patch: UnitPlane = session.shared(f"patch {_kind(image)}", lambda: self._trained(session, side, top, left))
        unit = image.unit
        unit[top : top + side, left : left + side] = patch
        return unit

    def _trained(self, session: AttackSession, side: int, top: int, left: int) -> UnitPlane:
        units, truth = _training_set(session)
        attack = evasion.AdversarialPatchPyTorch(
            art_estimator(session, AttackView.LOGITS, BlockView(session.log.image.unit)),
            rotation_max=0,
            scale_min=1.0,
            scale_max=1.0,
            learning_rate=0.1,
            max_iter=self.steps,
            batch_size=len(units),
            patch_shape=(1, side, side),
            patch_location=(top, left),
            patch_type="square",
            targeted=False,
            verbose=False,
        )
        patch, _ = attack.generate(x=units, y=truth)
        plane: UnitPlane = np.asarray(patch, np.float64)[0]
        return plane


def _training_set(session: AttackSession) -> tuple[Any, Any]:
    """Return the images of this one's size and class, and their classes."""
    images = [image for image in session.pool if _kind(image) == _kind(session.log.image)]
    units = np.stack([image.unit.astype(np.float32) for image in images])[:, None]
    return units, np.eye(2, dtype=np.float32)[[int(image.authentic) for image in images]]


def _kind(image: LabelledImage) -> tuple[bool, tuple[int, ...]]:
    return image.authentic, image.plane.shape
