"""The projection separates groups rather than their members, and an encoder applies it to its features."""

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
from fusiondiff_audit.training.dataset import Indices, Tiling, open_dataset, write_dataset
from fusiondiff_audit.training.projection import (
    PROJECTION_DIM,
    EncodedTiles,
    Features,
    encode_tiles,
    linear_discriminants,
    projection_matrix,
)
from fusiondiff_audit.training.synthetic import synthesise
from fusiondiff_audit.training.workspace import TrainingProcess, Workspace
from tests.model.tiny import ARCHITECTURE, SETTINGS, enrolled_model, pictures, seeded_encoder
from tests.training.small_recipe import small_recipe

RNG = np.random.default_rng
RECIPE = small_recipe()
WITH_TEXTURE = replace(ARCHITECTURE, surface=True)
PROJECTED = replace(WITH_TEXTURE, directions=24)


def groups(distance: float, *, count: int = 40, size: int = 10) -> tuple[Features, Indices]:
    """Return rows that vary a hundred times as much along (1, 1) as groups differ along (1, -1)."""
    rng, group = RNG(0), np.repeat(np.arange(count), size)
    common = 10 * rng.normal(size=len(group))
    own = distance * rng.normal(size=count)[group] + 0.1 * rng.normal(size=len(group))
    return np.stack([common + own, common - own, rng.normal(size=len(group))], 1), group


def ratio(values: Features, group: Indices) -> float:
    """Return the variance between groups over that within."""
    means = np.bincount(group, values) / np.bincount(group)
    return float(means.var() / (values - means[group]).var())


def test_an_oblique_direction_of_small_variance_is_found() -> None:
    rows, group = groups(1.0)
    assert max(ratio(rows[:, number], group) for number in range(3)) < 0.5
    projected = rows @ linear_discriminants(rows, group, 1, shrinkage=1e-6)
    assert ratio(projected[:, 0], group) > 50
    means = np.bincount(group, projected[:, 0]) / np.bincount(group)
    assert (projected[:, 0] - means[group]).var() == pytest.approx(1, rel=0.15)


def test_differences_between_families_are_ignored() -> None:
    rows, group = groups(1.0)
    rows[:, 2] += 100 * (group % 2)
    families = np.array(["even", "odd"])[group % 2]
    (best,) = linear_discriminants(rows, group, 1, shrinkage=1e-6, families=families).T
    (blind,) = linear_discriminants(rows, group, 1, shrinkage=1e-6).T
    assert abs(best[2]) < 0.2 * abs(best[0])
    assert abs(blind[2]) > abs(blind[0])


def test_a_group_of_one_adds_nothing_to_the_variance_within() -> None:
    rows, group = groups(1.0)
    with_singles = np.concatenate([rows, 50 * RNG(1).normal(size=(30, 3))])
    directions = linear_discriminants(with_singles, np.concatenate([group, np.arange(100, 130)]), 1, shrinkage=1e-6)
    within = rows - np.stack([np.bincount(group, column) for column in rows.T], 1)[group] / 10
    assert ((within @ directions) ** 2).mean() == pytest.approx(1, rel=0.2)


def random_features(width: int, count: int = 64) -> EncodedTiles:
    """Return random features of two kilns with three makers each, and of unknown makers."""
    rng, image = RNG(2), np.repeat(np.arange(count), 4)
    names = [f"{kiln} {maker}" for kiln in ("hazel", "rowan") for maker in ("authentic", "hurried", "modern-mill")]
    makers = np.array([*names, "", ""])[image % 8]
    return EncodedTiles(rng.normal(size=(len(image), width + TEXTURE_DIM)), image, makers)


def test_descriptors_are_kept_and_each_part_projects_the_features_it_is_fitted_to() -> None:
    width = 20
    matrix = projection_matrix(random_features(width), random_features(width), width)
    own, by_maker, by_texture, by_surface = torch.split(matrix, [TEXTURE_DIM, 64, 64, 64])
    assert len(matrix) == PROJECTION_DIM
    assert torch.equal(own, torch.eye(width + TEXTURE_DIM)[width:])
    assert (by_maker[:, width:] == 0).all()
    assert torch.linalg.matrix_rank(by_maker) == 14
    assert (by_texture[:, :width] == 0).all()
    assert (by_surface != 0).any(0).all()


def test_components_of_a_trunk_are_kept_like_descriptors() -> None:
    width, components = 20, 5
    features = random_features(width)
    more = RNG(4).normal(size=(len(features.image), components))
    extended = replace(features, features=np.concatenate([features.features, more], 1))
    matrix, plain = projection_matrix(extended, extended, width), projection_matrix(features, features, width)
    kept = TEXTURE_DIM + components
    own, by_maker, by_texture, by_surface = torch.split(matrix, [kept, 64, 64, 64])
    assert len(matrix) == PROJECTION_DIM + components
    assert torch.equal(own, torch.eye(width + kept)[width:])
    assert torch.equal(torch.cat([by_maker, by_texture])[:, :-components], plain[TEXTURE_DIM : TEXTURE_DIM + 128])
    assert (by_maker[:, width:] == 0).all()
    assert (by_texture[:, -components:] == 0).all()
    assert (by_surface != 0).any(0).all()


