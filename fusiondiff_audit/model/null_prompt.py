"""Cross-attention to a constant prompt, whose keys and values are computed once."""

from typing import Any

import torch
from diffusers.models.attention_processor import Attention
from torch import nn
from torch.nn import functional


class CachedPromptAttention:
    """An attention processor of diffusers with cached keys and values."""

    def __init__(self, key: torch.Tensor, value: torch.Tensor) -> None:
        self._key, self._value = key, value

    def __call__(self, attention: Any, hidden_states: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        """Attend as diffusers' own processor does for blocks without norms, masks or residual connections."""
        count = len(hidden_states)
        query = _heads(attention.to_q(hidden_states), attention.heads)
        if self._key.device != query.device or self._key.dtype != query.dtype:  # the model has moved
            self._key, self._value = (cached.to(query.device, query.dtype) for cached in (self._key, self._value))
        key, value = (cached.expand(count, -1, -1, -1) for cached in (self._key, self._value))
        attended = functional.scaled_dot_product_attention(query, key, value)
        flat = attended.transpose(1, 2).flatten(2)
        out: torch.Tensor = attention.to_out[1](attention.to_out[0](flat))
        return out


def cache_null_prompt(unet: nn.Module, prompt: torch.Tensor) -> None:
    """Give every cross-attention of a UNet the cached keys and values of this prompt."""
    crossed: list[Any] = [m for m in unet.modules() if isinstance(m, Attention) and m.is_cross_attention]
    for module in crossed:
        _refuse_other(module)
        layers = (module.to_k, module.to_v)
        key, value = (_heads(layer(prompt.to(layer.weight.dtype)), module.heads) for layer in layers)
        module.set_processor(CachedPromptAttention(key, value))


def _heads(flat: torch.Tensor, heads: int) -> torch.Tensor:
    return flat.reshape(*flat.shape[:2], heads, -1).transpose(1, 2)


def _refuse_other(module: Any) -> None:
    """Raise ValueError for attention that `CachedPromptAttention` does not implement."""
    extras = (module.spatial_norm, module.group_norm, module.norm_q, module.norm_k, module.norm_cross)
    if any(extras) or module.residual_connection or module.rescale_output_factor != 1.0:
        raise ValueError("a cross-attention of this UNet has norms or a residual connection")
