"""The benchmark: descriptors, baselines within their limits, controls at chance, predictions that are complete."""

import numpy as np
import pytest

from fusiondiff_audit.evaluation.benchmark import TEST_PARTS, PartResult, evaluate_baselines
from fusiondiff_audit.evaluation.deep_baseline import COLUMNS, TITLES, deep_baseline_results, parse_predictions
from fusiondiff_audit.evaluation.descriptors import grey_statistics, texture_statistics
from fusiondiff_audit.evaluation.metrics import class_metrics
from fusiondiff_audit.evaluation.summary import paired_comparisons, summarise
from fusiondiff_audit.evaluation.task import BenchmarkTask, PartSizes, benchmark_task
from fusiondiff_audit.kiln.specimens import specimen
from tests.evaluation.unwatched import no_progress

RNG = np.random.default_rng(3)
REDUCED = PartSizes(train=200, calibrate=0, test=200, microscope=0, workshop=0, kiln=0)
# Least and most of 20 seeds of the reduced benchmark, widened by a fifth of their distance.
LIMITS = {"grey": (0.393, 0.617), "texture": (0.789, 0.901), "file": (0.386, 0.624), "permuted": (0.305, 0.62)}


def test_descriptors_depend_on_histogram_or_texture_alone() -> None:
    drawn = specimen("alder", None, "tests").field(0, 128)
    pixels = (drawn >> (8 if drawn.dtype == np.uint16 else 0)).astype(np.uint16) * 100
    shuffled = RNG.permutation(pixels.ravel()).reshape(pixels.shape)
    np.testing.assert_allclose(grey_statistics(pixels), grey_statistics(shuffled), rtol=1e-9, atol=1e-12)
    assert np.abs(texture_statistics(pixels) - texture_statistics(shuffled)).max() > 0.1
    np.testing.assert_allclose(texture_statistics(pixels), texture_statistics(pixels * 2 + 1000), atol=2e-2)
    assert np.isfinite(texture_statistics(np.zeros((64, 64), np.uint8))).all()
    assert np.isfinite(grey_statistics(np.zeros((64, 64), np.uint8))).all()


def small_task() -> BenchmarkTask:
    return benchmark_task(0, PartSizes(4, 0, 4, 2, 2, 2))


def predicted(task: BenchmarkTask, *, digest: str | None = None, leave_out: int = 0) -> str:
    rows = [
        (digest or task.digest, task.seed, 50, part, i, 0.75)
        for part in ("test", "microscope", "workshop", "kiln")
        for i in range(len(task.parts[part]))
    ]
    return "\n".join([",".join(COLUMNS), *(",".join(map(str, row)) for row in rows[leave_out:])])


def test_predictions_must_name_their_task_and_be_complete() -> None:
    task = small_task()
    assert {n: s.tolist() for n, s in parse_predictions(predicted(task), task, "x").items()} == {50: [0.75] * 10}
    assert parse_predictions(predicted(task), benchmark_task(1), "x") == {}
    with pytest.raises(ValueError, match="another version"):
        parse_predictions(predicted(task, digest="0" * 64), task, "x")
    with pytest.raises(ValueError, match="9 predictions of 10"):
        parse_predictions(predicted(task, leave_out=1), task, "x")


@pytest.mark.parametrize("model", TITLES)
def test_the_committed_predictions_of_deep_baselines_are_complete(model: str) -> None:
    for seed in range(3):
        results = list(deep_baseline_results(model, benchmark_task(seed)))
        assert {row.labels for row in results} == {50, 1000}
        assert sum(row.metrics.of for row in results) == 2 * 800
    assert list(deep_baseline_results(model, benchmark_task(3))) == []


def test_baselines_are_tested_at_each_number_of_labels_and_controls_at_the_largest() -> None:
    results = list(evaluate_baselines(small_task(), [2, 4], ("grey", "file"), workers=1, watch=no_progress))
    assert [(row.model, row.labels) for row in results if row.part == "test"] == [("grey", 2), ("grey", 4), ("file", 4)]
    assert {row.part: row.metrics.of for row in results} == dict(zip(TEST_PARTS, (4, 2, 2, 2), strict=True))


@pytest.mark.soak  # images and libraries that it is made of are pinned by their digests and versions
def test_the_reduced_benchmark_stays_within_its_limits() -> None:
    results = evaluate_baselines(benchmark_task(0, REDUCED), [200], tuple(LIMITS), workers=2, watch=no_progress)
    accuracies = {result.model: result.metrics.balanced for result in results}
    assert accuracies.keys() == LIMITS.keys()
    for model, (low, high) in LIMITS.items():
        accuracy = accuracies[model]
        assert accuracy is not None
        assert low <= accuracy <= high, model


def test_a_summary_row_gathers_the_seeds_of_a_model() -> None:
    results = [
        PartResult(model, n, seed, part, class_metrics(truth, np.full(len(truth), 0.6)), np.full(len(truth), 0.6))
        for model in ("grey", "texture")
        for n in (10, 50)
        for seed in range(3)
        for part, truth in (("test", np.array([True, False])), ("workshop", np.zeros(4, dtype=bool)))
    ]
    rows = list(summarise(results))
    assert [(row.model, row.labels) for row in rows] == [
        ("grey", 10),
        ("grey", 50),
        ("texture", 10),
        ("texture", 50),
    ]
    assert all((row.right, row.of, row.balanced.mean) == (3, 6, 0.5) for row in rows)
    assert all(row.workshop is not None and row.workshop.mean == 1.0 for row in rows)
    assert all(row.microscope is None and row.kiln is None for row in rows)


def test_paired_comparisons_are_over_the_same_images() -> None:
    truth = {0: np.array([True, False]), 1: np.array([True, False]), 2: np.array([True, False])}

    def result(model: str, seed: int, scores: list[float]) -> PartResult:
        return PartResult(model, 50, seed, "test", class_metrics(truth[seed], np.array(scores)), np.array(scores))

    right, wrong = [0.9, 0.1], [0.1, 0.9]
    results = [result("x", 0, right), result("x", 1, right), *(result("texture", seed, wrong) for seed in range(3))]
    (comparison,) = paired_comparisons(results, truth, "texture")
    assert (comparison.model, comparison.seeds, comparison.only_model, comparison.only_rival) == ("x", 2, 4, 0)
    assert comparison.p == 2 * 0.5**4
