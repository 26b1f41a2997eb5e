"""Seeded mutations of MRC, DM3, DM4 and SER files: a refusal of ours or an image, in bounded time and memory."""

import random
import time
import tracemalloc
from collections import Counter

import pytest

from fusiondiff_audit.images.errors import ImageError
from fusiondiff_audit.images.formats.recognition import read_image_header
from tests.attacker import mutant
from tests.images.differential.case import Case
from tests.images.differential.dms import dm3_case, dm4_case
from tests.images.differential.mrcs import mrc_case
from tests.images.differential.sers import ser_case
from tests.images.test_fuzz import walk_and_decode

GENERATORS = {".mrc": mrc_case, ".dm3": dm3_case, ".dm4": dm4_case, ".ser": ser_case}
LONGEST = 1.0  # second of processor time for a file of some kilobytes; one takes a millisecond
MOST_MEMORY = 32 * 2**20  # bytes, for the same
_INTERESTING = (0, 1, 2, 20, 21, 127, 128, 255)


def mutation(case: Case, rng: random.Random) -> bytes:
    """Return the file with some bytes, or a number of four or eight bytes, changed, or with parts moved."""
    data = bytearray(case.data)
    match rng.randrange(4):
        case 0:
            return mutant(case.data, rng)
        case 1:
            for _ in range(rng.randint(1, 8)):
                data[rng.randrange(len(data))] = rng.choice(_INTERESTING)
        case 2:
            place, size = rng.randrange(len(data)), rng.choice([4, 8])
            value = rng.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63, rng.randrange(2**16)]) % 2 ** (8 * size)
            data[place : place + size] = value.to_bytes(size, rng.choice(["little", "big"]))
        case _:
            pass  # as the generator made it
    return bytes(data)


def fuzz(suffix: str, first: int, count: int) -> Counter[str]:
    """Read so many files; count what came of them."""
    outcomes: Counter[str] = Counter()
    for seed in range(first, first + count):
        data = mutation(GENERATORS[suffix](seed), random.Random(f"{suffix} {seed}"))
        started = time.process_time()
        walk_and_decode(data, f"x{suffix}")
        assert time.process_time() - started < LONGEST, seed
        try:
            read_image_header(data, f"x{suffix}")
            outcomes["read"] += 1
        except ImageError as e:
            outcomes[e.reason.value] += 1
    return outcomes


@pytest.mark.parametrize(
    ("first", "count"),
    [
        (0, 150),
        pytest.param(1_000, 2_000, marks=pytest.mark.slow),
        *(pytest.param(10_000 + 5_000 * part, 5_000, marks=pytest.mark.soak) for part in range(4)),
    ],
)
@pytest.mark.parametrize("suffix", GENERATORS)
def test_mutations_end_in_a_refusal_or_an_image(suffix: str, first: int, count: int) -> None:
    outcomes = fuzz(suffix, first, count)
    assert sum(outcomes.values()) == count
    assert outcomes["read"] > count // 20
    assert len(outcomes) >= 4


@pytest.mark.slow
@pytest.mark.parametrize("suffix", GENERATORS)
def test_mutations_take_little_memory(suffix: str) -> None:
    for seed in range(500):
        data = mutation(GENERATORS[suffix](seed), random.Random(f"{suffix} {seed}"))
        tracemalloc.start()
        walk_and_decode(data, f"x{suffix}")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < MOST_MEMORY, seed
