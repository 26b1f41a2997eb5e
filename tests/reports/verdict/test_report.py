"""A report is one thing with one form: signed whole, checked whole, and any change of it shows."""

import base64
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fusiondiff_audit.policy.audit import AuditPolicy, Intake
from fusiondiff_audit.policy.laboratory import Case
from reports.arithmetic import Rank
from reports.stress.outcome import Outcome
from reports.verdict.former_verdicts import FormerEvidence, former_verdict
from reports.verdict.header import ErrorRate, Header, VerdictCounts
from reports.verdict.issue import CHECKPOINT, REPORT, SUMMARY, issue
from reports.verdict.limits import limit_notice
from reports.verdict.report import Report
from reports.verdict.rows import ImageRow, SpecimenEvidence, SpecimenRow, surviving_answers
from reports.verdict.verdicts import Evidence, Label, Verdict, VerdictReason, VerdictRules, verdict
from reports.verdict.verification import Verification, verify_report
from signing import Algorithm, PrivateKey, Reason, Role, SigningError, TrustStore
from signing.sigstore_bundle import sign_payload
from signing.strict import write_json
from tests.conftest import entry, make_trust
from tests.reports.verdict.made import ALPHA, changed, digest, evidence, fields, redecided, report, stress_claim

AUDITOR = PrivateKey.generate(Algorithm.ED25519)


def made_report(**changes: Any) -> Report:
    return report(AUDITOR.public, **changes)


def with_rate(header: Header, rate: ErrorRate) -> Header:
    """Return a header whose model states an error rate."""
    return replace(header, model=replace(header.model, error_rates=(rate,)))


def judged(row: ImageRow, **changes: Any) -> ImageRow:
    """Return a row whose findings say something else."""
    assert row.judged is not None
    return replace(row, judged=replace(row.judged, **changes))


def compared(row: SpecimenRow, **changes: Any) -> SpecimenRow:
    """Return a specimen's row whose evidence says something else."""
    assert row.evidence is not None
    return replace(row, evidence=replace(row.evidence, **changes))


def by(said: Report, policy: AuditPolicy, **changes: Any) -> Report:
    """Return a report that quotes another policy, rows and all else as they are."""
    policy = policy.model_copy(update={"case": Case(text=said.header.case)}).certifying(["poisoning"])
    head = replace(said.header.policy, digest=policy.digest, text=policy.text)
    return changed(said, header=replace(said.header, policy=head, **changes))


@pytest.fixture(scope="module")
def trusted() -> TrustStore:
    root = PrivateKey.generate(Algorithm.ED25519)
    device = PrivateKey.generate(Algorithm.ED25519)
    return make_trust(root, (entry(AUDITOR, Role.AUDITOR, "auditor-1"), entry(device, Role.DEVICE, "sem-1")))


def written(folder: Path, said: Report) -> Path:
    folder.mkdir(exist_ok=True)
    for name, data in issue(said, AUDITOR).items():
        (folder / name).write_bytes(data)
    return folder


def test_what_is_written_is_read_back_and_every_check_is_named(tmp_path: Path, trusted: TrustStore) -> None:
    said = made_report()
    found = Verification()
    assert verify_report(written(tmp_path, said), trust=trusted, verification=found) == said
    titles = [check.title for check in found.checks]
    assert titles == ["signature", "time", "names", "tree", "arithmetic", CHECKPOINT, SUMMARY]
    assert said.header.images.authentic > 0
    assert said.header.images.refused > 0


def test_any_changed_byte_of_the_signed_file_is_refused_or_means_the_same(tmp_path: Path, trusted: TrustStore) -> None:
    said = made_report(count=6)
    file = written(tmp_path, said) / REPORT
    data = file.read_bytes()
    payload = base64.b64decode(json.loads(data)["dsseEnvelope"]["payload"])
    rng = random.Random(7)
    same = 0
    for place in range(0, len(data), 3):
        bad = bytearray(data)
        bad[place] ^= rng.randrange(1, 256)
        file.write_bytes(bad)
        try:
            verify_report(tmp_path, trust=trusted)
        except SigningError:
            continue
        again = json.loads(bytes(bad))["dsseEnvelope"]
        assert base64.b64decode(again["payload"]) == payload  # white space, or the other way to write it
        same += 1
    assert same < len(data) / 100


