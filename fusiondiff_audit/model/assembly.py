"""Assembly of a bundle from public weights, without the parts that are not needed.

They are those of Stable Diffusion v1.4, of a DeiT, and of a convolutional network if there is to be a trunk.

The noise of the diffusion features, the local path, the adapters and the gate are drawn from a fixed seed. `finetune`
trains all of these but the noise; until then the model can be enrolled, with poorer features.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from fusiondiff_audit.images.preparation import Geometry
from fusiondiff_audit.model.bundle import write_bundle
from fusiondiff_audit.model.diffusion import FeatureSelection
from fusiondiff_audit.model.encoder import TRUNK_PREFIX, Architecture, Precision, meta_encoder
from fusiondiff_audit.model.paths import FusionGate, GlobalPath, LocalPath
from fusiondiff_audit.model.public_weights import (
    DiffusionRelease,
    PublicWeights,
    Tensors,
    read_cnn,
    read_deit,
    read_diffusion_release,
)
from fusiondiff_audit.model.settings import Settings
from signing import PrivateKey, refuse_unfit

_SEED = 14


@dataclass(frozen=True, slots=True)
class BundleSpec:
    """The name, tile size, precision and features of the bundle to assemble."""

    name: str = "sd14"
    tile: int = 512
    precision: Precision = Precision.FP32
    reading: FeatureSelection = field(default_factory=lambda: FeatureSelection(("up1",), (25,)))


def assemble(
    out: Path,
    sd: Path,
    deit: Path,
    order: BundleSpec,
    *,
    cnn: tuple[str, Path] | None = None,
    key: PrivateKey | None = None,
    release: DiffusionRelease | None = None,
    watch: Callable[[str], None] = lambda name: None,
) -> Settings:
    """Write a bundle, signed if there is a key, of public files whose digests are pinned by `release`.

    `cnn` is the name of a network in `weights/pins.py`, and its file; without it the local path has no trunk.
    """
    release = release or DiffusionRelease()
    if key is not None:
        refuse_unfit(key)
    shape, transformer = read_deit(deit, release)
    trunk, cnn_weights = (None, {}) if cnn is None else read_cnn(*cnn, release)
    architecture = Architecture(
        tile=order.tile,
        precision=order.precision,
        autoencoder=release.autoencoder,
        denoiser=release.denoiser,
        reading=order.reading,
        transformer=shape,
        trunk=trunk,
    )
    settings = Settings(order.name, None, False, architecture, Geometry(tile=order.tile))
    expected = meta_encoder(architecture).state_dict()  # an impossible architecture fails before gigabytes are read
    public = read_diffusion_release(sd, release, watch)
    given = {f"broad.deit.{name}": tensor for name, tensor in transformer.items()}
    given |= {f"{TRUNK_PREFIX}{name}": tensor for name, tensor in cnn_weights.items()}
    watch(f"writing {out}")
    write_bundle(out, settings, _state(expected, architecture, public, given), None, key=key)
    return settings


def _state(expected: Tensors, architecture: Architecture, public: PublicWeights, given: Tensors) -> Tensors:
    """Return the encoder's state: public tensors as far as it has them, and random ones."""
    given = given | {f"diffusion.vae.{name}": tensor for name, tensor in public.vae.items()}
    given |= {f"diffusion.unet.{name}": tensor for name, tensor in public.unet.items()}
    given["diffusion.null_prompt"] = public.null_prompt
    drawn = _drawn(architecture, expected)
    return {name: (given[name] if name in given else drawn[name]).to(like.dtype) for name, like in expected.items()}


def _drawn(architecture: Architecture, expected: Tensors) -> Tensors:
    """Draw the tensors that are not public."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        noise = torch.randn(expected["diffusion.noise"].shape)
        parts = {
            "local": LocalPath(
                architecture.channels(), architecture.convolutions, architecture.width, architecture.trunk
            ),
            "broad": GlobalPath(architecture.transformer, architecture.width),
            "gate": FusionGate(architecture.width),
        }
    drawn = {f"{part}.{name}": t for part, module in parts.items() for name, t in module.state_dict().items()}
    return drawn | {"diffusion.noise": noise}
