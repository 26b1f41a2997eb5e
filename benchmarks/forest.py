"""A forest evaluated as arrays over scikit-learn's evaluation, one thread each, for one row and for a thousand.

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

TREES, FEATURES, TRAINING_ROWS, ROUNDS = 300, 192, 2000, 9
BOUNDS = {1: 0.2, 1000: 2.0}
TIMES = {1: 20, 1000: 2}  # calls a round


def timed(work: Callable[[], object], times: int) -> float:
    """Return the seconds of processor time of one call."""
    start = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - start) / times


def main() -> None:
    rng = np.random.default_rng(0)
    training = rng.standard_normal((TRAINING_ROWS, FEATURES)).astype(np.float32)
    labels = (training[:, :3].sum(1) + rng.standard_normal(TRAINING_ROWS) > 0).astype(int)
    theirs = RandomForestClassifier(TREES, random_state=0, n_jobs=1).fit(training, labels)
    ours = from_sklearn(theirs)
    print(f"{TREES} trees, {FEATURES} features, {len(ours.left):,} nodes")
    exceeded = []
    with threadpool_limits(1):
        for count, bound in BOUNDS.items():
            rows = rng.standard_normal((count, FEATURES)).astype(np.float32)
            if not np.array_equal(ours.predict_proba(rows), theirs.predict_proba(rows)):
                sys.exit("the probabilities differ")
            calls = (lambda rows=rows: ours.predict_proba(rows), lambda rows=rows: theirs.predict_proba(rows))
            times: tuple[list[float], list[float]] = ([], [])
            for round_number in range(ROUNDS + 1):
                for place in (0, 1) if round_number % 2 else (1, 0):
                    times[place].append(timed(calls[place], TIMES[count]))
            our_times, their_times = (seconds[1:] for seconds in times)
            ratio = min(our_times) / min(their_times)
            median = statistics.median(a / b for a, b in zip(our_times, their_times, strict=True))
            print(f"{count:5} rows: {1000 * min(our_times):6.1f} ms, scikit-learn {1000 * min(their_times):6.1f} ms")
            print(f"            {ratio:.3f} of scikit-learn's time, median of the rounds {median:.3f}, bound {bound}")
            exceeded += [count] if ratio > bound else []
    if exceeded:
        sys.exit(f"above the bound at {exceeded} rows")


if __name__ == "__main__":
    main()