def test_every_changed_value_of_a_row_changes_the_tree(trusted: TrustStore, tmp_path: Path) -> None:
    """Even the auditor's own key cannot sign rows that do not follow from each other."""
    said = made_report(count=8)
    whole = json.loads(said.to_payload())
    rows = [way for way in fields(whole["predicate"]) if way[0] in ("specimens", "images")]
    assert len(rows) > 100
    for way in rows:
        bad = json.loads(said.to_payload())
        at = bad["predicate"]
        for step in way[:-1]:
            at = at[step]
        value = at[way[-1]]
        at[way[-1]] = not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else f"{value}x"
        (tmp_path / REPORT).write_bytes(sign_payload(write_json(bad), AUDITOR))
        with pytest.raises(SigningError):
            verify_report(tmp_path, trust=trusted)


@pytest.mark.parametrize(
    "harm",
    [
        lambda r: changed(r, images=(replace(r.images[0], verdict=Verdict.COUNTERFEIT), *r.images[1:])),
        lambda r: changed(r, images=(replace(r.images[0], reasons=("because",)), *r.images[1:])),
        lambda r: changed(r, images=r.images[:-1]),
        lambda r: changed(r, specimens=r.specimens[:-1]),
        lambda r: changed(r, header=replace(r.header, images=VerdictCounts(30, 0, 0, 0, 0))),
        lambda r: changed(r, header=replace(r.header, policy=replace(r.header.policy, alpha="0.7"))),
        lambda r: changed(r, header=with_rate(r.header, ErrorRate("all", 1, 24, "0.0 to 3.0 %"))),
        lambda r: changed(r, header=with_rate(r.header, ErrorRate("all", 25, 24, "0.0 to 3.0 %"))),
        lambda r: changed(r, header=with_rate(r.header, ErrorRate("all", 2**51, 2**52, "49.9 to 50.1 %"))),
        lambda r: changed(r, header=replace(r.header, policy=replace(r.header.policy, digest=digest("other")))),
        lambda r: changed(r, header=replace(r.header, policy=replace(r.header.policy, needs_scale=True))),
        lambda r: changed(r, header=replace(r.header, policy=replace(r.header.policy, name="ours"))),
        lambda r: changed(r, header=replace(r.header, policy=replace(r.header.policy, tolerance=1))),
        lambda r: changed(r, header=replace(r.header, policy=replace(r.header.policy, tolerance=None))),
        lambda r: changed(r, header=replace(r.header, model=replace(r.header.model, partitions=9))),
        lambda r: changed(r, images=(judged(r.images[0], tolerance=None), *r.images[1:])),
        lambda r: changed(r, specimens=(replace(r.specimens[0], tolerance=3), *r.specimens[1:])),
        lambda r: changed(r, specimens=(compared(r.specimens[0], authentic=Rank(0, 20)), *r.specimens[1:])),
        lambda r: changed(r, header=replace(r.header, case=("Sale 13",))),
        lambda r: changed(r, header=replace(r.header, run=replace(r.header.run, limit=30))),
        lambda r: changed(r, specimens=(compared(r.specimens[0], spread=Rank(7, 41)), *r.specimens[1:])),
        lambda r: changed(r, specimens=(compared(r.specimens[0], counterfeit=Rank(0, 19)), *r.specimens[1:])),
        lambda r: changed(r, specimens=(replace(r.specimens[0], images=5), *r.specimens[1:])),
        lambda r: changed(r, images=(replace(r.images[0], specimen=None), *r.images[1:])),
        lambda r: changed(r, images=(replace(r.images[0], specimen="sherd 1"), *r.images[1:])),
        lambda r: changed(r, header=replace(r.header, specimens=r.header.images)),
        lambda r: changed(r, header=replace(r.header, policy=replace(r.header.policy, needs_instrument=False))),
        lambda r: by(r, AuditPolicy(intake=Intake(instrument="remark"))),
        lambda r: by(r, AuditPolicy(intake=Intake(second_signature=True))),
        lambda r: by(r, AuditPolicy()),  # which requires a stress test
        lambda r: by(r, AuditPolicy(), robustness=stress_claim(stale=True)),
        lambda r: by(r, AuditPolicy(), robustness=stress_claim(outcome=Outcome.FAILED)),
    ],
)
def test_rows_that_contradict_each_other_are_refused_whoever_signed(
    harm: Any, tmp_path: Path, trusted: TrustStore
) -> None:
    said = harm(made_report())
    with pytest.raises(SigningError) as caught:
        issue(said, AUDITOR)
    assert caught.value.reason is Reason.CONTRADICTION
    (tmp_path / REPORT).write_bytes(sign_payload(said.to_payload(), AUDITOR))  # with other tools, that is
    with pytest.raises(SigningError) as caught:
        verify_report(tmp_path, trust=trusted)
    assert caught.value.reason is Reason.CONTRADICTION


