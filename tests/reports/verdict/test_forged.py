"""What a listed auditor could sign that is not so, with the tree built anew: refused wherever anything can tell."""

import base64
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fusiondiff_audit.ledger.log import ORIGIN
from fusiondiff_audit.model.settings import Settings
from fusiondiff_audit.policy.audit import AuditPolicy, Intake, RobustnessRequirement
from fusiondiff_audit.policy.stress import stress_policy_file
from fusiondiff_audit.weights.pins import PINNED as PINS
from reports.arithmetic import Rank, error_bounds
from reports.identity import Key
from reports.stress.outcome import Outcome
from reports.verdict import error_rates, former_consistency
from reports.verdict.batch_statement import BatchStatement
from reports.verdict.claims import RobustnessClaim
from reports.verdict.consistency import refuse_inconsistent_header
from reports.verdict.embedded import EMBEDDED_BUNDLES, STRESS_POLICIES
from reports.verdict.enrolment_ranks import COPIES_ACCEPTED, MAKER_ACCEPTED
from reports.verdict.excerpt import make_excerpt, verify_excerpt
from reports.verdict.former_header import FORMER_ERROR_RATES
from reports.verdict.header import ErrorRate, Header
from reports.verdict.issue import CHECKPOINT, REPORT, SUMMARY, verification_summary
from reports.verdict.report import Report
from reports.verdict.rows import EnrolmentMark, ImageRow, SpecimenRow
from reports.verdict.trust_check import LEDGER_ORIGIN
from reports.verdict.verdicts import Verdict
from reports.verdict.verification import Verification, verify_report
from signing import (
    Algorithm,
    Checkpoint,
    PrivateKey,
    Reason,
    Role,
    SigningError,
    TrustStore,
    propose_entry,
    sign_checkpoint,
    write_time,
)
from signing.sigstore_bundle import sign_payload
from signing.strict import write_base64
from tests.conftest import NOW, YEAR, entry, make_trust
from tests.reports.verdict.made import CALIBRATORS, changed, digest, rates, redecided, report, stress_claim
from tests.reports.verdict.made_former import former_header
from tests.reports.verdict.test_vectors import V1, payload_of

AUDITOR, DEVICE, STRANGER, ROOT = (PrivateKey.generate(Algorithm.ED25519) for _ in range(4))
ENTRIES = (entry(AUDITOR, Role.AUDITOR, "auditor-1"), entry(DEVICE, Role.DEVICE, "sem-1"))
TRUST = make_trust(ROOT, ENTRIES)
CERAMIC, PIN = list(EMBEDDED_BUNDLES.items())[-1]  # the first of them, which is older than the reports here


def genuine(**changes: Any) -> Report:
    """Return a report that quotes the trust store as it is."""
    said = report(AUDITOR.public)
    quoted = replace(said.header.trust, fingerprint=TRUST.fingerprint, version=1, expires=write_time(NOW + YEAR))
    batch = replace(said.header.batch, signer=Key("sem-1", DEVICE.public.keyid))
    said_so: dict[str, Any] = {"trust": quoted, "batch": batch}
    return changed(said, header=replace(said.header, **said_so | changes))


def checkpoint_of(said: Report) -> bytes:
    return sign_checkpoint(Checkpoint(said.origin, len(said.tree), said.tree.root()), AUDITOR)


def put(said: Report, folder: Path) -> Path:
    """Sign whatever it says, as an auditor's own tools could."""
    (folder / REPORT).write_bytes(sign_payload(said.to_payload(), AUDITOR))
    (folder / CHECKPOINT).write_bytes(checkpoint_of(said))
    (folder / SUMMARY).write_bytes(sign_payload(verification_summary(said), AUDITOR))
    return folder


