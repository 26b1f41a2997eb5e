"""The header of a safetensors file, parsed strictly.

Eight bytes are the length of the header, the header is JSON, the rest is the tensors' bytes (huggingface/safetensors,
"Format"). Tensors must follow one another without gaps or overlaps and end where the file ends, so that every byte
belongs to exactly one tensor.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from signing.fields import Fields, read_json
from signing.strict import MAX_TEXT, malformed, write_json

ALIGNED = 64  # bytes: a cache line, and what vector code wants
MAX_HEADER = 16 * 1024 * 1024  # bytes
_MAX_DIMENSIONS = 8
_MAX_TOKENS = 2_000_000
_MAX_SIZE = 2**48  # of one dimension, and bytes of all of them
_PREFIX = 8
TENSOR_TYPES: Mapping[str, torch.dtype] = {
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


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """The type and shape of a tensor."""

    dtype: str  # as safetensors names it
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """The number of bytes."""
        return TENSOR_TYPES[self.dtype].itemsize * math.prod(self.shape)

    @property
    def span(self) -> int:
        """The number of bytes if empty sides had length 1, which the strides of libraries reach."""
        return TENSOR_TYPES[self.dtype].itemsize * math.prod(max(side, 1) for side in self.shape)

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True, slots=True)
class TensorSpan:
    """The place of a tensor's bytes in its file."""

    spec: TensorSpec
    start: int
    end: int


def read_tensor_header(data: memoryview, where: str) -> dict[str, TensorSpan]:
    """Return the place of each tensor; an invalid header is refused."""
    if len(data) < _PREFIX:
        raise malformed(where, f"{len(data)} bytes are no safetensors file")
    length = int.from_bytes(data[:_PREFIX], "little")
    if not 2 <= length <= min(MAX_HEADER, len(data) - _PREFIX):
        raise malformed(where, f"says that its header has {length:,} bytes; the file has {len(data):,}")
    base = _PREFIX + length
    text = bytes(data[_PREFIX:base])
    if not text.startswith(b"{"):
        raise malformed(where, "its header does not start with {")
    fields = read_json(text.rstrip(b" "), where, limit=MAX_HEADER, tokens=_MAX_TOKENS)
    placed = {name: _placed(fields.fields(name), base) for name in fields.names() if name != "__metadata__"}
    _refuse_holes(placed, base, len(data), where)
    return placed


def write_tensor_header(specs: Mapping[str, TensorSpec]) -> bytes:
    """Return the header of a file with these tensors in this order, padded so that their bytes are aligned."""
    entries, at = {}, 0
    for name, spec in specs.items():
        entries[name] = {"dtype": spec.dtype, "shape": list(spec.shape), "data_offsets": [at, at + spec.size]}
        at += spec.size
    text = write_json(entries)
    text += b" " * (-(len(text) + _PREFIX) % ALIGNED)
    return len(text).to_bytes(_PREFIX, "little") + text


def _placed(fields: Fields, base: int) -> TensorSpan:
    fields.closed("dtype", "shape", "data_offsets")
    dtype = fields.raw("dtype", limit=MAX_TEXT)
    if dtype not in TENSOR_TYPES:
        raise malformed(fields.where, f"{dtype[:20]!r} is not a supported type of tensor")
    shape = fields.integers("shape", least=0, most=_MAX_SIZE, length=_MAX_DIMENSIONS)
    offsets = fields.integers("data_offsets", least=0, most=_MAX_SIZE, length=2)
    spec = TensorSpec(dtype, tuple(shape))
    if spec.span > _MAX_SIZE:
        raise malformed(fields.where, f"{spec} spans more than {_MAX_SIZE:,} bytes")
    if len(offsets) != 2 or offsets[1] - offsets[0] != spec.size:
        raise malformed(fields.where, f"{spec} has {spec.size:,} bytes, its offsets are {offsets}")
    return TensorSpan(spec, base + offsets[0], base + offsets[1])


def _refuse_holes(placed: Mapping[str, TensorSpan], base: int, end: int, where: str) -> None:
    """Refuse gaps, overlaps, and bytes behind the last tensor."""
    at = base
    for name, span in sorted(placed.items(), key=lambda item: (item[1].start, item[1].end)):
        if span.start != at:
            raise malformed(where, f"{name[:100]!a} starts at byte {span.start:,}, the tensor before it ends at {at:,}")
        at = span.end
    if at != end:
        raise malformed(where, f"the tensors end at byte {at:,}, the file at {end:,}")
