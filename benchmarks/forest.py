"""A forest as arrays against scikit-learn's own, one thread each, on one row and on a thousand.

python -P benchmarks/forest.py
"""

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from threadpoolctl import threadpool_limits

from fusiondiff_audit.model.forest_arrays import from_sklearn

TREES, FEATURES, LEARNT, ROUNDS = 300, 192, 2000, 9
BOUNDS = {1: 0.2, 1000: 2.0}
TIMES = {1: 20, 1000: 2}  # calls a round


def timed(work: Callable[[], object], times: int) -> float:
    """Return the seconds of user time of one call."""
    start = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - start) / times


def main() -> None:
    """Measure, print, and fail above a bound."""
    rng = np.random.default_rng(0)
    known = rng.standard_normal((LEARNT, FEATURES)).astype(np.float32)
    labels = (known[:, :3].sum(1) + rng.standard_normal(LEARNT) > 0).astype(int)
    theirs = RandomForestClassifier(TREES, random_state=0, n_jobs=1).fit(known, labels)
    ours = from_sklearn(theirs)
    print(f"{TREES} trees, {FEATURES} features, {len(ours.left):,} nodes")
    broken = []
    with threadpool_limits(1):
        for count, bound in BOUNDS.items():
            rows = rng.standard_normal((count, FEATURES)).astype(np.float32)
            if not np.array_equal(ours.predict_proba(rows), theirs.predict_proba(rows)):
                sys.exit("not the same numbers")
            sides = (lambda rows=rows: ours.predict_proba(rows), lambda rows=rows: theirs.predict_proba(rows))
            times: tuple[list[float], list[float]] = ([], [])
            for turn in range(ROUNDS + 1):
                for side in (0, 1) if turn % 2 else (1, 0):
                    times[side].append(timed(sides[side], TIMES[count]))
            mine, other = (found[1:] for found in times)
            ratio = min(mine) / min(other)
            middle = statistics.median(a / b for a, b in zip(mine, other, strict=True))
            print(f"{count:5} rows: {1000 * min(mine):6.1f} ms, scikit-learn {1000 * min(other):6.1f} ms")
            print(f"            {ratio:.3f} of it, median of the rounds {middle:.3f}, bound {bound}")
            broken += [count] if ratio > bound else []
    if broken:
        sys.exit(f"above the bound at {broken} rows")


if __name__ == "__main__":
    main()
