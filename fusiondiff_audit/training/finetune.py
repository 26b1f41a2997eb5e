"""Fine-tuning: paths, adapters and gate learn from labels; what diffusion and the DeiT know stays as it is.

The bundle then lists every picture whose label it saw: a certificate of what poisoned labels can do must not count
those. What was enrolled before is gone, since the embeddings that it consists of are others now.
"""

from dataclasses import replace

import torch

from fusiondiff_audit.model.bundle import LoadedBundle
from fusiondiff_audit.model.encoder import Encoder
from fusiondiff_audit.model.settings import Settings
from fusiondiff_audit.training.diet import Diet
from fusiondiff_audit.training.loop import train
from fusiondiff_audit.training.maps import computed
from fusiondiff_audit.training.objectives import Known
from fusiondiff_audit.training.recipe import Stage
from fusiondiff_audit.training.stages import LocalTask, PathsTask
from fusiondiff_audit.training.studio import Studio


def finetune(
    bundle: LoadedBundle, diet: Diet, first: Stage, then: Stage, seed: int, studio: Studio
) -> tuple[Settings, dict[str, torch.Tensor]]:
    """Return the settings and the weights of an encoder that has seen labels.

    The local path learns `first`, on maps that are computed once, `then` all that is not frozen learns together.
    """
    settings = bundle.settings
    encoder = thawed(bundle.encoder)
    torch.manual_seed(seed)  # of the head that is thrown away
    width, here = settings.architecture.width, studio.here
    if diet.paired:
        maps = computed(encoder, diet, studio)
        train(LocalTask(encoder, maps, diet, here, first, Known(width, diet)), first, studio, seed=seed)
    train(PathsTask(encoder, diet, here, then, Known(width, diet)), then, studio, seed=seed)
    seen = tuple(sorted({*settings.seen, *diet.digests}))
    made = replace(settings, seen=seen, reference=None, demonstration=False, learning=None, examples=())
    return made, {name: value.detach().cpu() for name, value in encoder.state_dict().items()}


def thawed(encoder: Encoder) -> Encoder:
    """Return a copy whose paths and gate can be trained; what is frozen stays so."""
    copy = Encoder(encoder.architecture)
    copy.load_state_dict(encoder.state_dict())
    copy.diffusion.freeze_prompt()
    return copy
