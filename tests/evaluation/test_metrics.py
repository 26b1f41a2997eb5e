"""Metrics, intervals over seeds, paired tests, and cross-validation by specimen."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from fusiondiff_audit.evaluation.cross_validation import cross_validate
from fusiondiff_audit.evaluation.metrics import Scores, class_metrics, paired_test, t_interval

RNG = np.random.default_rng(3)


def test_class_metrics_have_their_textbook_values() -> None:
    truth = np.array([True, True, True, False])
    metrics = class_metrics(truth, np.array([0.9, 0.5, 0.1, 0.2]))
    assert (metrics.right, metrics.of, metrics.called_authentic) == (3, 4, 2)
    assert metrics.balanced == pytest.approx((2 / 3 + 1) / 2)
    assert metrics.f1 == pytest.approx(2 * 2 / (2 * 2 + 1))
    assert metrics.auroc == pytest.approx(2 / 3)
    alone = class_metrics(truth[:3], np.array([0.9, 0.5, 0.1]))
    assert (alone.balanced, alone.f1, alone.auroc, alone.accuracy) == (None, None, None, 2 / 3)


def test_intervals_over_seeds_are_by_students_t() -> None:
    interval = t_interval([0.5, 0.6, 0.7])
    assert (interval.mean, interval.low, interval.high) == pytest.approx(
        (0.6, 0.6 - 4.3027 * 0.1 / 3**0.5, 0.6 + 0.2484), abs=1e-3
    )
    assert (t_interval([0.7]).low, t_interval([0.7]).high) == (0.0, 1.0)
    draws = [t_interval((0.7 + 0.05 * RNG.standard_normal(10)).tolist()) for _ in range(400)]
    assert 0.92 < np.mean([one.low < 0.7 < one.high for one in draws]) < 0.98


def test_a_paired_test_counts_disagreements_alone() -> None:
    truth = np.ones(20, dtype=bool)
    ours, theirs = np.full(20, 0.9), np.full(20, 0.9)
    assert paired_test(truth, ours, theirs) == (0, 0, 1.0)
    theirs[:6] = 0.1
    assert paired_test(truth, ours, theirs) == (6, 0, 2 * 0.5**6)


@pytest.mark.parametrize(("ours", "theirs"), [(7, 12), (138, 364), (1500, 1400)])
def test_a_paired_test_is_scipys_two_sided_binomial_test(ours: int, theirs: int) -> None:
    truth = np.ones(ours + theirs, dtype=bool)
    right = np.arange(ours + theirs) < ours
    only_ours, only_theirs, p = paired_test(truth, right.astype(float), (~right).astype(float))
    assert (only_ours, only_theirs) == (ours, theirs)
    assert p == pytest.approx(stats.binomtest(ours, ours + theirs).pvalue, rel=1e-9)


def test_no_specimen_is_split_between_folds() -> None:
    groups = np.repeat([f"s{i}" for i in range(12)], 3)
    truth = np.repeat([True, False], 18)
    tested: list[int] = []

    def learner(train: npt.NDArray[np.intp], test: npt.NDArray[np.intp]) -> Scores:
        assert set(groups[train]).isdisjoint(groups[test])
        assert len(set(truth[train])) == 2
        tested.extend(test.tolist())
        return np.where(truth[test], 0.8, 0.2)

    result = cross_validate(truth, groups, learner)
    assert sorted(tested) == list(range(36))
    assert (result.metrics.right, result.accuracy.low, result.accuracy.high) == (36, 1.0, 1.0)
    with pytest.raises(ValueError, match="two specimens"):
        cross_validate(truth, np.where(truth, "one", groups), learner)


def test_bootstrap_intervals_over_specimens_are_wider_than_those_over_images() -> None:
    groups = np.repeat([f"s{i}" for i in range(10)], 20)
    truth = np.repeat([True, False], 100)
    wrong = np.isin(groups, ["s1", "s7"])

    def learner(train: npt.NDArray[np.intp], test: npt.NDArray[np.intp]) -> Scores:
        return np.where(truth[test] ^ wrong[test], 0.9, 0.1)

    accuracy = cross_validate(truth, groups, learner).accuracy
    assert accuracy.mean == 0.8
    assert accuracy.high - accuracy.low > 2 * 1.96 * (0.8 * 0.2 / 200) ** 0.5 * 1.5
