"""Studies are drawn from their words alone, look as their numbers say, and change with each of them."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from fusiondiff_audit.kiln import height_maps
from fusiondiff_audit.kiln.microscope import Detector, Microscope
from fusiondiff_audit.kiln.synthetic_textures import PARAMETER_NAMES, TEXTURE_KINDS, SyntheticTexture, synthetic_texture

SIDE = 96
CLEAR = Microscope(electrons=1e6, focus=0.3, bits=16)


def middle(kind: str) -> dict[str, float]:
    made = TEXTURE_KINDS[kind]
    ratios = {name: float(np.sqrt(low * high)) for name, (low, high) in (*made.lengths.items(), *made.ratios.items())}
    return ratios | {name: (low + high) / 2 for name, (low, high) in made.levels.items()}


def painted(kind: str, **changes: float) -> height_maps.HeightMap:
    return TEXTURE_KINDS[kind].draw(middle(kind) | changes, np.random.default_rng(3), SIDE)


def plain(*bands: tuple[str, dict[str, float]]) -> SyntheticTexture:
    return SyntheticTexture(("test", "plain"), bands, 0.0, 4.0, 0.8, Detector.BACKSCATTER)


def test_the_same_words_give_the_same_study_and_others_another() -> None:
    one, again, other = synthetic_texture("test", "1"), synthetic_texture("test", "1"), synthetic_texture("test", "2")
    assert one == again
    assert one != other
    assert np.array_equal(one.field(0, 64, CLEAR), again.field(0, 64, CLEAR))
    assert not np.array_equal(one.field(0, 64, CLEAR), one.field(1, 64, CLEAR))


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind, made in TEXTURE_KINDS.items() for name in (*made.lengths, *made.ratios, *made.levels)],
)
def test_every_number_changes_what_is_painted(kind: str, name: str) -> None:
    made = TEXTURE_KINDS[kind]
    low, high = {**made.lengths, **made.ratios, **made.levels}[name]
    one, other = painted(kind, **{name: low + 0.25 * (high - low)}), painted(kind, **{name: low + 0.75 * (high - low)})
    assert one.shape == (SIDE, SIDE)
    assert np.isfinite(one).all()
    assert np.abs(one - other).mean() > 1e-3


@pytest.mark.parametrize(
    ("kind", "length"),
    [(kind, next(iter(made.lengths))) for kind, made in TEXTURE_KINDS.items()],
)
def test_longer_lengths_give_coarser_pictures(kind: str, length: str) -> None:
    low, high = TEXTURE_KINDS[kind].lengths[length]

    def fine(size: float) -> float:
        heights = painted(kind, **{length: size})
        return float(np.abs(heights - ndimage.uniform_filter(heights, 5)).mean() / heights.std())

    assert fine(low + 0.7 * (high - low)) < 0.8 * fine(low + 0.1 * (high - low))


def test_a_share_is_what_it_says() -> None:
    phase = painted("labyrinth", share=0.3, sharpness=10) > 0.5
    assert phase.mean() == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("kind", TEXTURE_KINDS)
def test_what_is_known_is_in_the_pixels_that_are_seen(kind: str) -> None:
    made = plain((kind, middle(kind)))
    known, afar = made.composition(CLEAR, 1), made.composition(CLEAR, 2)
    assert set(known) == {name for name in PARAMETER_NAMES if name.startswith(f"{kind}, ")}
    for name, value in known.items():
        shift = np.log(2) if name.removeprefix(f"{kind}, ") in TEXTURE_KINDS[kind].lengths else 0
        assert value - afar[name] == pytest.approx(shift), name
    assert made.composition(CLEAR, 64) == {}  # nothing of it is to be seen


def test_which_phase_stands_out_nobody_is_asked() -> None:
    one = plain(("labyrinth", middle("labyrinth") | {"share": 0.3}))
    other = replace(one, bands=(("labyrinth", middle("labyrinth") | {"share": 0.7}),), contrast=-one.contrast)
    assert one.composition(CLEAR, 1)["labyrinth, share"] == pytest.approx(
        other.composition(CLEAR, 1)["labyrinth, share"]
    )


def test_of_layers_nothing_is_asked() -> None:
    layered = plain(("foam", middle("foam")), ("clouds", middle("clouds")))
    assert layered.composition(CLEAR, 1) == {}
    alone = replace(layered, bands=layered.bands[:1])
    above, below = layered.field(0, SIDE, CLEAR), alone.field(0, SIDE, CLEAR)
    assert np.corrcoef(above[:4].ravel(), below[:4].ravel())[0, 1] > 0.9  # the foam, up there
    assert abs(np.corrcoef(above[-4:].ravel(), below[-4:].ravel())[0, 1]) < 0.5  # the clouds, down here


def test_pits_are_dark_and_as_many_as_they_are_said_to_be() -> None:
    pitted = replace(plain(("clouds", middle("clouds") | {"slope": 4.0})), pits=0.1, contrast=0.05)
    dark = pitted.field(0, SIDE, CLEAR) < 0.2 * 65535
    assert dark.mean() == pytest.approx(0.1, abs=0.03)


def test_kinds_are_drawn_alike_and_some_in_layers() -> None:
    drawn = [synthetic_texture("many", str(number)) for number in range(300)]
    counts = {kind: sum(kind == band for one in drawn for band, _ in one.bands) for kind in TEXTURE_KINDS}
    assert min(counts.values()) > 0.5 * max(counts.values())
    assert 40 < sum(len(one.bands) > 1 for one in drawn) < 110
