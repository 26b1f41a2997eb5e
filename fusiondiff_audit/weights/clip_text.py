"""CLIP's text encoder, for the embedding of the empty prompt, which is computed when public weights are imported.

The encoder is that of openai/clip-vit-large-patch14 (Radford et al., 2021), as Stable Diffusion v1 uses it: a causal
transformer over 77 tokens: the start token, and the end token, which is also the padding.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch.nn import functional

from fusiondiff_audit.weights.safetensors import TensorSpec

Tensor = torch.Tensor
_QUICK_GELU = 1.702  # slope of the sigmoid that approximates the Gaussian distribution function


@dataclass(frozen=True, slots=True)
class TextEncoder:
    """The sizes of a text encoder; the last two words are the start and the end token."""

    width: int = 768
    layers: int = 12
    heads: int = 12
    inner: int = 3072
    words: int = 49408
    tokens: int = 77

    def expected(self) -> dict[str, TensorSpec]:
        """Return the names, types and shapes of its tensors."""
        shapes = {
            "embeddings.position_ids": (1, self.tokens),
            "embeddings.token_embedding.weight": (self.words, self.width),
            "embeddings.position_embedding.weight": (self.tokens, self.width),
            **_pair("final_layer_norm", self.width),
        }
        for i in range(self.layers):
            layer = f"encoder.layers.{i}"
            for name in ("layer_norm1", "layer_norm2"):
                shapes |= _pair(f"{layer}.{name}", self.width)
            for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
                shapes |= _pair(f"{layer}.self_attn.{name}", self.width, self.width)
            shapes |= _pair(f"{layer}.mlp.fc1", self.inner, self.width)
            shapes |= _pair(f"{layer}.mlp.fc2", self.width, self.inner)
        return {
            f"text_model.{name}": TensorSpec("I64" if name.endswith("position_ids") else "F32", shape)
            for name, shape in shapes.items()
        }

    @torch.inference_mode()
    def null_prompt(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """Return the embeddings of the tokens of an empty text."""
        parts = {name.removeprefix("text_model."): tensor for name, tensor in tensors.items()}
        start, end = self.words - 2, self.words - 1
        words = torch.tensor([start] + [end] * (self.tokens - 1))
        state = parts["embeddings.token_embedding.weight"][words] + parts["embeddings.position_embedding.weight"]
        for i in range(self.layers):
            layer = f"encoder.layers.{i}"
            state = state + self._attended(_norm(parts, f"{layer}.layer_norm1", state), parts, f"{layer}.self_attn")
            inner = _linear(parts, f"{layer}.mlp.fc1", _norm(parts, f"{layer}.layer_norm2", state))
            state = state + _linear(parts, f"{layer}.mlp.fc2", inner * torch.sigmoid(_QUICK_GELU * inner))
        return _norm(parts, "final_layer_norm", state)[None].clone()

    def _attended(self, state: Tensor, parts: Mapping[str, Tensor], where: str) -> Tensor:
        query, key, value = (
            _linear(parts, f"{where}.{name}_proj", state).reshape(self.tokens, self.heads, -1).transpose(0, 1)
            for name in ("q", "k", "v")
        )
        attended = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return _linear(parts, f"{where}.out_proj", attended.transpose(0, 1).flatten(1))


def _pair(name: str, *shape: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def _linear(parts: Mapping[str, Tensor], name: str, state: Tensor) -> Tensor:
    return functional.linear(state, parts[f"{name}.weight"], parts[f"{name}.bias"])


def _norm(parts: Mapping[str, Tensor], name: str, state: Tensor) -> Tensor:
    return functional.layer_norm(state, state.shape[-1:], parts[f"{name}.weight"], parts[f"{name}.bias"])
