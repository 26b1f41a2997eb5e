"""Synthetic textures: drawn from their keys alone, and changed by each of their parameters."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from fusiondiff_audit.kiln import height_maps
from fusiondiff_audit.kiln.microscope import ElectronDetector, Microscope
from fusiondiff_audit.kiln.synthetic_textures import PARAMETER_NAMES, TEXTURE_KINDS, SyntheticTexture, synthetic_texture

SIDE = 96
CLEAR = Microscope(electrons=1e6, focus=0.3, bits=16)


def middle(kind: str) -> dict[str, float]:
    ranges = TEXTURE_KINDS[kind]
    ratios = {
        name: float(np.sqrt(low * high)) for name, (low, high) in (*ranges.lengths.items(), *ranges.ratios.items())
    }
    return ratios | {name: (low + high) / 2 for name, (low, high) in ranges.levels.items()}


def painted(kind: str, **changes: float) -> height_maps.HeightMap:
    return TEXTURE_KINDS[kind].draw(middle(kind) | changes, np.random.default_rng(3), SIDE)


def plain(*bands: tuple[str, dict[str, float]]) -> SyntheticTexture:
    return SyntheticTexture(("test", "plain"), bands, 0.0, 4.0, 0.8, ElectronDetector.BACKSCATTER)


def test_a_texture_follows_from_its_key() -> None:
    one, again, other = synthetic_texture("test", "1"), synthetic_texture("test", "1"), synthetic_texture("test", "2")
    assert one == again
    assert one != other
    assert np.array_equal(one.field(0, 64, CLEAR), again.field(0, 64, CLEAR))
    assert not np.array_equal(one.field(0, 64, CLEAR), one.field(1, 64, CLEAR))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (kind, name)
        for kind, ranges in TEXTURE_KINDS.items()
        for name in (*ranges.lengths, *ranges.ratios, *ranges.levels)
    ],
)
def test_every_parameter_changes_the_height_map(kind: str, name: str) -> None:
    ranges = TEXTURE_KINDS[kind]
    low, high = {**ranges.lengths, **ranges.ratios, **ranges.levels}[name]
    one, other = painted(kind, **{name: low + 0.25 * (high - low)}), painted(kind, **{name: low + 0.75 * (high - low)})
    assert one.shape == (SIDE, SIDE)
    assert np.isfinite(one).all()
    assert np.abs(one - other).mean() > 1e-3


@pytest.mark.parametrize(
    ("kind", "length"),
    [(kind, next(iter(ranges.lengths))) for kind, ranges in TEXTURE_KINDS.items()],
)
def test_longer_lengths_give_coarser_height_maps(kind: str, length: str) -> None:
    low, high = TEXTURE_KINDS[kind].lengths[length]

    def fine(size: float) -> float:
        heights = painted(kind, **{length: size})
        return float(np.abs(heights - ndimage.uniform_filter(heights, 5)).mean() / heights.std())

    assert fine(low + 0.7 * (high - low)) < 0.8 * fine(low + 0.1 * (high - low))


def test_a_labyrinth_has_its_share() -> None:
    phase = painted("labyrinth", share=0.3, sharpness=10) > 0.5
    assert phase.mean() == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("kind", TEXTURE_KINDS)
def test_lengths_are_in_pixels_after_averaging(kind: str) -> None:
    texture = plain((kind, middle(kind)))
    near, afar = texture.composition(CLEAR, 1), texture.composition(CLEAR, 2)
    assert set(near) == {name for name in PARAMETER_NAMES if name.startswith(f"{kind}, ")}
    for name, value in near.items():
        shift = np.log(2) if name.removeprefix(f"{kind}, ") in TEXTURE_KINDS[kind].lengths else 0
        assert value - afar[name] == pytest.approx(shift), name
    assert texture.composition(CLEAR, 64) == {}  # too short to see


def test_the_share_is_that_of_the_bright_phase() -> None:
    one = plain(("labyrinth", middle("labyrinth") | {"share": 0.3}))
    other = replace(one, bands=(("labyrinth", middle("labyrinth") | {"share": 0.7}),), contrast=-one.contrast)
    assert one.composition(CLEAR, 1)["labyrinth, share"] == pytest.approx(
        other.composition(CLEAR, 1)["labyrinth, share"]
    )


def test_textures_in_bands_have_no_parameters() -> None:
    layered = plain(("foam", middle("foam")), ("clouds", middle("clouds")))
    assert layered.composition(CLEAR, 1) == {}
    alone = replace(layered, bands=layered.bands[:1])
    above, below = layered.field(0, SIDE, CLEAR), alone.field(0, SIDE, CLEAR)
    assert np.corrcoef(above[:4].ravel(), below[:4].ravel())[0, 1] > 0.9  # the foam, up there
    assert abs(np.corrcoef(above[-4:].ravel(), below[-4:].ravel())[0, 1]) < 0.5  # the clouds, down here


def test_pits_are_dark_and_have_their_share() -> None:
    pitted = replace(plain(("clouds", middle("clouds") | {"slope": 4.0})), pits=0.1, contrast=0.05)
    dark = pitted.field(0, SIDE, CLEAR) < 0.2 * 65535
    assert dark.mean() == pytest.approx(0.1, abs=0.03)


def test_kinds_are_drawn_uniformly_and_some_in_bands() -> None:
    drawn = [synthetic_texture("many", str(number)) for number in range(300)]
    counts = {kind: sum(kind == band for one in drawn for band, _ in one.bands) for kind in TEXTURE_KINDS}
    assert min(counts.values()) > 0.5 * max(counts.values())
    assert 40 < sum(len(one.bands) > 1 for one in drawn) < 110
