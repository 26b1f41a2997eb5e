"""The tables that a bundle has of its own enrolment, for its card and the command line."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from fusiondiff_audit.model.card import card
from fusiondiff_audit.model.enrolment import ForestSettings, LabelledExample
from fusiondiff_audit.model.enrolment_summary import enrolment_tables, stated_error_rates, stated_rate
from fusiondiff_audit.model.settings import Settings
from reports.arithmetic import Rank
from reports.verdict.confounding import (
    ConfoundingCheck,
    FactAssociation,
    ImagingClaim,
    PermutationUnit,
    RobustnessIndex,
)
from reports.verdict.enrolment_ranks import EnrolmentRanks, LeftOutMaker, RankPair
from reports.verdict.likelihood_ratio import Alternative, CalibrationQuality, RatioCalibrator
from tests.model.tiny import SETTINGS


def example(number: int, maker: str | None, device: str | None) -> LabelledExample:
    return LabelledExample(f"{number:064x}", f"s{number // 2}", maker == "Alder", maker, None, device)


def pair(authentic: int, counterfeit: int, of: int) -> RankPair:
    return RankPair(Rank(authentic, of), Rank(counterfeit, of))


def enrolled(of: int = 20, makers: int = 2) -> Settings:
    """Return settings of an enrolment in which a copy, an own specimen and a maker's two specimens are misjudged."""
    own = (pair(0, 0, of - 1), *[pair(of - 1, 0, of - 1)] * (of - 1))
    copies = (pair(of - 1, 0, of - 1), *[pair(0, of - 1, of - 1)] * (of - 1))
    passing = LeftOutMaker("Birch | Co", (pair(of - 1, 0, of - 1), pair(of - 1, 0, of - 1)))
    failing = LeftOutMaker("Aspen", (pair(0, 0, of - 1),))
    digits = Decimal("-6.5"), Decimal(9), Decimal("0.04"), Decimal("12.3")
    quality = CalibrationQuality(Decimal("0.25"), Decimal("0.2"), 25, 25, 1, 2)
    return replace(
        SETTINGS,
        reference="alder",
        learning=ForestSettings(),
        examples=(example(0, "Alder", "sem-2"), example(1, "Alder", "sem-1"), example(2, None, None)),
        ranks=EnrolmentRanks(own, copies, (failing, passing)[:makers]),
        ratios=(RatioCalibrator(Alternative.ENROLLED_MAKERS, *digits, 25, 25),),
        ratio_quality=(quality,),
    )


def test_tables_say_who_is_enrolled_and_what_goes_wrong() -> None:
    specimens, rates, ratios, imaging = enrolment_tables(enrolled())
    assert specimens.rows == (
        ("Alder", "authentic", "1", "2", "sem-1, sem-2"),
        ("a maker without a name", "counterfeit", "1", "1", "not stated"),
    )
    assert rates.title.startswith("Error rates at 5 %")
    assert [row[:2] for row in rates.rows] == [
        ("known copies accepted", "1 of 20"),
        ("own specimens rejected", "1 of 20"),
        ("maker never enrolled accepted: Birch | Co", "2 of 2"),
        ("maker never enrolled accepted: Aspen", "0 of 1"),
    ]
    assert rates.sentences == (
        "a further maker, drawn like them, is accepted more often than the worst of these 2 with a probability of up "
        "to 1/3",
    )
    assert ratios.rows == (("the enrolled counterfeiters", "12.3", "0.04", "0.25", "0.05", "1 of 25", "2 of 25"),)
    assert ratios.head[4:] == ("Cllr lost by calibration", "reference with LR < 1", "others with LR > 1")
    assert ratios.sentences[0].endswith("fitted without its specimen, or its maker")
    assert ratios.sentences[-1] == "none against another maker: too few are enrolled"
    assert imaging.sentences == ("whether imaging predicts the label: nobody checked it",)


@pytest.mark.parametrize(("of", "rate"), [(20, "0.05"), (19, "0.1"), (10, "0.1"), (9, None)])
def test_error_rates_are_stated_where_an_enrolled_specimen_could_be_rejected(of: int, rate: str | None) -> None:
    settings = enrolled(of)
    assert stated_rate(settings) == (None if rate is None else Fraction(rate))
    assert bool(stated_error_rates(settings)) is (rate is not None)
    if rate is None:
        assert enrolment_tables(settings)[1].sentences == (
            "not measured: at least 10 specimens of each class are needed to state them at 10 %",
        )


@pytest.mark.parametrize(("makers", "sentence"), [(0, "not measured"), (1, "the one that was left out")])
def test_few_makers_are_named_as_few(makers: int, sentence: str) -> None:
    (text,) = enrolment_tables(enrolled(makers=makers))[1].sentences
    assert sentence in text


def test_the_card_has_the_tables_and_confounding_in_capitals() -> None:
    device = FactAssociation("device", Rank(0, 999), "'SEM 2'", authentic=20, counterfeit=5)
    check = ConfoundingCheck(Decimal("0.05"), (25, 25), (2, 1), PermutationUnit.SPECIMEN, 999, (device,), ())
    claim = ImagingClaim(check, RobustnessIndex("all specimens were imaged by one device", 5, 50))
    settings = replace(enrolled(), confounding=claim)
    text = card(settings, "### Training\n\nNone.").decode()
    assert "## IMAGING PREDICTS THE LABEL\n\n- a verdict may be about the imaging" in text
    assert "| maker never enrolled accepted: Birch \\| Co | 2 of 2 |" in text
    assert text.index("## Enrolled specimens") < text.index("## Limits") < text.index("## How the encoder came to be")
    harmless = replace(check, associations=(replace(device, rank=Rank(900, 999)),))
    assert "IMAGING" not in card(replace(settings, confounding=replace(claim, check=harmless))).decode()
    assert "Enrolled specimens" not in card(SETTINGS).decode()
