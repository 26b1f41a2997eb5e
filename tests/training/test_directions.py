"""Directions lead to where groups differ and their members do not, and an encoder says its numbers along them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import signing
from fusiondiff_audit.images.intensity import Intensity
from fusiondiff_audit.images.preparation import Geometry
from fusiondiff_audit.kiln.recipes import KILNS
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.encoder import Encoder
from fusiondiff_audit.model.texture import TEXTURE_DIM
from fusiondiff_audit.stress.surrogate import Surrogate
from fusiondiff_audit.training import diet, meal
from fusiondiff_audit.training.directions import COUNT, Rows, Said, directions, discriminants, said
from fusiondiff_audit.training.studio import Place, Studio
from tests.model.tiny import ARCHITECTURE, SETTINGS, enrolled_model, pictures, seeded_encoder
from tests.training.small import small

RNG = np.random.default_rng
SURFACE = replace(ARCHITECTURE, surface=True)
ALONG = replace(SURFACE, directions=24)


def groups(apart: float, *, of: int = 40, each: int = 10) -> tuple[Rows, diet.Places]:
    """Return rows that vary a hundred times as much along (1, 1) as groups differ along (1, -1), each by itself."""
    rng, group = RNG(0), np.repeat(np.arange(of), each)
    common = 10 * rng.normal(size=len(group))
    own = apart * rng.normal(size=of)[group] + 0.1 * rng.normal(size=len(group))
    return np.stack([common + own, common - own, rng.normal(size=len(group))], 1), group


def ratio(values: Rows, group: diet.Places) -> float:
    """Return the variance between groups over that within."""
    means = np.bincount(group, values) / np.bincount(group)
    return float(means.var() / (values - means[group]).var())


def test_what_lies_askew_and_is_small_is_found() -> None:
    rows, group = groups(1.0)
    assert max(ratio(rows[:, number], group) for number in range(3)) < 0.5
    along = rows @ discriminants(rows, group, 1, doubt=1e-6)
    assert ratio(along[:, 0], group) > 50
    means = np.bincount(group, along[:, 0]) / np.bincount(group)
    assert (along[:, 0] - means[group]).var() == pytest.approx(1, rel=0.15)


def test_what_families_differ_in_is_not_looked_for() -> None:
    rows, group = groups(1.0)
    rows[:, 2] += 100 * (group % 2)
    families = np.array(["even", "odd"])[group % 2]
    (best,) = discriminants(rows, group, 1, doubt=1e-6, families=families).T
    (blind,) = discriminants(rows, group, 1, doubt=1e-6).T
    assert abs(best[2]) < 0.2 * abs(best[0])
    assert abs(blind[2]) > abs(blind[0])


def test_a_group_of_one_says_nothing_of_what_differs_within() -> None:
    rows, group = groups(1.0)
    alone = np.concatenate([rows, 50 * RNG(1).normal(size=(30, 3))])
    found = discriminants(alone, np.concatenate([group, np.arange(100, 130)]), 1, doubt=1e-6)
    within = rows - np.stack([np.bincount(group, column) for column in rows.T], 1)[group] / 10
    assert ((within @ found) ** 2).mean() == pytest.approx(1, rel=0.2)


def drawn(width: int, count: int = 64) -> Said:
    """Return what could have been seen of two kilns with three makers each, two pictures of two tiles of every one."""
    rng, picture = RNG(2), np.repeat(np.arange(count), 4)
    names = [f"{kiln} {maker}" for kiln in ("hazel", "rowan") for maker in ("authentic", "hurried", "modern-mill")]
    makers = np.array([*names, "", ""])[picture % 8]
    return Said(rng.normal(size=(len(picture), width + TEXTURE_DIM)), picture, makers)


def test_descriptors_stay_and_each_part_sees_what_it_is_found_in() -> None:
    width = 20
    found = directions(drawn(width), drawn(width), width)
    own, askew, surface, whole = torch.split(found, [TEXTURE_DIM, 64, 64, 64])
    assert len(found) == COUNT
    assert torch.equal(own, torch.eye(width + TEXTURE_DIM)[width:])
    assert (askew[:, width:] == 0).all()
    assert torch.linalg.matrix_rank(askew) == 14
    assert (surface[:, :width] == 0).all()
    assert (whole != 0).any(0).all()


def test_a_few_tiles_of_every_picture_are_looked_at(tmp_path: Path) -> None:
    recipe = small()
    ordered = replace(recipe.diet, specimens=2, strangers=3, side=256, averaged=(1, 4))
    made, count = meal.made(ordered, diet.Cutting(Geometry(tile=64), Intensity()), 5)
    diet.store(made, tmp_path)
    food = diet.opened(tmp_path, 64)
    assert food is not None
    encoder = seeded_encoder(SURFACE)
    encoder.diffusion.freeze_prompt()
    told: list[tuple[str, int, int, float | None]] = []
    studio = Studio(tmp_path, Place(torch.device("cpu")), lambda *words: told.append(words), print)
    found = said(encoder, food, RNG(3), studio)
    tiles = np.bincount(found.picture)
    assert len(tiles) == count
    assert set(tiles) == {1, 4}
    assert found.rows.shape == (tiles.sum(), SURFACE.feature_dim)
    assert told[-1] == ("directions", tiles.sum(), tiles.sum(), None)
    assert (found.maker == "").sum() == 3 * 2 * 5
    assert {*found.maker} == {*food.makers}
    beside = np.diff(food.of_every_picture(RNG(3), 4)[:4])
    assert beside.tolist() == [1, 1, 1]


def test_an_encoder_says_its_numbers_along_them() -> None:
    plain, along = seeded_encoder(SURFACE), seeded_encoder(ALONG)
    along.load_state_dict(along.state_dict() | plain.state_dict())
    assert along.directions is not None
    tiles = torch.rand(4, 1, 64, 64, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        without, with_them = plain(tiles), along(tiles)
    torch.testing.assert_close(with_them.embedding, without.embedding @ along.directions.weight.T)
    assert torch.equal(with_them.gate, without.gate)
    assert not along.directions.weight.requires_grad
    assert set(along.state_dict()) - set(plain.state_dict()) == {"directions.weight"}


def test_a_model_that_has_them_learns_is_saved_and_attacked_along_them(tmp_path: Path) -> None:
    model = enrolled_model(settings=replace(SETTINGS, architecture=ALONG))
    assert model.head.enrolled.embeddings.shape[1] == 24
    model.save(tmp_path / "bundle")
    again = DiffusionModel.from_pretrained(tmp_path / "bundle", unverified=True)
    (picture,) = pictures(1)
    assert again.predict_authenticity(picture) == model.predict_authenticity(picture)
    plane = torch.rand(96, 96, generator=torch.Generator().manual_seed(1)).requires_grad_()
    Surrogate(model, temperature=0.1).features(plane).sum().backward()  # type: ignore[no-untyped-call]
    assert plane.grad is not None
    assert plane.grad.abs().max() > 0


def test_directions_of_other_numbers_are_refused(tmp_path: Path) -> None:
    enrolled_model(settings=replace(SETTINGS, architecture=ALONG)).save(tmp_path / "bundle")
    path = tmp_path / "bundle" / "bundle.json"
    path.write_bytes(path.read_bytes().replace(b'"directions":24', b'"directions":25'))
    with pytest.raises(signing.SigningError, match=r"directions\.weight"):
        DiffusionModel.from_pretrained(tmp_path / "bundle", unverified=True)


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e30, float("nan"), float("inf")])
def test_directions_of_a_length_that_no_pictures_give_are_refused(scale: float, tmp_path: Path) -> None:
    model = enrolled_model(settings=replace(SETTINGS, architecture=ALONG))
    assert model.encoder.directions is not None
    model.encoder.directions.weight[5] *= scale
    model.save(tmp_path / "bundle")
    with pytest.raises(signing.SigningError, match="no pictures give"):
        DiffusionModel.from_pretrained(tmp_path / "bundle", unverified=True)


@pytest.mark.parametrize("count", [-1, 8193])
def test_a_number_of_directions_that_cannot_be_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"along {count} directions"):
        Encoder(replace(ARCHITECTURE, directions=count))


RECIPE = small()


@pytest.mark.parametrize("changes", [{"directions": 8}, {"surface": False}, {"width": 13}])
def test_a_recipe_for_others_than_can_be_found_is_refused(changes: dict[str, Any]) -> None:
    wanted = replace(RECIPE.architecture, directions=COUNT)
    assert replace(RECIPE, architecture=wanted).architecture.directions == COUNT
    with pytest.raises(ValueError, match=f"{COUNT} can be found"):
        replace(RECIPE, architecture=replace(wanted, **changes))


@pytest.mark.parametrize(
    ("part", "changes", "said"),
    [
        ("makers", {"kilns": (), "studies": 9}, "two makers or more"),
        ("makers", {"without": tuple(KILNS["hazel"].workshops)}, "two makers or more"),
        ("makers", {"specimens": 1}, "two pictures or more"),
        ("makers", {"specimens": 1, "fields": 2}, "8 pieces or more"),
        ("surfaces", {"strangers": 0, "studies": 7}, "8 pieces or more"),
        ("makers", {"side": 127}, "fields of 127 pixels"),
        ("surfaces", {"side": 127}, "fields of 127 pixels"),
        ("surfaces", {"averaged": (2, 4)}, "fields of 64 pixels"),
    ],
)
def test_a_recipe_that_leaves_nothing_to_be_compared_is_refused(part: str, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(
            RECIPE,
            architecture=replace(RECIPE.architecture, directions=COUNT),
            directions=replace(RECIPE.directions, **{part: replace(getattr(RECIPE.directions, part), **changes)}),
        )
