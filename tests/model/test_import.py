"""Public weights: pinned by digest; features of an assembled bundle equal those of diffusers."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from fusiondiff_audit.model.assembly import BundleSpec, assemble
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.diffusion import FeatureSelection, build_networks
from fusiondiff_audit.model.encoder import Precision
from fusiondiff_audit.model.paths import build_deit
from fusiondiff_audit.model.public_weights import DiffusionRelease, read_cnn
from fusiondiff_audit.model.shapes import Autoencoder, Denoiser, Transformer, TrunkShape
from fusiondiff_audit.model.trunk import build_cnn
from fusiondiff_audit.weights.clip_text import TextEncoder
from fusiondiff_audit.weights.pins import CNNS, DEIT, IMPOSTORS, SD14, TEXT, UNET, VAE
from signing import Reason, SigningError
from tests.model.tiny import pictures

SMALL = DiffusionRelease(
    name="a small release",
    autoencoder=Autoencoder((8, 16, 16, 16), layers=2, groups=4),
    denoiser=Denoiser((16, 32, 32, 32), heads=4, groups=4, context=24, tokens=6),
    text=TextEncoder(24, layers=2, heads=3, inner=48, words=50, tokens=6),
    files={},
    deits={},
)
DEIT_SHAPE = Transformer(24, 2, 3, 16, 32, 4)
ORDER = BundleSpec(name="small", tile=64, reading=FeatureSelection(("up1",), (25,)))


def seeded(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone().contiguous() for name, tensor in module.state_dict().items()}


def publish(folder: Path, release: DiffusionRelease, shape: Transformer, *, older: bool = False) -> DiffusionRelease:
    """Write a release and a DeiT of random weights, and return it with their digests pinned."""
    torch.manual_seed(5)
    vae, unet = build_networks(release.autoencoder, release.denoiser)
    text = {
        name: torch.zeros(spec.shape, dtype=torch.int64) if spec.dtype == "I64" else 0.1 * torch.randn(spec.shape)
        for name, spec in release.text.expected().items()
    }
    autoencoder = seeded(vae)
    if older:
        names = (("to_q.", "query."), ("to_k.", "key."), ("to_v.", "value."), ("to_out.0.", "proj_attn."))
        for new, old in names:
            autoencoder = {n.replace(new, old) if "attentions" in n else n: t for n, t in autoencoder.items()}
    for name, tensors in ((VAE, autoencoder), (UNET, seeded(unet)), (TEXT, text)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, folder / name)
    for name in SD14:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".json"):
            (folder / name).write_text(json.dumps({"for": name}))
    save_file(seeded(build_deit(shape, classes=1000)), folder / "deit.safetensors")
    return replace(
        release,
        files={name: sha256(folder / name) for name in SD14},
        deits={sha256(folder / "deit.safetensors"): shape},
    )


def publish_cnn(path: Path, release: DiffusionRelease, name: str = "efficientnet-lite0") -> DiffusionRelease:
    """Write a CNN of random weights, and return the release with its digest pinned under that name."""
    torch.manual_seed(6)
    (cnn,) = (cnn for cnn in CNNS.values() if cnn.name == name)
    save_file(seeded(build_cnn(cnn.network)), path)
    return replace(release, cnns={sha256(path): cnn})


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def sd(tmp_path: Path) -> tuple[Path, DiffusionRelease]:
    folder = tmp_path / "sd"
    folder.mkdir()
    return folder, publish(folder, SMALL, DEIT_SHAPE)


def imported(folder: Path, release: DiffusionRelease, out: Path, order: BundleSpec = ORDER) -> DiffusionModel:
    assemble(out, folder, folder / "deit.safetensors", order, release=release)
    return DiffusionModel.from_pretrained(out, unverified=True)


@torch.inference_mode()
def test_features_of_an_imported_bundle_are_those_of_the_release(
    sd: tuple[Path, DiffusionRelease], tmp_path: Path
) -> None:
    folder, release = sd
    model = imported(folder, release, tmp_path / "out")
    torch.manual_seed(5)
    vae, unet = (part.eval() for part in build_networks(release.autoencoder, release.denoiser))
    heard: dict[str, Any] = {}
    unet.up_blocks[1].register_forward_hook(lambda _, __, out: heard.__setitem__("up1", out))
    ours = model._runner.encoder.diffusion
    tiles = torch.rand(2, 1, 64, 64) * 2 - 1
    latent = vae.encode(tiles.expand(-1, 3, -1, -1)).latent_dist.mode() * vae.config.scaling_factor
    left = ours.reading.alphas((25,))
    unet(left.sqrt() * latent + (1 - left).sqrt() * ours.noise, 25, ours.null_prompt.expand(2, -1, -1))
    torch.testing.assert_close(ours(tiles)[0]["up1"][:, 0], heard["up1"], atol=1e-5, rtol=1e-5)
    assert ours.noise.std() == pytest.approx(1, abs=0.2)
    assert len(list(model.embed(pictures(2)))) == 2


def test_an_older_release_names_its_attention_otherwise(tmp_path: Path) -> None:
    for older in (False, True):
        folder = tmp_path / f"sd{older}"
        folder.mkdir()
        assemble(
            tmp_path / f"out{older}",
            folder,
            folder / "deit.safetensors",
            ORDER,
            release=publish(folder, SMALL, DEIT_SHAPE, older=older),
        )
    shards = [sha256(tmp_path / f"out{older}" / "encoder-00001.safetensors") for older in (False, True)]
    assert shards[0] == shards[1]


def test_precision_is_that_of_the_spec(sd: tuple[Path, DiffusionRelease], tmp_path: Path) -> None:
    folder, release = sd
    half = imported(folder, release, tmp_path / "half", replace(ORDER, precision=Precision.FP16))
    state = half._runner.encoder.state_dict()
    assert state["diffusion.unet.conv_in.weight"].dtype == torch.float16
    assert state["local.out.0.weight"].dtype == torch.float32
    full = imported(folder, release, tmp_path / "full")
    assert half._runner.runtime.precision == "fp16"
    sizes = [sum(p.stat().st_size for p in (tmp_path / name).glob("*.safetensors")) for name in ("half", "full")]
    frozen = half._runner.encoder.frozen().values()
    count = sum(value.numel() for part in frozen for value in part.state_dict().values())
    assert sizes[1] - sizes[0] == pytest.approx(2 * count, rel=0.01)  # two bytes of each number less
    assert full.settings.reference is None


def wrong_byte(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)


@pytest.mark.parametrize("name", [*SD14, "deit.safetensors"])
def test_one_wrong_byte_refuses_everything(sd: tuple[Path, DiffusionRelease], tmp_path: Path, name: str) -> None:
    folder, release = sd
    wrong_byte(folder, name)
    with pytest.raises(SigningError, match="found sha256:") as caught:
        imported(folder, release, tmp_path / "out")
    assert caught.value.reason is Reason.DIGEST_MISMATCH
    assert not (tmp_path / "out").exists()


def strange_weights(folder: Path) -> None:
    shutil.copy(folder / UNET, folder / "unet" / "model.safetensors")


def strange_pickle(folder: Path) -> None:
    (folder / "vae" / "pytorch.pkl").write_bytes(b"\x80\x04N.")


def no_settings(folder: Path) -> None:
    (folder / "unet" / "config.json").unlink()


def a_link(folder: Path) -> None:
    (folder / UNET).rename(folder / "elsewhere")
    (folder / UNET).symlink_to(folder / "elsewhere")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (strange_weights, Reason.EXTRA_FILE),
        (strange_pickle, Reason.EXTRA_FILE),
        (no_settings, Reason.MISSING_FILE),
        (a_link, Reason.NOT_A_FILE),
    ],
)
def test_a_folder_that_is_not_the_release_is_refused(
    sd: tuple[Path, DiffusionRelease], tmp_path: Path, change: Callable[[Path], None], reason: Reason
) -> None:
    folder, release = sd
    change(folder)
    with pytest.raises(SigningError) as caught:
        imported(folder, release, tmp_path / "out")
    assert caught.value.reason is reason


def test_weights_of_other_repositories_are_named(sd: tuple[Path, DiffusionRelease], tmp_path: Path) -> None:
    """Non-EMA weights under the name of the averaged ones."""
    folder, release = sd
    found = sha256(folder / UNET)
    assert len(IMPOSTORS) == 7
    trap = next(digest for digest, what in IMPOSTORS.items() if "non-EMA weights of v1.4" in what)
    assert trap == "ac3d1bff03f9e9a6f8671b5a7a3fd984f90185c84e407bc569f97c1cce7445fd"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("fusiondiff_audit.model.public_weights.IMPOSTORS", {found: "the non-EMA weights"})
        other = replace(release, files={**release.files, UNET: "0" * 64})
        with pytest.raises(SigningError, match=r"\(the non-EMA weights\)"):
            imported(folder, other, tmp_path / "out")


def test_a_trunk_is_imported_and_changes_no_other_frozen_part(
    sd: tuple[Path, DiffusionRelease], tmp_path: Path
) -> None:
    folder, release = sd
    cnn = tmp_path / "cnn.safetensors"
    release = publish_cnn(cnn, release)
    plain = imported(folder, release, tmp_path / "plain").encoder.state_dict()
    deit = folder / "deit.safetensors"
    assemble(tmp_path / "out", folder, deit, ORDER, cnn=("efficientnet-lite0", cnn), release=release)
    model = DiffusionModel.from_pretrained(tmp_path / "out", unverified=True)
    trunk = model.settings.architecture.trunk
    assert trunk is not None
    assert (trunk.network, trunk.weights) == ("tf_efficientnet_lite0", sha256(cnn))
    assert trunk.weights in (tmp_path / "out" / "MODEL_CARD.md").read_text()
    state, published = model.encoder.state_dict(), load_file(cnn)
    prefix = "local.trunk.network."
    kept = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    assert 0 < len(kept) < len(published)
    assert all(torch.equal(value, published[name]) for name, value in kept.items())
    assert plain.keys() == {name for name in state if not name.startswith("local.trunk.")}
    assert (state["local.trunk.mean"].unique().tolist(), state["local.trunk.deviation"].unique().tolist()) == ([0], [1])
    frozen = [name for name in plain if name.startswith(("diffusion.", "broad.deit."))]
    assert all(torch.equal(plain[name], state[name]) for name in frozen)


def test_a_cnn_with_one_wrong_byte_or_of_another_name_is_refused(
    sd: tuple[Path, DiffusionRelease], tmp_path: Path
) -> None:
    folder, release = sd
    cnn, deit = tmp_path / "cnn.safetensors", folder / "deit.safetensors"
    release = publish_cnn(cnn, release)
    other = {"0" * 64: replace(next(iter(CNNS.values())), name="resnet50")}
    both = replace(release, cnns={**release.cnns, **other})
    with pytest.raises(SigningError, match=r"pinned as sha256:0000.*found sha256:") as caught:
        assemble(tmp_path / "out", folder, deit, ORDER, cnn=("resnet50", cnn), release=both)
    assert caught.value.reason is Reason.DIGEST_MISMATCH
    with pytest.raises(ValueError, match="CNN 'vgg16'; known are efficientnet-lite0"):
        assemble(tmp_path / "out", folder, deit, ORDER, cnn=("vgg16", cnn), release=release)
    wrong_byte(tmp_path, cnn.name)
    with pytest.raises(SigningError, match="found sha256:") as caught:
        assemble(tmp_path / "out", folder, deit, ORDER, cnn=("efficientnet-lite0", cnn), release=release)
    assert caught.value.reason is Reason.DIGEST_MISMATCH
    assert "convert_efficientnet.py" in str(caught.value.__notes__)
    assert not (tmp_path / "out").exists()


def test_tensors_of_another_network_are_refused(sd: tuple[Path, DiffusionRelease], tmp_path: Path) -> None:
    """A digest that is pinned for the wrong network."""
    folder, release = sd
    digest = sha256(folder / "deit.safetensors")
    (cnn,) = (cnn for cnn in CNNS.values() if cnn.name == "efficientnet-lite0")
    with pytest.raises(SigningError, match="tensors are missing") as caught:
        read_cnn("efficientnet-lite0", folder / "deit.safetensors", replace(release, cnns={digest: cnn}))
    assert caught.value.reason is Reason.MALFORMED


@pytest.mark.slow
def test_the_tensors_of_resnet50_are_read(tmp_path: Path) -> None:
    """Its file has as many bytes as the published one."""
    path = tmp_path / "resnet50.safetensors"
    release = publish_cnn(path, SMALL, "resnet50")
    assert path.stat().st_size == 102_469_840
    shape, tensors = read_cnn("resnet50", path, release)
    assert (shape.network, shape.mean[0], len(tensors)) == ("resnet50", 0.485, 320)


def test_pickles_beside_the_weights_are_not_opened(sd: tuple[Path, DiffusionRelease], tmp_path: Path) -> None:
    folder, release = sd
    for name in ("unet/diffusion_pytorch_model.bin", "text_encoder/pytorch_model.fp16.bin", "safety_checker/model.bin"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"\x80\x04N.")
    imported(folder, release, tmp_path / "out")


def test_pinned_digests_are_digests_and_differ() -> None:
    every = [*SD14.values(), *IMPOSTORS, *DEIT, *CNNS]
    assert len(set(every)) == len(every)
    assert all(len(digest) == 64 and int(digest, 16) for digest in every)
    assert len({cnn.name for cnn in CNNS.values()}) == len({cnn.network for cnn in CNNS.values()}) == len(CNNS)
    assert TrunkShape().weights in CNNS
    assert {shape.heads * 64 == shape.width for shape in DiffusionRelease().deits.values()} == {True}


@torch.inference_mode()
def test_the_text_encoder_is_a_causal_transformer() -> None:
    """The reference is made of torch's own layers."""
    shape = TextEncoder(24, layers=2, heads=3, inner=48, words=50, tokens=6)
    torch.manual_seed(2)
    tensors = {
        name: torch.zeros(spec.shape, dtype=torch.int64) if spec.dtype == "I64" else torch.randn(spec.shape)
        for name, spec in shape.expected().items()
    }
    parts = {name.removeprefix("text_model."): tensor for name, tensor in tensors.items()}
    words = torch.tensor([[48, 49, 49, 49, 49, 49]])
    state = parts["embeddings.token_embedding.weight"][words] + parts["embeddings.position_embedding.weight"]
    for i in range(2):
        theirs = nn.TransformerEncoderLayer(
            24, 3, 48, 0.0, lambda x: x * torch.sigmoid(1.702 * x), batch_first=True, norm_first=True
        ).eval()
        layer = f"encoder.layers.{i}"
        mine = {name: parts[f"{layer}.{name}"] for name in parts_of(parts, layer)}
        theirs.load_state_dict(
            {
                "self_attn.in_proj_weight": torch.cat([mine[f"self_attn.{n}_proj.weight"] for n in "qkv"]),
                "self_attn.in_proj_bias": torch.cat([mine[f"self_attn.{n}_proj.bias"] for n in "qkv"]),
                "self_attn.out_proj.weight": mine["self_attn.out_proj.weight"],
                "self_attn.out_proj.bias": mine["self_attn.out_proj.bias"],
                **{f"linear{n}.{kind}": mine[f"mlp.fc{n}.{kind}"] for n in (1, 2) for kind in ("weight", "bias")},
                **{f"norm{n}.{kind}": mine[f"layer_norm{n}.{kind}"] for n in (1, 2) for kind in ("weight", "bias")},
            }
        )
        state = theirs(state, src_mask=nn.Transformer.generate_square_subsequent_mask(6), is_causal=True)
    last = nn.functional.layer_norm(state, (24,), parts["final_layer_norm.weight"], parts["final_layer_norm.bias"])
    torch.testing.assert_close(shape.null_prompt(tensors), last, atol=1e-5, rtol=1e-5)


