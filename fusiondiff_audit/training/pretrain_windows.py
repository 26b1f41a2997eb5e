"""The parts of a pretraining over windows of tiles: where it starts, its trunk, and its two stages."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch

import signing
from fusiondiff_audit.model.bundle import LoadedBundle
from fusiondiff_audit.model.encoder import Encoder
from fusiondiff_audit.model.shapes import TrunkShape
from fusiondiff_audit.training.dataset import Indices, TileDataset
from fusiondiff_audit.training.feature_maps import as_tensor
from fusiondiff_audit.training.field_dataset import Field, FieldDataset, open_fields, write_fields
from fusiondiff_audit.training.loop import train
from fusiondiff_audit.training.recipe import Recipe, Stage
from fusiondiff_audit.training.synthetic_fields import synthesise_fields
from fusiondiff_audit.training.window_batches import WindowSampler
from fusiondiff_audit.training.window_stage import WindowHead, WindowTask
from fusiondiff_audit.training.workspace import Workspace

Tensor = torch.Tensor
FieldProgress = Callable[[Iterator[Field], int], Iterator[Field]]
_MEASURED, _AT_ONCE = 4096, 32  # tiles that a trunk's statistics are of, and at once
_TRUNK = 0x7472756E6B  # a random stream
_FOLDER = "fields"


@dataclass(frozen=True, slots=True, eq=False)
class PretrainedParts:
    """What a pretraining takes from elsewhere; None where its recipe names nothing."""

    start: LoadedBundle | None = None
    trunk: tuple[TrunkShape, Mapping[str, Tensor]] | None = None  # all tensors of the public network


def refuse_other_parts(recipe: Recipe, parts: PretrainedParts) -> None:
    """Refuse a bundle or a network that are not those of the recipe, and to go without them."""
    given = None if parts.start is None else parts.start.digest
    if given != recipe.start:
        wanted = (
            "no bundle to start from" if recipe.start is None else f"the bundle sha256:{recipe.start} to start from"
        )
        found = "none is given" if given is None else f"sha256:{given} is given"
        hint = "name it with --start" if recipe.start else "leave --start out"
        raise signing.SigningError(signing.Reason.DIGEST_MISMATCH, f"the recipe has {wanted}, and {found}", hint=hint)
    trunk = recipe.architecture.trunk
    weights = None if parts.trunk is None else parts.trunk[0].weights
    if weights != (None if trunk is None else trunk.weights):
        wanted = "no trunk" if trunk is None else f"a trunk with the weights sha256:{trunk.weights}"
        found = "none are given" if weights is None else f"sha256:{weights} is given"
        hint = "give its file with --cnn-weights" if trunk else "leave --cnn-weights out"
        raise signing.SigningError(signing.Reason.DIGEST_MISMATCH, f"the recipe has {wanted}, and {found}", hint=hint)


@torch.no_grad()
def start_local_path(encoder: Encoder, start: LoadedBundle) -> None:
    """Take the pixel CNN of a bundle, and its way from there to the embedding; nothing else of it has an influence."""
    state, local = start.encoder.state_dict(), encoder.local
    own = {name: value for name, value in local.state_dict().items() if name.startswith(("pixels.", "out."))}
    theirs = {name: state.get(f"local.{name}") for name in own}
    before, pixels = (2 * part.shape.width * len(part.blocks) for part in (local, start.encoder.local)), local.pixels
    own_first, their_first = before
    if pixels is None or start.encoder.local.pixels is None:
        raise ValueError("a bundle to start from, or to be trained, has no pixel CNN")
    count = 2 * pixels.norm.num_features
    first = torch.zeros_like(own["out.0.weight"])
    given = theirs["out.0.weight"]
    if given is None or given.shape[0] != first.shape[0]:
        raise ValueError("the local path of the bundle to start from has another width")
    first[:, own_first : own_first + count] = given[:, their_first : their_first + count]
    theirs["out.0.weight"] = first
    for name, value in theirs.items():
        if value is None or value.shape != own[name].shape:
            raise ValueError(f"the bundle to start from has another {name}")
    local.load_state_dict(
        {**local.state_dict(), **{name: value for name, value in theirs.items() if value is not None}}
    )


def load_trunk(encoder: Encoder, tensors: Mapping[str, Tensor]) -> None:
    """Take the weights of a public network, as far as the trunk reads it."""
    if encoder.local.trunk is None:
        raise TypeError("an encoder without a trunk")
    network = encoder.local.trunk.network
    network.load_state_dict({name: tensors[name] for name in network.state_dict()})


@torch.no_grad()
def fit_trunk(encoder: Encoder, dataset: TileDataset, seed: int, workspace: Workspace) -> None:
    """Fit the statistics of the trunk's features, and their components, to a sample of a dataset."""
    trunk = encoder.local.trunk
    if trunk is None:
        raise TypeError("an encoder without a trunk")
    sample: Indices = dataset.sample_images(np.random.default_rng([seed, _TRUNK]), _MEASURED)
    rows = []
    for start in range(0, len(sample), _AT_ONCE):
        tiles = as_tensor(dataset.tiles[sample[start : start + _AT_ONCE]], workspace.process)
        rows.append(encoder.local.trunk_features(tiles).cpu())
        workspace.report("trunk", min(start + _AT_ONCE, len(sample)), len(sample), None)
    features = torch.cat(rows)
    trunk.fit(features)
    trunk.fit_components(features.to(trunk.mean))


def open_window_fields(recipe: Recipe, workspace: Workspace, progress: FieldProgress) -> FieldDataset:
    """Return the fields of a recipe, synthesised unless the workspace holds them already."""
    data, folder = recipe.fields, workspace.folder / _FOLDER
    if data is None:
        raise TypeError("a recipe without fields")
    if workspace.process.is_first and open_fields(folder, data.side) is None:
        write_fields(progress(*synthesise_fields(data, recipe.seed)), folder, data.side)
    workspace.process.barrier()
    fields = open_fields(folder, data.side)
    if fields is None:
        raise signing.SigningError(signing.Reason.UNREADABLE, f"{folder}: its fields cannot be read back")
    return fields


def train_over_windows(
    encoder: Encoder, fields: FieldDataset, recipe: Recipe, workspace: Workspace
) -> dict[str, Tensor]:
    """Train the stages `windows` and `paths`, and return their losses."""
    stages = recipe.stages
    if stages.windows is None:
        raise TypeError("a recipe without a stage over windows")
    sampler = WindowSampler(fields, recipe.intensity, recipe.architecture.tile)
    head = WindowHead(recipe.architecture.width, *sampler.targets)

    def trained(name: str, stage: Stage, *, whole: bool) -> Tensor:
        task = WindowTask(name, encoder, sampler, workspace.process, stage, head, whole=whole)
        return train(task, stage, workspace, seed=recipe.seed)

    return {
        "windows": trained("windows", stages.windows, whole=False),
        "paths": trained("paths", stages.paths, whole=True),
    }
