"""What a bundle states of the imaging of its specimens: written and read, and refused where it contradicts itself."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from reports.arithmetic import Rank
from reports.verdict.confounding import (
    ConfoundingCheck,
    FactAssociation,
    ImagingClaim,
    PermutationUnit,
    RobustnessIndex,
)
from signing import SigningError
from signing.fields import Fields
from signing.records import read_record, write_record

DEVICE = FactAssociation("device", Rank(0, 999), "'SEM 2'", authentic=20, counterfeit=5)
FORMAT = FactAssociation("file format", Rank(700, 999), None, authentic=0, counterfeit=0)
CHECK = ConfoundingCheck(
    Decimal("0.05"),
    (25, 26),
    (2, 1),
    PermutationUnit.SPECIMEN,
    999,
    (DEVICE, FORMAT),
    (("detector", "it does not vary"), ("image size", "it does not vary"), ("session", "too few differ in it")),
)
INDEX = RobustnessIndex(None, 5, 51, 30, 20, 600, 900)
CLAIM = ImagingClaim(CHECK, INDEX)


def test_a_claim_is_read_as_it_was_written() -> None:
    assert read_record(ImagingClaim, Fields(write_record(CLAIM), "bundle.json")) == CLAIM


def test_a_predictor_at_the_level_confounds() -> None:
    assert CLAIM.confounded is True
    at_level = replace(CHECK, associations=(replace(DEVICE, rank=Rank(49, 999)), FORMAT))  # p = 0.05
    assert ImagingClaim(at_level, INDEX).confounded is True
    above = replace(CHECK, associations=(replace(DEVICE, rank=Rank(50, 999)), FORMAT))
    assert ImagingClaim(above, INDEX).confounded is False
    assert ImagingClaim(replace(CHECK, associations=()), INDEX).confounded is None


def test_sentences_say_what_was_found_and_what_was_left_out() -> None:
    assert CLAIM.sentences() == [
        "the device predicts the label (p = 0.001): it is 'SEM 2' for 20 of 26 authentic specimens, and for 5 of 25 "
        "counterfeit ones",
        "tested: device, file format; by 999 permutations of the labels of specimens",
        "labels of makers (1 authentic, 2 counterfeit) cannot be permuted: a fact that goes with the maker may predict "
        "the label by chance",
        "left out, because it does not vary: detector, image size",
        "left out, because too few differ in it: session",
        INDEX.sentence(),
    ]


CONTRADICTIONS: dict[str, Callable[[], object]] = {
    "a level of 0": lambda: replace(CHECK, alpha=Decimal(0)),
    "a level that is not a number": lambda: replace(CHECK, alpha=Decimal("NaN")),
    "no permutations": lambda: replace(CHECK, permutations=0, associations=()),
    "ranks among other permutations": lambda: replace(CHECK, permutations=9_999),
    "three labels": lambda: replace(CHECK, specimens=(1, 2, 3)),
    "a negative number": lambda: replace(CHECK, makers=(-1, 1)),
    "a fact twice": lambda: replace(CHECK, associations=(DEVICE, DEVICE)),
    "a fact tested and left out": lambda: replace(CHECK, left_out=(("device", "it does not vary"),)),
    "too many facts": lambda: replace(CHECK, left_out=tuple((f"fact {n}", "none") for n in range(40))),
    "a reason without a fact": lambda: replace(CHECK, left_out=(("why",),)),
    "an empty reason": lambda: replace(INDEX, reason=""),
    "an empty fact": lambda: replace(CHECK, left_out=(("", "it does not vary"),)),
    "a reason that nobody sees": lambda: replace(CHECK, left_out=(("fact", "a\u202eb"),)),
    "the weakest fact first": lambda: replace(CHECK, associations=(FORMAT, DEVICE)),
    "a rule of several lines": lambda: replace(CHECK, associations=(replace(DEVICE, rule="a\nb"),)),
    "a rule that is too long": lambda: replace(CHECK, associations=(replace(DEVICE, rule="a" * 501),)),
    "a rule for too many specimens": lambda: replace(CHECK, associations=(replace(DEVICE, authentic=27),)),
    "more near pairs than pairs": lambda: replace(INDEX, same_maker=601),
    "more pairs than there are": lambda: replace(INDEX, same_maker_pairs=51**2 + 1),
    "an index of no pairs": lambda: replace(INDEX, same_maker=0, same_maker_pairs=0),
    "no neighbours": lambda: replace(INDEX, neighbours=0),
    "an index of fewer than no specimens": lambda: RobustnessIndex("too few", 5, -1),
    "a reason that is too long": lambda: RobustnessIndex("a" * 501, 5, 51),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_contradictions_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        CONTRADICTIONS[name]()


def test_a_bundle_with_a_contradiction_is_refused_as_malformed() -> None:
    record: dict[str, Any] = write_record(CLAIM)
    record["check"]["makers"] = [1, 2, 3]
    with pytest.raises(SigningError, match="two labels"):
        read_record(ImagingClaim, Fields(record, "bundle.json"))
