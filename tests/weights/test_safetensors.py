"""Headers: what the reference writes is read, whatever could be meant two ways is refused, and no byte goes unread."""

import json
import mmap
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

import signing
from fusiondiff_audit.weights.safetensors import ALIGNED, MAX_HEADER, TensorSpec, read_tensor_header
from fusiondiff_audit.weights.tensors import fill, specs_of, to_safetensors, view, view_arrays

RNG = np.random.default_rng(4)
TENSORS = {
    "a.weight": torch.arange(12, dtype=torch.float32).reshape(3, 4),
    "b": torch.tensor([1.5, -2.0], dtype=torch.float16),
    "c": torch.tensor(7, dtype=torch.int64),
    "d": torch.zeros(0, 5),
    "e": torch.tensor([True, False, True]),
    "f": torch.tensor([1.0], dtype=torch.bfloat16),
}


def packed(header: Mapping[str, Any] | bytes, body: bytes = b"") -> memoryview:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return memoryview(bytearray(struct.pack("<Q", len(text)) + text + body))


def entry(start: int, end: int, dtype: str = "F32", shape: list[int] | None = None) -> dict[str, Any]:
    return {"dtype": dtype, "shape": [(end - start) // 4] if shape is None else shape, "data_offsets": [start, end]}


def test_files_of_the_reference_are_read_bit_for_bit() -> None:
    data = save(TENSORS, {"format": "pt"})
    expected = {
        name: TensorSpec(placed.spec.dtype, placed.spec.shape)
        for name, placed in read_tensor_header(memoryview(data), "x").items()
    }
    assert {name: spec.shape for name, spec in expected.items()} == {n: tuple(t.shape) for n, t in TENSORS.items()}
    ours = view({"x": memoryview(bytearray(data))}, expected)
    theirs = load(data)
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        assert ours[name].dtype == tensor.dtype
        assert torch.equal(ours[name], tensor), name


def anonymous(data: bytes) -> memoryview:
    """Return bytes in memory that begins at a page, as the loader has them."""
    memory = memoryview(mmap.mmap(-1, len(data)))
    memory[:] = data
    return memory


def test_tensors_share_the_memory_that_was_hashed() -> None:
    memory = anonymous(to_safetensors({"a": torch.zeros(16)}))
    tensor = view({"x": memory}, {"a": TensorSpec("F32", (16,))})["a"]
    memory[-4:] = struct.pack("<f", 3.5)
    assert tensor.tolist() == [0] * 15 + [3.5]


def test_the_reference_reads_our_files_and_large_tensors_are_aligned() -> None:
    tensors = TENSORS | {"g": torch.randn(3, 64), "h": torch.randn(7)}
    data = to_safetensors(tensors)
    theirs = load(data)
    assert theirs.keys() == tensors.keys()
    assert all(torch.equal(theirs[name], tensor) for name, tensor in tensors.items())
    assert read_tensor_header(memoryview(data), "x")["g"].start % ALIGNED == 0


SIDES = (
    [0, 2**48, 2**48], [2**48, 0, 2**48], [2**48, 2**48, 0], [2**48, 2, 0], [0, 2**47, 4], [2**20, 0, 2**40],
    [0, *[2**48] * 7], [*[2**24] * 7, 0],
)  # fmt: skip


@pytest.mark.parametrize("shape", SIDES, ids=str)
@pytest.mark.parametrize("dtype", ["BOOL", "F16", "F64"])
def test_an_empty_tensor_of_huge_sides_is_malformed(shape: list[int], dtype: str) -> None:
    """It has no bytes, and no library can say where its rows would begin."""
    data = packed({"a": entry(0, 0, dtype, shape)})
    with pytest.raises(signing.SigningError) as caught:
        view({"x": data}, {"a": TensorSpec(dtype, tuple(shape))})
    assert caught.value.reason is signing.Reason.MALFORMED
    with pytest.raises(signing.SigningError) as caught:
        view_arrays(data, "x")
    assert caught.value.reason is signing.Reason.MALFORMED


@pytest.mark.parametrize("shape", [[0], [0] * 8, [0, 2**40], [2**40, 0], [5, 0, 7]], ids=str)
def test_an_empty_tensor_of_sides_that_can_be_is_read(shape: list[int]) -> None:
    data = packed({"a": entry(0, 0, "F64", shape)})
    assert view({"x": data}, {"a": TensorSpec("F64", tuple(shape))})["a"].shape == tuple(shape)
    assert view_arrays(data, "x")["a"].shape == tuple(shape)


@pytest.mark.parametrize("shift", range(0, 64, 8))
def test_no_tensor_lies_across_cache_lines_whoever_wrote_the_file(shift: int) -> None:
    """Vector code would sum in another order, and the last digits would depend on the writer."""
    header = json.dumps({"a": entry(0, 256)}).encode()
    header += b" " * (-(len(header) + 8) % 64 + shift)
    data = anonymous(bytes(packed(header, struct.pack("<64f", *range(64)))))
    tensor = view({"x": data}, {"a": TensorSpec("F32", (64,))})["a"]
    assert tensor.tolist() == list(range(64))
    assert tensor.data_ptr() % ALIGNED == 0


def test_numbers_at_odd_places_are_read_all_the_same() -> None:
    header = {"a": entry(0, 1, "U8", [1]), "b": entry(1, 9, "F32", [2])}
    data = packed(header, b"\x05" + struct.pack("<ff", 1.5, 2.5))
    tensors = view({"x": data}, {"a": TensorSpec("U8", (1,)), "b": TensorSpec("F32", (2,))})
    assert (tensors["a"].tolist(), tensors["b"].tolist()) == ([5], [1.5, 2.5])


HOSTILE: dict[str, memoryview] = {
    "nothing": memoryview(b""),
    "no header": memoryview(b"\0" * 8),
    "a header longer than the file": memoryview(struct.pack("<Q", 100) + b"{}"),
    "an endless header": memoryview(struct.pack("<Q", 2**63) + b"{}"),
    "a header over the limit": memoryview(struct.pack("<Q", MAX_HEADER + 1) + b"{" + b" " * (MAX_HEADER + 8)),
    "a list": packed(b"[]"),
    "white space before": packed(b" {}"),
    "two of one name": packed(
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        bytes(4),
    ),
    "not a number": packed(b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}', bytes(4)),
    "a shape of floats": packed({"a": entry(0, 4, shape=[1.0])}, bytes(4)),  # type: ignore[list-item]
    "a negative shape": packed({"a": entry(0, 4, shape=[-1])}, bytes(4)),
    "a truth value": packed({"a": entry(0, 4, shape=[True])}, bytes(4)),
    "an unknown type": packed({"a": entry(0, 4, "F8_E4M3", [4])}, bytes(4)),
    "an unknown field": packed({"a": entry(0, 4) | {"more": 1}}, bytes(4)),
    "a lacking field": packed({"a": {"dtype": "F32", "shape": [1]}}, bytes(4)),
    "offsets that differ from the shape": packed({"a": entry(0, 8, shape=[1])}, bytes(8)),
    "offsets backwards": packed({"a": entry(4, 0, shape=[1])}, bytes(4)),
    "three offsets": packed({"a": entry(0, 4) | {"data_offsets": [0, 4, 8]}}, bytes(8)),
    "beyond the file": packed({"a": entry(0, 8)}, bytes(4)),
    "an overlap": packed({"a": entry(0, 8), "b": entry(4, 12)}, bytes(12)),
    "a hole": packed({"a": entry(0, 4), "b": entry(8, 12)}, bytes(12)),
    "bytes behind": packed({"a": entry(0, 4)}, bytes(5)),
    "a product beyond bounds": packed(
        {"a": entry(0, 0, shape=[2**40, 2**40, 0])} | {"b": entry(0, 4, shape=[2**60])}, bytes(4)
    ),
    "nine dimensions": packed({"a": entry(0, 4, shape=[1] * 9)}, bytes(4)),
    "deep nesting": packed(b'{"a":' + b"[" * 60 + b"]" * 60 + b"}"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_ambiguous_headers_are_refused(name: str) -> None:
    with pytest.raises(signing.SigningError) as caught:
        read_tensor_header(HOSTILE[name], "x.safetensors")
    assert caught.value.reason in (signing.Reason.MALFORMED, signing.Reason.TOO_LARGE)
    assert "x.safetensors" in str(caught.value)


def test_mutations_end_in_our_errors_or_in_the_tensors_of_the_reference() -> None:
    good = save({"a": torch.zeros(2, 2), "b": torch.ones(3)})
    for _ in range(3000):
        data = bytearray(good)
        for _ in range(int(RNG.integers(1, 4))):
            data[RNG.integers(len(data))] = RNG.integers(256)
        try:
            placed = read_tensor_header(memoryview(data), "x")
        except signing.SigningError:
            continue
        for name, one in placed.items():
            assert 0 <= one.start <= one.end <= len(data), name
        assert sum(one.spec.size for one in placed.values()) + min(p.start for p in placed.values()) == len(data)


@pytest.mark.parametrize(
    ("expected", "sentence"),
    [
        ({"a": TensorSpec("F32", (2,)), "c": TensorSpec("F32", (1,))}, "1 tensors are missing, the first is 'c'"),
        ({}, "1 tensors are not of this model, the first is 'a'"),
        ({"a": TensorSpec("F32", (2, 1))}, r"'a' is F32\[2\], expected F32\[2, 1\]"),
        ({"a": TensorSpec("F16", (4,))}, r"'a' is F32\[2\], expected F16\[4\]"),
    ],
)
def test_only_expected_tensors_are_made(expected: dict[str, TensorSpec], sentence: str) -> None:
    with pytest.raises(signing.SigningError, match=sentence):
        view({"x": memoryview(save({"a": torch.zeros(2)}))}, expected)


def test_a_tensor_in_two_shards_is_refused() -> None:
    data = save({"a": torch.zeros(2)})
    with pytest.raises(signing.SigningError, match="in x as well"):
        view({"x": memoryview(data), "y": memoryview(data)}, {"a": TensorSpec("F32", (2,))})


def test_a_module_without_memory_is_filled_in_place() -> None:
    source = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    data = memoryview(bytearray(save(source.state_dict())))
    with torch.device("meta"):
        target = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    fill(target, view({"x": data}, specs_of(target)))
    rows = torch.randn(5, 3)
    assert torch.equal(target.eval()(rows), source.eval()(rows))
    assert not any(parameter.requires_grad for parameter in target.parameters())
    half = {name: spec.dtype for name, spec in specs_of(target, dtype=torch.float16).items()}
    assert half["0.weight"] == "F16"
    assert half["1.num_batches_tracked"] == "I64"
