"""Intervals of shares, the exact comparison of pairs, and what a detector of poison must reach before it counts."""

from math import comb, sqrt

_Z = 1.959963984540054  # 95 %
RECALL, FALSE_ALARMS = 0.8, 0.05  # of planted specimens at least, of others at most


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
    """Return the exact one-sided p-value of so many pairs that became worse, by chance, among all that changed."""
    if worse < 0 or better < 0:
        raise ValueError(f"{worse} pairs that are worse, {better} that are better")
    changed = worse + better
    ways = tail = comb(changed, worse)
    for k in range(worse, changed):
        ways = ways * (changed - k) // (k + 1)
        tail += ways
    return tail / (1 << changed)


def is_sensitive(found: int, planted: int) -> bool:
    """Return whether a detector found enough of the planted specimens."""
    return planted > 0 and found / planted >= RECALL


def is_quiet(alarms: int, of: int) -> bool:
    """Return whether a detector flagged few of the specimens that were not planted."""
    return alarms <= FALSE_ALARMS * of
