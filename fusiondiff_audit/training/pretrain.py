"""Pretraining from nothing: one recipe, one diet, and a bundle that has learnt to see and knows no label.

1. The autoencoder gives a latent; its scale is measured.
2. The denoiser learns to tell noise from such latents. Both are frozen then, as public weights would be.
3. The DeiT learns what the recipe asks for, with neither maps nor labels, and is frozen.
4. What the local path sees of tiles themselves learns the same, if the recipe says so once more of every picture alike;
   then the local path on maps that are computed once, if the recipe has steps for it, and then adapters and gate with
   it: from what is known by then, and with the same question.
5. Descriptors of the surface, if the recipe has them, learn nothing; their spread over the diet is measured.
6. Directions, if the recipe has them, are found in what was learnt, as it sees pieces that it did not learn from.
"""

import json
from dataclasses import replace
from functools import cache, partial

import numpy as np
import torch

from fusiondiff_audit.model.encoder import Architecture, Encoder, Precision
from fusiondiff_audit.model.settings import Settings
from fusiondiff_audit.training import meal
from fusiondiff_audit.training.diet import Cutting, Diet, Pictures, Watch
from fusiondiff_audit.training.directions import Said, directions, said
from fusiondiff_audit.training.looks import looks_of, measure
from fusiondiff_audit.training.loop import train
from fusiondiff_audit.training.maps import computed
from fusiondiff_audit.training.objectives import Asked, MadeOf, asked_of
from fusiondiff_audit.training.recipe import Meal, Recipe, Stage
from fusiondiff_audit.training.stages import (
    DenoiserTask,
    LatentTask,
    LocalTask,
    PathsTask,
    TextureTask,
    TransformerTask,
    average,
    begin_with_texture,
)
from fusiondiff_audit.training.studio import Studio

Tensor = torch.Tensor
_NOISE = 0x6E6F697365  # the streams of numbers that are drawn once for a bundle
_PROMPT = 0x70726F6D7074
_SURFACE = 0x73757266616365
_DIRECTIONS = 0x646972656374696F6E73  # of numbers, and of pieces that nothing was learnt from


def identity(recipe: Recipe, source: str) -> str:
    """Return what says that two runs are the same."""
    return json.dumps({"recipe": recipe.digest, "source": source})


def pretrain(
    recipe: Recipe, diet: Diet, studio: Studio, watch: Watch
) -> tuple[Settings, dict[str, Tensor], dict[str, Tensor]]:
    """Return the settings and the weights of an encoder that has learnt to see, and every step's loss of each stage."""
    here, seed, losses = studio.here, recipe.seed, dict[str, Tensor]()
    torch.manual_seed(seed)  # of first weights; every step draws from a generator of its own
    latent = LatentTask(recipe, diet, here)
    losses[latent.name] = train(latent, recipe.stages.autoencoder, studio, seed=seed)
    scaling = latent.scaling(np.random.default_rng([seed, _NOISE]))
    made = recipe.architecture
    recipe = replace(
        recipe, architecture=replace(made, autoencoder=replace(made.autoencoder, scaling=round(scaling, 6)))
    )
    prompt = torch.randn(
        1, made.denoiser.tokens, made.denoiser.context, generator=torch.Generator().manual_seed(_PROMPT ^ seed)
    )
    denoiser = DenoiserTask(recipe, diet, here, latent.module, prompt)
    losses[denoiser.name] = train(denoiser, recipe.stages.denoiser, studio, seed=seed)
    looks = cache(partial(looks_of, diet, studio))
    asked = partial(asked_of, diet, recipe.objective, recipe.architecture.width, looks)
    transformer = TransformerTask(recipe, diet, here, asked)
    losses[transformer.name] = train(transformer, recipe.stages.transformer, studio, seed=seed)
    encoder = _joined(recipe, latent, denoiser, transformer, prompt)
    stages, last = recipe.stages, asked()
    if encoder.local.pixels is not None:
        losses |= _texture(encoder, diet, recipe, studio, last)
        begin_with_texture(encoder)
    if diet.paired and stages.local.steps:
        maps = computed(encoder, diet, studio)
        local = LocalTask(encoder, maps, diet, here, stages.local, asked())
        losses[local.name] = train(local, stages.local, studio, seed=seed)
    paths = PathsTask(encoder, diet, here, stages.paths, last)
    losses[paths.name] = train(paths, stages.paths, studio, seed=seed)
    if encoder.surface is not None:
        measure(encoder.surface, diet, np.random.default_rng([seed, _SURFACE]), here)
    if encoder.directions is not None:
        encoder.directions.weight.copy_(_directions(encoder, recipe, studio, watch))
    return settings_of(recipe), _state(encoder, recipe.architecture), losses


