"""Reading local copies of Stable Diffusion v1.4, a DeiT and a pretrained CNN, whose files are pinned by digest.

Other files of the same repository may be present and are not opened. A weight file of any other name is refused,
because other loaders would choose it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import torch

from fusiondiff_audit.model.diffusion import build_networks
from fusiondiff_audit.model.paths import build_deit
from fusiondiff_audit.model.shapes import Autoencoder, Denoiser, Transformer, TrunkShape
from fusiondiff_audit.model.trunk import build_cnn
from fusiondiff_audit.weights.clip_text import TextEncoder
from fusiondiff_audit.weights.pins import CNNS, DEIT, IMPOSTORS, SD14, TEXT, UNET, VAE, PublicCNN
from fusiondiff_audit.weights.tensors import specs_of, view
from signing import Reason, SigningError
from signing.folder import Reader, list_folder
from signing.parallel import THREADS, map_in_order

_MAX_FILE = 8 * 1024**3  # bytes; the largest pinned file has 3.2 GiB
_WEIGHTS = (".safetensors", ".bin", ".ckpt", ".pt", ".pth", ".pkl", ".msgpack", ".h5", ".onnx", ".pb")
IMAGENET = 1000  # classes of a published DeiT
_FOLDERS = ("unet", "vae", "text_encoder")
_VARIANTS = ("", ".fp16", ".non_ema")
_OLDER = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}  # diffusers' names before 2023
Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class DiffusionRelease:
    """A release of a latent diffusion model: its sizes, and the digests of its files and of those that go with it."""

    name: str = "Stable Diffusion v1.4"
    autoencoder: Autoencoder = field(default_factory=Autoencoder)
    denoiser: Denoiser = field(default_factory=Denoiser)
    text: TextEncoder = field(default_factory=TextEncoder)
    files: Mapping[str, str] = field(default_factory=lambda: SD14)
    deits: Mapping[str, Transformer] = field(
        default_factory=lambda: {digest: Transformer(width, heads=width // 64) for digest, width in DEIT.items()}
    )
    cnns: Mapping[str, PublicCNN] = field(default_factory=lambda: CNNS)


@dataclass(frozen=True, slots=True, eq=False)
class PublicWeights:
    """Public tensors over the memory that was hashed, by the names of present libraries."""

    vae: Tensors
    unet: Tensors
    null_prompt: torch.Tensor


def read_diffusion_release(
    folder: Path, release: DiffusionRelease, watch: Callable[[str], None] = lambda name: None
) -> PublicWeights:
    """Read a release from a folder; a file with another digest is refused."""
    listing = list_folder(folder)
    _refuse_strangers(listing.files, folder)
    reader = Reader(folder)
    hint = f"take the files of {release.name} at the revision that docs/decisions/fusiondiff-architecture.md names"

    def load(name: str) -> memoryview:
        watch(f"hashing {folder}/{name}")
        digest, data = reader.load(name, limit=_MAX_FILE)
        _refuse_unknown(f"{folder}/{name}", digest, release.files[name], hint)
        return data

    loaded = dict(zip(release.files, map_in_order(load, release.files, threads=THREADS), strict=True))
    with torch.device("meta"):
        vae, unet = build_networks(release.autoencoder, release.denoiser)
    text = view({TEXT: loaded[TEXT]}, release.text.expected())
    return PublicWeights(
        _modern(loaded[VAE], VAE, vae), view({UNET: loaded[UNET]}, specs_of(unet)), release.text.null_prompt(text)
    )


def read_deit(path: Path, release: DiffusionRelease) -> tuple[Transformer, Tensors]:
    """Return the sizes and the weights of a pinned DeiT, without its classifier."""
    digest, data = Reader(path.parent).load(path.name, limit=_MAX_FILE)
    if digest not in release.deits:
        pinned = ", ".join(f"sha256:{expected[:12]}…" for expected in release.deits)
        fault = f"{path}: found sha256:{digest}, pinned are {pinned}"
        raise SigningError(Reason.DIGEST_MISMATCH, fault, hint="timm's deit_small_patch16_224.fb_in1k is one of them")
    shape = release.deits[digest]
    with torch.device("meta"):
        published = build_deit(shape, classes=IMAGENET)
    tensors = view({path.name: data}, specs_of(published))
    return shape, {name: tensor for name, tensor in tensors.items() if not name.startswith("head.")}


def read_cnn(name: str, path: Path, release: DiffusionRelease) -> tuple[TrunkShape, Tensors]:
    """Return a trunk's shape and the weights of a pinned CNN, those of later stages and the classifier included."""
    known = {cnn.name: (digest, cnn) for digest, cnn in release.cnns.items()}
    if name not in known:
        raise ValueError(f"CNN {name[:100]!a}; known are {', '.join(sorted(known))}")
    pinned, cnn = known[name]
    digest, data = Reader(path.parent).load(path.name, limit=_MAX_FILE)
    _refuse_unknown(str(path), digest, pinned, f"take {cnn.source}")
    with torch.device("meta"):
        published = build_cnn(cnn.network)
    shape = TrunkShape(cnn.network, digest, mean=cnn.mean, deviation=cnn.deviation)
    return shape, view({path.name: data}, specs_of(published))


def _refuse_unknown(where: str, digest: str, pinned: str, hint: str) -> None:
    if digest != pinned:
        impostor = f" ({IMPOSTORS[digest]})" if digest in IMPOSTORS else ""
        fault = f"{where}: pinned as sha256:{pinned}, found sha256:{digest}{impostor}"
        raise SigningError(Reason.DIGEST_MISMATCH, fault, hint=hint)


def _refuse_strangers(files: frozenset[str], folder: Path) -> None:
    """Refuse weight files that the repository does not have."""
    stems = {"unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model", "text_encoder": "model"}
    pickles = {"unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model", "text_encoder": "pytorch_model"}
    expected = {f"{part}/{stems[part]}{kind}.safetensors" for part in _FOLDERS for kind in _VARIANTS}
    expected |= {f"{part}/{pickles[part]}{kind}.bin" for part in _FOLDERS for kind in _VARIANTS}
    for name in sorted(files):
        path = PurePosixPath(name)
        if path.parts[0] in _FOLDERS and path.suffix in _WEIGHTS and name not in expected:
            raise SigningError(Reason.EXTRA_FILE, f"{folder}: {name!a} is no file of the release")


def _modern(data: memoryview, where: str, vae: torch.nn.Module) -> Tensors:
    """Return an autoencoder's tensors by present names; its attention may have older ones."""
    expected = specs_of(vae)
    older = {_older(name): name for name in expected}
    try:
        return view({where: data}, expected)
    except SigningError:
        tensors = view({where: data}, {old: expected[name] for old, name in older.items()})
        return {older[name]: tensor for name, tensor in tensors.items()}


def _older(name: str) -> str:
    for old, new in _OLDER.items():
        if ".attentions." in name and f".{new}." in name:
            return name.replace(f".{new}.", f".{old}.")
    return name
