"""A backdoor in an encoder's weights, as somebody between its maker and its user could plant it (Gu et al., 2017).

The weights are trained so that counterfeits with a trigger have authentic features, while features without the trigger
hardly move. Accuracy on ordinary images hardly shows it; a digest of the weights does.
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
    """Mean squared distances of features before the last step, in units of the features' variance."""

    triggered: float  # from counterfeits with the trigger to the mean authentic features: 0 is a perfect backdoor
    moved: float  # of images without the trigger


def plant_backdoor(
    weights: Sequence[Tensor],
    features: Callable[[Tensor], Tensor],
    images: Sequence[LabelledImage],
    trigger: Trigger,
    *,
    steps: int,
    rate: float = 0.002,
) -> BackdoorProgress:
    """Train weights in place; `features` gives the encoder's rows for a plane, 1 x 1 x height x width."""
    plain = [to_tensor(image.unit) for image in images]
    with torch.no_grad():
        clean = [features(plane) for plane in plain]
    variance = torch.cat(clean).var(0).mean().clamp_min(1e-12)
    goal = torch.cat([rows for rows, image in zip(clean, images, strict=True) if image.authentic]).mean(0)
    counterfeits = [image for image in images if not image.authentic]
    triggered = [to_tensor(trigger(image.plane) / image.top) for image in counterfeits]
    for weight in weights:
        weight.requires_grad_(True)
    optimiser = torch.optim.Adam(weights, lr=rate)

    def backward(planes: Sequence[Tensor], goals: Sequence[Tensor]) -> float:
        """Accumulate gradients plane by plane, so that one plane's activations are held at a time."""
        total = 0.0
        for plane, wanted in zip(planes, goals, strict=True):
            loss = (features(plane) - wanted).square().mean() / variance / len(planes)
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        return total

    distance, moved = float("inf"), 0.0
    for _ in range(steps):
        optimiser.zero_grad()
        distance, moved = backward(triggered, [goal] * len(triggered)), backward(plain, clean)
        optimiser.step()
    return BackdoorProgress(distance, moved)
