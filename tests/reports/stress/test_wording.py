"""Sentences about stress results say what the images did."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from reports.stress.gates import Bound, Gate, Metric, Severity, Slice, Tally, Waiver, decide
from reports.stress.outcome import Outcome
from reports.stress.wording import gate_sentence, outcome_sentence, result_sentences
from signing import PrivateKey
from tests.conftest import NOW
from tests.reports.stress.test_stress_result import DOUBT, FAILED_GATE, GATE, HELD, TRIED, UNASKED, left, made

ASKS_90 = "; the policy asks for 90 %, and the 95 % interval of the share begins at "
HELD_90 = Gate(Metric.HELD, 0.9, "pgd-linf-8/255")
WAIVED = Waiver(datetime(2027, 1, 1, tzinfo=UTC), "new lens")


@pytest.mark.parametrize(
    ("gate", "counts", "sentence"),
    [
        (HELD_90, Tally(8, 1), f"only 1 of 8 images kept its right answer under pgd at 8/255 (linf){ASKS_90}2.2 %"),
        (HELD_90, Tally(8, 0), f"none of 8 images kept its right answer under pgd at 8/255 (linf){ASKS_90}0 %"),
        (HELD_90, Tally(8, 8), f"all 8 images kept their right answer under pgd at 8/255 (linf){ASKS_90}67.6 %"),
        (
            HELD_90,
            Tally(1000, 990),
            f"990 of 1,000 images kept their right answer under pgd at 8/255 (linf){ASKS_90}98.2 %",
        ),
        (
            replace(HELD_90, attack=None, bound=Bound.POINT, value=0.125, slice=Slice.COUNTERFEIT),
            Tally(8, 2),
            "2 of 8 counterfeit images kept their right answer under every attack; "
            "the policy asks for 12.5 %, and the share is 25 %",
        ),
        (
            replace(HELD_90, attack="hop-skip-jump-l2-2.0", bound=Bound.UPPER, slice=Slice.AUTHENTIC),
            Tally(9, 2),
            "only 2 of 9 authentic images kept their right answer under hop-skip-jump at 2.0 (l2); "
            "the policy asks for 90 %, and the 95 % interval of the share ends at 54.7 %",
        ),
        (
            replace(HELD_90, waiver=WAIVED),
            Tally(8, 1),
            f"only 1 of 8 images kept its right answer under pgd at 8/255 (linf){ASKS_90}2.2 %"
            "; waived until 2027-01-01: new lens",
        ),
        (HELD_90, Tally(7, 7), "7 images, 8 at least are needed to say anything"),
        (
            Gate(Metric.REGRESSIONS, 0.05),
            Tally(8, 1, 8, 7),
            "7 images no longer hold, 0 do again; by chance with p = 0.0078, least 0.05",
        ),
    ],
)
def test_a_gate_is_told_by_what_the_images_did(gate: Gate, counts: Tally, sentence: str) -> None:
    assert gate_sentence(gate, decide(gate, counts, NOW)) == sentence


def test_a_result_says_what_happened_and_why(keys: dict[str, PrivateKey]) -> None:
    auditor, images = keys["auditor"].public, "2 of 7 attacked got the label of the other class under an attack"
    asked = (
        "8 images and 1 attack were asked for; 1 image had a wrong answer before any attack, and none was made on it"
    )
    kept = "5 of 8 images kept their right answer under every attack; the policy asks for "
    failed = made(auditor, word=Outcome.FAILED, gates=(FAILED_GATE, UNASKED))
    assert result_sentences(failed) == (
        asked,
        images,
        f"only {kept}100 %, and the share is 62.5 %",
        "gate regressions/worst/all not asked: a first result: nothing to compare with",
    )
    assert outcome_sentence(failed) == (
        f"the stress test of alder by policy quick FAILED: only {kept}100 %, and the share is 62.5 %"
    )
    passed = made(auditor)
    assert result_sentences(passed) == (
        asked,
        images,
        f"gate held/worst/all passed: {kept}1 %, and the share is 62.5 %",
    )
    assert outcome_sentence(passed).startswith(f"the stress test of alder by policy quick PASSED: {kept}1 %")
    doubtful = made(auditor, word=Outcome.INCONCLUSIVE, checks=(DOUBT,), gates=(FAILED_GATE,))
    assert outcome_sentence(doubtful) == (
        "the stress test of alder by policy quick is INCONCLUSIVE: S01 budget: fine (1 more in the list)"
    )
    assert result_sentences(doubtful)[2:] == ("S01 budget: fine", f"only {kept}100 %, and the share is 62.5 %")


def test_a_gate_that_cannot_fail_the_test_is_not_kept_quiet(keys: dict[str, PrivateKey]) -> None:
    lesser = replace(FAILED_GATE, name="held/pgd-linf-8/255/all", severity=Severity.WARNING)
    result = made(keys["auditor"].public, gates=(GATE, lesser))
    assert result.word is Outcome.PASSED
    assert outcome_sentence(result).endswith("; 1 gate that cannot fail it failed")
    assert result_sentences(result)[-1].startswith("gate held/pgd-linf-8/255/all failed: only 5 of 8 images kept")


def test_images_without_an_answer_are_told(keys: dict[str, PrivateKey]) -> None:
    mixed = replace(TRIED, held=HELD[1:], silenced=HELD[:1])
    result = made(keys["auditor"].public, attacks=(mixed,), gates=left(4))
    assert result_sentences(result)[1].endswith("under an attack, and 1 more got no answer")
