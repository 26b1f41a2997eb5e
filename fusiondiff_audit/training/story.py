"""What a card tells of a training: what was looked at, the recipe word by word, and how each loss fell."""

from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.training.checkpoints import newest
from fusiondiff_audit.training.diet import Diet
from fusiondiff_audit.training.studio import Studio

_SHARES = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0)
_WINDOW = 0.02  # share of the steps that one figure is the mean of


def story(recipe: str, source: str, diet: Diet, studio: Studio) -> str:
    """Return it in Markdown; the recipe is the text of its file, the source `kiln` or DIR."""
    command = f"fusiondiff-audit pretrain {source}{' --mixed' if studio.here.mixed else ''}"
    made_with = ", ".join(
        [*(f"{name} {version(name)}" for name in ("fusiondiff-audit", "torch")), studio.here.device.type]
    )
    seen = f"{len(diet.squares):,} tiles of {len(diet.digests):,} pictures of {len(diet.members):,} objects"
    return "\n".join(
        (
            f"`{command}` with the recipe below ({made_with}) looked at {seen}.",
            "",
            *_curves(studio),
            "",
            "```toml",
            recipe.strip(),
            "```",
        )
    )


def _curves(studio: Studio) -> list[str]:
    """Return the loss of each stage as it fell: a table, since a card has no pictures."""
    rows = ["| loss of | steps | " + " | ".join(f"{share:.0%}" for share in _SHARES) + " |"]
    rows.append("|---" * (len(_SHARES) + 2) + "|")
    for curve in sorted(studio.folder.glob("*.png"), key=lambda path: path.stat().st_mtime_ns):
        found = newest(studio.folder, curve.stem, warn=studio.warn)
        if found is not None:
            losses = found.tensors["losses"].numpy()
            cells = " | ".join(f"{_around(losses, share):.4g}" for share in _SHARES)
            rows.append(f"| {curve.stem} | {len(losses):,} | {cells} |")
    return rows


def _around(losses: npt.NDArray[np.float32], share: float) -> float:
    width = max(1, int(len(losses) * _WINDOW))
    start = min(int(share * len(losses)), len(losses) - width)
    return float(losses[start : start + width].mean())
