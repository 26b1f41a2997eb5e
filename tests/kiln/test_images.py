"""The generator: what its parameters do, that it repeats itself, and that both painters agree."""

import hashlib
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from fusiondiff_audit.kiln.body import Body, Cracks, Grains, Inclusions, Layer, Pores
from fusiondiff_audit.kiln.firing import Firing, fire
from fusiondiff_audit.kiln.layout import draw_layout
from fusiondiff_audit.kiln.microscope import ElectronDetector, Microscope, acquire_image
from fusiondiff_audit.kiln.raster import tessellation
from fusiondiff_audit.kiln.recipes import KILNS, Difficulty
from fusiondiff_audit.kiln.section import Section, render_section
from fusiondiff_audit.kiln.specimens import random_stream, specimen

QUIET = Microscope(electrons=1e9, focus=0.0)
NONE = Pores(share=0.0)


def section(body: Body, *, side: int = 128, pixel_size: float = 0.2, seed: str = "a") -> Section:
    return render_section(draw_layout(body, random_stream("tests", seed), side=side, pixel_size=pixel_size))


def share_below(grey: float, body: Body, seed: str) -> float:
    return float((section(body, side=256, seed=seed).grey < grey).mean())


@pytest.mark.parametrize("size", [3.0, 5.0, 9.0, 30.0])
@pytest.mark.parametrize("elongation", [1.0, 3.0])
def test_blocks_give_the_tessellation_of_a_query_for_each_pixel(size: float, elongation: float) -> None:
    body = Body(Grains(size=size * 0.2, elongation=elongation, direction=0.7))
    seeds = draw_layout(body, random_stream("tests", "blocks"), side=100, pixel_size=0.2).seeds
    cells = tessellation(seeds, 100)
    rows, columns = np.mgrid[:100, :100]
    points = np.column_stack([rows.ravel(), columns.ravel()])
    flat = np.column_stack([points @ seeds.turn.T, np.zeros(len(points))])
    _, nearest = cKDTree(seeds.lifted).query(flat, k=2)
    assert (cells.grain.ravel() == nearest[:, 0]).mean() > 0.999
    assert (cells.neighbour.ravel() == nearest[:, 1]).mean() > 0.998
    np.testing.assert_allclose(
        np.median(cells.boundary.ravel() - seeds.boundary_at(points.astype(float))), 0, atol=1e-3
    )


def test_grains_have_their_mean_size() -> None:
    for size in (2.0, 4.0):
        layout = draw_layout(
            Body(Grains(size=size, spread=0.1)), random_stream("tests", "size"), side=400, pixel_size=0.2
        )
        grains = len(np.unique(tessellation(layout.seeds, 400).grain))
        assert 0.75 < np.sqrt(400**2 / grains) * 0.2 / size < 1.1


def test_elongated_grains_follow_their_direction() -> None:
    def edges(direction: float) -> tuple[float, float]:
        grains = Grains(size=4, elongation=3, direction=direction, channelling=0.1, glass=0)
        grey = section(Body(grains, NONE), side=256).grey
        return float(np.abs(np.diff(grey, axis=0)).mean()), float(np.abs(np.diff(grey, axis=1)).mean())

    down, across = edges(0.0)
    turned_down, turned_across = edges(np.pi / 2)
    assert max(down, across) > 1.5 * min(down, across)
    assert (down > across) != (turned_down > turned_across)


@pytest.mark.parametrize("share", [0.03, 0.1, 0.2])
def test_pores_take_their_share(share: float) -> None:
    body = Body(Grains(channelling=0), Pores(share=share, size=1.5, spread=0.3, roughness=0))
    mean_share = np.mean([share_below(0.3, body, seed=str(i)) for i in range(8)])
    assert 0.7 * share < mean_share < 1.4 * share


