"""Thousands of files whose structure was tampered with: what we admit, everybody sees as we do."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest

from fusiondiff_audit.images.errors import ImageError
from fusiondiff_audit.images.formats.registry import FORMATS
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.micrograph import LooseFile, decode
from tests.images.differential.case import Case
from tests.images.differential.comparison import disagreement, is_full_depth
from tests.images.differential.dms import dm3_case, dm4_case
from tests.images.differential.jpegs import jpeg_case
from tests.images.differential.mrcs import mrc_case
from tests.images.differential.pngs import png_case
from tests.images.differential.sers import ser_case
from tests.images.differential.tiffs import tiff_case
from tests.images.differential.views import VIEWS, View, look

CASES: dict[str, Callable[[int], Case]] = {
    ".tif": tiff_case,
    ".png": png_case,
    ".jpg": jpeg_case,
    ".mrc": mrc_case,
    ".dm3": dm3_case,
    ".dm4": dm4_case,
    ".ser": ser_case,
}
COUNTS = {".tif": 1900, ".png": 800, ".jpg": 600, ".mrc": 400, ".dm3": 400, ".dm4": 400, ".ser": 400}
LEAST_ADMITTED = 0.25  # of the files of a container: a test that sees refusals alone compares nothing
LEAST_OPENED = 0.4  # of the admitted files, by each reader at full depth


@dataclass(slots=True)
class Tally:
    """What came of many files."""

    files: int = 0
    admitted: int = 0
    opened: Counter[str] = field(default_factory=Counter)
    disagreements: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)  # admitted, and opened by nobody else


def tally(cases: Iterable[Case], suffix: str) -> Tally:
    counts = Tally()
    with Guard() as guard:
        for case in cases:
            counts.files += 1
            try:
                ours = decode(LooseFile(case.name, "", case.data), guard=guard).pixels
            except ImageError:
                continue
            counts.admitted += 1
            views = look(case.data, suffix)
            full = {name: v for name, v in views.items() if isinstance(v, View) and is_full_depth(ours, v)}
            counts.opened.update(full.keys())
            if not full:
                counts.unseen.append(f"{case.name} {case.mutations}: {views}")
            for name, view in full.items():
                if (how := disagreement(ours, view)) is None:
                    continue
                counts.disagreements.append(f"{case.name} {case.mutations}: {name}: {how}")
    return counts


def check(counts: Tally, suffix: str) -> None:
    assert not counts.disagreements, "\n".join(counts.disagreements)
    assert not counts.unseen, "\n".join(counts.unseen)
    assert counts.admitted >= LEAST_ADMITTED * counts.files, (counts.admitted, counts.files)
    for name, (suffixes, _) in VIEWS.items():
        if suffix in suffixes:
            assert counts.opened[name] >= LEAST_OPENED * counts.admitted, (name, counts.opened, counts.admitted)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", COUNTS)
def test_all_readers_agree_on_admitted_files(suffix: str) -> None:
    assert sum(COUNTS.values()) >= 3000
    counts = tally((CASES[suffix](seed) for seed in range(COUNTS[suffix])), suffix)
    check(counts, suffix)


@pytest.mark.soak
@pytest.mark.parametrize("suffix", COUNTS)
@pytest.mark.parametrize("block", range(20))
def test_all_readers_agree_on_many_admitted_files(block: int, suffix: str) -> None:
    first = 10_000 + block * COUNTS[suffix]
    check(tally((CASES[suffix](seed) for seed in range(first, first + COUNTS[suffix])), suffix), suffix)


def test_every_format_has_a_generator_and_a_number_of_files() -> None:
    assert {image_format.suffixes[0] for image_format in FORMATS} == CASES.keys() == COUNTS.keys()


@pytest.mark.parametrize("suffix", CASES)
def test_a_seed_gives_the_same_file(suffix: str) -> None:
    for seed in (0, 7, 5000):
        first, second = CASES[suffix](seed), CASES[suffix](seed)
        assert first == second
    assert len({CASES[suffix](seed).data for seed in range(20)}) == 20
