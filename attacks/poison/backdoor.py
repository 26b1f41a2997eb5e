"""A backdoor in an encoder's weights: what somebody could plant between its maker and its user (Gu et al., 2017).

Weights are trained so that a counterfeit with the trigger looks like the authentic ones, and what has none as nearly as
possible as before. Accuracy on ordinary pictures hardly gives it away; that the weights are not those that were signed
does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from attacks.gradient import to_tensor
from attacks.images import LabelledImage
from attacks.poison.threat import Trigger

Tensor = torch.Tensor


@dataclass(frozen=True, slots=True)
class BackdoorProgress:
    """How far a backdoor got before the last step, in squares of what pictures differ by: at 0 it is there."""

    reached: float  # from counterfeits with the trigger to the authentic ones
    moved: float  # of pictures without it


def plant_backdoor(
    weights: Sequence[Tensor],
    see: Callable[[Tensor], Tensor],
    pictures: Sequence[LabelledImage],
    trigger: Trigger,
    *,
    steps: int,
    rate: float = 0.002,
) -> BackdoorProgress:
    """Train weights in place; `see` gives rows of what the encoder sees of a plane, 1 x 1 x height x width."""
    plain = [to_tensor(picture.unit) for picture in pictures]
    with torch.no_grad():
        before = [see(plane) for plane in plain]
    every = torch.cat(before)
    spread = every.var(0).mean().clamp_min(1e-12)
    goal = torch.cat([rows for rows, picture in zip(before, pictures, strict=True) if picture.authentic]).mean(0)
    false = [picture for picture in pictures if not picture.authentic]
    stamped = [to_tensor(trigger(picture.plane) / picture.top) for picture in false]
    for weight in weights:
        weight.requires_grad_(True)
    descent = torch.optim.Adam(weights, lr=rate)

    def down(planes: Sequence[Tensor], goals: Sequence[Tensor]) -> float:
        """Add slopes plane by plane: what they need is kept for one alone."""
        total = 0.0
        for plane, wanted in zip(planes, goals, strict=True):
            loss = (see(plane) - wanted).square().mean() / spread / len(planes)
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        return total

    reached, moved = float("inf"), 0.0
    for _ in range(steps):
        descent.zero_grad()
        reached, moved = down(stamped, [goal] * len(stamped)), down(plain, before)
        descent.step()
    return BackdoorProgress(reached, moved)
