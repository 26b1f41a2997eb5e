"""What a card tells of a training: what was looked at, the recipe word by word, and how each loss fell."""

from collections.abc import Iterator, Mapping
from importlib.metadata import version

import torch

from fusiondiff_audit.training.diet import Diet
from fusiondiff_audit.training.studio import Place

_SHARES = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0)
_WINDOW = 0.02  # share of the steps that one figure is the mean of


def story(recipe: str, source: str, diet: Diet, losses: Mapping[str, torch.Tensor], here: Place) -> str:
    """Return it in Markdown; the recipe is the text of its file, the source `kiln` or DIR."""
    command = f"fusiondiff-audit pretrain {source}{' --mixed' if here.mixed else ''}"
    made_with = ", ".join([*(f"{name} {version(name)}" for name in ("fusiondiff-audit", "torch")), here.device.type])
    seen = f"{len(diet.squares):,} tiles of {len(diet.digests):,} pictures of {len(diet.members):,} objects"
    return "\n".join(
        (
            f"`{command}` with the recipe below ({made_with}) looked at {seen}.",
            "",
            *_curves(losses),
            "",
            "```toml",
            recipe.strip(),
            "```",
        )
    )


def _curves(losses: Mapping[str, torch.Tensor]) -> Iterator[str]:
    """Yield the loss of each stage as it fell: a table, since a card has no pictures."""
    yield "| loss of | steps | " + " | ".join(f"{share:.0%}" for share in _SHARES) + " |"
    yield "|---" * (len(_SHARES) + 2) + "|"
    for stage, fell in losses.items():
        yield f"| {stage} | {len(fell):,} | " + " | ".join(f"{_around(fell, share):.4g}" for share in _SHARES) + " |"


def _around(fell: torch.Tensor, share: float) -> float:
    width = max(1, int(len(fell) * _WINDOW))
    start = min(int(share * len(fell)), len(fell) - width)
    return float(fell[start : start + width].mean())
