"""Adapters: small trainable bottlenecks in the blocks of a frozen transformer (Houlsby et al., 2019)."""

from collections.abc import Iterable
from functools import partial

import torch
from torch import nn
from torch.nn import functional

Tensor = torch.Tensor


class Adapter(nn.Module):
    """A residual bottleneck, which starts as the identity."""

    def __init__(self, width: int, bottleneck: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.down = nn.Linear(width, bottleneck)
        self.up = nn.Linear(bottleneck, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return adapted tokens; the adapter computes in single precision, whatever the precision of the DeiT."""
        residual: Tensor = self.up(functional.gelu(self.down(self.norm(tokens.float()))))
        return tokens + residual.to(tokens.dtype)


def attach_adapters(blocks: Iterable[nn.Module], width: int, bottleneck: int) -> nn.ModuleList:
    """Put a new adapter behind every block, and return the adapters; a bottleneck of 0 means none."""
    adapters = nn.ModuleList()
    for block in blocks if bottleneck else ():
        adapters.append(Adapter(width, bottleneck))
        block.register_forward_hook(partial(_adapt, adapters[-1]))
    return adapters


def _adapt(adapter: nn.Module, _: nn.Module, __: tuple[Tensor, ...], tokens: Tensor) -> Tensor:
    """Replace the output of a block by its adapter's: a forward hook of torch."""
    adapted: Tensor = adapter(tokens)
    return adapted