def refusals(said: Report, folder: Path, trust: TrustStore = TRUST) -> tuple[Reason | None, Reason | None]:
    """Return why the report is refused, and why an excerpt of it is."""
    found: list[Reason | None] = []
    name = next(row.name for row in said.images if row.judged is not None)
    shown = make_excerpt(said, checkpoint_of(said), name)
    put(said, folder)
    for check in (
        lambda: verify_report(folder, trust=trust),
        lambda: verify_excerpt(shown, "excerpt", trust=trust),
    ):
        try:
            check()
        except SigningError as e:
            found.append(e.reason)
        else:
            found.append(None)
    return found[0], found[1]


def ledger(key: PrivateKey, origin: str = f"{ORIGIN}{'0' * 32}") -> str:
    """Return a ledger's checkpoint, as a header holds it."""
    return write_base64(sign_checkpoint(Checkpoint(origin, 12, bytes(32)), key))


def unsigned_by_listed() -> str:
    """Return a checkpoint in the name and with the key id of a listed auditor, and no signature of its."""
    good = base64.b64decode(ledger(AUDITOR))
    lines = good.split(b" ")
    blob = bytearray(base64.b64decode(lines[-1]))
    blob[-1] ^= 1
    return write_base64(b" ".join((*lines[:-1], base64.b64encode(blob) + b"\n")))


def ceramic(header: Header, **changes: Any) -> Header:
    """Return a header of the bundle that comes with the tool, unless it is changed."""
    model = replace(header.model, name=changes.pop("name", PIN.name), digest=CERAMIC, base=changes.pop("base", None))
    said_so: dict[str, Any] = {"model": model, "reference": PIN.reference, "demonstration": True}
    return replace(header, **said_so | changes)


def claiming(claim: RobustnessClaim, **asked: Any) -> Callable[[Header], Header]:
    """Return what makes a header claim this stress test, under a policy with this requirement."""

    def told(header: Header) -> Header:
        policy = AuditPolicy(name="ours", robustness=RobustnessRequirement(**asked)).certifying(["poisoning"])
        head = replace(header.policy, name="ours", digest=policy.digest, text=policy.text)
        return replace(header, robustness=claim, policy=head, case=())

    return told


def with_model(**changes: Any) -> Callable[[Header], Header]:
    """Return what makes a header say something else of its model."""
    return lambda header: replace(header, model=replace(header.model, **changes))


def naming(**names: str) -> Callable[[Header], Header]:
    """Return what makes a header name its model, or the base of it, so."""
    return lambda header: replace(header, model=replace(header.model, **names))  # type: ignore[arg-type]


def rate(what: str, errors: int, of: int) -> ErrorRate:
    return ErrorRate(what, errors, of, error_bounds(errors, of))


def stating(**changes: Any) -> Callable[[Header], Header]:
    """Return what makes a header state something else of its batch."""

    def told(header: Header) -> Header:
        assert header.statement is not None
        return replace(header, statement=replace(header.statement, **changes))

    return told


