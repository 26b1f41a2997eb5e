"""What a listed auditor could sign that is not so, with the tree built anew: refused wherever anything can tell."""

import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fusiondiff_audit.ledger.log import ORIGIN
from fusiondiff_audit.model.settings import Settings
from fusiondiff_audit.policy.audit import AuditPolicy, RobustnessRequirement
from fusiondiff_audit.policy.stress import stress_policy_file
from fusiondiff_audit.weights.pins import PINNED as PINS
from reports.arithmetic import error_bounds
from reports.identity import Key
from reports.stress.outcome import Outcome
from reports.verdict import consistency
from reports.verdict.claims import RobustnessClaim
from reports.verdict.embedded import EMBEDDED_BUNDLES, STRESS_POLICIES
from reports.verdict.excerpt import make_excerpt, verify_excerpt
from reports.verdict.header import ERROR_RATES, ErrorRate, Header, VerdictCounts
from reports.verdict.issue import CHECKPOINT, REPORT, SUMMARY, verification_summary
from reports.verdict.report import Report
from reports.verdict.rows import EnrolmentMark, ImageRow, image_verdict, specimen_rows
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
from tests.reports.verdict.made import changed, digest, report, stress_claim
from tests.reports.verdict.test_vectors import V1, payload_of

AUDITOR, DEVICE, STRANGER, ROOT = (PrivateKey.generate(Algorithm.ED25519) for _ in range(4))
ENTRIES = (entry(AUDITOR, Role.AUDITOR, "auditor-1"), entry(DEVICE, Role.DEVICE, "sem-1"))
TRUST = make_trust(ROOT, ENTRIES)
CERAMIC, PIN = next(iter(EMBEDDED_BUNDLES.items()))


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


def naming(**names: str) -> Callable[[Header], Header]:
    """Return what makes a header name its model, or the base of it, so."""
    return lambda header: replace(header, model=replace(header.model, **names))  # type: ignore[arg-type]


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
    "error rates of fewer specimens than calibrated": lambda h: replace(
        h, model=replace(h.model, calibrated_authentic=21, calibrated_counterfeit=22)
    ),
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
    "error rates of specimens that were never calibrated": (
        lambda h: replace(h, model=replace(h.model, calibrated_authentic=0, calibrated_counterfeit=0)),
        Reason.CONTRADICTION,
    ),
    "an error rate of more specimens than were calibrated": (
        lambda h: replace(h, model=replace(h.model, calibrated_authentic=19)),
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
    "rates",
    [
        (*ERROR_RATES, "of all"),
        (ERROR_RATES[0], ERROR_RATES[0]),
        ERROR_RATES[::-1],
        ("of all",),
        tuple(f"of {number}" for number in range(10_000)),
    ],
    ids=["three", "twice", "in another order", "another name", "thousands"],
)
def test_error_rates_are_the_known_ones_once_each_and_in_their_order(
    rates: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes as long to check as twenty thousand specimens take to sum up, so their number is bounded first."""
    said, computed = genuine(), []
    interval = error_bounds(1, 20)

    def counted(errors: int, of: int) -> str:
        computed.append(of)
        return interval

    monkeypatch.setattr(consistency, "error_bounds", counted)
    model = replace(said.header.model, error_rates=tuple(ErrorRate(what, 1, 20, interval) for what in rates))
    with pytest.raises(SigningError, match="error rates") as caught:
        consistency.refuse_inconsistent_header(replace(said.header, model=model), "it")
    assert caught.value.reason is Reason.CONTRADICTION
    assert not computed


def test_error_rates_of_every_version_are_bounded() -> None:
    """Version 1 had other names for them, but never more."""
    said = Report.from_payload(payload_of(V1 / REPORT), "it")
    (rate,) = said.header.model.error_rates
    for rates in ((rate, rate), (rate, replace(rate, what="b"), replace(rate, what="c"))):
        header = replace(said.header, model=replace(said.header.model, error_rates=rates))
        with pytest.raises(SigningError, match="error rates"):
            consistency.refuse_inconsistent_header(header, "it")


def test_every_image_of_an_enrolled_specimen_is_marked(tmp_path: Path) -> None:
    """A mark that is taken off one of them, with its verdict and all counts made to follow, is missed by the others."""
    said = genuine()
    specimen = said.images[0].specimen
    whole = answered(said, lambda row: row.specimen == specimen)
    assert {row.verdict for row in whole.images if row.specimen == specimen} == {
        Verdict.INCONCLUSIVE,
        Verdict.REFUSED,
    }
    assert next(row for row in whole.specimens if row.specimen == specimen).reasons == ("was-enrolled",)
    put(whole, tmp_path)
    verify_report(tmp_path, trust=TRUST)
    part = answered(said, lambda row: row.name == said.images[0].name)
    put(part, tmp_path)
    with pytest.raises(SigningError, match="is of a specimen that was enrolled") as caught:
        verify_report(tmp_path, trust=TRUST)
    assert caught.value.reason is Reason.CONTRADICTION
    other = next(row for row in said.images[1:] if row.specimen == specimen and row.judged is not None)
    with pytest.raises(SigningError, match="do not agree"):
        verify_excerpt(make_excerpt(part, checkpoint_of(part), other.name), "excerpt", trust=TRUST)


def answered(said: Report, enrolled: Callable[[ImageRow], bool]) -> Report:
    """Return a report in which these pictures say that they were enrolled, and all else follows."""
    rules = said.header.rules
    rows = []
    for row in said.images:
        one = row
        if row.judged is not None and enrolled(row):
            one = replace(row, enrolled=EnrolmentMark.IMAGE)
            verdict, reasons = image_verdict(one, rules)
            one = replace(one, verdict=verdict, reasons=reasons)
        rows.append(one)
    specimens = specimen_rows(rows, rules)
    header = replace(
        said.header,
        specimens=VerdictCounts.of(row.verdict for row in specimens),
        images=VerdictCounts.of(row.verdict for row in rows),
    )
    return changed(said, header=header, images=tuple(rows), specimens=specimens)


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


def test_an_error_rate_of_no_specimen_is_refused() -> None:
    header = genuine().header
    none = tuple(ErrorRate(what, 0, 0, error_bounds(0, 0)) for what in ERROR_RATES)
    model = replace(header.model, calibrated_authentic=0, calibrated_counterfeit=0, error_rates=none)
    with pytest.raises(SigningError, match="an error rate of 0 specimens") as caught:
        consistency.refuse_inconsistent_header(replace(header, model=model), "it")
    assert caught.value.reason is Reason.CONTRADICTION
    consistency.refuse_inconsistent_header(replace(header, model=replace(model, error_rates=())), "it")
