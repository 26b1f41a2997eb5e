"""Cross-conformal p-values: the promised rate of rejection, whatever the numbers of images and tiles."""

import hashlib
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from fusiondiff_audit.model.cross_conformal import MOST_FOLDS, CrossConformal, deal
from fusiondiff_audit.model.specimens import Design, TiledSpecimen, TileFeatures

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


def rejected(enrolled: tuple[int, ...], audited: tuple[int, ...], *, enrolments: int, of_each: int) -> list[float]:
    """Return for each enrolment the share of authentic specimens that are left out at an error rate of 5 %."""
    shares = []
    for number in range(enrolments):
        rng = np.random.default_rng([len(audited), audited[0], number])
        conformal = fitted(rng, *enrolled, of_each=of_each)
        asked = [toy(f"asked {i}", "reference", *audited, rng=rng) for i in range(8)]
        ranks = [conformal.ranks(one.images, one.name, SEED).authentic for one in asked]
        shares.append(sum(not rank.above(Fraction(1, 20)) for rank in ranks) / len(asked))
    return shares


@pytest.mark.slow
@pytest.mark.parametrize(
    ("enrolled", "audited"), [((8,), (8,)), ((16, 16), (4,)), ((8,), (8,) * 5), ((8, 8), (8,) * 20)]
)
def test_own_ware_is_rejected_no_more_often_than_promised(enrolled: tuple[int, ...], audited: tuple[int, ...]) -> None:
    _refuse_excess(rejected(enrolled, audited, enrolments=24, of_each=20), Fraction(1, 21))


@pytest.mark.soak
@pytest.mark.parametrize("enrolled", [(8,), (8, 8)])
@pytest.mark.parametrize("audited", [(8,), (8, 8), (8,) * 5, (8,) * 20])
def test_a_thousand_enrolments_reject_no_more_than_promised(
    enrolled: tuple[int, ...], audited: tuple[int, ...]
) -> None:
    _refuse_excess(rejected(enrolled, audited, enrolments=1000, of_each=25), Fraction(1, 26))


def _refuse_excess(shares: list[float], promised: Fraction) -> None:
    """Refuse a mean that is significantly above what is promised: two standard errors over enrolments."""
    error = np.std(shares, ddof=1) / np.sqrt(len(shares))
    assert np.mean(shares) <= float(promised) + 2 * error


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
