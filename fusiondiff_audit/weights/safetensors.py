"""The header of a safetensors file, read by our own rules before anything trusts it.

Eight bytes say how long the header is, the header is JSON, the rest is the tensors' bytes (huggingface/safetensors,
"Format"). Here the tensors must follow one another without holes and end where the file ends, in the order of their
offsets, so that no byte is read twice and none goes unread.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from signing.fields import Fields, read_json
from signing.strict import MAX_TEXT, malformed, write_json

ALIGNED = 64  # bytes: a cache line, and what vector code wants
MAX_HEADER = 16 * 1024 * 1024  # bytes
_MOST_DIMENSIONS = 8
_MOST_TOKENS = 2_000_000
_LARGEST = 2**48  # of one dimension, and bytes of all of them
_PREFIX = 8
DTYPE_BYTES: Mapping[str, int] = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "I16": 2,
    "F16": 2,
    "BF16": 2,
    "I32": 4,
    "F32": 4,
    "I64": 8,
    "F64": 8,
}


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """What a tensor is, whatever it holds."""

    dtype: str  # as safetensors names it
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Return its bytes."""
        return DTYPE_BYTES[self.dtype] * math.prod(self.shape)

    @property
    def span(self) -> int:
        """Return the bytes of a tensor whose empty sides were of length 1: a library's strides reach that far."""
        return DTYPE_BYTES[self.dtype] * math.prod(max(side, 1) for side in self.shape)

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True, slots=True)
class TensorSpan:
    """A tensor's bytes within its file."""

    spec: TensorSpec
    start: int
    end: int


def read_tensor_header(data: memoryview, where: str) -> dict[str, TensorSpan]:
    """Return where each tensor lies."""
    if len(data) < _PREFIX:
        raise malformed(where, f"{len(data)} bytes are no safetensors file")
    length = int.from_bytes(data[:_PREFIX], "little")
    if not 2 <= length <= min(MAX_HEADER, len(data) - _PREFIX):
        raise malformed(where, f"says that its header has {length:,} bytes; the file has {len(data):,}")
    base = _PREFIX + length
    text = bytes(data[_PREFIX:base])
    if not text.startswith(b"{"):
        raise malformed(where, "its header does not start with {")
    fields = read_json(text.rstrip(b" "), where, limit=MAX_HEADER, tokens=_MOST_TOKENS)
    placed = {name: _placed(fields.fields(name), base) for name in fields.names() if name != "__metadata__"}
    _refuse_holes(placed, base, len(data), where)
    return placed


def write_tensor_header(specs: Mapping[str, TensorSpec]) -> bytes:
    """Return the header of a file with these tensors in this order, spaced so that their bytes begin aligned."""
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
    if dtype not in DTYPE_BYTES:
        raise malformed(fields.where, f"{dtype[:20]!r} is no type of tensor that is read")
    shape = fields.integers("shape", least=0, most=_LARGEST, length=_MOST_DIMENSIONS)
    offsets = fields.integers("data_offsets", least=0, most=_LARGEST, length=2)
    spec = TensorSpec(dtype, tuple(shape))
    if spec.span > _LARGEST:
        raise malformed(fields.where, f"{spec} spans more than {_LARGEST:,} bytes, whatever it holds")
    if len(offsets) != 2 or offsets[1] - offsets[0] != spec.size:
        raise malformed(fields.where, f"{spec} has {spec.size:,} bytes, its offsets are {offsets}")
    return TensorSpan(spec, base + offsets[0], base + offsets[1])


def _refuse_holes(placed: Mapping[str, TensorSpan], base: int, end: int, where: str) -> None:
    """Refuse tensors that overlap or leave bytes between or behind them."""
    at = base
    for name, one in sorted(placed.items(), key=lambda item: (item[1].start, item[1].end)):
        if one.start != at:
            raise malformed(where, f"{name[:100]!a} starts at byte {one.start:,}, the one before ends at {at:,}")
        at = one.end
    if at != end:
        raise malformed(where, f"the tensors end at byte {at:,}, the file at {end:,}")
