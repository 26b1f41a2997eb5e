"""Pooling: by how many images and tiles, and that a choice of tiles depends on nothing but names and counts."""

import numpy as np
import pytest

from fusiondiff_audit.model.specimens import Design, TiledSpecimen, TileFeatures, pool, pool_whole

SEED = b"sealed"


def tiles(*counts: int, start: int = 0) -> tuple[TileFeatures, ...]:
    """Return images of so many tiles, whose first number counts up."""
    images, at = [], start
    for count in counts:
        images.append(np.stack([np.arange(at, at + count), np.zeros(count)], 1).astype(np.float32))
        at += count
    return tuple(images)


def specimen(*counts: int, name: str = "sherd 1", start: int = 0) -> TiledSpecimen:
    return TiledSpecimen(name, "kiln", authentic=True, images=tiles(*counts, start=start))


def test_a_choice_has_the_tiles_of_its_design() -> None:
    choice = specimen(9, 4, 16).draw(Design((12, 3)), SEED)
    assert sorted(map(len, choice), reverse=True) in (
        [12, 3, 0],
        [9, 3, 0],
    )  # two of three images, the fuller one first
    assert all(len(set(places)) == len(places) for places in choice)


def test_a_choice_is_drawn_by_name_and_seed_alone() -> None:
    design = Design((4, 2))
    first = specimen(9, 9, 9).draw(design, SEED)
    same = specimen(9, 9, 9, start=100).draw(design, SEED)
    assert [places.tolist() for places in first] == [places.tolist() for places in same]
    others = [specimen(9, 9, 9, name=f"sherd {i}").draw(design, SEED) for i in range(2, 9)]
    assert len({tuple(map(tuple, choice)) for choice in (first, *others)}) == 8
    assert [places.tolist() for places in specimen(9, 9, 9).draw(design, b"another")] != [p.tolist() for p in first]


def test_a_specimen_gives_what_it_has() -> None:
    assert [len(places) for places in specimen(2).draw(Design((16, 16)), SEED)] == [2]


@pytest.mark.parametrize(
    ("one", "other", "common"), [((16, 16), (16,), (16,)), ((16, 4), (8, 8), (8, 4)), ((3,), (16, 16), (3,))]
)
def test_a_design_is_reduced_to_what_another_has(
    one: tuple[int, ...], other: tuple[int, ...], common: tuple[int, ...]
) -> None:
    assert Design(one).within(Design(other)) == Design(common)
    assert Design(one).covers(Design(common))
    assert Design(one).covers(Design(other)) == (other == common)


@pytest.mark.parametrize("counts", [(), (3, 0), (2, 3)])
def test_impossible_designs_are_refused(counts: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="a design of"):
        Design(counts)


def test_pooled_tiles_have_mean_and_deviation() -> None:
    images = tiles(2, 2)
    everything = (np.array([0, 1]), np.array([0, 1]))
    assert pool(images, everything) == pytest.approx([1.5, 0, np.std([0, 1, 2, 3], ddof=1), 0])
    assert pool(images, (np.array([1]), np.zeros(0, np.intp))) == pytest.approx([1, 0, 0, 0])
    assert pool_whole([specimen(2, 2)])[0] == pytest.approx(pool(images, everything))
