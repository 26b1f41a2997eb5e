"""Fine-tuning from labels: paths, adapters and gate are trained, the diffusion model and the DeiT stay frozen.

The new bundle lists every image whose label it was trained with, since no certificate against poisoned labels may count
those. It has no enrolment, because its embeddings differ from those of the old bundle.
"""

from dataclasses import replace

import torch

from fusiondiff_audit.model.bundle import LoadedBundle
from fusiondiff_audit.model.encoder import Encoder
from fusiondiff_audit.model.settings import Settings
from fusiondiff_audit.training.dataset import TileDataset
from fusiondiff_audit.training.feature_maps import compute_feature_maps
from fusiondiff_audit.training.loop import train
from fusiondiff_audit.training.objectives import MakerClassifier
from fusiondiff_audit.training.recipe import Stage
from fusiondiff_audit.training.stages import LocalPathTask, PathsTask
from fusiondiff_audit.training.workspace import Workspace


def finetune(
    bundle: LoadedBundle, dataset: TileDataset, local: Stage, joint: Stage, seed: int, workspace: Workspace
) -> tuple[Settings, dict[str, torch.Tensor]]:
    """Return the settings and the weights of a fine-tuned encoder.

    Stage `local` trains the local path on precomputed feature maps, stage `joint` all that is not frozen.
    """
    settings = bundle.settings
    encoder = trainable_copy(bundle.encoder)
    torch.manual_seed(seed)  # of the heads, which are discarded
    width, process = settings.architecture.width, workspace.process
    if dataset.has_pairs:
        maps = compute_feature_maps(encoder, dataset, workspace)
        head = MakerClassifier(width, dataset)
        train(LocalPathTask(encoder, maps, dataset, process, local, head), local, workspace, seed=seed)
    head = MakerClassifier(width, dataset)
    train(PathsTask(encoder, dataset, process, joint, head), joint, workspace, seed=seed)
    seen = tuple(sorted({*settings.seen, *dataset.digests}))
    tuned = replace(settings.without_enrolment(), seen=seen, demonstration=False)
    return tuned, {name: value.detach().cpu() for name, value in encoder.state_dict().items()}


def trainable_copy(encoder: Encoder) -> Encoder:
    """Return a copy whose paths and gate can be trained; its frozen parts stay frozen."""
    copy = Encoder(encoder.architecture)
    copy.load_state_dict(encoder.state_dict())
    copy.diffusion.freeze_prompt()
    return copy
