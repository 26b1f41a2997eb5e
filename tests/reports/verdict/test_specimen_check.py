"""Excerpts in which a listed auditor gave a specimen a row that the rules forbid, with the tree built anew."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from reports.arithmetic import Rank
from reports.verdict.excerpt import make_excerpt, verify_excerpt
from reports.verdict.header import Header, VerdictCounts
from reports.verdict.report import Report
from reports.verdict.rows import EnrolmentMark, ImageRow, SpecimenRow
from reports.verdict.specimen_check import specimen_fault
from reports.verdict.verdicts import Verdict
from signing import Reason, SigningError
from tests.reports.verdict.made import AUTHENTIC, HIGH, LOW, NEITHER, decided, evidence, header, image
from tests.reports.verdict.test_forged import AUDITOR, TRUST, checkpoint_of, genuine
from tests.reports.verdict.test_vectors import VECTORS, payload_of

COUNTED = VerdictCounts(9, 9, 9, 9, 9)
HEADER = replace(genuine().header, images=COUNTED, specimens=replace(COUNTED, refused=9))
GOOD = replace(image(0), verdict=Verdict.AUTHENTIC)
ANSWER = SpecimenRow("sherd 0", 3, Verdict.AUTHENTIC, (), evidence(AUTHENTIC, 2), 2)
NO_ANSWER = replace(ANSWER, verdict=Verdict.INCONCLUSIVE, evidence=None)


def told(row: ImageRow, verdict: Verdict, *reasons: str, **changes: object) -> ImageRow:
    """Return a row that states this verdict."""
    return replace(row, verdict=verdict, reasons=reasons, **changes)  # type: ignore[arg-type]


UNJUDGED = told(GOOD, Verdict.INCONCLUSIVE, "not-assessable", judged=None)
REFUSED = told(
    UNJUDGED, Verdict.REFUSED, "duplicate-pixels", pixels=None, scale=None, steps=(), quality=None, remarks=()
)
ENROLLED = told(GOOD, Verdict.INCONCLUSIVE, "was-enrolled", enrolled=EnrolmentMark.IMAGE)


def shown(row: ImageRow, specimen: SpecimenRow, head: Header = HEADER) -> bytes:
    """Return the excerpt of one row beside one specimen's row, signed by the listed auditor."""
    bad = Report.of(head, (specimen,), (row,), bytes(range(32)))
    return make_excerpt(bad, checkpoint_of(bad), row.name)


def compared(**changes: object) -> SpecimenRow:
    return replace(ANSWER, evidence=evidence(AUTHENTIC, 2, **changes))


def telling(specimen: SpecimenRow, **changes: object) -> tuple[ImageRow, SpecimenRow]:
    """Return the good image with the verdict of a specimen's row, and that row."""
    return told(GOOD, specimen.verdict, *specimen.reasons, **changes), specimen


