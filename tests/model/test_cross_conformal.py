"""Cross-conformal p-values: the promised rate of rejection, whatever the numbers of images and tiles."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from fusiondiff_audit.model.cross_conformal import MOST_FOLDS, CrossConformal, deal
from fusiondiff_audit.model.specimens import Design, TiledSpecimen, TileFeatures
from reports.arithmetic import Rank

DIMENSIONS = 3
PROJECTION = np.eye(DIMENSIONS, dtype=np.float32)
SEED = b"sealed"


def toy(name: str, maker: str, *counts: int, rng: np.random.Generator) -> TiledSpecimen:
    """Draw a specimen: a mean of its maker's, one of its own, and noise of its images and of its tiles."""
    centre = {"reference": 0.0, "copies": 2.5, "others": 3.5}[maker] + rng.normal(size=DIMENSIONS)
    images = tuple(
        (centre + rng.normal(0, 0.5, DIMENSIONS) + rng.normal(size=(count, DIMENSIONS))).astype(np.float32)
        for count in counts
    )
    return TiledSpecimen(name, maker, maker == "reference", images)


def enrolment(rng: np.random.Generator, *counts: int, of_each: int = 25) -> list[TiledSpecimen]:
    makers = ["reference"] * of_each + ["copies", "others"] * (of_each // 2 + 1)
    return [toy(f"{maker} {i}", maker, *counts, rng=rng) for i, maker in enumerate(makers[: 2 * of_each])]


def fitted(rng: np.random.Generator, *counts: int, of_each: int = 25) -> CrossConformal:
    return CrossConformal.fit(enrolment(rng, *counts, of_each=of_each), PROJECTION, trees=3, seed=0)


def rejected(
    enrolled: tuple[int, ...], designs: Sequence[tuple[int, ...]], *, enrolments: int, of_each: int
) -> dict[tuple[int, ...], list[float]]:
    """Return by design, for each enrolment, the share of authentic specimens left out at an error rate of 5 %."""
    shares: dict[tuple[int, ...], list[float]] = {design: [] for design in designs}
    for number in range(enrolments):
        rng = np.random.default_rng([len(enrolled), enrolled[0], number])
        conformal = fitted(rng, *enrolled, of_each=of_each)
        for design in designs:
            tested = [toy(f"tested {i}", "reference", *design, rng=rng) for i in range(8)]
            ranks = [conformal.ranks(one.images, one.name, SEED).authentic for one in tested]
            shares[design].append(sum(not rank.above(Fraction(1, 20)) for rank in ranks) / len(tested))
    return shares


@pytest.mark.slow
@pytest.mark.parametrize("enrolled", [(8,), (16, 16)])
def test_own_ware_is_rejected_no_more_often_than_promised(enrolled: tuple[int, ...]) -> None:
    _refuse_excess(rejected(enrolled, [(4,), (8,) * 5], enrolments=24, of_each=20), Fraction(1, 21))


@pytest.mark.soak
@pytest.mark.parametrize("enrolled", [(8,), (8, 8)])
def test_a_thousand_enrolments_reject_no_more_than_promised(enrolled: tuple[int, ...]) -> None:
    designs = [(8,), (8, 8), (8,) * 5, (8,) * 20]
    _refuse_excess(rejected(enrolled, designs, enrolments=1000, of_each=25), Fraction(1, 26))


def _refuse_excess(shares: dict[tuple[int, ...], list[float]], promised: Fraction) -> None:
    """Refuse a mean that is significantly above what is promised: two standard errors over enrolments."""
    means = {design: (np.mean(each), np.std(each, ddof=1) / np.sqrt(len(each))) for design, each in shares.items()}
    print({design: f"{100 * mean:.2f} +- {100 * error:.2f} %" for design, (mean, error) in means.items()})
    assert all(mean <= float(promised) + 2 * error for mean, error in means.values()), means


def test_copies_are_left_out_of_the_reference_and_the_far_out_of_both() -> None:
    rng = np.random.default_rng(5)
    conformal = fitted(rng, 8, 8)
    copies = [conformal.ranks(toy(f"asked {i}", "others", 8, 8, rng=rng).images, f"asked {i}", SEED) for i in range(20)]
    assert sum(rank.authentic.at_least == 0 for rank in copies) >= 16
    assert sum(rank.counterfeit.at_least > 0 for rank in copies) >= 16
    far: tuple[TileFeatures, ...] = (
        np.full((8, DIMENSIONS), 50, np.float32) + rng.normal(size=(8, 3)).astype(np.float32),
    )
    ranks = conformal.ranks(far, "cameraman", SEED)
    assert (ranks.authentic.at_least, ranks.counterfeit.at_least) == (0, 0)


def test_what_no_enrolled_specimen_has_is_left_out_and_what_some_lack_is_said() -> None:
    rng = np.random.default_rng(6)
    conformal = fitted(rng, 8, 4, of_each=9)
    more = conformal.ranks(toy("asked", "reference", 9, 9, 9, rng=rng).images, "asked", SEED)
    assert (more.design, more.reduced, more.conservative) == (Design((8, 4)), True, False)
    uneven = enrolment(rng, 8, of_each=9)
    uneven[0] = toy("reference 0", "reference", 2, rng=rng)
    some = CrossConformal.fit(uneven, PROJECTION, trees=3, seed=0).ranks(uneven[1].images, "asked", SEED)
    assert (some.design, some.reduced, some.conservative) == (Design((8,)), False, True)


def test_ranks_do_not_depend_on_the_order_of_enrolment() -> None:
    rng = np.random.default_rng(7)
    specimens = enrolment(rng, 8, of_each=9)
    asked = toy("asked", "copies", 8, rng=rng)
    one, other = (CrossConformal.fit(order, PROJECTION, trees=3, seed=0) for order in (specimens, specimens[::-1]))
    assert one.ranks(asked.images, "asked", SEED) == other.ranks(asked.images, "asked", SEED)


def test_a_maker_of_authentic_and_of_counterfeit_ware_counts_as_two() -> None:
    rng = np.random.default_rng(11)
    specimens = [replace(one, maker="the same") for one in enrolment(rng, 8, of_each=9)]
    conformal = CrossConformal.fit(specimens, PROJECTION, trees=3, seed=0)
    assert all(model.within.makers == ("AUTHENTIC the same", "COUNTERFEIT the same") for model in conformal.models)
    assert all(model.authentic.tolist() == [True, False] for model in conformal.models)


def test_folds_are_dealt_evenly_within_classes_by_name() -> None:
    rng = np.random.default_rng(8)
    specimens = enrolment(rng, 2)
    folds = deal(specimens)
    for label in (True, False):
        counts = np.bincount([fold for fold, one in zip(folds, specimens, strict=True) if one.authentic == label])
        assert len(counts) == MOST_FOLDS
        assert max(counts) - min(counts) <= 1
    by_name = sorted(specimens[:25], key=lambda one: hashlib.sha256(one.name.encode()).digest())
    assert folds[specimens.index(by_name[0])] == 0


def test_two_specimens_of_one_name_are_refused() -> None:
    rng = np.random.default_rng(10)
    specimens = enrolment(rng, 4, of_each=5)
    with pytest.raises(ValueError, match="two specimens have one name"):
        deal([*specimens, specimens[0]])


@pytest.mark.parametrize("of_each", [1, 2])
def test_too_few_specimens_are_refused(of_each: int) -> None:
    with pytest.raises(ValueError, match="at least 3 of each class"):
        fitted(np.random.default_rng(9), 4, of_each=of_each)


def test_images_that_lie_apart_have_a_small_rank_of_spread() -> None:
    """Half of the images are of a copy: pooled they lie between the classes, and no single image does."""
    rng = np.random.default_rng(12)
    conformal = fitted(rng, 8, 8)
    own, copy = (toy("asked", maker, 8, 8, rng=rng).images for maker in ("reference", "others"))
    assert conformal.ranks((own[0], (copy[0] + 4).astype(np.float32)), "asked", SEED).spread == Rank(0, 50)
    ranks = [conformal.ranks(toy("asked", "reference", 8, 8, rng=rng).images, "asked", SEED) for _ in range(8)]
    assert max(rank.spread.at_least for rank in ranks if rank.spread is not None) > 5
    assert conformal.ranks(own[:1], "asked", SEED).spread is None


def test_an_image_of_a_copy_does_not_hide_among_many_genuine_ones() -> None:
    """Two images are compared at once, so that most of twelve would never be looked at."""
    rng = np.random.default_rng(15)
    conformal = fitted(rng, 8, 8)
    own, copy = (toy("asked", maker, *(8,) * 12, rng=rng).images for maker in ("reference", "others"))
    mixed = (*own[:11], (copy[0] + 2).astype(np.float32))
    weakest = [conformal.ranks(mixed, f"asked {i}", SEED).weakest for i in range(6)]
    assert [rank.at_least for rank in weakest if rank is not None] == [0] * 6
    genuine = conformal.ranks(own, "asked", SEED)
    assert genuine.weakest is not None
    assert genuine.weakest.at_least <= genuine.authentic.at_least
    assert conformal.ranks(own[:2], "asked", SEED).weakest is None


def test_a_specimen_of_few_tiles_does_not_set_the_design_of_all() -> None:
    """An audit has no more tiles to choose from than three of four enrolled specimens of either class."""
    assert Design.usual([Design((16, 16))] * 3 + [Design((1,))]) == Design((16, 16))
    assert Design.usual([Design((16, 16)), Design((9,)), Design((8,)), Design((4,))]) == Design((8,))
    rng = np.random.default_rng(13)
    specimens = enrolment(rng, 8, of_each=9)
    specimens[0] = toy("reference 0", "reference", 90, 90, 90, rng=rng)
    large = toy("asked", "reference", 90, 90, 90, rng=rng)
    ranks = CrossConformal.fit(specimens, PROJECTION, trees=3, seed=0).ranks(large.images, "asked", SEED)
    assert (ranks.design, ranks.reduced, ranks.conservative) == (Design((8,)), True, False)


def test_enrolled_specimens_are_ranked_without_themselves() -> None:
    conformal = fitted(np.random.default_rng(14), 8)
    scores = conformal.enrolled_scores()
    for place, (specimen, pair) in enumerate(zip(conformal.specimens, conformal.enrolled_ranks(), strict=True)):
        for rank, kind in ((pair.authentic, True), (pair.counterfeit, False)):
            others = [
                scores[at, int(kind)]
                for at, other in enumerate(conformal.specimens)
                if other.authentic is kind and other is not specimen
            ]
            assert rank == Rank(sum(score >= scores[place, int(kind)] for score in others), len(others))
