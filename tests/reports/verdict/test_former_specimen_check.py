"""Excerpts of version 2 in which a listed auditor gave a specimen a row that the rules forbid."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from reports.arithmetic import Rank
from reports.verdict.excerpt import make_excerpt, verify_excerpt
from reports.verdict.former_header import FormerHeader
from reports.verdict.former_rows import FormerImageRow, FormerSpecimenRow, former_specimen_rows
from reports.verdict.header import VerdictCounts
from reports.verdict.report import Report
from reports.verdict.specimen_check import specimen_fault
from reports.verdict.verdicts import Verdict, VerdictRules
from signing import Reason, SigningError
from tests.reports.verdict.made import digest
from tests.reports.verdict.made_former import former_header, former_image, former_of, settled
from tests.reports.verdict.test_forged import AUDITOR, TRUST, checkpoint_of
from tests.reports.verdict.test_vectors import VECTORS, payload_of

HIGH, LOW = Rank(15, 20), Rank(0, 20)
Header = Callable[[FormerHeader], FormerHeader]
COUNTED = VerdictCounts(9, 9, 9, 9, 9)
GOOD = former_image(0)  # AUTHENTIC
UNJUDGED = replace(GOOD, judged=None, verdict=Verdict.INCONCLUSIVE, reasons=("not-assessable",))
REFUSED = replace(
    UNJUDGED, pixels=None, verdict=Verdict.REFUSED, reasons=("duplicate-pixels",), scale=None, steps=(), quality=None
)
ANSWER = FormerSpecimenRow("sherd 0", 2, Verdict.AUTHENTIC, (), None, 2, Rank(12, 20), LOW, Rank(9, 40))
BARE = FormerSpecimenRow("sherd 0", 2, Verdict.AUTHENTIC, (), None, None, None, None, None)


def uncalibrated(header: FormerHeader) -> FormerHeader:
    model = replace(
        header.model,
        error_rates=(),
        calibrated_authentic=0,
        calibrated_counterfeit=0,
        enrolled_authentic=4,
        enrolled_counterfeit=4,
    )
    return replace(header, model=model)


def as_it_is(header: FormerHeader) -> FormerHeader:
    return header


def uncalibrated_row() -> FormerImageRow:
    assert GOOD.judged is not None
    return settled(replace(GOOD, judged=replace(GOOD.judged, authentic=None, counterfeit=None, familiar=None)))


def shown(row: FormerImageRow, specimen: FormerSpecimenRow, header: Header = as_it_is) -> bytes:
    """Return the excerpt of one row beside one specimen's row, signed by the listed auditor."""
    head = header(former_header(AUDITOR.public, images=COUNTED, specimens=COUNTED))
    bad = former_of(head, (specimen,), (row,))
    return make_excerpt(bad, checkpoint_of(bad), row.name)


