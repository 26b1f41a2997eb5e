"""Assembly of a bundle from public weights: Stable Diffusion v1.4 and a DeiT, without the parts that are not needed.

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
from fusiondiff_audit.model.encoder import Architecture, Precision, meta_encoder
from fusiondiff_audit.model.paths import FusionGate, GlobalPath, LocalPath
from fusiondiff_audit.model.public_weights import (
    DiffusionRelease,
    PublicWeights,
    Tensors,
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
    key: PrivateKey | None = None,
    release: DiffusionRelease | None = None,
    watch: Callable[[str], None] = lambda name: None,
) -> Settings:
    """Write a bundle, signed if there is a key, of public files whose digests are pinned by `release`."""
    release = release or DiffusionRelease()
    if key is not None:
        refuse_unfit(key)
    shape, transformer = read_deit(deit, release)
    architecture = Architecture(
        tile=order.tile,
        precision=order.precision,
        autoencoder=release.autoencoder,
        denoiser=release.denoiser,
        reading=order.reading,
        transformer=shape,
    )
    settings = Settings(order.name, None, False, architecture, Geometry(tile=order.tile))
    expected = meta_encoder(architecture).state_dict()  # an impossible architecture fails before gigabytes are read
    public = read_diffusion_release(sd, release, watch)
    watch(f"writing {out}")
    write_bundle(out, settings, _state(expected, architecture, public, transformer), None, key=key)
    return settings


def _state(expected: Tensors, architecture: Architecture, public: PublicWeights, transformer: Tensors) -> Tensors:
    """Return the encoder's state: public tensors, and random ones."""
    given = {f"diffusion.vae.{name}": tensor for name, tensor in public.vae.items()}
    given |= {f"diffusion.unet.{name}": tensor for name, tensor in public.unet.items()}
    given |= {f"broad.deit.{name}": tensor for name, tensor in transformer.items()}
    given["diffusion.null_prompt"] = public.null_prompt
    drawn = _drawn(architecture, expected)
    return {name: (given[name] if name in given else drawn[name]).to(like.dtype) for name, like in expected.items()}


def _drawn(architecture: Architecture, expected: Tensors) -> Tensors:
    """Draw the tensors that are not public."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        noise = torch.randn(expected["diffusion.noise"].shape)
        parts = {
            "local": LocalPath(architecture.channels(), architecture.convolutions, architecture.width),
            "broad": GlobalPath(architecture.transformer, architecture.width),
            "gate": FusionGate(architecture.width),
        }
    drawn = {f"{part}.{name}": t for part, module in parts.items() for name, t in module.state_dict().items()}
    return drawn | {"diffusion.noise": noise}
