"""The rules that are compared on the benchmark `bench/2`, each made for one seed.

The former rule uses the tool's features, the others their own. All are fitted to the same specimens, and asked about
the same images.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from benchmarks.cell_maps import Cells, MapCells, development_images
from benchmarks.former_rule import FormerRule
from benchmarks.memory_banks import ANOMALY_DINO, PATCHCORE, BankStyle, bank_rule
from fusiondiff_audit.cli.progress import with_progress
from fusiondiff_audit.evaluation.descriptors import texture_statistics
from fusiondiff_audit.evaluation.open_set import FitRule, OpenSetSpecimen, SpecimenAnswer
from fusiondiff_audit.evaluation.open_set_features import TaskFeatures, open_set_micrograph
from fusiondiff_audit.evaluation.open_set_rule import (
    OPEN_SET_ALPHA,
    cross_conformal_rule,
    rule_of_model,
    tiled_specimen,
)
from fusiondiff_audit.evaluation.open_set_task import OpenSetItem, OpenSetTask
from fusiondiff_audit.kiln.composition import composition
from fusiondiff_audit.kiln.parallel import available_cores, parallel_map
from fusiondiff_audit.kiln.specimens import Pixels
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.cross_conformal import FOLD_TREES
from fusiondiff_audit.model.specimens import TileFeatures
from reports.verdict.verdicts import Verdict

_QUARTER = 256  # pixels of a side of what texture descriptors describe
_CONSTANT = 1e-6  # deviation of a quantity that no specimen varies


@dataclass(frozen=True, slots=True, eq=False)
class Seed:
    """One seed with everything that a rule may use."""

    model: DiffusionModel
    task: OpenSetTask
    features: TaskFeatures
    maps: Mapping[str, MapCells]  # by the network's name


@dataclass(frozen=True, slots=True, eq=False)
class FormerAnswers:
    """The former rule; satisfies `open_set.FittedRule`."""

    rule: FormerRule
    features: Sequence[TileFeatures]

    def judge(self, specimen: OpenSetSpecimen) -> SpecimenAnswer:
        """Return AUTHENTIC or no verdict: the former rule's others are not compared."""
        tiled = tiled_specimen(specimen, self.features)
        accepted = self.rule.accepts(tiled, OPEN_SET_ALPHA)
        return SpecimenAnswer(Verdict.AUTHENTIC if accepted else None, self.rule.distance(tiled))


def own_rule(seed: Seed) -> FitRule:
    return rule_of_model(seed.model, seed.features.features, seed.task.seed)


def former_rule(seed: Seed) -> FitRule:
    features = seed.features.features

    def fit(enrolled: Sequence[OpenSetSpecimen]) -> FormerAnswers:
        tiled = [tiled_specimen(specimen, features) for specimen in enrolled]
        authentic, copies = ([one for one in tiled if one.authentic == label] for label in (True, False))
        return FormerAnswers(
            FormerRule.enrol(authentic, copies, seed.model.encoder.projection(), seed.task.seed), features
        )

    return fit


def texture_rule(seed: Seed) -> FitRule:
    """Texture descriptors in place of the encoder's features: the same distances, neighbours and forest."""
    textures = _textures(seed)
    identity = np.eye(textures[0].shape[1], dtype=np.float32)
    return cross_conformal_rule(textures, identity, trees=FOLD_TREES, seed=seed.task.seed)


def memory_bank_rule(style: BankStyle, network: str) -> Callable[[Seed], FitRule]:
    return lambda seed: bank_rule(style, _cells(seed, network).__getitem__)


def composition_rule(seed: Seed) -> FitRule:
    """Put the true composition of each specimen in place of its features: what so many specimens allow."""
    compositions = _compositions(seed.task.items)
    identity = np.eye(compositions[0].shape[1], dtype=np.float32)
    return cross_conformal_rule(compositions, identity, trees=FOLD_TREES, seed=seed.task.seed)


RULES: Mapping[str, Callable[[Seed], FitRule]] = {
    "fusiondiff": own_rule,
    "former rule": former_rule,
    "true composition": composition_rule,
    "texture descriptors": texture_rule,
    "patchcore, our maps": memory_bank_rule(PATCHCORE, "encoder"),
    "anomalydino, our maps": memory_bank_rule(ANOMALY_DINO, "encoder"),
    "patchcore, lite0": memory_bank_rule(PATCHCORE, "lite0"),
    "anomalydino, lite0": memory_bank_rule(ANOMALY_DINO, "lite0"),
}


def _compositions(items: Sequence[OpenSetItem]) -> list[TileFeatures]:
    """Return the composition of each item as one tile, in deviations over all items; absent phases have sizes of 0."""
    by_specimen: dict[tuple[str, ...], list[float]] = {}
    for item in items:
        if item.key not in by_specimen:
            drawn = item.specimen()
            by_specimen[item.key] = list(composition(drawn.body, drawn.pixel_size).values())
    rows = np.nan_to_num(np.array([by_specimen[item.key] for item in items]))
    deviation = rows.std(0)
    varying = deviation > _CONSTANT
    scaled = (rows[:, varying] / deviation[varying]).astype(np.float32)
    return list(scaled[:, None])


@lru_cache(maxsize=1)  # both banks of a network use its cells, which take 0.7 GB
def _cells(seed: Seed, network: str) -> Mapping[int, Cells]:
    """Return the cells of all assessable images, by their places."""
    items = seed.task.items
    places = [place for place in range(len(items)) if seed.features.is_assessable(place)]
    drawn = parallel_map(open_set_micrograph, [items[place] for place in places], available_cores())
    watched = with_progress(drawn, activity=f"maps of {network}", total=len(places))
    return dict(zip(places, map(seed.maps[network], watched), strict=True))


def _textures(seed: Seed) -> list[TileFeatures]:
    """Return texture descriptors of the quarters of all images, divided by their deviation on development kilns."""
    deviation = np.concatenate([_quarters(image.pixels[:, :, 0]) for image in development_images()]).std(0)
    items = seed.task.items
    described = parallel_map(_textures_of, items, available_cores())
    watched = with_progress(described, activity="texture descriptors", total=len(items))
    return [rows / np.maximum(deviation, 1e-6) for rows in watched]


def _textures_of(item: OpenSetItem) -> TileFeatures:
    return _quarters(item.pixels())


def _quarters(pixels: Pixels) -> TileFeatures:
    """Return the descriptors of squares of an image."""
    squares = [
        pixels[top : top + _QUARTER, left : left + _QUARTER]
        for top in range(0, pixels.shape[0], _QUARTER)
        for left in range(0, pixels.shape[1], _QUARTER)
    ]
    return np.array([texture_statistics(square) for square in squares], np.float32)
