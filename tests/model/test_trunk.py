"""The trunk: timm's features of the same weights, of each tile by itself, frozen, and named in model card and SBOM."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from fusiondiff_audit.model.bundle import write_bundle
from fusiondiff_audit.model.card import card, sbom
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.encoder import Architecture, Encoder, Precision
from fusiondiff_audit.model.shapes import Convolutions, TrunkShape
from fusiondiff_audit.model.trunk import Trunk, build_cnn
from fusiondiff_audit.training.finetune import trainable_copy
from fusiondiff_audit.weights.pins import CNNS
from signing import SigningError
from tests.model.tiny import ARCHITECTURE, SETTINGS, pictures, seeded_encoder

SHALLOW = TrunkShape(stages=(0, 1), averaged=2)
WITH_TRUNK = replace(ARCHITECTURE, trunk=SHALLOW)
TILES = torch.rand(3, 1, 64, 64, generator=torch.Generator().manual_seed(3))


def encoder(architecture: Architecture = WITH_TRUNK) -> Encoder:
    network = seeded_encoder(architecture)
    network.diffusion.freeze_prompt()
    return network


@torch.no_grad()
@pytest.mark.parametrize(
    "shape",
    [
        TrunkShape(),
        TrunkShape(stages=(0, 4)),
        replace(SHALLOW, averaged=1),
        SHALLOW,
        TrunkShape("resnet50", stages=(0, 2), mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225)),
    ],
)
def test_maps_are_those_of_timm(shape: TrunkShape) -> None:
    torch.manual_seed(0)
    whole = build_cnn(shape.network).eval()
    for norm in (part for part in whole.modules() if isinstance(part, torch.nn.BatchNorm2d)):
        assert norm.running_mean is not None
        norm.running_mean.normal_(0, 0.1)
    trunk = Trunk(shape)
    state = trunk.network.state_dict()
    trunk.network.load_state_dict({name: whole.state_dict()[name] for name in state})
    colours = zip(shape.mean, shape.deviation, strict=True)
    inputs = torch.cat([(TILES - mean) / deviation for mean, deviation in colours], 1)
    side = 64 // shape.averaged
    inputs = functional.interpolate(inputs, size=(side, side), mode="area")
    expected = whole.forward_intermediates(inputs, indices=list(shape.stages), intermediates_only=True)
    maps = trunk(TILES)
    assert [len(of_stage[0, 0]) for of_stage in maps] == [side // 2 ** (stage + 1) for stage in shape.stages]
    for ours, theirs in zip(maps, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    assert trunk.feature_count == 2 * sum(of_stage.shape[1] for of_stage in maps)


def test_later_blocks_and_the_classifier_are_not_there() -> None:
    kept = Trunk(TrunkShape()).network.state_dict()
    assert {name.partition(".")[0] for name in kept} == {"conv_stem", "bn1", "blocks"}
    assert {name.split(".")[1] for name in kept if name.startswith("blocks.")} == set("01234")
    kept = Trunk(TrunkShape("resnet50")).network.state_dict()
    assert {name.partition(".")[0] for name in kept} == {"conv1", "bn1", "layer1", "layer2", "layer3"}


@torch.no_grad()
def test_the_trunk_reaches_the_embedding_standardised() -> None:
    network = encoder(replace(WITH_TRUNK, convolutions=Convolutions(8, 1, trimmed=0.0)))
    assert network.local.trunk is not None
    before = network(TILES).embedding
    features = network.local.trunk_features(TILES)
    maps = network.local.trunk(TILES)
    centre = maps[0].mean((2, 3))
    spread = (maps[0] - centre[:, :, None, None]).abs().mean((2, 3))
    torch.testing.assert_close(features[:, :32], torch.cat([centre, spread], 1))
    network.local.trunk.fit(features)
    standardized = network.local.trunk.standardized(features)
    torch.testing.assert_close(standardized.mean(0), torch.zeros(features.shape[1]), atol=1e-4, rtol=0)
    assert not torch.allclose(before, network(TILES).embedding)


def test_components_are_the_principal_ones_of_standardised_features() -> None:
    trunk = Trunk(replace(SHALLOW, components=3))
    generator = torch.Generator().manual_seed(1)
    sources = torch.randn(400, 3, generator=generator) * torch.tensor([5.0, 3.0, 2.0])
    rows = sources @ torch.randn(3, trunk.feature_count, generator=generator) + 7
    trunk.fit(rows).fit_components(rows)
    values = trunk.combined(trunk.standardized(rows))
    products = torch.cov(values.T)
    assert (products.diag().diff() < 0).all()  # the largest variance first
    torch.testing.assert_close(products, products.diag().diag(), atol=1e-3, rtol=0)
    of_all = torch.cov(trunk.standardized(rows).T).trace()
    torch.testing.assert_close(products.trace(), of_all, atol=0, rtol=1e-4)  # three sources have three components
    assert trunk.components is not None
    assert (trunk.components.gather(1, trunk.components.abs().argmax(1, keepdim=True)) > 0).all()
    trunk.refuse_unfit()
    with pytest.raises(ValueError, match="3 tiles for 3 components"):
        trunk.fit_components(rows[:3])
    for broken in (0.0, 2.0, float("nan")):
        unfit = Trunk(replace(SHALLOW, components=3))
        assert unfit.components is not None
        unfit.components[1] *= broken
        with pytest.raises(ValueError, match="not orthogonal and of norm 1"):
            unfit.refuse_unfit()


@torch.no_grad()
def test_components_are_appended_and_leave_other_features_as_they_are() -> None:
    plain = encoder(replace(WITH_TRUNK, surface=True))
    network = encoder(replace(WITH_TRUNK, surface=True, trunk=replace(SHALLOW, components=2)))
    network.load_state_dict(network.state_dict() | plain.state_dict())
    assert set(network.state_dict()) - set(plain.state_dict()) == {"local.trunk.components"}
    assert network.architecture.feature_dim == plain.architecture.feature_dim + 2
    features = network(TILES).features
    assert torch.equal(features[:, :-2], plain(TILES).features)
    trunk = network.local.trunk_features(TILES)
    torch.testing.assert_close(features[:, -2:], trunk[:, :2])  # until they are fitted
    with pytest.raises(ValueError, match="81 components of 80 features"):
        Trunk(replace(SHALLOW, components=81))


@torch.no_grad()
def test_a_tile_does_not_depend_on_others_in_the_batch() -> None:
    network = encoder()
    torch.testing.assert_close(
        network.local.trunk_features(TILES)[1:2], network.local.trunk_features(TILES[1:2]), atol=1e-5, rtol=1e-4
    )
    torch.testing.assert_close(network(TILES).embedding[1:2], network(TILES[1:2]).embedding, atol=1e-5, rtol=1e-4)


def test_training_leaves_the_trunk_as_it_is() -> None:
    network = trainable_copy(encoder())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.train()
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    optimiser = torch.optim.SGD(trained, lr=0.1)
    network(TILES).embedding.square().sum().backward()
    optimiser.step()
    after = network.state_dict()
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert "local.out.0.weight" in changed
    assert not [name for name in changed if name.startswith(tuple(network.frozen()))]
    assert "local.trunk.network." in network.frozen()
    assert not [name for name in changed if name.startswith("local.trunk.")]


def test_gradients_of_a_tile_pass_through_the_trunk() -> None:
    network = encoder()
    tiles = TILES.clone().requires_grad_()
    network.local.trunk_features(tiles).sum().backward()  # type: ignore[no-untyped-call]
    assert tiles.grad is not None
    assert (tiles.grad.abs().amax((1, 2, 3)) > 0).all()


def test_an_encoder_without_a_trunk_has_no_tensor_of_one() -> None:
    without, with_trunk = set(encoder(ARCHITECTURE).state_dict()), set(encoder().state_dict())
    assert without < with_trunk
    assert {name.partition(".")[2].partition(".")[0] for name in with_trunk - without} == {"trunk"}
    assert encoder(ARCHITECTURE).local.trunk is None
    with pytest.raises(ValueError, match="without a trunk"):
        encoder(ARCHITECTURE).local.trunk_features(TILES)


def test_a_bundle_with_a_trunk_is_saved_and_read_again(tmp_path: Path) -> None:
    settings = replace(SETTINGS, architecture=replace(WITH_TRUNK, precision=Precision.BF16))
    network = seeded_encoder(settings.architecture)
    write_bundle(tmp_path / "bundle", settings, network.state_dict(), None)
    model = DiffusionModel.from_pretrained(tmp_path / "bundle", unverified=True)
    assert model.settings == settings
    state = model.encoder.state_dict()
    assert state["local.trunk.network.conv_stem.weight"].dtype == torch.bfloat16
    assert state["local.trunk.mean"].dtype == torch.float32
    assert [len(image.embeddings) > 0 for image in model.embed(pictures(2))] == [True, True]
    for value in (0.0, float("nan")):
        broken = network.state_dict() | {"local.trunk.deviation": torch.full_like(state["local.trunk.mean"], value)}
        write_bundle(tmp_path / f"broken {value}", settings, broken, None)
        with pytest.raises(SigningError, match="features of the trunk with a mean or a deviation that no images have"):
            DiffusionModel.from_pretrained(tmp_path / f"broken {value}", unverified=True)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"network": "vgg16"}, "trunk 'vgg16'; known are resnet50, tf_efficientnet_lite0"),
        ({"weights": "5793"}, "'5793' is no digest of a file of weights"),
        ({"stages": ()}, r"stages \[\]; 0 to 4 can be read, in this order"),
        ({"stages": (3, 2)}, "in this order"),
        ({"stages": (2, 2)}, "in this order"),
        ({"stages": (3, 5)}, "in this order"),
        ({"stages": (-1,)}, "in this order"),
        ({"averaged": 0}, "averaged 0; 1 to 64 can be built"),
        ({"components": -1}, "components -1; 0 to 8192 can be built"),
        ({"mean": (0.5,)}, "a trunk has three means"),
        ({"deviation": (0.5, 0.5, 0.0)}, "deviations above 0"),
    ],
)
def test_trunks_that_cannot_be_built_are_refused(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        replace(TrunkShape(), **change)  # type: ignore[arg-type]


def test_tiles_that_a_trunk_cannot_read_are_refused() -> None:
    for tile, trunk in ((16, TrunkShape()), (64, TrunkShape(averaged=3)), (64, TrunkShape(stages=(4,), averaged=2))):
        with pytest.raises(ValueError, match=f"tiles of {tile} pixels; a trunk with cells of"):
            Architecture(tile=tile, trunk=trunk)
    assert Architecture(tile=32, trunk=TrunkShape()).trunk == TrunkShape()


@pytest.mark.parametrize("digest", sorted(CNNS))
def test_card_and_sbom_state_where_the_weights_come_from(digest: str) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    cnn = CNNS[digest]
    trunk = replace(SHALLOW, network=cnn.network, weights=digest)
    settings = replace(SETTINGS, architecture=replace(ARCHITECTURE, trunk=trunk))
    text = card(settings).decode()
    for stated in (cnn.network, digest, cnn.licence, cnn.source, "ImageNet", "stages 0, 1", "2 x 2 pixels averaged"):
        assert stated in text
    written = sbom(settings, {})
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(written.decode()) is None
    (ancestor,) = json.loads(written)["metadata"]["component"]["pedigree"]["ancestors"]
    assert ancestor["hashes"] == [{"alg": "SHA-256", "content": digest}]
    assert ancestor["licenses"] == [{"license": {"id": cnn.licence}}]
    assert "ImageNet" in ancestor["description"]


def test_the_card_does_not_guess_where_other_weights_come_from() -> None:
    settings = replace(SETTINGS, architecture=replace(WITH_TRUNK, trunk=replace(SHALLOW, weights="0" * 64)))
    text, written = card(settings).decode(), json.loads(sbom(settings, {}))
    (ancestor,) = written["metadata"]["component"]["pedigree"]["ancestors"]
    for document in (text, ancestor["description"]):
        assert "Licence and training data of this file are not known" in document
        assert "ImageNet" not in document
    assert "licenses" not in ancestor
    plain = json.loads(sbom(SETTINGS, {}))
    assert "Pretrained CNN" not in card(SETTINGS).decode()
    assert "pedigree" not in plain["metadata"]["component"]
