"""Fits the head of a bundle to enrolled tiles: forests, the models of folds, and what the enrolment says of itself."""

from collections.abc import Callable

from fusiondiff_audit.images.fingerprint import Fingerprints
from fusiondiff_audit.model.cross_conformal import FOLD_TREES, CrossConformal, can_fit
from fusiondiff_audit.model.enrolment import (
    EnrolledEmbeddings,
    ForestSettings,
    is_constant,
    one_blas_thread,
    train_forests,
)
from fusiondiff_audit.model.head import Head
from fusiondiff_audit.model.left_out import EnrolmentFigures, measure_enrolment
from fusiondiff_audit.model.specimens import TileFeatures

FitProgress = Callable[[str, int, int], None]  # what is fitted, the models that are done, and their number


def no_progress(part: str, done: int, of: int) -> None:
    pass


def fit_head(
    enrolled: EnrolledEmbeddings,
    fingerprints: Fingerprints,
    projection: TileFeatures,
    learning: ForestSettings,
    progress: FitProgress = no_progress,
) -> tuple[Head, EnrolmentFigures]:
    """Return a head, and the figures that stand in the settings beside it."""
    forests = train_forests(enrolled, learning)
    if all(map(is_constant, forests)):
        several = "no partition has specimens of both classes"
        fault = several if len(forests) > 1 else "all specimens are of one class"
        raise ValueError(f"{fault}; enrol more specimens, or ask for fewer partitions")
    if not can_fit(enrolled.specimens):
        return Head(forests, enrolled, None, fingerprints), EnrolmentFigures()
    trees, seed = min(FOLD_TREES, learning.trees), learning.seed
    with one_blas_thread():
        conformal = CrossConformal.fit(
            enrolled.specimens,
            projection,
            trees=trees,
            seed=seed,
            progress=lambda done, of: progress("models of folds", done, of),
        )
        figures = measure_enrolment(
            conformal,
            trees=trees,
            seed=seed,
            progress=lambda maker: lambda done, of: progress(f"models without {maker}", done, of),
        )
    return Head(forests, enrolled, conformal, fingerprints), figures
