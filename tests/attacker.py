"""What an attacker does to files of ours: flips, deletions, and seeded mutations that get past a first parser."""

import random
from collections.abc import Iterator
from typing import Any

MASKS = (0x01, 0x02, 0x20, 0x80)  # neighbours, the other case, beyond ASCII


def deletions(value: Any) -> Iterator[Any]:
    """Yield copies of a JSON value, each with one key or one list item less."""
    if isinstance(value, dict):
        for key in value:
            yield {k: v for k, v in value.items() if k != key}
            for inner in deletions(value[key]):
                yield {**value, key: inner}
    elif isinstance(value, list):
        for i in range(len(value)):
            yield value[:i] + value[i + 1 :]
            for inner in deletions(value[i]):
                yield [*value[:i], inner, *value[i + 1 :]]


def flips(data: bytes, masks: tuple[int, ...] = MASKS) -> Iterator[bytes]:
    """Yield copies with one byte changed, for each byte and mask."""
    for i in range(len(data)):
        for mask in masks:
            yield data[:i] + bytes([data[i] ^ mask]) + data[i + 1 :]


TOKENS = (
    b"null", b"true", b"-1", b"1e999", b"99999999999999999999", b"[]", b"{}", b'""', b'"\\ud800"', b"NaN", b"\x00",
    b"\xff", b"\xef\xbb\xbf", b"{" * 50, b"[" * 3000, b"..", b"/", b"\\", b"=", b"\n", b"0", b" ", b"-", b"_",
    "٣".encode(), "‮".encode(), b'"a":1,"a":1,', b"9999-12-31T23:59:59Z", b"0001-01-01T00:00:00Z",
)  # fmt: skip


def mutant(data: bytes, rng: random.Random) -> bytes:
    """Return a sample with one to three things done to it."""
    for _ in range(rng.randint(1, 3)):
        i, j = sorted(rng.randrange(len(data) + 1) for _ in range(2))
        match rng.randrange(7):
            case 0 if data:
                k = rng.randrange(len(data))
                data = data[:k] + bytes([data[k] ^ 1 << rng.randrange(8)]) + data[k + 1 :]
            case 1:
                data = data[:i] + data[min(j, i + 20) :]
            case 2:
                data = data[:i] + rng.choice(TOKENS) + data[i:]
            case 3:
                data = data[:i] + rng.choice(TOKENS) + data[min(j, i + 8) :]
            case 4:
                data = data[:j] + data[i:]
            case 5:
                data = data[:i]
            case 6:
                data = replace_value(data, rng)
    return data


def replace_value(data: bytes, rng: random.Random) -> bytes:
    """Put another value behind one of the colons, so that mutants get past the JSON parser."""
    colons = [k for k, byte in enumerate(data) if byte == 0x3A]
    if not colons:
        return data
    start = rng.choice(colons) + 1
    end = start
    while end < len(data) and data[end] not in b",}]":
        end += 1
    return data[:start] + rng.choice(TOKENS[:12]) + data[end:]
