"""Scores of images whose specimens the forests were not trained on, for measurements on labelled images."""

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.images.tiles import Aggregation, aggregate
from fusiondiff_audit.model.enrolment import EnrolledEmbeddings, ForestSettings, Indices, forest_scores, train_forests


def held_out_scores(
    enrolled: EnrolledEmbeddings, train: Indices, test: Indices, *, learning: ForestSettings, rule: Aggregation
) -> npt.NDArray[np.float64]:
    """Return the scores of the test images, by forests that were trained on the training images alone."""
    in_training = np.zeros(len(enrolled.examples), dtype=bool)
    in_training[train] = True
    forests = train_forests(enrolled.subset(in_training), learning)
    by_image = (forest_scores(forests, enrolled.embeddings[enrolled.example_index == image]) for image in test)
    scores = [np.mean([aggregate(tiles, rule) for tiles in forests_by_tile]) for forests_by_tile in by_image]
    return np.array(scores, dtype=np.float64)
