"""A tiny model of the true architecture with seeded random weights, and pictures for it."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from fusiondiff_audit.images.claims import Claims
from fusiondiff_audit.images.header import ImageHeader
from fusiondiff_audit.images.micrograph import LooseMicrograph
from fusiondiff_audit.images.preparation import Geometry
from fusiondiff_audit.kiln.specimens import specimen
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.diffusion import FeatureSelection
from fusiondiff_audit.model.encoder import Architecture, Encoder, Precision
from fusiondiff_audit.model.enrolment import ForestSettings, LabelledExample
from fusiondiff_audit.model.inference import EncoderRunner
from fusiondiff_audit.model.settings import Settings
from fusiondiff_audit.model.shapes import Autoencoder, Convolutions, Denoiser, Transformer

ARCHITECTURE = Architecture(
    tile=64,
    width=16,
    autoencoder=Autoencoder((8, 16, 16, 16), layers=1, groups=4),
    denoiser=Denoiser((16, 32, 32, 32), layers=1, heads=4, groups=4, context=24, tokens=5),
    reading=FeatureSelection(("mid", "up1"), (25, 200)),
    convolutions=Convolutions(8, 1),
    transformer=Transformer(24, 2, 3, 16, 32, 4),
)
SETTINGS = Settings(
    name="tiny",
    reference=None,
    demonstration=True,
    architecture=ARCHITECTURE,
    geometry=Geometry(tile=64),
    micro_batch=4,
    threads=1,
)


def seeded_encoder(architecture: Architecture = ARCHITECTURE, seed: int = 0) -> Encoder:
    """Return an encoder whose every number is random, adapters and prompt as well; the same in each precision."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        full = Encoder(replace(architecture, precision=Precision.FP32))
        for name, tensor in full.state_dict().items():
            if name.startswith(("broad.adapters", "diffusion.null_prompt", "diffusion.noise")):
                tensor.normal_(0, 1 if name.startswith("diffusion") else 0.2)
    encoder = Encoder(architecture).eval()
    encoder.load_state_dict(full.state_dict())
    return encoder


def tiny_model(settings: Settings = SETTINGS, **options: Any) -> DiffusionModel:
    """Return a model that is not enrolled."""
    settings = replace(settings, **options)
    encoder = seeded_encoder(settings.architecture)
    encoder.diffusion.freeze_prompt()
    return DiffusionModel(settings, EncoderRunner(encoder, settings), None, digest="", verified=True)


def picture(pixels: "np.ndarray[Any, np.dtype[Any]]", name: str = "made.tif") -> LooseMicrograph:
    """Return pixels as a micrograph without a file."""
    height, width = pixels.shape
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()
    header = ImageHeader("tiff", width, height, 1, 8 * pixels.itemsize)
    return LooseMicrograph(name, digest, digest, pixels[:, :, None], header, "none", Claims(), ())


def pictures(count: int, *, side: int = 96, kiln: str = "alder") -> Iterator[LooseMicrograph]:
    """Yield pictures of specimens of a kiln, one each."""
    for number in range(count):
        yield picture(specimen(kiln, None, str(number)).field(0, side), f"{kiln}-{number}.tif")


def examples(each: int, *, side: int = 96) -> Iterator[tuple[LooseMicrograph, LabelledExample]]:
    """Yield labelled pictures: alder's are authentic, birch's are not."""
    for number in range(each):
        for kiln in ("alder", "birch"):
            sample = picture(specimen(kiln, None, str(number)).field(0, side), f"{kiln}-{number}.tif")
            yield sample, LabelledExample(sample.pixel_digest, f"{kiln} {number}", kiln == "alder")


def enrolled_model(each: int = 8, **options: Any) -> DiffusionModel:
    """Return a model that is enrolled with specimens of two kilns."""
    learning = options.pop("learning", ForestSettings(trees=10))
    return tiny_model(**options).enrol(examples(each), reference="alder", learning=learning, demonstration=True)
