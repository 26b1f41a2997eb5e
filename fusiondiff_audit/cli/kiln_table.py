"""The tables of `kiln bench`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fusiondiff_audit.evaluation.summary import PairedComparison, SummaryRow

HEADS = ("model", "labels", "seeds", "balanced accuracy, %", "images", "other microscope", "unseen workshop*", "kiln*")
# The data behind the press figures are not published, and one of the figures is of a validation set.
PRESS = """
  * called AUTHENTIC, %: less is better. Means over seeds with 95 % intervals; images are counts over all seeds.
  The press tells of FusionDiff: 99.07 % accuracy, 90.7 % in validation with 50 labels. Other data, not comparable."""


COMPARISON_HEADS = ("the same images", "labels", "seeds", "model alone right", "(b) alone right", "p (McNemar, exact)")


def summary_cells(row: "SummaryRow") -> tuple[str, ...]:
    others = ("-" if interval is None else str(interval) for interval in (row.microscope, row.workshop, row.kiln))
    return (
        _title(row.model),
        f"{row.labels:,}",
        str(row.balanced.seeds),
        str(row.balanced),
        f"{row.right}/{row.of}",
        *others,
    )


def comparison_cells(pair: "PairedComparison") -> tuple[str, ...]:
    counts = (pair.labels, pair.seeds, pair.only_model, pair.only_rival)
    return (_title(pair.model), *(f"{number:,}" for number in counts), f"{pair.p:.2g}")


def _title(model: str) -> str:
    from fusiondiff_audit.evaluation.baselines import BASELINES
    from fusiondiff_audit.evaluation.deep_baseline import TITLES

    if model in BASELINES:
        return BASELINES[model].title
    return TITLES.get(model, "FusionDiff, forests on frozen embeddings")
