"""A run and a signed result have their words in two rooms that may not know each other: they are the same words."""

from enum import StrEnum

import pytest

from attacks.checks.check import Held
from attacks.gates import Passed, Severity
from attacks.suite import Word
from reports.stress import parts as stress_parts


@pytest.mark.parametrize(
    ("ours", "signed"),
    [
        (Held, stress_parts.Held),
        (Passed, stress_parts.Gate),
        (Severity, stress_parts.Severity),
        (Word, stress_parts.Word),
    ],
)
def test_words_are_the_same_in_both_rooms(ours: type[StrEnum], signed: type[StrEnum]) -> None:
    assert {one.value for one in ours} == {one.value for one in signed}
