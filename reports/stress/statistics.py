"""Shares with their intervals, and the comparison of pairs."""

from math import comb, sqrt

_Z = 1.959963984540054  # 95 %


def wilson(count: int, of: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share."""
    if not 0 <= count <= of:
        raise ValueError(f"{count} of {of}")
    if not of:
        return 0.0, 1.0
    share, square = count / of, _Z**2
    centre = (share + square / (2 * of)) / (1 + square / of)
    reach = _Z / (1 + square / of) * sqrt(share * (1 - share) / of + square / (4 * of**2))
    return max(0.0, centre - reach), min(1.0, centre + reach)


def mcnemar(worse: int, better: int) -> float:
    """Return the exact one-sided p-value that pairs which changed did so towards worse by chance alone."""
    if worse < 0 or better < 0:
        raise ValueError(f"{worse} pairs that are worse, {better} that are better")
    changed = worse + better
    return sum(comb(changed, k) for k in range(worse, changed + 1)) / (
        1 << changed
    )  # whole numbers: their quotient does not overflow