OWN = f"sha256:{digest('stress policy')}"
GOOD: dict[str, Callable[[Header], Header]] = {
    "as it is": lambda h: h,
    "a ledger": lambda h: replace(h, ledger=ledger(AUDITOR)),
    "a ledger of somebody who is not listed": lambda h: replace(h, ledger=ledger(STRANGER)),
    "a signer who is not listed": lambda h: replace(
        h, batch=replace(h.batch, signer=Key("whoever", STRANGER.public.keyid))
    ),
    "another store": lambda h: replace(h, trust=replace(h.trust, fingerprint=digest("other"), version=99)),
    "the bundle of the tool": ceramic,
    "a base that comes with the tool": lambda h: replace(h, model=replace(h.model, base=PIN.name)),
    "a bundle that took the name of the tool's": lambda h: replace(
        h, model=replace(h.model, name=f"another {PIN.name}")
    ),
    "a base that took the name of the tool's": lambda h: replace(h, model=replace(h.model, base=f"another {PIN.name}")),
    "error rates of fewer specimens than are enrolled": with_model(error_rates=rates(19)),
    "no error rates": with_model(error_rates=()),
    "error rates of the classes alone": with_model(error_rates=rates(20)[:2]),
    "error rates of a maker alone": with_model(error_rates=rates(20)[2:3]),
    "no likelihood ratios": with_model(ratios=()),
    "likelihood ratios against another maker alone": with_model(ratios=CALIBRATORS[1:]),
    "confounding not checked": with_model(confounded=None),
    "a stress test by one of ours": claiming(stress_claim()),
    "a stress test by its own policy": claiming(stress_claim("ours"), policies=(OWN,)),
    "a failed one, which is not required": claiming(stress_claim("whose", outcome=Outcome.FAILED), result="optional"),
    "an old one": claiming(stress_claim("quick", "2026-10-21", stale=True), result="optional", days=30),
    "a young one, of which a waiver ended": claiming(
        stress_claim("quick", "2026-11-20", stale=True), result="optional"
    ),
    "one of the last day": claiming(stress_claim("quick", "2026-10-22"), days=30),
    "one of the last day, some hours older": claiming(
        stress_claim("quick", "2026-10-22", stale=True), result="optional", days=30
    ),
    "the one that came with the tool, however old": lambda h: ceramic(
        claiming(stress_claim("quick", "2026-11-28", digest=PIN.tested), days=1)(h)
    ),
}
FORGED: dict[str, tuple[Callable[[Header], Header], Reason]] = {
    "another auditor's name": (
        lambda h: replace(h, auditor=Key("the famous museum", h.auditor.keyid)),
        Reason.CONTRADICTION,
    ),
    "another name of the batch's signer": (
        lambda h: replace(h, batch=replace(h.batch, signer=Key("the famous museum", h.batch.signer.keyid))),
        Reason.CONTRADICTION,
    ),
    "a name hidden behind another store": (
        lambda h: replace(
            h, auditor=Key("museum", h.auditor.keyid), trust=replace(h.trust, fingerprint=digest("other"))
        ),
        Reason.CONTRADICTION,
    ),
    "trust version 99": (lambda h: replace(h, trust=replace(h.trust, version=99)), Reason.ROLLBACK),
    "trust version 0": (lambda h: replace(h, trust=replace(h.trust, version=0)), Reason.CONTRADICTION),
    "a trust store that expires later": (
        lambda h: replace(h, trust=replace(h.trust, expires="2099-01-01T00:00:00Z")),
        Reason.CONTRADICTION,
    ),
    "a ledger's checkpoint that is none": (lambda h: replace(h, ledger=write_base64(b"yes")), Reason.BAD_PROOF),
    "a ledger that is no base64": (lambda h: replace(h, ledger="yes, it was checked"), Reason.MALFORMED),
    "the head of a report's tree": (
        lambda h: replace(h, ledger=ledger(AUDITOR, f"fusiondiff-audit/report/{h.id}")),
        Reason.BAD_PROOF,
    ),
    "a ledger without a root": (
        lambda h: replace(h, ledger=write_base64(f"{ORIGIN}{'0' * 32}\n12\nAAAA\n\nx\n".encode())),
        Reason.BAD_PROOF,
    ),
    "a listed auditor's name on a ledger that it did not sign": (
        lambda h: replace(h, ledger=unsigned_by_listed()),
        Reason.BAD_SIGNATURE,
    ),
    "no demonstration": (lambda h: ceramic(h, demonstration=False), Reason.CONTRADICTION),
    "another reference of the tool's bundle": (
        lambda h: ceramic(h, reference="Ming, chosen by the museum"),
        Reason.CONTRADICTION,
    ),
    "another name of the tool's bundle": (lambda h: ceramic(h, name="museum-grade"), Reason.CONTRADICTION),
    "another base of the tool's bundle": (lambda h: ceramic(h, base="museum-grade"), Reason.CONTRADICTION),
    **{
        f"the name {name!a} for another bundle": (
            naming(name=name),
            Reason.CONTRADICTION,
        )
        for name in (
            PIN.name,
            "Fusion-Diff-V1-ceramic",
            "fusion_diff v1 ceramic",
            f"the {PIN.name}",
            f"birch, enrolled on {PIN.name}",
            "birch, enrolled on oak",
            "birch, Enrolled\u2003on oak",
        )
    },
    **{
        f"the base {name!a}": (
            naming(base=name),
            Reason.CONTRADICTION,
        )
        for name in ("FUSION-diff-v1-ceramic", f"oak, enrolled on {PIN.name}", f"{PIN.name} itself")
    },
    **{
        f"error rates: {what}": (with_model(error_rates=forged), Reason.CONTRADICTION)
        for what, forged in {
            "more copies than are enrolled": rates(21)[:1],
            "more specimens of the reference than are enrolled": rates(21)[1:2],
            "of no specimen": (rate(COPIES_ACCEPTED, 0, 0),),
            "another name": (rate("of all", 1, 20),),
            "a class twice": (rates(20)[0], rates(20)[0]),
            "classes in another order": rates(20)[1::-1],
            "makers before classes": rates(20)[::-1],
            "a maker twice": (rate(MAKER_ACCEPTED + "Oak", 1, 5), rate(MAKER_ACCEPTED + "Oak", 1, 5)),
            "the worst maker last": rates(20)[:1:-1],
            "more specimens of makers than copies": tuple(rate(f"{MAKER_ACCEPTED}maker {n}", 0, 5) for n in range(5)),
            "an interval that is narrower": (replace(rates(20)[0], interval="0.1 to 5.0 %"),),
            "fewer errors than the interval is of": (replace(rates(20)[0], errors=0),),
        }.items()
    },
    **{
        f"likelihood ratios: {what}": (with_model(ratios=forged), Reason.CONTRADICTION)
        for what, forged in {
            "of more specimens of the reference": (replace(CALIBRATORS[0], reference=21),),
            "of more copies": (replace(CALIBRATORS[0], others=21),),
            "of more makers than copies": (replace(CALIBRATORS[1], others=21),),
        }.items()
    },
    "a sentence of its own on what it proves": (
        lambda h: replace(h, limits=(*h.limits, "It certifies age, provenance and value.")),
        Reason.CONTRADICTION,
    ),
    "silence on what it does not prove": (lambda h: replace(h, limits=h.limits[1:]), Reason.CONTRADICTION),
    "a model that ranks nobody, and its error rates": (with_model(enrolled_tiles=()), Reason.CONTRADICTION),
    "more specimens than are ranked": (with_model(enrolled_authentic=20_001), Reason.CONTRADICTION),
    "fewer than no specimens": (with_model(enrolled_counterfeit=-1), Reason.CONTRADICTION),
    "statement: more unlike the reference": (stating(least_unlike=4), Reason.CONTRADICTION),
    "statement: fewer unlike the reference": (stating(least_unlike=2), Reason.CONTRADICTION),
    "statement: exact": (stating(approximate=False), Reason.CONTRADICTION),
    "statement: another score": (stating(place=2), Reason.CONTRADICTION),
    "statement: other calibration specimens": (stating(calibration=21), Reason.CONTRADICTION),
    "statement: more specimens than there are": (stating(of=12), Reason.CONTRADICTION),
    "another device of the batch": (
        lambda h: replace(h, batch=replace(h.batch, device="sem-9")),
        Reason.CONTRADICTION,
    ),
    "a stress test by an easier policy": (
        claiming(stress_claim("easy")),
        Reason.CONTRADICTION,
    ),
    "a stress test by one of ours where it asks for attacks of its own": (
        claiming(stress_claim(policy_digest=digest("easier")), policies=("full", OWN)),
        Reason.CONTRADICTION,
    ),
    "a stress test that is too old and not called so": (
        claiming(stress_claim("quick", "2025-11-20")),
        Reason.CONTRADICTION,
    ),
    "a stress test of the day after the report": (
        claiming(stress_claim("quick", "2026-11-22")),
        Reason.CONTRADICTION,
    ),
    "the embedded model's stress test by a policy that it was not of": (
        lambda h: ceramic(
            claiming(stress_claim("exhaustive", "2026-11-28", digest=PIN.tested), policies=("exhaustive",))(h)
        ),
        Reason.CONTRADICTION,
    ),
    "the embedded model's stress test on another day": (
        lambda h: ceramic(claiming(stress_claim("quick", "2026-11-20", digest=PIN.tested))(h)),
        Reason.CONTRADICTION,
    ),
    "the embedded model's stress test as failed": (
        lambda h: ceramic(
            claiming(stress_claim("quick", "2026-11-28", digest=PIN.tested, outcome=Outcome.FAILED), result="optional")(
                h
            )
        ),
        Reason.CONTRADICTION,
    ),
}