UNSURE = replace(ANSWER, verdict=Verdict.INCONCLUSIVE, reasons=("not-sure",))
FORGED: dict[str, tuple[ImageRow, SpecimenRow]] = {
    "another verdict than the image has": (GOOD, replace(ANSWER, verdict=Verdict.COUNTERFEIT)),
    "other reasons than the image has": (GOOD, replace(ANSWER, reasons=("not-sure",))),
    "an answer beside a refused picture": (REFUSED, ANSWER),
    "an answer beside a picture that was enrolled": (ENROLLED, ANSWER),
    "evidence of a specimen that was enrolled": (
        ENROLLED,
        replace(ANSWER, verdict=Verdict.INCONCLUSIVE, reasons=("was-enrolled",)),
    ),
    "an enrolled picture without a mark": telling(replace(NO_ANSWER, reasons=("was-enrolled",))),
    "an enrolled picture with another reason": (
        told(ENROLLED, Verdict.INCONCLUSIVE, "not-sure"),
        replace(NO_ANSWER, reasons=("not-sure",)),
    ),
    "an answer in the row of a picture that was not judged": (told(GOOD, Verdict.AUTHENTIC, judged=None), ANSWER),
    "an answer of one refused picture": (REFUSED, replace(ANSWER, images=1)),
    "no pictures": (GOOD, replace(ANSWER, images=0)),
    "more pictures than are counted": (GOOD, replace(ANSWER, images=46)),
    "an answer that the ranks forbid": (GOOD, compared(authentic=LOW)),
    "an answer of two possible classes": (GOOD, compared(counterfeit=HIGH)),
    "ranks among others": (GOOD, compared(authentic=Rank(15, 21))),
    "no ranks where the header gives some": telling(
        replace(
            compared(authentic=None, counterfeit=None, spread=None),
            verdict=Verdict.INCONCLUSIVE,
            reasons=("not-calibrated",),
        )
    ),
    "an answer without evidence": (GOOD, replace(ANSWER, evidence=None)),
    "more images compared than there are": (GOOD, compared(tiles=(16, 16, 16, 16))),
    "all tiles compared, and not those of the picture": (GOOD, compared(tiles=(15, 15))),
    "more images compared than can be judged": (UNJUDGED, replace(compared(tiles=(16, 16, 16)))),
    "a spread among more than are enrolled": (GOOD, compared(spread=Rank(30, 41))),
    "a tolerance above the picture's": (GOOD, replace(ANSWER, tolerance=3)),
    "a tolerance that no votes give": (UNJUDGED, replace(ANSWER, tolerance=5)),
    "no tolerance where one was asked for": (GOOD, replace(ANSWER, tolerance=None)),
    "an answer with a reason": (told(GOOD, Verdict.AUTHENTIC, "not-sure"), replace(ANSWER, reasons=("not-sure",))),
    "no answer without a reason": telling(replace(ANSWER, verdict=Verdict.INCONCLUSIVE)),
    "a doubt that the ranks do not leave": telling(UNSURE),
    "images that disagree by a spread that does not": telling(
        replace(
            ANSWER,
            verdict=Verdict.INCONCLUSIVE,
            reasons=("pictures-disagree",),
            evidence=evidence(NEITHER, 2, spread=Rank(7, 25)),
        )
    ),
    "unfamiliar by ranks that are not": telling(replace(ANSWER, verdict=Verdict.UNFAMILIAR, reasons=("unfamiliar",))),
    "not assessable beside a picture that was judged": telling(replace(NO_ANSWER, reasons=("not-assessable",))),
    "refused whole, beside a picture that was judged": (
        GOOD,
        replace(NO_ANSWER, verdict=Verdict.REFUSED, reasons=("all-refused",)),
    ),
    "refused whole, and compared": (REFUSED, replace(ANSWER, verdict=Verdict.REFUSED, reasons=("all-refused",))),
    "an instrument against which nothing speaks": telling(
        replace(ANSWER, verdict=Verdict.INCONCLUSIVE, reasons=("instrument-not-enrolled",))
    ),
    "a scale that the policy does not need": telling(
        replace(ANSWER, verdict=Verdict.INCONCLUSIVE, reasons=("scale-unknown",)), scale=None
    ),
    "evidence in the row of the picture": (replace(GOOD, specimen=None, evidence=evidence(NEITHER)), ANSWER),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_specimen_s_row_that_no_other_images_explain_is_refused(what: str) -> None:
    with pytest.raises(SigningError) as caught:
        verify_excerpt(shown(*FORGED[what]), "excerpt", trust=TRUST)
    assert caught.value.reason is Reason.CONTRADICTION


@pytest.mark.parametrize(
    "head",
    [
        replace(HEADER, specimens=replace(COUNTED, authentic=0)),
        replace(HEADER, images=replace(COUNTED, authentic=0)),
        replace(HEADER, model=replace(HEADER.model, devices=())),
        replace(HEADER, model=replace(HEADER.model, confounded=True)),
    ],
    ids=["no such specimen", "no such image", "another instrument", "confounded"],
)
def test_rows_that_the_header_excludes_are_refused(head: Header) -> None:
    with pytest.raises(SigningError) as caught:
        verify_excerpt(shown(GOOD, ANSWER, head), "excerpt", trust=TRUST)
    assert caught.value.reason is Reason.CONTRADICTION


@pytest.mark.parametrize(
    ("row", "specimen"),
    [
        (GOOD, ANSWER),
        (UNJUDGED, ANSWER),  # left out beside two others
        telling(replace(ANSWER, images=4, verdict=Verdict.INCONCLUSIVE, reasons=("picture-refused",))),
        (REFUSED, replace(ANSWER, verdict=Verdict.INCONCLUSIVE, reasons=("picture-refused",))),
        (REFUSED, replace(NO_ANSWER, verdict=Verdict.REFUSED, reasons=("all-refused",), tolerance=None)),
        (REFUSED, replace(NO_ANSWER, reasons=("was-enrolled",))),
        (ENROLLED, replace(NO_ANSWER, reasons=("was-enrolled",))),
        (GOOD, compared(tiles=(9, 4), reduced=True)),
        (GOOD, replace(ANSWER, tolerance=0)),
        telling(replace(compared(counterfeit=HIGH), verdict=Verdict.INCONCLUSIVE, reasons=("not-sure",))),
    ],
)
def test_a_specimen_s_row_that_other_images_explain_is_accepted(row: ImageRow, specimen: SpecimenRow) -> None:
    assert verify_excerpt(shown(row, specimen), "excerpt", trust=TRUST).specimen == specimen


HARMS: dict[str, Callable[[ImageRow], ImageRow]] = {
    "none": lambda row: row,
    "refused": lambda row: replace(REFUSED, name=row.name, specimen=row.specimen),
    "unjudged": lambda row: replace(row, judged=None),
    "no scale": lambda row: replace(row, scale=None),
    "enrolled": lambda row: replace(row, enrolled=EnrolmentMark.NEAR_DUPLICATE),
}


@pytest.mark.parametrize("needs_scale", [False, True])
@pytest.mark.parametrize("least", [0, 3])
@pytest.mark.parametrize("devices", [(), ("sem-1",)])
@pytest.mark.parametrize("harm", HARMS)
def test_no_true_row_is_refused(needs_scale: bool, least: int, devices: tuple[str, ...], harm: str) -> None:
    """Whatever pictures a specimen has, its row passes beside each of them."""
    said = header(AUDITOR.public, images=VerdictCounts(99, 99, 99, 99, 99))
    policy = replace(said.policy, needs_scale=needs_scale, tolerance=least)
    head = replace(said, policy=policy, model=replace(said.model, devices=devices))
    compared_rows = 0
    for specimens in (1, 2, 8, 30):
        rows = [image(number, specimens=specimens) for number in range(30)]
        if harm == "enrolled":  # every picture of a specimen is marked where one is
            rows = [HARMS[harm](row) if row.specimen == "sherd 0" and row.pixels else row for row in rows]
        else:
            rows = [HARMS[harm](row) if number % 4 == 0 and row.pixels else row for number, row in enumerate(rows)]
        whole = decided(rows, head)
        for specimen in whole.specimens:
            for row in whole.images:
                if row.specimen == specimen.specimen:
                    assert specimen_fault(specimen, row, head) is None, (row, specimen)
                    compared_rows += 1
    assert compared_rows > 100


@pytest.mark.parametrize("name", ["v3", "v3-uncalibrated"])
def test_every_row_passes_beside_its_specimen(name: str) -> None:
    said = Report.from_payload(payload_of(VECTORS / name / "report.sigstore.json"), name)
    specimens = {row.specimen: row for row in said.specimens}
    pairs = [(specimens[row.specimen], row) for row in said.images if row.specimen is not None]
    assert pairs
    assert [specimen_fault(specimen, row, said.header) for specimen, row in pairs] == [None] * len(pairs)
