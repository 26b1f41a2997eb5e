"""A bundle from public weights: Stable Diffusion v1.4 and a DeiT, cut to what is read, and paths that are yet to learn.

What is not public is drawn from a fixed seed: the noise of the diffusion features, the local path, the adapters and the
gate. `finetune` teaches all of these but the noise; until then the model can be enrolled, and knows less.
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
    """What the bundle is to be."""

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
    """Write a bundle, signed if there is a key; every file that goes into it is known by its digest."""
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
    wanted = meta_encoder(architecture).state_dict()  # what cannot be built is refused before gigabytes are read
    public = read_diffusion_release(sd, release, watch)
    watch(f"writing {out}")
    write_bundle(out, settings, _state(wanted, architecture, public, transformer), None, key=key)
    return settings


def _state(wanted: Tensors, architecture: Architecture, public: PublicWeights, transformer: Tensors) -> Tensors:
    """Return an encoder's whole state: what is public, and what is drawn."""
    known = {f"diffusion.vae.{name}": tensor for name, tensor in public.vae.items()}
    known |= {f"diffusion.unet.{name}": tensor for name, tensor in public.unet.items()}
    known |= {f"broad.deit.{name}": tensor for name, tensor in transformer.items()}
    known["diffusion.null_prompt"] = public.null_prompt
    drawn = _drawn(architecture, wanted)
    return {name: (known[name] if name in known else drawn[name]).to(like.dtype) for name, like in wanted.items()}


def _drawn(architecture: Architecture, wanted: Tensors) -> Tensors:
    """Return what nobody published."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        noise = torch.randn(wanted["diffusion.noise"].shape)
        parts = {
            "local": LocalPath(architecture.channels(), architecture.convolutions, architecture.width),
            "broad": GlobalPath(architecture.transformer, architecture.width),
            "gate": FusionGate(architecture.width),
        }
    drawn = {f"{part}.{name}": t for part, module in parts.items() for name, t in module.state_dict().items()}
    return drawn | {"diffusion.noise": noise}
