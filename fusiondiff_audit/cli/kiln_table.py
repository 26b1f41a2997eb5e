"""How the benchmark's table looks."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fusiondiff_audit.evaluation.metrics import Interval
    from fusiondiff_audit.evaluation.summary import PairedComparison, SummaryRow

HEADS = ("model", "labels", "seeds", "balanced accuracy, %", "images", "other microscope", "unseen workshop*", "kiln*")
# Nobody has published the data behind the figures of the press, and one of them is of a validation set.
PRESS = """
  * called AUTHENTIC, %: less is better. Means over seeds with 95 % intervals; images are counts over all seeds.
  The press tells of FusionDiff: 99.07 % accuracy, 90.7 % in validation with 50 labels. Other data, not comparable."""


COMPARISON_HEADS = ("the same pictures", "labels", "seeds", "it alone right", "(b) alone right", "p (McNemar, exact)")


def summary_cells(line: "SummaryRow") -> tuple[str, ...]:
    """Return a line's cells."""
    others = (_mean(found) for found in (line.microscope, line.workshop, line.kiln))
    return (
        _title(line.model),
        f"{line.labels:,}",
        str(line.balanced.seeds),
        str(line.balanced),
        f"{line.right}/{line.of}",
        *others,
    )


def comparison_cells(duel: "PairedComparison") -> tuple[str, ...]:
    """Return a duel's cells."""
    counts = (duel.labels, duel.seeds, duel.only_model, duel.only_rival)
    return (_title(duel.model), *(f"{number:,}" for number in counts), f"{duel.p:.2g}")


def _title(model: str) -> str:
    from fusiondiff_audit.evaluation.baselines import BASELINES
    from fusiondiff_audit.evaluation.deep_baseline import TITLES

    if model in BASELINES:
        return BASELINES[model].title
    return TITLES.get(model, "FusionDiff, forests on frozen embeddings")


def _mean(found: "Interval | None") -> str:
    return "-" if found is None else str(found)
