"""From verified bytes to tensors: what is there is compared with what must be, and then looked at in place.

Tensors share the memory that was hashed. Nothing is copied, nothing is read again, and nothing is there before the
last name, type and shape was found to be the expected one.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy.typing as npt
import torch

from fusiondiff_audit.weights.safetensors import (
    ALIGNED,
    DTYPE_BYTES,
    TensorSpan,
    TensorSpec,
    read_tensor_header,
    write_tensor_header,
)
from signing.strict import malformed

_TYPES: Mapping[str, torch.dtype] = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "I16": torch.int16,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I32": torch.int32,
    "F32": torch.float32,
    "I64": torch.int64,
    "F64": torch.float64,
}
_NAMES = {dtype: name for name, dtype in _TYPES.items()}


def specs_of(module: torch.nn.Module, *, dtype: torch.dtype | None = None) -> dict[str, TensorSpec]:
    """Return what a module's state must be; its floating-point tensors may be kept in another type."""

    def kept(tensor: torch.Tensor) -> torch.dtype:
        return dtype if dtype is not None and tensor.dtype.is_floating_point else tensor.dtype

    return {name: TensorSpec(_NAMES[kept(tensor)], tuple(tensor.shape)) for name, tensor in module.state_dict().items()}


def view(shards: Mapping[str, memoryview], expected: Mapping[str, TensorSpec]) -> dict[str, torch.Tensor]:
    """Return the expected tensors over the memory of verified shards, or refuse them all."""
    found: dict[str, tuple[str, TensorSpan]] = {}
    for name, data in sorted(shards.items()):
        for tensor, placed in read_tensor_header(data, name).items():
            if tensor in found:
                raise malformed(name, f"{tensor[:100]!a} is in {found[tensor][0]} as well")
            found[tensor] = (name, placed)
    where = ", ".join(sorted(shards)[:3]) + (", ..." if len(shards) > 3 else "")
    _refuse_others(found.keys(), expected.keys(), where)
    for tensor, spec in expected.items():
        name, placed = found[tensor]
        if placed.spec != spec:
            raise malformed(name, f"{tensor[:100]!a} is {placed.spec}, expected {spec}")
    return {tensor: _tensor(shards[name], placed) for tensor, (name, placed) in found.items()}


def view_arrays(data: memoryview, where: str) -> dict[str, npt.NDArray[Any]]:
    """Return all tensors of a verified file whose shapes only its reader can judge, as arrays over its memory."""
    found = read_tensor_header(data, where)
    if foreign := sorted(name for name, placed in found.items() if _TYPES[placed.spec.dtype] is torch.bfloat16):
        raise malformed(where, f"{foreign[0][:100]!a} is of a type that arrays do not have")
    return {name: _tensor(data, placed).numpy() for name, placed in found.items()}


def _refuse_others(found: Iterable[str], expected: Iterable[str], where: str) -> None:
    missing, extra = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    if missing:
        raise malformed(where, f"{len(missing)} tensors are missing, the first is {missing[0][:100]!a}")
    if extra:
        raise malformed(where, f"{len(extra)} tensors are not of this model, the first is {extra[0][:100]!a}")


def _tensor(data: memoryview, placed: TensorSpan) -> torch.Tensor:
    """Return a tensor over verified memory, or over a copy where numbers would lie across a processor's cache lines.

    Vector code sums in another order there, so the last digits of a finding would depend on who wrote the file.
    """
    dtype, shape = _TYPES[placed.spec.dtype], placed.spec.shape
    if not placed.spec.size:
        return torch.empty(shape, dtype=dtype)
    inside = data[placed.start : placed.end]
    if placed.start % dtype.itemsize:  # few writers leave numbers where no processor wants them
        inside = memoryview(bytearray(inside))
    tensor = torch.frombuffer(inside, dtype=dtype).reshape(shape)
    return tensor.clone() if tensor.data_ptr() % ALIGNED else tensor


def to_safetensors(tensors: Mapping[str, torch.Tensor]) -> bytes:
    """Return a safetensors file of these tensors, laid out so that next to none has to be copied when it is read."""
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    specs = {name: TensorSpec(_NAMES[tensor.dtype], tuple(tensor.shape)) for name, tensor in kept.items()}
    order = sorted(kept, key=lambda name: (specs[name].size % ALIGNED != 0, -DTYPE_BYTES[specs[name].dtype], name))
    bodies = (kept[name].reshape(-1).view(torch.uint8).numpy().tobytes() for name in order)
    return b"".join((write_tensor_header({name: specs[name] for name in order}), *bodies))


def fill(module: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Make tensors a module's own state, without a copy; the module may have been built without memory."""
    module.load_state_dict(dict(tensors), strict=True, assign=True)
    module.requires_grad_(False)
