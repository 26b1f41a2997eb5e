"""The training history in a model card: the dataset's size, the recipe verbatim, and a table of losses."""

from collections.abc import Iterator, Mapping
from importlib.metadata import version

import torch

from fusiondiff_audit.training.dataset import TileDataset
from fusiondiff_audit.training.workspace import TrainingProcess

_SHARES = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0)
_WINDOW = 0.02  # share of the steps that one figure is the mean of


def training_history(
    recipe: str, source: str, dataset: TileDataset, losses: Mapping[str, torch.Tensor], process: TrainingProcess
) -> str:
    """Return the history in Markdown; `recipe` is the text of its file, `source` is `kiln` or DIR."""
    command = f"fusiondiff-audit pretrain {source}{' --mixed' if process.mixed else ''}"
    made_with = ", ".join([*(f"{name} {version(name)}" for name in ("fusiondiff-audit", "torch")), process.device.type])
    size = f"{len(dataset.tiles):,} tiles of {len(dataset.digests):,} images of {len(dataset.makers):,} specimens"
    sentence = f"`{command}` with the recipe below ({made_with}) trained on {size}."
    return "\n".join([sentence, "", *_loss_table(losses), "", "```toml", recipe.strip(), "```"])


def _loss_table(losses: Mapping[str, torch.Tensor]) -> Iterator[str]:
    yield "| loss of | steps | " + " | ".join(f"{share:.0%}" for share in _SHARES) + " |"
    yield "|---" * (len(_SHARES) + 2) + "|"
    for stage, values in losses.items():
        means = " | ".join(f"{_mean_around(values, share):.4g}" for share in _SHARES)
        yield f"| {stage} | {len(values):,} | {means} |"


def _mean_around(losses: torch.Tensor, share: float) -> float:
    width = max(1, int(len(losses) * _WINDOW))
    start = min(int(share * len(losses)), len(losses) - width)
    return float(losses[start : start + width].mean())
