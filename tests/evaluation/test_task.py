"""Tasks of the benchmark: no leaks between parts, and no information in the session."""

import numpy as np
from scipy import stats

from fusiondiff_audit.evaluation.task import benchmark_task
from fusiondiff_audit.kiln.recipes import HELD_OUT_WORKSHOP

DIGEST = "d2f0b034fd7e1f7d5808606308168cddfdcca84b79f30ba541918c2019ebe6be"  # of seed 0 in the committed predictions


def test_no_specimen_is_in_two_parts_and_leading_items_are_balanced() -> None:
    whole = benchmark_task(4)
    owners: dict[tuple[object, ...], set[str]] = {}
    for item in whole.items():
        owners.setdefault((*item.specimen().key,), set()).add(item.part)
    assert all(len(parts) == 1 for parts in owners.values())
    assert len({(*item.specimen().key, item.field) for item in whole.items()}) == len(whole.items())
    for name in ("train", "calibrate", "test", "microscope"):
        for n in (2, 10, 50, 100):
            assert sum(item.authentic for item in whole.parts[name][:n]) == n // 2
    train = whole.parts["train"]
    assert len({item.number for item in train if item.authentic}) == 500
    assert HELD_OUT_WORKSHOP not in {item.workshop for item in train}
    assert {item.workshop for item in whole.parts["workshop"]} == {HELD_OUT_WORKSHOP}
    assert not any(item.authentic for item in (*whole.parts["workshop"], *whole.parts["kiln"]))
    assert {item.kiln for item in whole.parts["kiln"]}.isdisjoint({whole.reference})
    assert len({item.instrument for item in whole.parts["microscope"]} | {train[0].instrument}) == 2


def test_a_task_follows_from_its_seed() -> None:
    assert benchmark_task(0).digest == DIGEST != benchmark_task(1).digest
    assert [benchmark_task(seed).reference for seed in range(4)] == ["alder", "birch", "cedar", "alder"]
    first = benchmark_task(0).parts["train"][0]
    assert first.pixels().tobytes() == benchmark_task(0).parts["train"][0].pixels().tobytes()
    assert first.pixels().tobytes() != benchmark_task(3).parts["train"][0].pixels().tobytes()  # the same kiln


def test_sessions_are_independent_of_the_class() -> None:
    """Settings have one distribution: their order statistics differ by no more than chance allows."""
    items = benchmark_task(0).parts["train"][:400]
    specimens = [item.specimen() for item in items]
    for setting in ("electrons", "focus", "gain", "offset", "gamma", "tilt", "charging", "drift", "zoom", "bits"):
        values = np.array([getattr(specimen.microscope, setting) for specimen in specimens])
        authentic = np.array([specimen.authentic for specimen in specimens])
        assert stats.ks_2samp(values[authentic], values[~authentic]).pvalue > 0.001, setting