def _texture(encoder: Encoder, diet: Diet, recipe: Recipe, studio: Studio, asked: Asked) -> dict[str, Tensor]:
    """Teach the local path what tiles show, for most of the time, and return the losses of each round."""
    stages, losses = recipe.stages, dict[str, Tensor]()

    def round_of(name: str, stage: Stage) -> TextureTask:
        task = TextureTask(name, encoder, diet, studio.here, stage, asked)
        losses[name] = train(task, stage, studio, seed=recipe.seed)
        return task

    task = round_of("texture", stages.texture)
    if not isinstance(asked, MadeOf):  # a folder's pictures are seen from one distance alone, and nobody knows a makeup
        return losses
    if stages.afar.steps:
        asked.broaden()
        task = round_of("afar", stages.afar)
    if stages.kilns.steps and any(diet.makers):
        before = {name: value.clone() for name, value in task.module.state_dict().items()}
        asked.favour_makers()
        average(round_of("kilns", stages.kilns).module, before)
    return losses


def _directions(encoder: Encoder, recipe: Recipe, studio: Studio, watch: Watch) -> Tensor:
    """Return directions in which pieces differ that are made for this alone."""
    cutting, numbers = Cutting(recipe.geometry, recipe.intensity), np.random.default_rng([recipe.seed, _DIRECTIONS])

    def seen(name: str, ordered: Meal) -> Said:
        def gather() -> Pictures:
            return watch(*meal.made(ordered, cutting, recipe.seed ^ _DIRECTIONS))

        return said(encoder, studio.diet(gather, cutting.geometry.tile, name=name), numbers, studio)

    encoder.train(mode=False)
    compared, width = recipe.directions, recipe.architecture.width
    return directions(seen("makers", compared.makers), seen("surfaces", compared.surfaces), width)


def settings_of(recipe: Recipe) -> Settings:
    """Return the settings of a bundle that knows no label."""
    return Settings(
        name=recipe.name,
        reference=None,
        demonstration=False,
        architecture=recipe.architecture,
        geometry=recipe.geometry,
        intensity=recipe.intensity,
        micro_batch=recipe.micro_batch,
        threads=recipe.threads,
    )


def _joined(
    recipe: Recipe, latent: LatentTask, denoiser: DenoiserTask, transformer: TransformerTask, prompt: Tensor
) -> Encoder:
    """Return an encoder of the parts that were trained apart; it is trained in single precision."""
    encoder = Encoder(replace(recipe.architecture, precision=Precision.FP32))
    noise = torch.randn(encoder.diffusion.noise.shape, generator=torch.Generator().manual_seed(_NOISE ^ recipe.seed))
    parts = {
        "diffusion.vae": latent.module.state_dict(),
        "diffusion.unet": denoiser.module.state_dict(),
        "broad": transformer.module["path"].state_dict(),
        "diffusion": {"noise": noise, "null_prompt": prompt},
    }
    known = {f"{part}.{name}": value.cpu() for part, state in parts.items() for name, value in state.items()}
    own = encoder.state_dict()
    encoder.load_state_dict({name: known.get(name, value) for name, value in own.items()})
    encoder.diffusion.freeze_prompt()
    return encoder


def _state(encoder: Encoder, architecture: Architecture) -> dict[str, Tensor]:
    """Return the weights in the precision of the bundle."""
    return {
        name: value.detach().cpu().to(kept.dtype)
        for (name, value), kept in zip(
            encoder.state_dict().items(), Encoder(architecture).state_dict().values(), strict=True
        )
    }
