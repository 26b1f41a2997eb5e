"""Numbers and maps of what a field of view shows, on layouts whose arrangement is known."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from fusiondiff_audit.kiln.arrangement import ARRANGEMENT_NAMES, arrangement
from fusiondiff_audit.kiln.layout import FieldLayout
from fusiondiff_audit.kiln.object_maps import OBJECTS, PHASES, object_maps, phase_shares
from fusiondiff_audit.kiln.phase_map import draw_phase_map
from fusiondiff_audit.kiln.randomised import randomised_specimen
from fusiondiff_audit.kiln.shapes import Ellipses, Rods, draw_ellipses

SIDE = 256
Places = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def bare() -> FieldLayout:
    """Grains without layers, with nothing in them."""
    numbered = (randomised_specimen("arrangement", str(number)).layout(0, SIDE) for number in range(50))
    layout = next(layout for layout in numbered if not layout.layers and 10 < layout.seeds.size < 40)
    nowhere = np.zeros((0, 2))
    rods = Rods(nowhere, *(np.zeros(0) for _ in range(3)))
    return replace(layout, pores=ellipses(nowhere), relics=ellipses(nowhere), needles=rods, laths=rods, cracks=())


def ellipses(centres: Places, *, radius: float = 3.0, roundness: float = 0.5, angle: float = 0.0) -> Ellipses:
    one = np.ones(len(centres))
    rng = np.random.default_rng(0)
    return draw_ellipses(rng, centres, one * radius / roundness**0.5, one * roundness, one * angle, rough=0.0)


def scattered(count: int) -> Places:
    return np.random.default_rng(1).uniform(0, SIDE, (count, 2))


def test_aligned_pores_are_told_from_turned_ones(bare: FieldLayout) -> None:
    aligned = replace(bare, pores=ellipses(scattered(200), angle=0.7))
    turned = replace(aligned.pores, angles=np.random.default_rng(2).uniform(0, np.pi, 200))
    assert arrangement(aligned)["alignment of pores"] == pytest.approx(1)
    assert arrangement(replace(bare, pores=turned))["alignment of pores"] < 0.2
    maps = object_maps(aligned).sum((1, 2))
    assert maps[OBJECTS.index("pore sine")] / maps[OBJECTS.index("pore cosine")] == pytest.approx(np.tan(1.4), rel=1e-3)


def test_pores_on_boundaries_are_told_from_pores_in_grains(bare: FieldLayout) -> None:
    points = scattered(2000)
    order = np.argsort(bare.seeds.boundary_at(points))
    near, far = (replace(bare, pores=ellipses(points[chosen])) for chosen in (order[:100], order[-100:]))
    assert arrangement(near)["pores near boundaries"] == 1
    assert arrangement(far)["pores near boundaries"] == 0
    assert arrangement(near)["pore rank of distance"] < 0.1
    assert arrangement(far)["pore rank of distance"] > 0.9


def test_clustered_pores_are_nearer_to_each_other_than_scattered_ones(bare: FieldLayout) -> None:
    rng = np.random.default_rng(3)
    clusters = rng.uniform(20, SIDE - 20, (20, 2)).repeat(10, 0) + rng.normal(0, 5, (200, 2))
    clustered, loose = (arrangement(replace(bare, pores=ellipses(places))) for places in (clusters, scattered(200)))
    assert clustered["distance of next pore"] < loose["distance of next pore"] - 0.4
    assert clustered["pores nearby"] > loose["pores nearby"] + 0.5
    assert abs(loose["distance of next pore"]) < 0.25


def test_needles_in_nests_have_the_directions_of_their_neighbours(bare: FieldLayout) -> None:
    rng, nests = np.random.default_rng(4), 15
    centres = rng.uniform(20, SIDE - 20, (nests, 2)).repeat(12, 0) + rng.normal(0, 4, (12 * nests, 2))
    one = np.ones(len(centres))
    nested = Rods(centres, 8 * one, one, rng.uniform(0, np.pi, nests).repeat(12))
    turned = replace(nested, angles=rng.uniform(0, np.pi, len(centres)))
    turns = [arrangement(replace(bare, needles=rods))["turn to next needle"] for rods in (nested, turned)]
    assert turns[0] > 0.8
    assert abs(turns[1]) < 0.25


def test_absent_objects_have_no_sizes(bare: FieldLayout) -> None:
    numbers = arrangement(bare)
    assert tuple(numbers) == ARRANGEMENT_NAMES
    known = {name for name, number in numbers.items() if not np.isnan(number)}
    counts = {"number of cracks", "cracks through", "cracks along boundaries"}
    assert known == counts | {"pore density", "needle density", "lath density", "quartz density"}


def test_maps_hold_every_object_that_no_layer_hides(bare: FieldLayout) -> None:
    centres = np.array([[100.0, 40.0], [101.0, 41.0], [200.0, 200.0]])
    maps = object_maps(replace(bare, pores=ellipses(centres), relics=ellipses(centres[:1])))
    assert maps.shape == (len(OBJECTS), SIDE // 16, SIDE // 16)
    assert maps[OBJECTS.index("pores")].sum() == pytest.approx(3, abs=1e-4)
    assert maps[OBJECTS.index("quartz")].sum() == pytest.approx(1, abs=1e-4)
    assert maps[OBJECTS.index("pores")].argmax() == 6 * 16 + 2  # two of them lie in this cell
    glazed = next(
        layout
        for layout in (randomised_specimen("glazed", str(number)).layout(0, SIDE) for number in range(100))
        if layout.layers and 40 < layout.layers[0].height < 120
    )
    hidden = replace(glazed, pores=ellipses(np.array([[10.0, 40.0], [240.0, 40.0]])))
    assert object_maps(hidden)[OBJECTS.index("pores")].sum() == pytest.approx(1, abs=0.1)


def test_shares_of_phases_are_those_of_the_phase_map() -> None:
    phases = draw_phase_map(randomised_specimen("shares", "0").layout(0, SIDE))
    shares = phase_shares(phases)
    assert shares.shape == (len(PHASES), SIDE // 8, SIDE // 8)
    assert shares[PHASES.index("pore")].mean() == pytest.approx((phases.pores > 0).mean(), abs=1e-6)
    assert shares[PHASES.index("pore"), 3, 5] == pytest.approx((phases.pores[24:32, 40:48] > 0).mean(), abs=1e-6)
    assert 0 <= shares.min() <= shares.max() <= 1
