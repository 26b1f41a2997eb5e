"""Pretraining from random weights: a recipe and a dataset give the settings and weights of an encoder without labels.

1. The autoencoder is trained, and the scale of its latent is measured.
2. The denoiser is trained on those latents; both are frozen.
3. The DeiT is trained for the recipe's objective, and frozen.
4. The local path's pixel CNN is trained for the same objective, in up to three stages, or taken from a bundle; then
   the local path on precomputed feature maps, if the recipe has steps for it; then adapters and gate together with it.
   Where the global path sees windows of tiles, it is trained with the pixel CNN on whole fields instead of 3.
5. Texture descriptors, if the recipe has them, are standardised over the dataset.
6. The projection, if the recipe has one, is fitted to embeddings of new synthetic specimens.
"""

import json
from dataclasses import replace
from functools import cache, partial

import numpy as np
import torch

from fusiondiff_audit.model.encoder import Architecture, Encoder, Precision, meta_encoder
from fusiondiff_audit.model.settings import Settings
from fusiondiff_audit.training.dataset import ImageProgress, TileDataset, TiledImages, Tiling
from fusiondiff_audit.training.feature_maps import compute_feature_maps
from fusiondiff_audit.training.loop import train
from fusiondiff_audit.training.objectives import CompositionRegression, ObjectiveHead, objective_head
from fusiondiff_audit.training.pretrain_windows import (
    FieldProgress,
    PretrainedParts,
    fit_trunk,
    load_trunk,
    open_window_fields,
    refuse_other_parts,
    start_local_path,
    train_over_windows,
)
from fusiondiff_audit.training.projection import EncodedTiles, encode_tiles, projection_matrix
from fusiondiff_audit.training.recipe import Recipe, Stage, SyntheticData
from fusiondiff_audit.training.stages import (
    AutoencoderTask,
    DenoiserTask,
    LocalPathTask,
    PathsTask,
    TextureTask,
    TransformerTask,
    average_weights,
    start_from_texture,
)
from fusiondiff_audit.training.synthetic import synthesise
from fusiondiff_audit.training.texture_targets import standardise, texture_targets
from fusiondiff_audit.training.workspace import Workspace

Tensor = torch.Tensor
_NOISE = 0x6E6F697365  # random streams
_PROMPT = 0x70726F6D7074
_TEXTURE = 0x73757266616365
_PROJECTION = 0x646972656374696F6E73


def run_identity(recipe: Recipe, source: str) -> str:
    """Return a text that is equal for equal runs."""
    return json.dumps({"recipe": recipe.digest, "source": source})


def pretrain(
    recipe: Recipe,
    dataset: TileDataset,
    workspace: Workspace,
    progress: ImageProgress,
    *,
    field_progress: FieldProgress = lambda fields, total: fields,
    parts: PretrainedParts | None = None,
) -> tuple[Settings, dict[str, Tensor], dict[str, Tensor]]:
    """Return the settings and the weights of a pretrained encoder, and the loss of every step of each stage."""
    parts = parts or PretrainedParts()
    refuse_other_parts(recipe, parts)
    process, seed, losses = workspace.process, recipe.seed, dict[str, Tensor]()
    torch.manual_seed(seed)  # of initial weights; every step has a generator of its own
    autoencoder = AutoencoderTask(recipe, dataset, process)  # 1
    losses[autoencoder.name] = train(autoencoder, recipe.stages.autoencoder, workspace, seed=seed)
    scaling = autoencoder.scaling(np.random.default_rng([seed, _NOISE]))
    shape = recipe.architecture
    recipe = replace(
        recipe, architecture=replace(shape, autoencoder=replace(shape.autoencoder, scaling=round(scaling, 6)))
    )
    prompt = torch.randn(
        1, shape.denoiser.tokens, shape.denoiser.context, generator=torch.Generator().manual_seed(_PROMPT ^ seed)
    )
    denoiser = DenoiserTask(recipe, dataset, process, autoencoder.module, prompt)  # 2
    losses[denoiser.name] = train(denoiser, recipe.stages.denoiser, workspace, seed=seed)
    targets = cache(partial(texture_targets, dataset, workspace))
    new_head = partial(objective_head, dataset, recipe.objective, recipe.architecture.width, targets)
    transformer = None
    if recipe.stages.transformer.steps:
        transformer = TransformerTask(recipe, dataset, process, new_head)  # 3
        losses[transformer.name] = train(transformer, recipe.stages.transformer, workspace, seed=seed)
    encoder = _assembled(recipe, autoencoder, denoiser, transformer, prompt)
    stages, head = recipe.stages, new_head()
    if parts.trunk is not None:
        load_trunk(encoder, parts.trunk[1])
        fit_trunk(encoder, dataset, seed, workspace)
    if encoder.local.pixels is not None:  # 4
        if parts.start is not None:
            start_local_path(encoder, parts.start)
        if stages.texture.steps:
            losses |= _train_pixels(encoder, dataset, recipe, workspace, head)
        start_from_texture(encoder)
    if stages.windows is not None:
        fields = open_window_fields(recipe, workspace, field_progress)
        losses |= train_over_windows(encoder, fields, recipe, workspace)
    elif dataset.has_pairs and stages.local.steps:
        maps = compute_feature_maps(encoder, dataset, workspace)
        local = LocalPathTask(encoder, maps, dataset, process, stages.local, new_head())
        losses[local.name] = train(local, stages.local, workspace, seed=seed)
    if stages.windows is None:
        paths = PathsTask(encoder, dataset, process, stages.paths, head)
        losses[paths.name] = train(paths, stages.paths, workspace, seed=seed)
    if encoder.surface is not None:  # 5
        standardise(encoder.surface, dataset, np.random.default_rng([seed, _TEXTURE]), process)
    if encoder.directions is not None:  # 6
        encoder.directions.weight.copy_(_fitted_projection(encoder, recipe, workspace, progress))
    return settings_of(recipe), _state(encoder, recipe.architecture), losses


