"""Whole fields for training: written, read, and sampled as windows."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fusiondiff_audit.images.intensity import Intensity
from fusiondiff_audit.kiln.object_maps import OBJECTS, object_maps
from fusiondiff_audit.kiln.randomised import randomised_specimen
from fusiondiff_audit.training.field_dataset import FieldDataset, open_fields, write_fields
from fusiondiff_audit.training.recipe import SyntheticData
from fusiondiff_audit.training.synthetic_fields import synthesise_fields
from fusiondiff_audit.training.window_batches import WindowSampler, turned_objects

SIDE, TILE = 256, 64
DATA = SyntheticData(("hazel",), ("aged",), 1, randomised=4, textures=2, fields=1, side=SIDE, downsampling=(1,))
SPECIMENS = 5 + 4 + 2


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> FieldDataset:
    folder = tmp_path_factory.mktemp("fields")
    fields, count = synthesise_fields(DATA, 1)
    assert count == SPECIMENS
    write_fields(fields, folder, SIDE)
    read = open_fields(folder, SIDE)
    assert read is not None
    return read


def test_what_is_read_is_what_was_drawn(dataset: FieldDataset) -> None:
    fields, _ = synthesise_fields(DATA, 1)
    for number, field in enumerate(fields):
        assert (dataset.greys[number] == field.greys).all()
        assert dataset.digests[number] == field.digest
        np.testing.assert_allclose(dataset.arrangement[number], field.arrangement, rtol=1e-6)
        np.testing.assert_allclose(dataset.compositions[number], field.compositions, rtol=1e-6)
        if field.phases is None or field.objects is None:
            assert np.isnan(dataset.objects[number]).all()
            assert number >= SPECIMENS - DATA.textures
        else:
            np.testing.assert_allclose(dataset.phases[number] / 255, field.phases, atol=0.5 / 255 + 1e-6)
            np.testing.assert_allclose(dataset.objects[number], field.objects, rtol=1e-3, atol=1e-4)


def test_a_dataset_that_was_not_written_whole_is_not_used(dataset: FieldDataset, tmp_path: Path) -> None:
    fields, _ = synthesise_fields(replace(DATA, kilns=(), specimens=0, randomised=1, textures=0), 2)
    write_fields(fields, tmp_path, SIDE)
    assert open_fields(tmp_path, SIDE) is not None
    assert open_fields(tmp_path, 2 * SIDE) is None
    with (tmp_path / "objects.f16").open("ab") as file:
        file.write(b"\0\0")
    assert open_fields(tmp_path, SIDE) is None
    assert open_fields(tmp_path / "nowhere", SIDE) is None


def moved(objects: Any, turns: int, *, mirrored: bool) -> Any:
    """Return ellipses or rods after quarter turns, by which columns become rows from below, and a mirror image."""
    centres, angles = objects.centres, objects.angles + turns * np.pi / 2
    for _ in range(turns):
        centres = np.stack([SIDE - centres[:, 1], centres[:, 0]], 1)
    if mirrored:
        centres, angles = np.stack([centres[:, 0], SIDE - centres[:, 1]], 1), -angles
    return replace(objects, centres=centres, angles=angles)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turns", range(4))
def test_directions_turn_with_the_field(turns: int, mirrored: bool) -> None:
    layout = next(
        layout
        for layout in (randomised_specimen("turned", str(number)).layout(0, SIDE) for number in range(50))
        if not layout.layers and 20 < len(layout.pores) < 500 and len(layout.needles) > 20
    )
    pores, needles = (moved(part, turns, mirrored=mirrored) for part in (layout.pores, layout.needles))
    expected = object_maps(replace(layout, pores=pores, needles=needles))
    turned = turned_objects(object_maps(layout), turns, mirrored=mirrored)
    for name in ("pores", "pore cosine", "pore sine", "needles", "needle cosine", "needle sine"):
        channel = OBJECTS.index(name)
        np.testing.assert_allclose(turned[channel], expected[channel], atol=2e-3 * np.abs(expected[channel]).max())


def test_windows_hold_the_tiles_of_a_field_at_their_places(dataset: FieldDataset) -> None:
    sampler, rng = WindowSampler(dataset, Intensity(), TILE), np.random.default_rng(0)
    whole, parts, halves, textures = 0, 0, 0, 0
    for _ in range(200):
        (window,) = sampler.sample(rng, 1)
        count = len(window.tiles)
        assert window.tiles.shape == (count, 1, TILE, TILE)
        assert window.phases.shape == (count, 8, TILE // 8, TILE // 8)
        assert window.objects.shape == (count, len(OBJECTS), TILE // 16, TILE // 16)
        assert len(torch.unique(window.places, dim=0)) == count
        assert window.places.max() < 4
        assert 0 <= window.tiles.min() <= window.tiles.max() <= 1
        whole, parts = whole + (count == 16), parts + (4 < count < 16)
        known = not window.objects.isnan().any()
        assert known is bool(window.arrangement.isfinite().any()) is not bool(window.phases.isnan().any())
        textures += not known and count > 4
        halves += count == 4 and float(window.places.max()) == 1
    assert min(whole, parts, halves, textures) > 5
    tiles = sampler.window(0, np.random.default_rng(3))
    again = sampler.window(0, np.random.default_rng(3))
    assert all((tiles.tiles == again.tiles).flatten())


def test_maps_lie_where_the_tiles_show_them(dataset: FieldDataset) -> None:
    """Pores are dark: over all tiles, the share of pore must go with darkness."""
    sampler, rng = WindowSampler(dataset, Intensity(), TILE), np.random.default_rng(1)
    correlations = []
    for _ in range(40):
        (window,) = sampler.sample(rng, 1)
        if not window.phases.isnan().any() and window.phases[:, 2].std() > 0.02:
            greys = torch.nn.functional.avg_pool2d(window.tiles, 8)[:, 0]
            correlations.append(np.corrcoef(greys.flatten(), window.phases[:, 2].flatten())[0, 1])
    assert len(correlations) > 5
    assert np.mean(correlations) < -0.4


def test_targets_are_standardised_over_fields(dataset: FieldDataset) -> None:
    sampler = WindowSampler(dataset, Intensity(), TILE)
    windows = [sampler.window(number, np.random.default_rng(5)) for number in range(len(dataset))]
    arrangement = torch.stack([window.arrangement for window in windows])
    assert sampler.targets == (dataset.compositions.shape[2], arrangement.shape[1])
    known = arrangement[:, arrangement.isfinite().sum(0) > 5]
    assert known.nanmean(0).abs().max() < 1.2