def parts_of(parts: dict[str, torch.Tensor], layer: str) -> list[str]:
    return [name.removeprefix(f"{layer}.") for name in parts if name.startswith(f"{layer}.")]


@pytest.mark.soak
def test_a_release_of_the_true_size(tmp_path: Path) -> None:
    """Stable Diffusion v1.4 and DeiT-small, as large as they are, of random weights: about 5 GB are written."""
    folder = tmp_path / "sd"
    folder.mkdir()
    release = publish(folder, DiffusionRelease(), Transformer(), older=True)
    sizes = {name: (folder / name).stat().st_size for name in (UNET, VAE, TEXT)}
    assert sizes[UNET] == pytest.approx(3_438_167_534, rel=1e-4)
    assert sizes[VAE] == pytest.approx(334_643_276, rel=1e-3)
    assert sizes[TEXT] == pytest.approx(492_265_879, rel=1e-3)
    model = imported(folder, release, tmp_path / "out", BundleSpec(precision=Precision.FP16))
    assert len(list((tmp_path / "out").glob("encoder-*"))) > 5
    assert model.settings.architecture.denoiser == Denoiser()
    wrong_byte(folder, UNET)
    with pytest.raises(SigningError, match="found sha256:"):
        imported(folder, release, tmp_path / "again")
