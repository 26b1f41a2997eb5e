"""Texture descriptors: nearly invariant to rotation and brightness, sensitive to sharpness, with true gradients."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch.nn import functional

import signing
from fusiondiff_audit.model import texture
from fusiondiff_audit.model.bundle import write_bundle
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.encoder import Encoder
from fusiondiff_audit.model.enrolment import ForestSettings
from fusiondiff_audit.model.texture import TEXTURE_DIM, TextureDescriptors, _patterns, describe
from fusiondiff_audit.stress.surrogate import Surrogate
from tests.model.tiny import ARCHITECTURE, SETTINGS, enrolled_model, pictures, seeded_encoder

WITH_TEXTURE = replace(ARCHITECTURE, surface=True)
CONSTANT = 31  # log variance of the standardised greys: it only tells flat tiles from others
GOLDEN = Path(__file__).parents[1] / "vectors" / "texture" / "descriptors.json"


def noise(blur: int = 1) -> torch.Tensor:
    tiles = torch.rand(4, 1, 128, 128, generator=torch.Generator().manual_seed(2))
    return functional.avg_pool2d(tiles, blur, 1, blur // 2) if blur > 1 else tiles


def test_pattern_frequencies_equal_counts() -> None:
    bits = (torch.rand(2, 8, 300, generator=torch.Generator().manual_seed(5)) > torch.linspace(0, 1, 300)).float()
    for tile, frequencies in zip(bits.tolist(), _patterns(bits).exp().tolist(), strict=True):
        counted = [0] * 10
        for ring in zip(*tile, strict=True):
            changes = sum(one != other for one, other in pairwise((*ring, ring[0])))
            counted[int(sum(ring)) if changes <= 2 else 9] += 1
        assert min(counted) > 0
        assert frequencies == pytest.approx([count / 300 + 1e-3 for count in counted], abs=1e-5)


def test_mirroring_changes_nothing() -> None:
    torch.testing.assert_close(describe(noise(3)), describe(noise(3).flip(3)), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("blur", [1, 3])
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_rotation_changes_less_than_half_of_what_another_tile_of_the_same_texture_does(turns: int, blur: int) -> None:
    """Patterns are counted on every fourth row at the finest scale, and a rotated tile has other rows there."""
    descriptors, rotated = describe(noise(blur)), describe(torch.rot90(noise(blur), turns, (2, 3)))
    assert (rotated - descriptors).abs().mean() < 0.5 * (descriptors - descriptors.mean(0)).abs().mean()


def test_skipped_rows_change_descriptors_little(monkeypatch: pytest.MonkeyPatch) -> None:
    sharp, blurred = noise(), noise(3)
    shipped = describe(sharp)
    monkeypatch.setattr(texture, "_ROW_STEPS", (1, 1, 1, 1))
    assert (shipped - describe(sharp)).abs().mean() < 0.1 * (describe(sharp) - describe(blurred)).abs().mean()


def test_brightness_and_contrast_do_not_matter() -> None:
    assert torch.allclose(describe(noise()), describe(0.3 * noise() + 0.4), atol=1e-2)


def test_blur_changes_descriptors() -> None:
    sharp, blurred = describe(noise()), describe(noise(3))
    within = (sharp - sharp.mean(0)).abs().mean()
    assert (sharp - blurred).abs().mean() > 3 * within


@pytest.mark.parametrize("grey", [0.0, 0.5, 1.0])
def test_a_flat_tile_has_finite_descriptors_and_gradients(grey: float) -> None:
    tiles = torch.full((2, 1, 64, 64), grey, requires_grad=True)
    numbers = describe(tiles)
    numbers.sum().backward()  # type: ignore[no-untyped-call]
    assert numbers.isfinite().all()
    assert tiles.grad is not None
    assert tiles.grad.isfinite().all()


def test_a_tile_does_not_depend_on_others_in_the_batch() -> None:
    torch.testing.assert_close(describe(noise())[:1], describe(noise()[:1]), atol=1e-5, rtol=1e-5)


def test_every_descriptor_has_a_gradient_equal_to_finite_differences() -> None:
    tile = (noise(3) + 0.1 * noise())[:1].requires_grad_()
    numbers = describe(tile)[0]
    gradients = torch.stack([torch.autograd.grad(number, tile, retain_graph=True)[0].flatten() for number in numbers])
    norms = gradients.norm(dim=1)
    assert (norms < 1e-3).nonzero().flatten().tolist() == [CONSTANT]
    direction = torch.randn(tile.numel(), generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        step = 1e-5 * direction.reshape(tile.shape)
        differences = (describe(tile + step)[0] - describe(tile - step)[0]) / 2e-5
    kept = torch.arange(TEXTURE_DIM) != CONSTANT
    both = torch.stack([differences, gradients @ direction])[:, kept] / norms[kept]  # each descriptor weighs the same
    assert torch.corrcoef(both)[0, 1] > 0.998


def test_descriptors_are_appended_and_leave_fused_features_as_they_are() -> None:
    plain, textured = seeded_encoder(), seeded_encoder(WITH_TEXTURE)
    tiles = noise()[..., :64, :64]
    with torch.inference_mode():
        without, with_them = plain(tiles), textured(tiles)
    assert (ARCHITECTURE.embedding_dim, WITH_TEXTURE.embedding_dim) == (16, 16 + TEXTURE_DIM)
    assert with_them.embedding.shape == (4, WITH_TEXTURE.embedding_dim)
    assert torch.equal(with_them.embedding[:, :16], without.embedding)
    assert torch.equal(with_them.gate, without.gate)
    assert set(textured.state_dict()) - set(plain.state_dict()) == {"surface.mean", "surface.deviation"}


def test_descriptors_are_standardised_and_clamped() -> None:
    texture_layer, descriptors = TextureDescriptors(), describe(torch.cat([noise(blur) for blur in (1, 3, 5, 7)]))
    standardized = texture_layer.fit(descriptors).standardized(descriptors)
    assert standardized.mean(0).abs().max() < 1e-4
    assert standardized.std(0).max() < 1.001
    assert standardized.std(0).median() > 0.9
    assert (texture_layer.standardized(descriptors + 1e6) == 10).all()
    assert (texture_layer.standardized(descriptors - 1e6) == -10).all()


def test_descriptors_equal_the_golden_ones() -> None:
    """The forests of signed bundles rest on them: another definition needs another setting."""
    place = torch.arange(128)
    tile = (place[:, None] ** 2 * 5 + place**2 * 3 + place[:, None] * place) // 16 % 256 / 255
    torch.testing.assert_close(
        describe(tile[None, None]), torch.tensor([json.loads(GOLDEN.read_bytes())]), atol=1e-3, rtol=1e-3
    )


@pytest.fixture(scope="module")
def textured() -> DiffusionModel:
    return enrolled_model(2, settings=replace(SETTINGS, architecture=WITH_TEXTURE), learning=ForestSettings(trees=20))


@pytest.mark.parametrize("value", [0.0, -1.0, 1e-30, float("nan"), float("inf")])
def test_a_deviation_that_no_images_have_is_refused(value: float) -> None:
    layer = TextureDescriptors()
    layer.refuse_unfit()
    layer.deviation[5] = value
    with pytest.raises(ValueError, match="no images have"):
        layer.refuse_unfit()


def test_a_bundle_with_such_a_deviation_is_refused(textured: DiffusionModel, tmp_path: Path) -> None:
    state = textured.encoder.state_dict()
    state["surface.deviation"] = torch.zeros_like(state["surface.deviation"])
    write_bundle(tmp_path / "bundle", textured.settings, state, textured.head)
    with pytest.raises(signing.SigningError, match="no images have"):
        DiffusionModel.from_pretrained(tmp_path / "bundle", unverified=True)


def test_a_model_with_descriptors_is_enrolled_saved_and_attacked(textured: DiffusionModel, tmp_path: Path) -> None:
    model = textured
    assert model.head.enrolled.embeddings.shape[1] == WITH_TEXTURE.embedding_dim
    used = torch.cat([torch.from_numpy(forest.feature[forest.left >= 0]) for forest in model.head.forests])
    assert (used >= 16).any()
    assert (used < 16).any()
    model.save(tmp_path / "bundle")
    again = DiffusionModel.from_pretrained(tmp_path / "bundle", unverified=True)
    (picture,) = pictures(1)
    assert again.predict_authenticity(picture) == model.predict_authenticity(picture)
    plane = torch.rand(96, 96, generator=torch.Generator().manual_seed(1)).requires_grad_()
    rows = Surrogate(model, temperature=0.1).features(plane)
    rows[:, 16:].sum().backward()  # type: ignore[no-untyped-call]
    assert plane.grad is not None
    assert plane.grad.abs().max() > 0


@pytest.mark.parametrize("tile", [48, 68])
def test_tiles_too_small_for_descriptors_are_refused(tile: int) -> None:
    with pytest.raises(ValueError, match="multiples of 8 from 64 on"):
        Encoder(replace(WITH_TEXTURE, tile=tile))
