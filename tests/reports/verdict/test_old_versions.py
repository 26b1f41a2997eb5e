"""What a listed auditor could sign today by the rules of an older version."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reports.arithmetic import Rank
from reports.stress.outcome import Outcome
from reports.verdict import versions
from reports.verdict.claims import Admission, RobustnessClaim, ScaleClaim
from reports.verdict.excerpt import make_excerpt, verify_excerpt
from reports.verdict.former_coverage import FormerChecks, former_checks
from reports.verdict.former_header import FormerHeader
from reports.verdict.former_rows import FormerImageRow, former_images
from reports.verdict.header import ErrorRate, Header, VerdictCounts
from reports.verdict.report import Report
from reports.verdict.verdicts import Verdict
from reports.verdict.verification import Verification, verify_report
from reports.verdict.versions import NEWEST, V1, V2, VERSIONS, refuse_late
from signing import Reason, SigningError, write_time
from signing.strict import write_json
from tests.reports.verdict.made import digest
from tests.reports.verdict.made_former import (
    former_following,
    former_header,
    former_image,
    former_policy,
    former_report,
    former_text,
)
from tests.reports.verdict.test_forged import AUDITOR, TRUST, checkpoint_of, genuine, put
from tests.reports.verdict.test_vectors import GOLDEN, LATER, VECTORS, listed_by, payload_of
from tests.reports.verdict.test_vectors import V1 as FIRST

LAST = {V1: datetime(2026, 11, 30, tzinfo=UTC), V2: datetime(2026, 12, 1, tzinfo=UTC)}
PLAIN = former_text(former_policy())


AGAIN = "The ledger was told to admit this batch whatever it knew of it: "


def listed(auditor_header: FormerHeader, **changes: Any) -> FormerHeader:
    """Return a header that quotes the trust store as it is."""
    head = genuine().header
    return replace(auditor_header, trust=head.trust, batch=head.batch, **changes)


def first_version(
    issued: datetime, *, of: int = 1000, calibrated: int = 0, rates: tuple[ErrorRate, ...] = ()
) -> Report:
    """Return a report of version 1 that calls three pictures AUTHENTIC by invented ranks among so many specimens."""

    def invented(row: FormerImageRow) -> FormerImageRow:
        assert row.judged is not None
        high, low = Rank(of, of), Rank(0, of)
        return replace(row, judged=replace(row.judged, tolerance=None, authentic=high, counterfeit=low, familiar=high))

    images = tuple(invented(former_image(number)) for number in range(3))
    head = listed(former_header(AUDITOR.public), format=V2)
    model = replace(
        head.model,
        partitions=0,
        error_rates=rates,
        enrolled_authentic=calibrated,
        enrolled_counterfeit=calibrated,
        calibrated_authentic=calibrated,
        calibrated_counterfeit=calibrated,
    )
    policy = replace(head.policy, text=PLAIN, digest=digest(PLAIN), tolerance=None)
    first = replace(head, format=V1, issued=write_time(issued), policy=policy, model=model)
    said = former_following(first, images)
    assert said.header.images == VerdictCounts(3, 0, 0, 0, 0)
    return said


def second_version(issued: datetime) -> Report:
    said = former_report(AUDITOR.public)
    head = said.header
    assert isinstance(head, FormerHeader)
    return former_following(listed(head, issued=write_time(issued)), former_images(said.images))


MAKERS = {V1: first_version, V2: second_version}


@pytest.mark.parametrize("version", MAKERS)
def test_no_report_of_an_old_version_is_issued_after_its_last_moment(version: str, tmp_path: Path) -> None:
    """The claimed time decides where no timestamp proves another."""
    last = LAST[version]
    for issued, good in ((last, True), (last + timedelta(seconds=1), False), (last + timedelta(days=90), False)):
        said = MAKERS[version](issued)
        trust = replace(TRUST, at=max(TRUST.at, issued))
        shown = make_excerpt(said, checkpoint_of(said), said.images[0].name)
        put(said, tmp_path)
        if good:
            verify_report(tmp_path, trust=trust)
            verify_excerpt(shown, "excerpt", trust=trust)
            continue
        for check in (
            lambda trust=trust: verify_report(tmp_path, trust=trust),
            lambda trust=trust, shown=shown: verify_excerpt(shown, "excerpt", trust=trust),
        ):
            with pytest.raises(SigningError, match=f"none of which was issued after {write_time(last)}") as caught:
                check()
            assert caught.value.reason is Reason.CONTRADICTION


def test_a_proven_time_shows_that_an_old_version_was_issued_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The golden report claims a time before; only its timestamp tells when it was signed."""
    found = Verification()
    store = listed_by("v2", GOLDEN["v2"], LATER)
    said = verify_report(VECTORS / "v2", trust=store, verification=found)
    assert found.signer is not None
    assert found.signer.proven
    assert found.signer.time is not None
    assert found.signer.time >= said.header.time
    earlier = found.signer.time - timedelta(seconds=1)
    shortened = {name: replace(version, until=version.until and earlier) for name, version in VERSIONS.items()}
    monkeypatch.setattr(versions, "VERSIONS", shortened)
    with pytest.raises(SigningError, match="as a timestamp proves"):
        verify_report(VECTORS / "v2", trust=store)