@pytest.mark.parametrize(
    "harm",
    [
        lambda r: changed(r, images=(r.images[1], r.images[0], *r.images[2:])),
        lambda r: changed(r, images=(r.images[0], *r.images)),
        lambda r: changed(r, salt_key=b"short"),
        lambda r: changed(r, images=(replace(r.images[0], name="batch manifest"), *r.images[1:])),
        lambda r: changed(r, images=(replace(r.images[0], sha256=None), *r.images[1:])),
        lambda r: changed(r, images=(replace(r.images[0], sha256="AB" * 32), *r.images[1:])),
        lambda r: changed(r, images=(judged(r.images[0], votes_authentic=0), *r.images[1:])),
        lambda r: changed(r, images=(judged(r.images[0], votes_counterfeit=-1), *r.images[1:])),
        lambda r: changed(r, images=(judged(r.images[0], tolerance=3), *r.images[1:])),
        lambda r: changed(r, images=(judged(r.images[0], score="banana"), *r.images[1:])),
        lambda r: changed(r, images=(replace(r.images[0], evidence=evidence(0)), *r.images[1:])),
        lambda r: changed(r, images=(judged(r.images[0], gate="nan"), *r.images[1:])),
        lambda r: changed(r, images=(judged(r.images[0], map="1 2; x"), *r.images[1:])),
        lambda r: changed(r, images=(judged(r.images[0], map="- -; -"), *r.images[1:])),
        lambda r: changed(r, header=replace(r.header, run=replace(r.header.run, limit=0))),
        lambda r: replace(r, texts=(r.texts[0], *r.texts[2:], r.texts[1])),
        lambda r: replace(r, texts=r.texts[:-1]),
        lambda r: changed(r, images=(replace(r.images[0], name="../outside.tif"), *r.images[1:])),
        lambda r: changed(r, header=replace(r.header, format="fusiondiff-audit/report/v9")),
        lambda r: changed(r, header=replace(r.header, policy=replace(r.header.policy, alpha="1e-9999999"))),
    ],
)
def test_a_report_in_another_form_is_not_even_signed(harm: Any) -> None:
    with pytest.raises((SigningError, ValueError)):
        issue(harm(made_report()), AUDITOR)


def test_only_an_auditor_s_key_of_the_right_kind_signs(tmp_path: Path, trusted: TrustStore) -> None:
    other = PrivateKey.generate(Algorithm.P256)
    with pytest.raises(SigningError, match="Ed25519"):
        issue(made_report(), other)
    for name, data in issue(made_report(), PrivateKey.generate(Algorithm.ED25519)).items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(SigningError) as caught:
        verify_report(tmp_path, trust=trusted)
    assert caught.value.reason is Reason.UNKNOWN_KEY
    found = Verification()
    stranger = made_report()
    stranger = changed(
        stranger, header=replace(stranger.header, auditor=replace(stranger.header.auditor, keyid="0" * 64))
    )
    with pytest.raises(SigningError, match="another auditor"):
        verify_report(written(tmp_path / "b", stranger), trust=trusted, verification=found)
    assert [check.title for check in found.checks] == ["signature", "time"]


