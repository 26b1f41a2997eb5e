"""One change for all pictures of a class: learnt from those of one size that are attacked, and then laid on each."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from art.attacks import evasion

from attacks.art.estimators import AttackView, BlockView, art_estimator, art_norm
from attacks.images import Budget, LabelledImage, UnitPlane
from attacks.target import AttackSession


def _pool(session: AttackSession) -> tuple[Any, Any]:
    """Return the pictures of the size and class of this one, and their classes."""
    fit = [picture for picture in session.pool if _kind(picture) == _kind(session.log.image)]
    units = np.stack([picture.unit.astype(np.float32) for picture in fit])[:, None]
    return units, np.eye(2, dtype=np.float32)[[int(picture.authentic) for picture in fit]]


def _kind(picture: LabelledImage) -> tuple[bool, tuple[int, ...]]:
    return picture.authentic, picture.plane.shape


@dataclass(frozen=True, slots=True)
class Universal:
    """One change within the budget; with `targeted`, ART's other search, which aims at the other class."""

    budget: Budget
    steps: int = 5
    targeted: bool = False

    def __call__(self, session: AttackSession) -> UnitPlane:
        """Return the picture with the change laid on it."""
        picture = session.log.image
        change: UnitPlane = session.shared(f"change {_kind(picture)}", lambda: self._learnt(session))
        return picture.unit + change

    def _learnt(self, session: AttackSession) -> UnitPlane:
        seen, (units, truth) = (
            art_estimator(session, AttackView.LOGITS, BlockView(session.log.image.unit)),
            _pool(session),
        )
        size, norm = self.budget.size, art_norm(self.budget.norm)
        if self.targeted:
            inner = {"eps": size, "norm": norm, "targeted": True}
            made = evasion.TargetedUniversalPerturbation(seen, "fgsm", inner, max_iter=self.steps, eps=size, norm=norm)
            made.generate(x=units, y=truth[:, ::-1])
        else:
            inner = {"eps": size, "eps_step": size / 4, "max_iter": 5, "norm": norm, "verbose": False}
            made = evasion.UniversalPerturbation(
                seen, "pgd", inner, max_iter=self.steps, eps=size, norm=norm, verbose=False
            )
            made.generate(x=units, y=truth)
        change: UnitPlane = np.asarray(made.noise, np.float64).reshape(units.shape[2:])
        return change


@dataclass(frozen=True, slots=True)
class Patch:
    """A square in the middle, of the share of pixels that the budget allows; black to white is allowed in it."""

    budget: Budget
    steps: int = 30

    def __call__(self, session: AttackSession) -> UnitPlane:
        """Return the picture with the patch on it."""
        picture = session.log.image
        side = int(np.sqrt(self.budget.size * picture.plane.size))
        top, left = ((length - side) // 2 for length in picture.plane.shape)
        patch: UnitPlane = session.shared(f"patch {_kind(picture)}", lambda: self._learnt(session, side, top, left))
        changed = picture.unit
        changed[top : top + side, left : left + side] = patch
        return changed

    def _learnt(self, session: AttackSession, side: int, top: int, left: int) -> UnitPlane:
        units, truth = _pool(session)
        made = evasion.AdversarialPatchPyTorch(
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
        patch, _ = made.generate(x=units, y=truth)
        found: UnitPlane = np.asarray(patch, np.float64)[0]
        return found