FORGED: dict[str, tuple[FormerImageRow, FormerSpecimenRow, Header]] = {
    "an answer without a tolerance": (uncalibrated_row(), BARE, uncalibrated),
    "an answer of a bundle that calibrates nothing as that of an image that was refused": (
        REFUSED,
        replace(BARE, tolerance=2),
        uncalibrated,
    ),
    "ranks that the header does not give": (uncalibrated_row(), ANSWER, uncalibrated),
    "an answer beside a refused picture": (REFUSED, ANSWER, as_it_is),
    "a counterfeit beside a refused picture": (
        REFUSED,
        replace(ANSWER, verdict=Verdict.COUNTERFEIT, authentic=LOW, counterfeit=HIGH),
        as_it_is,
    ),
    "an answer beside a picture that cannot be judged": (UNJUDGED, ANSWER, as_it_is),
    "an answer of one refused picture": (REFUSED, replace(ANSWER, images=1), as_it_is),
    "another row than that of its one picture": (GOOD, replace(ANSWER, images=1, familiar=Rank(8, 40)), as_it_is),
    "no pictures": (GOOD, replace(ANSWER, images=0), as_it_is),
    "more pictures than are counted": (GOOD, replace(ANSWER, images=46), as_it_is),
    "a rank above the picture's": (GOOD, replace(ANSWER, familiar=Rank(10, 40)), as_it_is),
    "a rank among others": (GOOD, replace(ANSWER, familiar=Rank(9, 41)), as_it_is),
    "no rank where the header gives one": (GOOD, replace(ANSWER, familiar=None), as_it_is),
    "a tolerance above the picture's": (GOOD, replace(ANSWER, tolerance=3), as_it_is),
    "no tolerance where one was asked for": (GOOD, replace(ANSWER, tolerance=None), as_it_is),
    "another answer than the picture's label": (GOOD, replace(ANSWER, verdict=Verdict.COUNTERFEIT), as_it_is),
    "an answer that the set forbids": (GOOD, replace(ANSWER, authentic=LOW), as_it_is),
    "an answer of what is unfamiliar": (GOOD, replace(ANSWER, familiar=Rank(0, 40)), as_it_is),
    "an answer with a reason": (GOOD, replace(ANSWER, reasons=("not-sure",)), as_it_is),
    "no answer without a reason": (GOOD, replace(ANSWER, verdict=Verdict.INCONCLUSIVE), as_it_is),
    "a doubt that the set does not leave": (
        GOOD,
        replace(ANSWER, verdict=Verdict.INCONCLUSIVE, reasons=("not-sure",)),
        as_it_is,
    ),
    "refused whole, beside a picture that was judged": (
        GOOD,
        replace(BARE, verdict=Verdict.REFUSED, reasons=("all-refused",)),
        as_it_is,
    ),
    "a specimen that the header does not count": (
        GOOD,
        ANSWER,
        lambda header: replace(header, specimens=replace(COUNTED, authentic=0)),
    ),
    "an image that the header does not count": (
        GOOD,
        ANSWER,
        lambda header: replace(header, images=replace(COUNTED, authentic=0)),
    ),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_specimen_s_row_that_no_other_images_explain_is_refused(what: str) -> None:
    with pytest.raises(SigningError) as caught:
        verify_excerpt(shown(*FORGED[what]), "excerpt", trust=TRUST)
    assert caught.value.reason is Reason.CONTRADICTION


@pytest.mark.parametrize(
    "specimen",
    [
        ANSWER,
        replace(ANSWER, familiar=Rank(3, 40), tolerance=0),
        replace(ANSWER, verdict=Verdict.INCONCLUSIVE, reasons=("not-assessable",)),
        replace(ANSWER, verdict=Verdict.INCONCLUSIVE, reasons=("picture-refused",)),
        replace(ANSWER, verdict=Verdict.INCONCLUSIVE, reasons=("pictures-disagree",), authentic=LOW),
        replace(ANSWER, verdict=Verdict.UNFAMILIAR, reasons=("unlike-both",), authentic=LOW),
        replace(ANSWER, verdict=Verdict.UNFAMILIAR, reasons=("unfamiliar",), familiar=Rank(0, 40)),
    ],
)
def test_a_specimen_s_row_that_other_images_explain_is_accepted(specimen: FormerSpecimenRow) -> None:
    assert verify_excerpt(shown(GOOD, specimen), "excerpt", trust=TRUST).specimen == specimen


@pytest.mark.parametrize("needs_scale", [False, True])
@pytest.mark.parametrize("harm", ["none", "refused", "unjudged", "no scale", "all refused"])
def test_no_true_row_is_refused(needs_scale: bool, harm: str) -> None:
    """Whatever pictures a specimen has, its row passes beside each of them."""
    said = former_header(AUDITOR.public, images=VerdictCounts(99, 99, 99, 99, 99))
    header = replace(said, policy=replace(said.policy, needs_scale=needs_scale))
    rules = header.rules
    for specimens in (1, 2, 3, 9, 30):
        rows = [former_image(number, specimens=specimens, needs_scale=needs_scale) for number in range(30)]
        if harm == "all refused":
            rows = [harmed(row, harm, rules) if row.specimen == "sherd 0" else row for row in rows]
        else:
            rows = [harmed(row, harm, rules) if number % 4 == 0 else row for number, row in enumerate(rows)]
        for specimen in former_specimen_rows(rows, rules):
            for row in rows:
                if row.specimen == specimen.specimen:
                    assert specimen_fault(specimen, row, header) is None, (row, specimen)


def harmed(row: FormerImageRow, harm: str, rules: VerdictRules) -> FormerImageRow:
    """Return a row to which something happened, and whose verdict follows."""
    if row.verdict is Verdict.REFUSED or harm == "none":
        return row
    if harm.endswith("refused"):
        return replace(REFUSED, name=row.name, sha256=digest(row.name), specimen=row.specimen)
    return settled(replace(row, judged=None) if harm == "unjudged" else replace(row, scale=None), rules)


@pytest.mark.parametrize("name", ["v1", "v2", "v2-uncalibrated"])
def test_every_row_of_every_version_passes_beside_its_specimen(name: str) -> None:
    said = Report.from_payload(payload_of(VECTORS / name / "report.sigstore.json"), name)
    specimens = {row.specimen: row for row in said.specimens}
    pairs = [(specimens[row.specimen], row) for row in said.images if row.specimen is not None]
    assert pairs
    assert [specimen_fault(specimen, row, said.header) for specimen, row in pairs] == [None] * len(pairs)


def test_a_specimen_of_version_2_was_never_marked_as_enrolled() -> None:
    said = Report.from_payload(payload_of(VECTORS / "v2" / "report.sigstore.json"), "it")
    row = next(row for row in said.images if row.verdict is Verdict.REFUSED and row.specimen is not None)
    specimen = next(one for one in said.specimens if one.specimen == row.specimen and one.images > 1)
    marked = replace(specimen, verdict=Verdict.INCONCLUSIVE, reasons=("was-enrolled",))
    assert specimen_fault(marked, row, said.header) is not None