def test_the_newest_version_has_no_last_moment_and_no_gaps() -> None:
    refuse_late(NEWEST, datetime(2099, 1, 1, tzinfo=UTC), "it", proven=True)
    assert {name: version.until for name, version in VERSIONS.items()} == {**LAST, NEWEST: None}
    assert [bool(version.gaps) for version in VERSIONS.values()] == [True, True, False]


RATE = (ErrorRate("counterfeit specimens called authentic", 1, 19, "0.1 to 26.1 %"),)


@pytest.mark.parametrize(
    ("said", "sets", "familiarity"),
    [
        (first_version(LAST[V1]), False, False),
        (first_version(LAST[V1], of=19, calibrated=19), False, True),
        (first_version(LAST[V1], of=19, calibrated=19, rates=RATE), True, True),
        (first_version(LAST[V1], of=1000, calibrated=19, rates=RATE), False, False),
        (first_version(LAST[V1], of=19, rates=RATE), False, False),
    ],
    ids=[
        "nothing calibrated",
        "no error rates",
        "supported",
        "ranks among more than there are",
        "rates without counts",
    ],
)
def test_tests_that_a_header_of_version_1_does_not_support_are_not_listed_as_checked(
    said: Report, sets: bool, familiarity: bool, tmp_path: Path
) -> None:
    put(said, tmp_path)
    report = verify_report(tmp_path, trust=replace(TRUST, at=LAST[V1]))
    found = checks_of(report)
    assert (found.sets, found.familiarity, found.calibrated) == (sets, familiarity, sets or familiarity)
    assert {row.verdict for row in said.images} == {Verdict.AUTHENTIC}


def checks_of(report: Report) -> FormerChecks:
    assert isinstance(report.header, FormerHeader)
    return former_checks(report.header, report.images)


def test_the_golden_report_of_version_1_supports_what_it_says() -> None:
    report = Report.from_payload(payload_of(FIRST / "report.sigstore.json"), "it")
    found = checks_of(report)
    assert (found.sets, found.familiarity) == (True, True)


def header_of_version_2(**changes: Any) -> Header:
    """Return a header as it is read of version 2, with some fields changed in its signed text."""
    said = second_version(LAST[V2])
    leaf = json.loads(said.texts[0]) | changes
    return Report.from_payload(replace(said, texts=(write_json(leaf), *said.texts[1:])).to_payload(), "it").header


def test_what_older_versions_wrote_as_sentences_is_read_as_records() -> None:
    text = f"FAILED a, b, 2026-11-21, sha256:{digest('result')}, stale"
    claim = RobustnessClaim(Outcome.FAILED, "a, b", None, "2026-11-21", digest("result"), stale=True)
    assert header_of_version_2(robustness=text).robustness == claim
    assert header_of_version_2(robustness="not stress-tested").robustness is None
    limits = ["It says nothing of age.", f"{AGAIN}a client: asked for it", "The end."]
    header = header_of_version_2(limits=limits)
    assert header.limits == (limits[0], limits[2])
    assert header.admission == Admission(again="a client: asked for it", out_of_order=False)
    assert header_of_version_2(limits=[]).admission == Admission()
    assert {row.scale for row in second_version(LAST[V2]).images} == {ScaleClaim("200", "manifest"), None}


@pytest.mark.parametrize(
    "changes",
    [
        {"robustness": "PASSED with honours"},
        {"robustness": f"SPLENDID a, 2026-11-21, sha256:{digest('result')}"},
        {"robustness": f"PASSED quick, 2026-02-30, sha256:{digest('result')}"},
        {"robustness": None},
        {"robustness": {}},
        {"limits": None},
        {"limits": [f"{AGAIN}x", 5]},
        {"limits": [AGAIN]},
        {"admission": {"again": None, "out_of_order": False}},
        {"model": None},
    ],
    ids=str,
)
def test_a_field_that_no_older_version_wrote_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(SigningError) as caught:
        header_of_version_2(**changes)
    assert caught.value.reason is Reason.MALFORMED