@pytest.mark.parametrize("what", GOOD)
def test_a_report_without_contradictions_is_accepted(what: str, tmp_path: Path) -> None:
    said = genuine()
    assert refusals(changed(said, header=GOOD[what](said.header)), tmp_path) == (None, None)


@pytest.mark.parametrize("what", FORGED)
def test_false_statements_of_a_listed_auditor_are_refused_in_report_and_excerpt(what: str, tmp_path: Path) -> None:
    forge, reason = FORGED[what]
    said = genuine()
    assert refusals(changed(said, header=forge(said.header)), tmp_path) == (reason, reason)


def test_a_report_that_quotes_an_older_trust_store_is_accepted_and_a_newer_one_refused(tmp_path: Path) -> None:
    listed = entry(STRANGER, Role.DEVICE, "sem-2")
    newer = propose_entry(TRUST, listed, issued=NOW).cosigned((ROOT,)).complete(NOW)
    assert refusals(genuine(), tmp_path, newer) == (None, None)
    found = Verification()
    verify_report(tmp_path, trust=newer, verification=found)
    assert ("trust store", "version 1 of this one") in [(check.title, check.found) for check in found.checks]
    quoted = replace(genuine().header.trust, version=2, expires=write_time(newer.root.expires))
    said = genuine(trust=quoted)
    assert refusals(said, tmp_path, newer) == (None, None)
    assert refusals(said, tmp_path) == (Reason.ROLLBACK, Reason.ROLLBACK)


