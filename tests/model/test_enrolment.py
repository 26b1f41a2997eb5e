"""Training of forests."""

import numpy as np

from fusiondiff_audit.model.enrolment import (
    EnrolledEmbeddings,
    ForestSettings,
    LabelledExample,
    forest_scores,
    train_forests,
)


def enrolled(authentic: int, counterfeit: int) -> EnrolledEmbeddings:
    """Return specimens whose rows do not depend on their labels."""
    count = authentic + counterfeit
    examples = tuple(LabelledExample("ab" * 32, f"specimen {i}", i < authentic) for i in range(count))
    rows = np.random.default_rng(5).normal(size=(count, 4)).astype(np.float32)
    return EnrolledEmbeddings(examples, rows, np.zeros((count, 0), np.float32), np.arange(count, dtype=np.intp))


def test_forests_are_not_biased_to_the_class_with_more_specimens() -> None:
    asked = np.random.default_rng(6).normal(size=(200, 4)).astype(np.float32)
    few, many = (
        float(forest_scores(train_forests(enrolled(*counts), ForestSettings(trees=100)), asked).mean())
        for counts in ((20, 100), (100, 20))
    )
    assert abs(few - 0.5) < 0.25  # as many as there are would be 0.17
    assert abs(many - 0.5) < 0.25