def test_a_few_tiles_of_every_image_are_encoded(tmp_path: Path) -> None:
    data = replace(RECIPE.dataset, kilns=("hazel",), randomised=3, fields=1, side=256, downsampling=(1, 4))
    images, count = synthesise(data, Tiling(Geometry(tile=64), Intensity()), 5)
    write_dataset(images, tmp_path)
    dataset = open_dataset(tmp_path, 64)
    assert dataset is not None
    encoder = seeded_encoder(WITH_TEXTURE)
    encoder.diffusion.freeze_prompt()
    reports: list[tuple[str, int, int, float | None]] = []
    workspace = Workspace(tmp_path, TrainingProcess(torch.device("cpu")), lambda *words: reports.append(words), print)
    encoded = encode_tiles(encoder, dataset, RNG(3), workspace)
    tiles = np.bincount(encoded.image)
    assert len(tiles) == count
    assert set(tiles) == {1, 4}
    assert encoded.features.shape == (tiles.sum(), WITH_TEXTURE.feature_dim)
    assert reports[-1] == ("projection", tiles.sum(), tiles.sum(), None)
    assert (encoded.maker == "").sum() == 3 * 5
    assert {*encoded.maker} == {*dataset.makers}
    steps = np.diff(dataset.sample_every_image(RNG(3), 4)[:4])
    assert steps.tolist() == [1, 1, 1]


def test_an_encoder_projects_its_features() -> None:
    plain, projecting = seeded_encoder(WITH_TEXTURE), seeded_encoder(PROJECTED)
    projecting.load_state_dict(projecting.state_dict() | plain.state_dict())
    assert projecting.directions is not None
    tiles = torch.rand(4, 1, 64, 64, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        unprojected, projected = plain(tiles), projecting(tiles)
    torch.testing.assert_close(projected.embedding, unprojected.embedding @ projecting.directions.weight.T)
    assert torch.equal(projected.gate, unprojected.gate)
    assert not projecting.directions.weight.requires_grad
    assert set(projecting.state_dict()) - set(plain.state_dict()) == {"directions.weight"}


@pytest.fixture(scope="module")
def model() -> DiffusionModel:
    """Return an enrolled model with a projection."""
    return enrolled_model(settings=replace(SETTINGS, architecture=PROJECTED))


def test_a_model_with_a_projection_is_enrolled_saved_and_attacked(model: DiffusionModel, tmp_path: Path) -> None:
    assert model.head.enrolled.embeddings.shape[1] == 24
    model.save(tmp_path / "bundle")
    again = DiffusionModel.from_pretrained(tmp_path / "bundle", unverified=True)
    (picture,) = pictures(1)
    assert again.predict_authenticity(picture) == model.predict_authenticity(picture)
    plane = torch.rand(96, 96, generator=torch.Generator().manual_seed(1)).requires_grad_()
    Surrogate(model, temperature=0.1).features(plane).sum().backward()  # type: ignore[no-untyped-call]
    assert plane.grad is not None
    assert plane.grad.abs().max() > 0


def test_a_projection_of_another_shape_is_refused(model: DiffusionModel, tmp_path: Path) -> None:
    model.save(tmp_path / "bundle")
    path = tmp_path / "bundle" / "bundle.json"
    path.write_bytes(path.read_bytes().replace(b'"directions":24', b'"directions":25'))
    with pytest.raises(signing.SigningError, match=r"directions\.weight"):
        DiffusionModel.from_pretrained(tmp_path / "bundle", unverified=True)


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e30, float("nan"), float("inf")])
def test_a_projection_out_of_scale_is_refused(model: DiffusionModel, scale: float, tmp_path: Path) -> None:
    assert model.encoder.directions is not None
    weight = model.encoder.directions.weight
    original = weight.clone()
    weight[5] *= scale
    model.save(tmp_path / "bundle")
    weight.copy_(original)
    with pytest.raises(signing.SigningError, match="no images give"):
        DiffusionModel.from_pretrained(tmp_path / "bundle", unverified=True)


@pytest.mark.parametrize("count", [-1, 8193])
def test_an_impossible_number_of_directions_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} directions"):
        Encoder(replace(ARCHITECTURE, directions=count))


@pytest.mark.parametrize("changes", [{"directions": 8}, {"surface": False}, {"width": 13}])
def test_a_recipe_for_another_projection_is_refused(changes: dict[str, Any]) -> None:
    wanted = replace(RECIPE.architecture, directions=PROJECTION_DIM)
    assert replace(RECIPE, architecture=wanted).architecture.directions == PROJECTION_DIM
    with pytest.raises(ValueError, match=f"a projection has {PROJECTION_DIM}"):
        replace(RECIPE, architecture=replace(wanted, **changes))


@pytest.mark.parametrize(
    ("part", "changes", "message"),
    [
        ("makers", {"kilns": (), "textures": 9}, "two makers or more"),
        ("makers", {"held_out": tuple(KILNS["hazel"].workshops)}, "two makers or more"),
        ("makers", {"specimens": 1}, "two images or more"),
        ("makers", {"specimens": 1, "fields": 2}, "8 specimens or more"),
        ("surfaces", {"randomised": 0, "textures": 7}, "8 specimens or more"),
        ("makers", {"side": 127}, "fields of 127 pixels"),
        ("surfaces", {"side": 127}, "fields of 127 pixels"),
        ("surfaces", {"downsampling": (2, 4)}, "fields of 64 pixels"),
    ],
)
def test_a_recipe_without_groups_for_the_projection_is_refused(
    part: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        replace(
            RECIPE,
            architecture=replace(RECIPE.architecture, directions=PROJECTION_DIM),
            projection=replace(RECIPE.projection, **{part: replace(getattr(RECIPE.projection, part), **changes)}),
        )
