"""Standardisation of numbers by their mean and deviation over a data set, which a bundle stores."""

from typing import Self

import torch
from torch import nn

Tensor = torch.Tensor
_EPSILON = 1e-4
_MIN_DEVIATION = 0.99 * _EPSILON**0.5  # `fit` gives no smaller one, rounding apart


class Standardization(nn.Module):
    """A layer with the mean and deviation of each number: 0 and 1 until `fit`. `part` names the numbers in refusals."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, count: int, part: str) -> None:
        super().__init__()
        self._part = part
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("deviation", torch.ones(count))

    def standardized(self, numbers: Tensor) -> Tensor:
        """Return rows of standardised numbers."""
        return (numbers - self.mean) / self.deviation

    @torch.no_grad()
    def fit(self, numbers: Tensor) -> Self:
        """Take mean and deviation from many rows."""
        self.mean.copy_(numbers.mean(0))
        self.deviation.copy_((numbers.var(0) + _EPSILON).sqrt())
        return self

    def refuse_unfit(self) -> None:
        """Raise ValueError for statistics that no images have: gradients would vanish, or overflows be hidden."""
        finite = self.mean.isfinite().all() and self.deviation.isfinite().all()
        if not finite or self.deviation.min() <= _MIN_DEVIATION:
            raise ValueError(f"{self._part} with a mean or a deviation that no images have")