def _train_pixels(
    encoder: Encoder, dataset: TileDataset, recipe: Recipe, workspace: Workspace, head: ObjectiveHead
) -> dict[str, Tensor]:
    """Train the local path's pixel CNN, and return the losses of each stage."""
    stages, losses = recipe.stages, dict[str, Tensor]()

    def trained(name: str, stage: Stage) -> TextureTask:
        task = TextureTask(name, encoder, dataset, workspace.process, stage, head)
        losses[name] = train(task, stage, workspace, seed=recipe.seed)
        return task

    task = trained("texture", stages.texture)
    if not isinstance(head, CompositionRegression):  # images of a folder have one magnification and no composition
        return losses
    if stages.multiscale.steps:
        head.sample_all_scales()
        task = trained("multiscale", stages.multiscale)
    if stages.makers.steps and any(dataset.makers):
        earlier = {name: value.clone() for name, value in task.module.state_dict().items()}
        head.sample_makers()
        average_weights(trained("makers", stages.makers).module, earlier)
    return losses


def _fitted_projection(encoder: Encoder, recipe: Recipe, workspace: Workspace, progress: ImageProgress) -> Tensor:
    """Return the projection, fitted to synthetic specimens that nothing was trained on."""
    tiling, rng = Tiling(recipe.geometry, recipe.intensity), np.random.default_rng([recipe.seed, _PROJECTION])

    def encoded(name: str, data: SyntheticData) -> EncodedTiles:
        def images() -> TiledImages:
            return progress(*synthesise(data, tiling, recipe.seed ^ _PROJECTION))

        return encode_tiles(encoder, workspace.dataset(images, tiling.geometry.tile, name=name), rng, workspace)

    encoder.train(mode=False)
    data, width = recipe.projection, recipe.architecture.width
    return projection_matrix(encoded("makers", data.makers), encoded("surfaces", data.surfaces), width)


def settings_of(recipe: Recipe) -> Settings:
    """Return the settings of a bundle without enrolment."""
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


def _assembled(
    recipe: Recipe,
    autoencoder: AutoencoderTask,
    denoiser: DenoiserTask,
    transformer: TransformerTask | None,
    prompt: Tensor,
) -> Encoder:
    """Return an encoder of the trained parts, in single precision for training."""
    encoder = Encoder(replace(recipe.architecture, precision=Precision.FP32))
    noise = torch.randn(encoder.diffusion.noise.shape, generator=torch.Generator().manual_seed(_NOISE ^ recipe.seed))
    parts = {
        "diffusion.vae": autoencoder.module.state_dict(),
        "diffusion.unet": denoiser.module.state_dict(),
        "broad": {} if transformer is None else transformer.module["path"].state_dict(),
        "diffusion": {"noise": noise, "null_prompt": prompt},
    }
    trained = {f"{part}.{name}": value.cpu() for part, state in parts.items() for name, value in state.items()}
    own = encoder.state_dict()
    encoder.load_state_dict({name: trained.get(name, value) for name, value in own.items()})
    encoder.diffusion.freeze_prompt()
    return encoder


def _state(encoder: Encoder, architecture: Architecture) -> dict[str, Tensor]:
    """Return the weights in the precision of the bundle."""
    stored = meta_encoder(architecture).state_dict()
    return {name: value.detach().cpu().to(stored[name].dtype) for name, value in encoder.state_dict().items()}
