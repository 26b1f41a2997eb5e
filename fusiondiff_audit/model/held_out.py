"""Asking a model about pictures whose specimens it did not learn from, as a measurement on labelled ones must."""

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.images.tiles import Aggregation, aggregate
from fusiondiff_audit.model.enrolment import EnrolledEmbeddings, ForestSettings, Indices, forest_scores, train_forests


def held_out_scores(
    enrolled: EnrolledEmbeddings, known: Indices, asked: Indices, *, learning: ForestSettings, rule: Aggregation
) -> npt.NDArray[np.float64]:
    """Return the scores of the asked pictures, by forests that learnt from the known ones alone."""
    learnt = np.zeros(len(enrolled.examples), dtype=bool)
    learnt[known] = True
    forests = train_forests(enrolled.subset(learnt), learning)
    found = (forest_scores(forests, enrolled.embeddings[enrolled.example_index == place]) for place in asked)
    return np.array([np.mean([aggregate(row, rule) for row in each]) for each in found], dtype=np.float64)