def test_files_beside_a_report_must_be_of_it(tmp_path: Path, trusted: TrustStore) -> None:
    one, two = (written(tmp_path / name, made_report(count=count)) for name, count in (("one", 10), ("two", 11)))
    for name in (CHECKPOINT, SUMMARY):
        own = (one / name).read_bytes()
        (one / name).write_bytes((two / name).read_bytes())
        with pytest.raises(SigningError):
            verify_report(one, trust=trusted)
        (one / name).write_bytes(own)
    verify_report(one, trust=trusted)


def summarised(said: Report) -> Any:
    envelope = json.loads(issue(said, AUDITOR)[SUMMARY])["dsseEnvelope"]
    return json.loads(base64.b64decode(envelope["payload"]))


def test_the_summary_passes_only_where_every_image_is_authentic() -> None:
    mixed = json.loads(base64.b64decode(json.loads(issue(made_report(), AUDITOR)[SUMMARY])["dsseEnvelope"]["payload"]))
    assert mixed["predicate"]["verificationResult"] == "FAILED"
    pure = made_report(count=3, specimens=1)
    assert all(row.verdict is Verdict.AUTHENTIC for row in pure.images)
    assert summarised(pure)["predicate"]["verificationResult"] == "FAILED"  # it is a demonstration
    pure = changed(pure, header=replace(pure.header, demonstration=False))
    good = summarised(pure)
    assert good["predicate"]["verificationResult"] == "PASSED"
    unknown = changed(pure, header=replace(pure.header, model=replace(pure.header.model, verified=False)))
    assert summarised(unknown)["predicate"]["verificationResult"] == "FAILED"
    said = (*pure.header.limits, *limit_notice(3))
    part = changed(pure, header=replace(pure.header, limits=said, run=replace(pure.header.run, limit=3)))
    assert summarised(part)["predicate"]["verificationResult"] == "FAILED"
    assert [one["digest"]["sha256"] for one in good["subject"]] == [digest(row.name) for row in pure.images]
    out_of_focus = replace(pure.images[0], judged=None)
    left_out = redecided(
        changed(pure, specimens=(compared(pure.specimens[0], tiles=(16, 16)),)), (out_of_focus, *pure.images[1:])
    )
    shown = [row.verdict for row in left_out.images]
    assert shown == [Verdict.INCONCLUSIVE, Verdict.AUTHENTIC, Verdict.AUTHENTIC]
    assert left_out.specimens[0].verdict is Verdict.AUTHENTIC
    assert summarised(left_out)["predicate"]["verificationResult"] == "FAILED"  # one of them was not judged


A, C = Label.AUTHENTIC, Label.COUNTERFEIT
HIGH, LOW = Rank(12, 25), Rank(0, 25)
BOTH, NEITHER, AS_REFERENCE, AS_COPY = (HIGH, HIGH), (LOW, LOW), (HIGH, LOW), (LOW, HIGH)
INSTRUMENT = (VerdictReason.INSTRUMENT_NOT_ENROLLED,)
REQUIRED = VerdictRules(ALPHA, needs_scale=True, needs_instrument=True, instrument=INSTRUMENT)
REMARK = VerdictRules(ALPHA, instrument=INSTRUMENT)
QUARTER = VerdictRules(ALPHA, least_tiles=8)
NAMED = VerdictRules(ALPHA, needs_instrument=True)


