"""The formulas agree with a library that nobody needs to verify a report."""

import pytest
from scipy.stats import binomtest

from reports.arithmetic import error_bounds


@pytest.mark.parametrize("of", [1, 2, 24, 59, 300, 5000])
def test_bounds_of_an_error_rate_are_clopper_and_pearson_s(of: int) -> None:
    for errors in sorted({0, 1, of // 7, of // 2, of - 1, of}):
        exact = binomtest(errors, of).proportion_ci(0.95, method="exact")
        low, high = (float(text) for text in error_bounds(errors, of).removesuffix(" %").split(" to "))
        assert 100 * exact.low - 0.1001 < low <= 100 * exact.low + 1e-6, (errors, of)
        assert 100 * exact.high - 1e-6 <= high < 100 * exact.high + 0.1001, (errors, of)


def test_more_errors_than_specimens_are_refused() -> None:
    with pytest.raises(ValueError, match="3 errors of 2"):
        error_bounds(3, 2)