@pytest.mark.parametrize(
    "forged",
    [
        tuple(ErrorRate(f"{MAKER_ACCEPTED}maker {number}", 0, 5, "") for number in range(10_000)),
        (ErrorRate(COPIES_ACCEPTED, 0, 2**52, ""),),
        (ErrorRate("of all", 0, 5, ""),),
    ],
    ids=["thousands of makers", "endless specimens", "another name"],
)
def test_numbers_of_error_rates_are_bounded_before_an_interval_is_computed(
    forged: tuple[ErrorRate, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes as long to check as its specimens take to sum up."""

    def computed(errors: int, of: int) -> str:
        raise AssertionError(of)

    monkeypatch.setattr(error_rates, "error_bounds", computed)
    with pytest.raises(SigningError) as caught:
        refuse_inconsistent_header(with_model(error_rates=forged)(genuine().header), "it")
    assert caught.value.reason is Reason.CONTRADICTION


@pytest.mark.parametrize(
    "names",
    [
        (*FORMER_ERROR_RATES, "of all"),
        (FORMER_ERROR_RATES[0], FORMER_ERROR_RATES[0]),
        FORMER_ERROR_RATES[::-1],
        ("of all",),
        tuple(f"of {number}" for number in range(10_000)),
    ],
    ids=["three", "twice", "in another order", "another name", "thousands"],
)
def test_error_rates_of_version_2_are_the_known_ones_once_each_and_in_their_order(
    names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[int] = []
    monkeypatch.setattr(former_consistency, "error_bounds", lambda errors, of: computed.append(of))
    head = former_header(AUDITOR.public)
    model = replace(head.model, error_rates=tuple(ErrorRate(what, 1, 20, "") for what in names))
    with pytest.raises(SigningError, match="error rates") as caught:
        refuse_inconsistent_header(replace(head, model=model), "it")
    assert caught.value.reason is Reason.CONTRADICTION
    assert not computed


def test_error_rates_of_version_1_are_bounded() -> None:
    """It had other names for them, but never more."""
    said = Report.from_payload(payload_of(V1 / REPORT), "it")
    (first,) = said.header.model.error_rates
    for forged in ((first, first), (first, replace(first, what="b"), replace(first, what="c"))):
        header = replace(said.header, model=replace(said.header.model, error_rates=forged))
        with pytest.raises(SigningError, match="error rates"):
            refuse_inconsistent_header(header, "it")


def test_every_image_of_an_enrolled_specimen_is_marked(tmp_path: Path) -> None:
    """A mark that is taken off one of them, with its verdict and all counts made to follow, is missed by the others."""
    said = genuine()
    specimen = said.images[0].specimen
    for mark in EnrolmentMark:
        whole = marked(said, lambda row: row.specimen == specimen, mark)
        assert {row.verdict for row in whole.images if row.specimen == specimen} == {Verdict.INCONCLUSIVE}
        assert next(row for row in whole.specimens if row.specimen == specimen).reasons == ("was-enrolled",)
        verify_report(put(whole, tmp_path), trust=TRUST)
    part = marked(said, lambda row: row.name == said.images[0].name, EnrolmentMark.IMAGE)
    with pytest.raises(SigningError, match="is of a specimen that was enrolled") as caught:
        verify_report(put(part, tmp_path), trust=TRUST)
    assert caught.value.reason is Reason.CONTRADICTION
    other = next(row for row in said.images[1:] if row.specimen == specimen and row.judged is not None)
    with pytest.raises(SigningError, match="was not compared with the enrolled specimens") as caught:
        verify_excerpt(make_excerpt(part, checkpoint_of(part), other.name), "excerpt", trust=TRUST)
    assert caught.value.reason is Reason.CONTRADICTION


def marked(said: Report, enrolled: Callable[[ImageRow], bool], mark: EnrolmentMark | None) -> Report:
    """Return a report in which these pictures have a mark, and all else follows."""
    return redecided(said, (replace(row, enrolled=mark) if enrolled(row) else row for row in said.images))


def test_facts_about_the_tool_in_reports_are_those_of_the_tool() -> None:
    """A report's reader has no model at hand, so digests, names and policies stand in both packages."""
    assert LEDGER_ORIGIN == ORIGIN
    folder = stress_policy_file("quick").parent
    assert {path.stem for path in folder.glob("*.toml")} == set(STRESS_POLICIES)
    for name, pin in PINS.items():
        settings = Settings.from_bytes((pin.folder / "bundle.json").read_bytes(), name)
        known = EMBEDDED_BUNDLES[pin.digest]
        assert settings.demonstration
        assert (known.name, known.reference, known.tested) == (settings.name, settings.reference, pin.result_digest)


def with_evidence(said: Report, name: str, **changes: Any) -> Report:
    """Return a report with other evidence of one specimen or nameless image; all else stays."""

    def forged(rows: Iterable[Any]) -> tuple[Any, ...]:
        return tuple(
            replace(row, evidence=None if changes == {"none": True} else replace(row.evidence, **changes))
            if name == getattr(row, "specimen" if isinstance(row, SpecimenRow) else "name")
            else row
            for row in rows
        )

    return changed(said, specimens=forged(said.specimens), images=forged(said.images))


NAMELESS = "tile-000009.tif"
EVIDENCE: dict[str, dict[str, Any]] = {
    "a rank that is not above the error rate": {"authentic": Rank(0, 20)},
    "two ranks above the error rate": {"counterfeit": Rank(9, 20)},
    "a rank among more specimens": {"authentic": Rank(15, 21)},
    "a rank among fewer specimens": {"counterfeit": Rank(0, 19)},
    "no ranks": {"authentic": None, "counterfeit": None, "spread": None},
    "no evidence": {"none": True},
    "a spread among more specimens than there are": {"spread": Rank(30, 41)},
    "a spread among too few specimens": {"spread": Rank(9, 18)},
    "more tiles": {"tiles": (17, 16, 16)},
    "fewer tiles, and not reduced": {"tiles": (15, 15)},
    "fewer images, and not reduced": {"tiles": (16,), "spread": None},
    "all its tiles, and reduced": {"reduced": True},
}


_OF_SEVERAL = {
    "a spread among more specimens than there are",
    "a spread among too few specimens",
    "fewer images, and not reduced",
}


@pytest.mark.parametrize(
    ("name", "what"),
    [("sherd 0", what) for what in EVIDENCE] + [(NAMELESS, what) for what in EVIDENCE if what not in _OF_SEVERAL],
)
def test_evidence_that_its_verdict_or_its_images_contradict_is_refused(name: str, what: str, tmp_path: Path) -> None:
    changes = dict(EVIDENCE[what])
    if name == NAMELESS and "tiles" in changes:
        changes["tiles"] = changes["tiles"][:1]
    said = with_evidence(genuine(), name, **changes)
    with pytest.raises(SigningError) as caught:
        verify_report(put(said, tmp_path), trust=TRUST)
    assert caught.value.reason is Reason.CONTRADICTION


def test_what_speaks_against_the_instrument_prevents_every_answer(tmp_path: Path) -> None:
    """The header's own device and devices decide: verdicts that do not follow from them are refused."""
    said = genuine()
    for changes, reasons in (
        ({"devices": ("sem-2",)}, ("instrument-not-enrolled",)),
        ({"devices": ()}, ("instrument-not-enrolled",)),
        ({"confounded": True}, ("instrument-confounded",)),
        ({"confounded": True, "devices": ()}, ("instrument-not-enrolled", "instrument-confounded")),
    ):
        forged = changed(said, header=with_model(**changes)(said.header))
        with pytest.raises(SigningError) as caught:
            verify_report(put(forged, tmp_path), trust=TRUST)
        assert caught.value.reason is Reason.CONTRADICTION
        honest = redecided(said, said.images, model=replace(said.header.model, **changes))
        assert not {Verdict.AUTHENTIC, Verdict.COUNTERFEIT, Verdict.UNFAMILIAR} & {row.verdict for row in honest.images}
        assert reasons in {row.reasons for row in honest.specimens}
        verify_report(put(honest, tmp_path), trust=TRUST)


def test_an_instrument_is_a_remark_where_the_policy_says_so(tmp_path: Path) -> None:
    said = genuine()
    policy = AuditPolicy(
        name="ours", intake=Intake(instrument="remark"), robustness=RobustnessRequirement(result="optional")
    ).certifying(["poisoning"])
    quoted = replace(said.header.policy, name="ours", digest=policy.digest, text=policy.text, needs_instrument=False)
    model = replace(said.header.model, devices=("sem-2",))
    honest = redecided(said, said.images, model=model, policy=quoted, case=())
    remark = "instrument-not-enrolled"
    reasons = {row.specimen: (row.verdict, row.reasons) for row in honest.specimens}
    assert reasons["sherd 0"] == (Verdict.AUTHENTIC, (remark,))
    assert reasons["sherd 2"] == (Verdict.INCONCLUSIVE, ("not-sure", remark))
    assert reasons["sherd 6"] == (Verdict.INCONCLUSIVE, ("not-assessable",))
    assert reasons["sherd 7"] == (Verdict.REFUSED, ("all-refused",))
    verify_report(put(honest, tmp_path), trust=TRUST)
    hidden = changed(honest, header=replace(honest.header, policy=replace(quoted, needs_instrument=True)))
    silent = redecided(honest, honest.images, model=said.header.model)
    forged = changed(honest, specimens=silent.specimens, images=silent.images)
    for bad in (hidden, forged):
        with pytest.raises(SigningError) as caught:
            verify_report(put(bad, tmp_path), trust=TRUST)
        assert caught.value.reason is Reason.CONTRADICTION


def test_a_statement_that_is_left_out_or_made_up_is_refused(tmp_path: Path) -> None:
    said = genuine()
    none = changed(said, header=replace(said.header, statement=None))
    bare = redecided(
        said,
        said.images,
        model=replace(said.header.model, enrolled_authentic=18, error_rates=(), ratios=(), enrolled_tiles=()),
    )
    made_up = BatchStatement(4, 8, 18, 1, 3, approximate=True)
    calibrated_by_too_few = changed(bare, header=replace(bare.header, statement=made_up))
    other = changed(said, header=replace(said.header, statement=BatchStatement(5, 8, 20, 1, 4, approximate=True)))
    for forged in (none, calibrated_by_too_few, other):
        with pytest.raises(SigningError) as caught:
            verify_report(put(forged, tmp_path), trust=TRUST)
        assert caught.value.reason is Reason.CONTRADICTION


def test_no_specimen_is_compared_where_others_are_not(tmp_path: Path) -> None:
    """An auditor who leaves the evidence of one specimen out would choose which finding is hidden."""
    said = genuine()
    row = next(row for row in said.specimens if row.verdict is Verdict.COUNTERFEIT)
    without = with_evidence(said, row.specimen, none=True)
    hidden = redecided(without, without.images)
    assert "not-calibrated" in next(each.reasons for each in hidden.specimens if each.specimen == row.specimen)
    with pytest.raises(SigningError, match="was not compared") as caught:
        verify_report(put(hidden, tmp_path), trust=TRUST)
    assert caught.value.reason is Reason.CONTRADICTION
    shown = next(each.name for each in hidden.images if each.specimen == row.specimen and each.judged is not None)
    with pytest.raises(SigningError, match="was not compared"):
        verify_excerpt(make_excerpt(hidden, checkpoint_of(hidden), shown), "excerpt", trust=TRUST)
    everything = changed(
        said,
        specimens=tuple(replace(each, evidence=None) for each in said.specimens),
        images=tuple(replace(each, evidence=None) for each in said.images),
    )
    none = redecided(everything, everything.images)
    assert {each.reasons for each in none.specimens} == {("not-calibrated",), ("not-assessable",), ("all-refused",)}
    with pytest.raises(SigningError, match="was not compared"):  # a model with error rates ranks specimens
        verify_report(put(none, tmp_path), trust=TRUST)
    bare = replace(none.header.model, error_rates=(), ratios=(), enrolled_tiles=())
    verify_report(put(redecided(none, none.images, model=bare), tmp_path), trust=TRUST)


def test_images_that_were_not_compared_have_a_rank_of_groups(tmp_path: Path) -> None:
    """An image that is not genuine could hide among many that are, of which a few are drawn."""
    said = genuine()
    row = next(row for row in said.specimens if row.verdict is Verdict.AUTHENTIC and row.images > 1)
    assert row.evidence is not None
    assert row.evidence.authentic is not None
    fewer, drawn = row.evidence.tiles[:-1], row.evidence.authentic
    without = {"tiles": fewer, "reduced": True}
    for weakest, fault in (
        (None, "more images than were compared"),
        (replace(drawn, at_least=drawn.of), "above that of those drawn"),
        (Rank(0, drawn.of - 1), "among other specimens"),
    ):
        forged = with_evidence(said, row.specimen, **without, weakest=weakest, spread=None)
        with pytest.raises(SigningError, match=fault):
            verify_report(put(redecided(forged, forged.images), tmp_path), trust=TRUST)
    hidden = with_evidence(said, row.specimen, **without, weakest=Rank(0, drawn.of), spread=None)
    whole = redecided(hidden, hidden.images)
    verify_report(put(whole, tmp_path), trust=TRUST)
    result = next(each for each in whole.specimens if each.specimen == row.specimen)
    assert (result.verdict, result.reasons) == (Verdict.INCONCLUSIVE, ("pictures-disagree",))
