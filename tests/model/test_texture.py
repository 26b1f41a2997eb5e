"""Descriptors of a tile do not hang on how it lies or how bright it is, tell what it looks like, and hide no slope."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch.nn import functional

import signing
from fusiondiff_audit.model import texture
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.encoder import Encoder
from fusiondiff_audit.model.texture import TEXTURE_DIM, TextureDescriptors, _patterns, describe
from fusiondiff_audit.stress.surrogate import Surrogate
from tests.model.tiny import ARCHITECTURE, SETTINGS, enrolled_model, pictures, seeded_encoder

SEEN = replace(ARCHITECTURE, surface=True)
CONSTANT = 31  # how wide the histogram of greys of unit variance is: a mark of tiles that show nothing
GOLDEN = Path(__file__).parents[1] / "vectors" / "surface" / "numbers.json"


def noise(blur: int = 1) -> torch.Tensor:
    tiles = torch.rand(4, 1, 128, 128, generator=torch.Generator().manual_seed(2))
    return functional.avg_pool2d(tiles, blur, 1, blur // 2) if blur > 1 else tiles


def test_patterns_are_those_that_counting_finds() -> None:
    bits = (torch.rand(2, 8, 300, generator=torch.Generator().manual_seed(5)) > torch.linspace(0, 1, 300)).float()
    for tile, said in zip(bits.tolist(), _patterns(bits).exp().tolist(), strict=True):
        counted = [0] * 10
        for ring in zip(*tile, strict=True):
            changes = sum(one != other for one, other in pairwise((*ring, ring[0])))
            counted[int(sum(ring)) if changes <= 2 else 9] += 1
        assert min(counted) > 0
        assert said == pytest.approx([count / 300 + 1e-3 for count in counted], abs=1e-5)


@pytest.mark.parametrize(("turns", "mirrored"), [(1, False), (2, False), (3, False), (0, True), (1, True)])
def test_a_tile_that_is_turned_looks_the_same(turns: int, mirrored: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texture, "_EVERY", (1, 1, 1, 1))  # rows that are left out are others when it is turned
    tiles = noise(3)
    turned = torch.rot90(tiles.flip(3) if mirrored else tiles, turns, (2, 3))
    torch.testing.assert_close(describe(tiles), describe(turned), atol=1e-3, rtol=1e-4)


def test_rows_that_are_left_out_change_little(monkeypatch: pytest.MonkeyPatch) -> None:
    sharp, blurred = noise(), noise(3)
    some = describe(sharp)
    monkeypatch.setattr(texture, "_EVERY", (1, 1, 1, 1))
    assert (some - describe(sharp)).abs().mean() < 0.1 * (describe(sharp) - describe(blurred)).abs().mean()


def test_brightness_and_contrast_are_left_out() -> None:
    assert torch.allclose(describe(noise()), describe(0.3 * noise() + 0.4), atol=1e-2)


def test_what_is_blurred_looks_otherwise_than_what_is_not() -> None:
    sharp, blurred = describe(noise()), describe(noise(3))
    within = (sharp - sharp.mean(0)).abs().mean()
    assert (sharp - blurred).abs().mean() > 3 * within


@pytest.mark.parametrize("grey", [0.0, 0.5, 1.0])
def test_of_one_grey_alone_every_number_and_every_slope_is_one(grey: float) -> None:
    tiles = torch.full((2, 1, 64, 64), grey, requires_grad=True)
    numbers = describe(tiles)
    numbers.sum().backward()  # type: ignore[no-untyped-call]
    assert numbers.isfinite().all()
    assert tiles.grad is not None
    assert tiles.grad.isfinite().all()


def test_a_tile_does_not_depend_on_its_company() -> None:
    torch.testing.assert_close(describe(noise())[:1], describe(noise()[:1]), atol=1e-5, rtol=1e-5)


def test_every_number_has_a_slope_and_it_is_the_true_one() -> None:
    tile = (noise(3) + 0.1 * noise())[:1].requires_grad_()
    numbers = describe(tile)[0]
    slopes = torch.stack([torch.autograd.grad(number, tile, retain_graph=True)[0].flatten() for number in numbers])
    length = slopes.norm(dim=1)
    shallow = (length < 1e-3).nonzero().flatten().tolist()
    assert shallow == [CONSTANT]
    way = torch.randn(tile.numel(), generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        step = 1e-5 * way.reshape(tile.shape)
        found = (describe(tile + step)[0] - describe(tile - step)[0]) / 2e-5
    kept = torch.arange(TEXTURE_DIM) != CONSTANT
    both = torch.stack([found, slopes @ way])[:, kept] / length[kept]  # each number counts alike
    assert torch.corrcoef(both)[0, 1] > 0.998


def test_they_stand_behind_what_is_fused_and_change_nothing_of_it() -> None:
    plain, seeing = seeded_encoder(), seeded_encoder(SEEN)
    tiles = noise()[..., :64, :64]
    with torch.inference_mode():
        without, with_them = plain(tiles), seeing(tiles)
    assert (ARCHITECTURE.embedding_dim, SEEN.embedding_dim) == (16, 16 + TEXTURE_DIM)
    assert with_them.embedding.shape == (4, SEEN.embedding_dim)
    assert torch.equal(with_them.embedding[:, :16], without.embedding)
    assert torch.equal(with_them.gate, without.gate)
    assert set(seeing.state_dict()) - set(plain.state_dict()) == {"surface.mean", "surface.deviation"}


def test_each_is_told_by_its_own_spread_and_none_decides_alone() -> None:
    own, seen = TextureDescriptors(), describe(torch.cat([noise(blur) for blur in (1, 3, 5, 7)]))
    told = own.fit(seen).standardized(seen)
    assert told.mean(0).abs().max() < 1e-4
    assert told.std(0).max() < 1.001
    assert told.std(0).median() > 0.9
    assert (own.standardized(seen + 1e6) == 10).all()
    assert (own.standardized(seen - 1e6) == -10).all()


def test_the_numbers_are_those_that_were_written_down() -> None:
    """Bundles are signed with what forests learnt of them: another definition is another setting."""
    place = torch.arange(128)
    tile = (place[:, None] ** 2 * 5 + place**2 * 3 + place[:, None] * place) // 16 % 256 / 255
    torch.testing.assert_close(
        describe(tile[None, None]), torch.tensor([json.loads(GOLDEN.read_bytes())]), atol=1e-3, rtol=1e-3
    )


@pytest.mark.parametrize("value", [0.0, -1.0, 1e-30, float("nan"), float("inf")])
def test_a_spread_that_no_pictures_have_is_refused(value: float, tmp_path: Path) -> None:
    model = enrolled_model(settings=replace(SETTINGS, architecture=SEEN))
    assert model.encoder.surface is not None
    model.encoder.surface.deviation[5] = value
    model.save(tmp_path / "bundle")
    with pytest.raises(signing.SigningError, match="no pictures have"):
        DiffusionModel.from_pretrained(tmp_path / "bundle", unverified=True)


def test_a_model_that_has_them_learns_is_saved_and_attacked_with_them(tmp_path: Path) -> None:
    model = enrolled_model(settings=replace(SETTINGS, architecture=SEEN))
    assert model.head.enrolled.embeddings.shape[1] == SEEN.embedding_dim
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
def test_tiles_that_cannot_be_described_are_refused(tile: int) -> None:
    with pytest.raises(ValueError, match="multiples of 8 from 64 on"):
        Encoder(replace(SEEN, tile=tile))