@pytest.mark.parametrize(
    ("found", "rules", "said", "why"),
    [
        (Evidence((A,), *AS_REFERENCE), NAMED, Verdict.AUTHENTIC, ()),
        (Evidence((C, A), *AS_REFERENCE), NAMED, Verdict.AUTHENTIC, ()),  # labels decide nothing
        (Evidence((A,), *AS_COPY), NAMED, Verdict.COUNTERFEIT, ()),
        (Evidence((A,), *BOTH), NAMED, Verdict.INCONCLUSIVE, ("not-sure",)),
        (Evidence((A,), *BOTH, LOW), NAMED, Verdict.INCONCLUSIVE, ("not-sure",)),
        (Evidence((A,), *NEITHER), NAMED, Verdict.UNFAMILIAR, ("unfamiliar",)),
        (Evidence((A,), *NEITHER, HIGH), NAMED, Verdict.UNFAMILIAR, ("unfamiliar",)),
        (Evidence((A,), *NEITHER, LOW), NAMED, Verdict.INCONCLUSIVE, ("pictures-disagree",)),
        (Evidence((A,), *AS_REFERENCE, LOW), NAMED, Verdict.AUTHENTIC, ()),
        (Evidence((A,), *AS_REFERENCE, weakest=LOW), NAMED, Verdict.INCONCLUSIVE, ("pictures-disagree",)),
        (Evidence((A,), *AS_REFERENCE, weakest=HIGH), NAMED, Verdict.AUTHENTIC, ()),
        (Evidence((A,), *AS_REFERENCE, tiles=7), QUARTER, Verdict.INCONCLUSIVE, ("too-few-tiles",)),
        (Evidence((A,), *AS_REFERENCE, tiles=8), QUARTER, Verdict.AUTHENTIC, ()),
        (Evidence((A,), *AS_COPY, tiles=1), QUARTER, Verdict.COUNTERFEIT, ()),
        (Evidence((A,), *NEITHER, tiles=1), QUARTER, Verdict.UNFAMILIAR, ("unfamiliar",)),
        (Evidence((A,), Rank(1, 20), Rank(0, 19)), NAMED, Verdict.AUTHENTIC, ()),  # p = 1 / 20 is not above 5 %
        (Evidence((A,), *AS_REFERENCE, enrolled=True, refused=True), REQUIRED, Verdict.INCONCLUSIVE, ("was-enrolled",)),
        (Evidence((A,), *AS_REFERENCE, enrolled=True), REMARK, Verdict.INCONCLUSIVE, ("was-enrolled",)),
        (Evidence((), refused=True), REQUIRED, Verdict.INCONCLUSIVE, ("not-assessable",)),
        (Evidence(()), REMARK, Verdict.INCONCLUSIVE, ("not-assessable",)),
        (Evidence((A,), scale_missing=True), REQUIRED, Verdict.INCONCLUSIVE, ("not-calibrated",)),
        (Evidence((A,)), REMARK, Verdict.INCONCLUSIVE, ("not-calibrated", *INSTRUMENT)),
        (Evidence((A,), *AS_COPY, scale_missing=True), REQUIRED, Verdict.INCONCLUSIVE, ("scale-unknown",)),
        (Evidence((A,), *AS_COPY, scale_missing=True), NAMED, Verdict.COUNTERFEIT, ()),
        (Evidence((A,), *AS_COPY, refused=True), REQUIRED, Verdict.INCONCLUSIVE, INSTRUMENT),
        (Evidence((A,), *NEITHER, refused=True), NAMED, Verdict.INCONCLUSIVE, ("picture-refused",)),
        (Evidence((A,), *AS_REFERENCE), REMARK, Verdict.AUTHENTIC, INSTRUMENT),
        (Evidence((A,), *NEITHER), REMARK, Verdict.UNFAMILIAR, ("unfamiliar", *INSTRUMENT)),
    ],
)
def test_the_rule(found: Evidence, rules: VerdictRules, said: Verdict, why: tuple[str, ...]) -> None:
    assert verdict(found, rules) == (said, why)


@pytest.mark.parametrize(
    ("labels", "tolerance", "least", "is_short"),
    [
        ((A, A), 3, 3, False),
        ((A, A), 2, 3, True),
        ((A, C), 3, 3, True),  # the certificate of one image is of another label than the verdict
        ((C, C), 3, 3, True),
        ((A,), None, 1, True),
        ((C,), 0, 0, False),  # the policy asks for no least tolerance
        ((C,), None, None, False),
    ],
)
def test_an_answer_takes_certificates_of_its_own_label(
    labels: tuple[Label, ...], tolerance: int | None, least: int | None, is_short: bool
) -> None:
    found = verdict(Evidence(labels, *AS_REFERENCE, tolerance=tolerance), VerdictRules(ALPHA, tolerance=least))
    expected = (Verdict.INCONCLUSIVE, ("least-not-reached",)) if is_short else (Verdict.AUTHENTIC, ())
    assert found == expected


