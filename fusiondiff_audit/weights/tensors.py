"""From verified bytes to tensors, and back.

Tensors share the memory that was hashed. No tensor is made before all names, types and shapes were compared with the
expected ones.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy.typing as npt
import torch

from fusiondiff_audit.weights.safetensors import (
    ALIGNED,
    TENSOR_TYPES,
    TensorSpan,
    TensorSpec,
    read_tensor_header,
    write_tensor_header,
)
from signing.strict import malformed

_NAMES = {dtype: name for name, dtype in TENSOR_TYPES.items()}


def specs_of(module: torch.nn.Module, *, dtype: torch.dtype | None = None) -> dict[str, TensorSpec]:
    """Return the expected tensors of a module's state; `dtype` replaces its floating-point types."""

    def stored(tensor: torch.Tensor) -> torch.dtype:
        return dtype if dtype is not None and tensor.dtype.is_floating_point else tensor.dtype

    return {
        name: TensorSpec(_NAMES[stored(tensor)], tuple(tensor.shape)) for name, tensor in module.state_dict().items()
    }


def view(shards: Mapping[str, memoryview], expected: Mapping[str, TensorSpec]) -> dict[str, torch.Tensor]:
    """Return the expected tensors over the memory of verified shards; any other, missing or extra one is refused."""
    sources: dict[str, tuple[str, TensorSpan]] = {}
    for name, data in sorted(shards.items()):
        for tensor, placed in read_tensor_header(data, name).items():
            if tensor in sources:
                raise malformed(name, f"{tensor[:100]!a} is in {sources[tensor][0]} as well")
            sources[tensor] = (name, placed)
    where = ", ".join(sorted(shards)[:3]) + (", ..." if len(shards) > 3 else "")
    _refuse_others(sources.keys(), expected.keys(), where)
    for tensor, spec in expected.items():
        name, placed = sources[tensor]
        if placed.spec != spec:
            raise malformed(name, f"{tensor[:100]!a} is {placed.spec}, expected {spec}")
    return {tensor: _tensor(shards[name], placed) for tensor, (name, placed) in sources.items()}


def view_arrays(data: memoryview, where: str) -> dict[str, npt.NDArray[Any]]:
    """Return all tensors of a verified file as arrays over its memory; the caller checks their shapes."""
    spans = read_tensor_header(data, where)
    if foreign := sorted(name for name, placed in spans.items() if TENSOR_TYPES[placed.spec.dtype] is torch.bfloat16):
        raise malformed(where, f"{foreign[0][:100]!a} is bfloat16, which arrays do not have")
    return {name: _tensor(data, placed).numpy() for name, placed in spans.items()}


def _refuse_others(actual: Iterable[str], expected: Iterable[str], where: str) -> None:
    missing, extra = sorted(set(expected) - set(actual)), sorted(set(actual) - set(expected))
    if missing:
        raise malformed(where, f"{len(missing)} tensors are missing, the first is {missing[0][:100]!a}")
    if extra:
        raise malformed(where, f"{len(extra)} tensors are not of this model, the first is {extra[0][:100]!a}")


def _tensor(data: memoryview, placed: TensorSpan) -> torch.Tensor:
    """Return a tensor over verified memory, or over a copy if it is not aligned to a cache line.

    Vector code adds unaligned numbers in another order, so the last digits of a finding would depend on the writer.
    """
    dtype, shape = TENSOR_TYPES[placed.spec.dtype], placed.spec.shape
    if not placed.spec.size:
        return torch.empty(shape, dtype=dtype)
    inside = data[placed.start : placed.end]
    if placed.start % dtype.itemsize:  # rare: most writers align numbers
        inside = memoryview(bytearray(inside))
    tensor = torch.frombuffer(inside, dtype=dtype).reshape(shape)
    return tensor.clone() if tensor.data_ptr() % ALIGNED else tensor


def to_safetensors(tensors: Mapping[str, torch.Tensor]) -> bytes:
    """Return a safetensors file, laid out so that hardly any tensor must be copied when it is read."""
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    specs = {name: TensorSpec(_NAMES[tensor.dtype], tuple(tensor.shape)) for name, tensor in stored.items()}
    order = sorted(stored, key=lambda name: (specs[name].size % ALIGNED != 0, -stored[name].itemsize, name))
    bodies = (stored[name].reshape(-1).view(torch.uint8).numpy().tobytes() for name in order)
    return b"".join((write_tensor_header({name: specs[name] for name in order}), *bodies))


def fill(module: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Make tensors the state of a module, without copying; the module may be on the meta device."""
    module.load_state_dict(dict(tensors), strict=True, assign=True)
    module.requires_grad_(False)
