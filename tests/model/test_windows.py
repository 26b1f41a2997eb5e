"""A global path that sees windows of tiles."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from fusiondiff_audit.images.tiles import Tile, tile_grid
from fusiondiff_audit.kiln.object_maps import OBJECTS, PHASES
from fusiondiff_audit.kiln.specimens import specimen
from fusiondiff_audit.model.explain import explain_finding
from fusiondiff_audit.model.phase_maps import OBJECT_NAMES, PHASE_NAMES, SUMMARY_DIM, PhaseMaps
from fusiondiff_audit.model.shapes import Convolutions, WindowTransformer
from fusiondiff_audit.model.window_path import WindowPath, encoded_places
from fusiondiff_audit.model.windows import micro_batches, windows
from fusiondiff_audit.stress.surrogate import Surrogate
from tests.model.tiny import ARCHITECTURE, SETTINGS, enrolled_model, picture, seeded_encoder, tiny_model

WINDOWED = replace(
    ARCHITECTURE,
    convolutions=Convolutions(8, 1, pixels=(4, 8)),
    window=WindowTransformer(across=2, patch=4, width=16, depth=2, heads=2, adapter=4),
)
TILES = torch.rand(4, 1, 64, 64, generator=torch.Generator().manual_seed(3))
PLACES = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


def geometry() -> dict[str, Any]:
    return {"architecture": WINDOWED, "geometry": replace(SETTINGS.geometry, overlap=0.0)}


@torch.inference_mode()
def test_every_tile_has_the_vector_of_its_window_and_a_local_one_of_its_own() -> None:
    encoder = seeded_encoder(WINDOWED)
    encoder.diffusion.freeze_prompt()
    whole = encoder(TILES, PLACES)
    assert whole.broad.shape == (4, WINDOWED.width)
    assert (whole.broad == whole.broad[0]).all()
    fewer = encoder(TILES[:3], PLACES[:3])
    assert (whole.broad[0] - fewer.broad[0]).abs().max() > 1e-3
    same = encoder(TILES[:3], PLACES[:3], whole.broad[:3])
    torch.testing.assert_close(same.features, whole.features[:3], atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_padding_is_no_part_of_a_window() -> None:
    encoder = seeded_encoder(WINDOWED)
    encoder.diffusion.freeze_prompt()
    padded = torch.cat([TILES[:3], torch.zeros(1, 1, 64, 64)])
    expected, found = encoder(TILES[:3], PLACES[:3]).on_cpu(3), encoder(padded, PLACES[:3]).on_cpu(3)
    torch.testing.assert_close(found.features, expected.features, atol=1e-5, rtol=1e-4)
    assert len(found.broad) == 3


@torch.inference_mode()
def test_places_tell_an_arrangement_from_another_and_the_order_of_tiles_does_not_matter() -> None:
    encoder = seeded_encoder(WINDOWED)
    encoder.diffusion.freeze_prompt()
    plain = encoder(TILES, PLACES).broad
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(encoder(TILES[order], PLACES[order]).broad, plain, atol=1e-5, rtol=1e-4)
    assert (encoder(TILES, PLACES[order]).broad - plain).abs().max() > 1e-4


def test_windows_without_places_or_pixel_cnn_are_refused() -> None:
    encoder = seeded_encoder(WINDOWED)
    encoder.diffusion.freeze_prompt()
    with pytest.raises(ValueError, match="without the places"):
        encoder(TILES)
    with pytest.raises(ValueError, match="without the pixel CNN"):
        replace(WINDOWED, convolutions=Convolutions(8, 1))
    with pytest.raises(ValueError, match="a window of 4 tiles"):
        replace(SETTINGS, architecture=WINDOWED, micro_batch=2)
    for sizes in ({"across": 0}, {"width": 18}, {"heads": 3}, {"patch": 100}):
        with pytest.raises(ValueError, match=r"can be built|divisible"):
            WindowTransformer(**sizes)


def test_tiles_of_an_image_are_grouped_by_their_rows_and_columns() -> None:
    tiles = tile_grid(300, 200, 64, 0.0)  # 5 x 4, which overlap a little
    found = windows(tiles, 64, 2)
    assert sorted(number for window in found for number in window.tiles) == list(range(20))
    assert [len(window.tiles) for window in found] == [4, 4, 4, 4, 2, 2]
    for window in found:
        assert window.places is not None
        assert window.places.min() == 0
        assert 0 < window.places.max() <= 1
    assert windows([], 64, 2) == []
    five = windows(tile_grid(320, 320, 64, 0.0), 64, 4)
    assert sorted(len(window.tiles) for window in five) == [4, 6, 6, 9]  # 3 + 2 a side, not 4 + 1
    alone = windows([Tile(0, 0), Tile(640, 0)], 64, 2)  # rows without a tile count for nothing
    assert [window.tiles for window in alone] == [(0, 1)]
    in_turn = micro_batches(tiles, 64, most=8, across=None)
    assert [(len(batch.tiles), batch.places) for batch in in_turn] == [(8, None), (8, None), (4, None)]


def test_an_image_is_embedded_window_by_window_in_the_order_of_its_tiles() -> None:
    model = tiny_model(**geometry())
    plane = specimen("alder", None, "windows").field(0, 320)
    (image,) = model.embed([picture(plane)])
    assert len(image.features) == 25
    unit = model.settings.intensity.apply(image.prepared.plane)
    for window in windows(image.prepared.tiles, 64, 2):
        assert window.places is not None
        tiles = [image.prepared.tiles[number] for number in window.tiles]
        greys = np.stack([unit[t.top : t.top + 64, t.left : t.left + 64] for t in tiles])[:, None]
        with torch.inference_mode():
            output = model.encoder(torch.from_numpy(greys), torch.from_numpy(window.places))
        np.testing.assert_allclose(image.features[list(window.tiles)], output.features, atol=1e-4, rtol=1e-3)
        np.testing.assert_allclose(image.broad[list(window.tiles)], output.broad, atol=1e-4, rtol=1e-3)


def test_attacks_see_the_embeddings_that_audits_see_and_gradients_reach_every_tile() -> None:
    model = enrolled_model(4, **geometry())
    plane = specimen("alder", None, "windows").field(0, 192)
    (image,) = model.embed([picture(plane)])
    unit = torch.from_numpy(plane.astype(np.float32) / np.iinfo(plane.dtype).max).requires_grad_()
    rows = Surrogate(model, temperature=0.1).features(unit)
    np.testing.assert_allclose(rows.detach(), image.embeddings, atol=2e-3, rtol=1e-2)
    rows[0].sum().backward()  # type: ignore[no-untyped-call]
    assert unit.grad is not None
    assert unit.grad[:64, :64].abs().max() > 0
    assert unit.grad[64:128, 64:128].abs().max() > 0  # of the same window
    assert (unit.grad[128:, 128:] != 0).float().mean() < 0.01  # of another: through the percentiles of greys alone


def test_explanations_hide_regions_from_the_local_path() -> None:
    model = enrolled_model(4, **geometry())
    explanation = explain_finding(model, picture(specimen("alder", None, "explained").field(0, 128)))
    assert np.isfinite(explanation.occlusion).all()
    assert np.ptp(explanation.occlusion) > 0


@torch.inference_mode()
def test_phase_maps_are_those_that_the_generator_can_tell() -> None:
    assert (PHASE_NAMES, OBJECT_NAMES) == (PHASES, OBJECTS)
    torch.manual_seed(0)
    maps, part = torch.rand(3, 8, 4, 4), PhaseMaps(8)
    logits = part.phase_logits(maps)
    assert logits.shape == (3, len(PHASES), 8, 8)
    assert part.summary(maps).shape == (SUMMARY_DIM,)
    torch.testing.assert_close(part.summary(maps), part.summary(maps[[2, 0, 1]]))
    torch.testing.assert_close(part.summary(maps)[: len(PHASES)], logits.sigmoid().mean((0, 2, 3)))


def test_encodings_of_places_differ_and_adapters_start_as_the_identity() -> None:
    places = torch.cartesian_prod(torch.arange(16.0), torch.arange(16.0))
    encoded = encoded_places(places, 32)
    assert encoded.shape == (256, 32)
    distances = torch.cdist(encoded, encoded) + 10 * torch.eye(256)
    assert distances.min() > 0.3
    assert WINDOWED.window is not None
    torch.manual_seed(1)
    path = WindowPath(8, WINDOWED.window, 16)
    bare = WindowPath(8, replace(WINDOWED.window, adapter=0), 16)
    bare.load_state_dict({name: value for name, value in path.state_dict().items() if "adapters" not in name})
    maps = torch.rand(2, 8, 16, 16)
    torch.testing.assert_close(path(maps, PLACES[:2]), bare(maps, PLACES[:2]))