@pytest.mark.parametrize(
    ("found", "said", "why"),
    [
        (FormerEvidence((A,)), Verdict.AUTHENTIC, None),
        (FormerEvidence((C,)), Verdict.COUNTERFEIT, None),
        (FormerEvidence((A,), familiar=True), Verdict.AUTHENTIC, None),
        (FormerEvidence((A,), classes=(A,)), Verdict.AUTHENTIC, None),
        (FormerEvidence((C, C), classes=(C,), familiar=True), Verdict.COUNTERFEIT, None),
        (FormerEvidence(()), Verdict.INCONCLUSIVE, VerdictReason.NOT_ASSESSABLE),
        (FormerEvidence((A,), faults=True), Verdict.INCONCLUSIVE, VerdictReason.NOT_ASSESSABLE),
        (FormerEvidence((A,), familiar=True, scale_missing=True), Verdict.UNFAMILIAR, VerdictReason.SCALE_UNKNOWN),
        (FormerEvidence((A,), familiar=False, classes=(A,)), Verdict.UNFAMILIAR, VerdictReason.UNFAMILIAR),
        (FormerEvidence((A,), classes=()), Verdict.UNFAMILIAR, VerdictReason.UNLIKE_BOTH),
        (FormerEvidence((A,), classes=(A, C)), Verdict.INCONCLUSIVE, VerdictReason.NOT_SURE),
        (FormerEvidence((A,), classes=(C,)), Verdict.INCONCLUSIVE, VerdictReason.SET_DISAGREES),
        (FormerEvidence((A, C), classes=(A,)), Verdict.INCONCLUSIVE, VerdictReason.IMAGES_DISAGREE),
        (FormerEvidence((A, C), classes=()), Verdict.INCONCLUSIVE, VerdictReason.IMAGES_DISAGREE),
        (FormerEvidence((A,), classes=(A,), refused=True), Verdict.INCONCLUSIVE, VerdictReason.IMAGE_REFUSED),
        (FormerEvidence((A,), classes=(A,), short=True), Verdict.INCONCLUSIVE, VerdictReason.LEAST_NOT_REACHED),
    ],
)
def test_the_rule_of_versions_1_and_2(found: FormerEvidence, said: Verdict, why: VerdictReason | None) -> None:
    assert former_verdict(found) == (said, () if why is None else (why,))


@pytest.mark.parametrize(
    "changes",
    [
        {"authentic": None},
        {"tiles": ()},
        {"tiles": (4, 9)},
        {"tiles": (4, 0)},
        {"tiles": (4,)},  # a spread of one image
        {"authentic": None, "counterfeit": None},  # a spread without ranks
        {"spread": Rank(0, 0)},
        {"score": "nan"},
        {"score": "1e9"},
    ],
)
def test_evidence_that_contradicts_itself_is_no_evidence(changes: dict[str, Any]) -> None:
    whole = SpecimenEvidence(HIGH, LOW, HIGH, (9, 4), reduced=False, conservative=False, score="-0.5")
    with pytest.raises(ValueError, match=r"rank|spread|tiles|score"):
        replace(whole, **changes)


def test_surviving_answers_are_counted() -> None:
    said = made_report()
    answers = [row for row in said.specimens if row.verdict in (Verdict.AUTHENTIC, Verdict.COUNTERFEIT)]
    assert sorted(row.tolerance for row in answers if row.tolerance is not None) == [2, 3]
    assert surviving_answers(said.specimens) == (2, 2, 2, 1)
    answered = next(row for row in said.images if row.verdict is Verdict.AUTHENTIC)
    assert surviving_answers([replace(answered, judged=None, evidence=None)]) == ()