@pytest.mark.parametrize(("siting", "on"), [(1.0, True), (0.0, False)])
def test_pores_lie_on_boundaries_or_in_grains(siting: float, on: bool) -> None:
    layout = draw_layout(
        Body(Grains(size=5), Pores(siting=siting)), random_stream("tests", "siting"), side=256, pixel_size=0.2
    )
    away = layout.seeds.boundary_at(layout.pores.centres)
    anywhere = layout.seeds.boundary_at(random_stream("tests", "any").uniform(0, 256, (500, 2)))
    assert (np.median(away) < 0.4 * np.median(anywhere)) if on else (np.median(away) > 1.5 * np.median(anywhere))


def test_aligned_pores_share_a_direction_and_clustered_ones_a_place() -> None:
    def drawn(**options: float) -> np.ndarray[tuple[int, ...], np.dtype[np.floating]]:
        pores = Pores(share=0.1, size=1, **options)
        ellipses = draw_layout(Body(pores=pores), random_stream("tests", "aligned"), side=256, pixel_size=0.2).pores
        return ellipses.angles if "alignment" in options else ellipses.centres

    assert np.std(drawn(alignment=1.0)) < 1e-6 < 0.5 < np.std(drawn(alignment=0.0))

    def nearest(centres: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> float:
        return float(np.median(cKDTree(centres).query(centres, k=2)[0][:, 1]))

    assert nearest(drawn(clustering=1.0)) < 0.8 * nearest(drawn(clustering=0.0))


def test_cracks_run_along_grains_or_through_them() -> None:
    def median_distance(through: float) -> float:  # of cracks from grain boundaries
        grains = Grains(size=8, channelling=0, glass=0)
        body = Body(grains, NONE, cracks=Cracks(number=6, width=0.3, through=through))
        layout = draw_layout(body, random_stream("tests", "cracks"), side=256, pixel_size=0.2)
        cracked = np.argwhere(render_section(layout).grey < 0.3)
        return float(np.median(layout.seeds.boundary_at(cracked.astype(float))))

    assert median_distance(0.0) < 1.0 < 4.0 < median_distance(1.0)


def test_second_phases_and_layers_have_their_greys_and_places() -> None:
    plain = Body(Grains(grey=0.5, channelling=0, glass=0), NONE)
    quartz = replace(plain, inclusions=Inclusions(quartz=0.2, quartz_grey=0.4, rim=0.5))
    assert 0.08 < np.mean([share_below(0.45, quartz, seed=str(i)) for i in range(5)]) < 0.4
    needles = section(replace(plain, inclusions=Inclusions(mullite=3.0, mullite_grey=0.7))).grey
    laths = section(replace(plain, inclusions=Inclusions(feldspar=1.0, feldspar_grey=0.6))).grey
    assert (needles > 0.65).any()
    assert (laths > 0.55).any()
    coated = section(replace(plain, layers=(Layer(5.0, 0.9, pores=NONE), Layer(8.0, 0.2, pores=NONE)))).grey
    bands = [coated[rows].mean() for rows in (slice(0, 15), slice(35, 55), slice(90, 128))]
    np.testing.assert_allclose(bands, [0.9, 0.2, 0.5], atol=0.05)


def test_sprayed_coats_have_dark_splat_boundaries_and_vertical_gaps() -> None:
    plain = Body(Grains(channelling=0, glass=0), NONE)
    smooth = section(replace(plain, layers=(Layer(60, 0.9, 0.0, NONE),))).grey
    sprayed = section(replace(plain, layers=(Layer(60, 0.9, 0.0, NONE, lamellae=0.4),))).grey
    assert smooth.min() > 0.85 > 0.7 > sprayed.min()
    split = section(replace(plain, layers=(Layer(60, 0.9, 0.0, NONE, gaps=4.0),))).grey
    assert ((split < 0.5).mean(axis=0) > 0.1).any()


def test_firing_grows_grains_needles_and_rims() -> None:
    cool, hot = fire(Firing(needles=1.0)), fire(Firing(needles=1.0, temperature=1340))
    soaked = fire(Firing(soak=40))
    assert cool.grains.size < hot.grains.size
    assert cool.inclusions.mullite_length < hot.inclusions.mullite_length
    assert cool.inclusions.rim < hot.inclusions.rim
    assert soaked.grains.size / cool.grains.size == pytest.approx(10 ** (1 / 3), rel=0.05)  # exponent 3
    assert fire(Firing(porosity=0.08)).pores.share == 0.08


def test_each_setting_of_the_microscope_has_its_effect() -> None:
    body = Body(Grains(), Pores(share=0.1, size=3), layers=())
    polished = section(body, side=128)

    def take(**settings: object) -> np.ndarray[tuple[int, ...], np.dtype[np.floating]]:
        with_settings = replace(QUIET, **settings)  # type: ignore[arg-type]
        image = acquire_image(polished, with_settings, random_stream("tests", "look"))
        return np.asarray(image, dtype=float) / np.iinfo(image.dtype).max

    plain = take()
    assert take(bits=16).dtype == np.float64
    assert np.abs(take(bits=16) - plain).max() < 1 / 255
    assert np.std(take(electrons=50.0) - plain) > 3 * np.std(take(electrons=5000.0) - plain)
    assert np.abs(np.diff(take(focus=2.0))).mean() < 0.7 * np.abs(np.diff(plain)).mean()
    np.testing.assert_allclose(take(gain=0.5, offset=0.2).mean(), 0.2 + 0.5 * plain.mean(), atol=0.01)
    assert take(gamma=0.5).mean() > plain.mean() + 0.1
    assert take(tilt=0.5)[:, 100:].mean() > plain[:, 100:].mean() + 0.05
    assert take(charging=0.5).mean() != plain.mean()
    assert (take(drift=5.0) != plain).mean() > 0.3
    assert np.abs(take(detector=ElectronDetector.SECONDARY) - plain).mean() > 0.05


def test_a_key_gives_the_same_bytes_in_another_process() -> None:
    code = (
        "import hashlib; from fusiondiff_audit.kiln.specimens import specimen\n"
        "for kiln, workshop in (('alder', None), ('birch', 'hurried'), ('rowan', 'aged')):\n"
        "    print(hashlib.sha256(specimen(kiln, workshop, 'tests', 'same').field(1, 200).tobytes()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    ours = [
        hashlib.sha256(specimen(kiln, workshop, "tests", "same").field(1, 200).tobytes()).hexdigest()
        for kiln, workshop in (("alder", None), ("birch", "hurried"), ("rowan", "aged"))
    ]
    assert other.split() == ours


def test_different_keys_give_different_streams() -> None:
    words = [("a", "b"), ("ab",), ("a", "b", ""), ("a", "c")]
    assert len({random_stream(*each).integers(2**63) for each in words}) == len(words)
    fields = [specimen("alder", None, "tests").field(i, 64).tobytes() for i in range(3)]
    assert len(set(fields)) == 3


def test_difficulty_is_how_far_a_workshop_misses() -> None:
    kiln = KILNS["alder"]
    middle = {d: kiln.workshop_recipe("strange-flux", d)["elongation"][0] for d in Difficulty}
    own = kiln.recipe["elongation"][0]
    assert own < middle[Difficulty.HARD] < middle[Difficulty.MEDIUM] < middle[Difficulty.EASY] == pytest.approx(3.2)
    for name in KILNS:
        for workshop in KILNS[name].workshops:
            copied = KILNS[name].workshop_recipe(workshop, Difficulty.MEDIUM)
            assert copied.keys() == KILNS[name].recipe.keys()
            assert copied != KILNS[name].recipe
            for visible in ("grey", "porosity", "channelling", "glass_grey"):  # properties that a buyer checks
                assert copied[visible] == KILNS[name].recipe[visible]
