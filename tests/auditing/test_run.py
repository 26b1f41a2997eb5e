"""The walk from a signed batch to a signed report, with a judge that is no model."""

import base64
import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import signing
from fusiondiff_audit.auditing.compose import arranged
from fusiondiff_audit.auditing.order import AuditOrder
from fusiondiff_audit.auditing.repeat import Repetition, compare
from fusiondiff_audit.auditing.rows import refused_row
from fusiondiff_audit.auditing.run import AuditResult, repeat, run_audit
from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.micrograph import LooseFile, Micrograph, decode
from fusiondiff_audit.images.quality import Fault
from fusiondiff_audit.ledger import CheckpointKeys, Ledger
from fusiondiff_audit.ledger.entries import ImagesDecoded
from fusiondiff_audit.ledger.verify import read_ledger
from fusiondiff_audit.model.findings import Finding
from fusiondiff_audit.model.specimens import SpecimenRanks, TileFeatures
from fusiondiff_audit.origin import Origin
from fusiondiff_audit.policy.audit import AuditPolicy, Intake
from reports.identity import Key
from reports.verdict.batch_check import batch_facts
from reports.verdict.claims import Admission, ScaleClaim
from reports.verdict.enrolment import EnrolledSet
from reports.verdict.issue import JOURNAL, REPORT, issue
from reports.verdict.limits import limit_notice
from reports.verdict.report import Report
from reports.verdict.rows import EnrolmentMark, ImageRow, SpecimenEvidence
from reports.verdict.verdicts import Verdict, VerdictReason
from reports.verdict.verification import Verification, verify_report
from reports.verdict.wording import limitations
from signing import Checkpoint, Claim, Reason, SigningError, TrustStore, sign_checkpoint
from signing.fields import Fields
from signing.manifest import FileKind, PixelSize
from signing.names import MAX_NAME
from signing.records import read_record, write_record
from signing.sigstore_bundle import SigstoreBundle
from tests.auditing.judges import UNTESTED, DigestJudge
from tests.conftest import NOW, YEAR, make_trust, sign
from tests.reports.verdict.made import digest, redecided

Keyring = dict[str, signing.PrivateKey]


def quietly(rows: Iterator[ImageRow], total: int) -> Iterable[ImageRow]:
    return rows


def pictures(folder: Path, count: int = 6) -> Path:
    folder.mkdir()
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 255, (24, 24)).astype(np.uint8)
        tifffile.imwrite(folder / f"tile-{number}.tif", pixels)
    return folder


def put(said: Report, out: Path, keys: Keyring) -> None:
    """Sign whatever it says, as an auditor's own tools could, in the place of what was audited."""
    for name, data in issue(said, keys["auditor"]).items():
        (out / name).write_bytes(data)


def payload(out: Path) -> bytes:
    return SigstoreBundle.from_bytes((out / REPORT).read_bytes(), "", payload_limit=2**30).envelope.payload


@pytest.fixture
def run(
    tmp_path: Path, keys: Keyring, trust: TrustStore, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., AuditResult]:
    """Return what audits a folder that was signed, in the moment of the trust store."""
    monkeypatch.setattr(signing, "now", lambda: trust.at)
    entry = next(e for e in trust.root.entries if e.role is signing.Role.AUDITOR)

    def call(
        folder: Path,
        out: Path,
        judge: DigestJudge | None = None,
        *,
        ledger: bool = False,
        first: Report | None = None,
        **more: Any,
    ) -> AuditResult:
        out.mkdir(exist_ok=True)
        order = AuditOrder(
            signing.open_batch(folder, trust=trust),
            trust,
            Key(entry.principal, entry.keyid),
            more.pop("policy", UNTESTED),
            Origin("0", digest("code"), released=False),
            out,
            **more,
        )
        key = keys["auditor"]
        if first is not None:
            repetition = Repetition.of(first, trust)
            return repeat(repetition, order, judge or DigestJudge(), key=key, watch=quietly)
        if not ledger:
            return run_audit(order, judge or DigestJudge(), key=key, ledger=None, watch=quietly)
        known = CheckpointKeys.of_auditors(trust)
        with Ledger(tmp_path / "ledger", key=key, keys=known, clock=lambda: trust.at) as book:
            return run_audit(order, judge or DigestJudge(), key=key, ledger=book, watch=quietly)

    return call


def test_no_two_runs_share_what_is_drawn_for_them(
    tmp_path: Path, keys: Keyring, run: Callable[..., AuditResult]
) -> None:
    """A salt that somebody can know lets an excerpt tell of rows that it does not show."""
    folder = pictures(tmp_path / "batch", 2)
    sign(folder, keys["device"])
    one, other = (run(folder, tmp_path / name).report for name in ("one", "other"))
    assert [row.verdict for row in one.images] == [row.verdict for row in other.images]
    drawn = [(each.salt_key, bytes.fromhex(each.header.run.noise_seed), each.header.id) for each in (one, other)]
    assert all(mine != theirs for mine, theirs in zip(*drawn, strict=True))
    assert [len(value) for value in drawn[0]] == [32, 32, 32]


def test_a_batch_becomes_a_report_that_passes(
    tmp_path: Path, keys: Keyring, trust: TrustStore, run: Callable[..., AuditResult]
) -> None:
    folder = pictures(tmp_path / "batch")
    claims = {f"tile-{n}.tif": Claim(FileKind.IMAGE, f"sherd {n // 2}", None) for n in range(6)}
    sign(folder, keys["device"], claims=claims)
    done = run(folder, tmp_path / "out")
    found = verify_report(tmp_path / "out", trust=trust, images=folder)
    assert found == done.report
    assert done.judged == 6
    assert [row.name for row in found.images] == [f"tile-{n}.tif" for n in range(6)]
    assert [row.specimen for row in found.specimens] == ["sherd 0", "sherd 1", "sherd 2"]
    for row in found.specimens:
        own = [image for image in found.images if image.specimen == row.specimen]
        assert {(image.verdict, image.reasons, image.evidence) for image in own} == {(row.verdict, row.reasons, None)}
        labels = {image.judged.label.name for image in own if image.judged is not None}
        expected = (labels.pop(), ()) if len(labels) == 1 else ("INCONCLUSIVE", ("pictures-disagree",))
        assert (row.verdict, row.reasons) == expected
    assert found.header.ledger is None


def taught(folder: Path, *names: str, specimens: tuple[str, ...] = ()) -> DigestJudge:
    """Return a judge that was enrolled with these pictures and specimens."""
    with Guard() as guard:
        digests = [decode(LooseFile.read(folder / name), guard=guard).pixel_digest for name in names]
    judge = DigestJudge()
    judge.enrolled = EnrolledSet(frozenset(digests), frozenset(specimens))
    return judge


def test_enrolled_images_get_no_answer(
    tmp_path: Path, keys: Keyring, trust: TrustStore, run: Callable[..., AuditResult]
) -> None:
    """By its pixels under another name, by its specimen's name, and every other picture of that specimen."""
    folder = pictures(tmp_path / "batch", 9)
    claims = {f"tile-{n}.tif": Claim(FileKind.IMAGE, f"sherd {n // 2}", None) for n in range(8)}
    sign(folder, keys["device"], claims=claims)
    judge = taught(folder, "tile-0.tif", "tile-8.tif", specimens=("sherd 1", "file tile-6.tif"))
    said = run(folder, tmp_path / "out", judge).report
    marks = {row.name: row.enrolled for row in said.images}
    picture, specimen = EnrolmentMark.IMAGE, EnrolmentMark.SPECIMEN
    assert list(marks.values()) == [picture, specimen, specimen, specimen, None, None, None, None, picture]
    for row in said.images:
        assert (row.reasons == (VerdictReason.WAS_ENROLLED,)) is (row.enrolled is not None)
        assert row.enrolled is None or row.verdict is Verdict.INCONCLUSIVE
    assert [row.reasons == (VerdictReason.WAS_ENROLLED,) for row in said.specimens] == [True, True, False, False]
    assert verify_report(tmp_path / "out", trust=trust, images=folder) == said
    again = run(
        folder, tmp_path / "again", taught(folder, "tile-0.tif", "tile-8.tif", specimens=("sherd 1",)), first=said
    )
    assert again.report == said


@pytest.mark.parametrize("killed", [1, 4])
def test_a_resumed_run_marks_enrolled_images_of_its_first_part(
    killed: int, tmp_path: Path, keys: Keyring, run: Callable[..., AuditResult]
) -> None:
    folder = pictures(tmp_path / "batch", 6)
    claims = {f"tile-{n}.tif": Claim(FileKind.IMAGE, f"sherd {n % 2}", None) for n in range(6)}
    sign(folder, keys["device"], claims=claims)
    interrupted = taught(folder, "tile-5.tif")
    interrupted._limit = killed
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "out", interrupted)
    done = run(folder, tmp_path / "out", taught(folder, "tile-5.tif"))
    assert done.judged == 6 - killed
    assert [row.name for row in done.report.images if row.enrolled] == ["tile-1.tif", "tile-3.tif", "tile-5.tif"]


def test_a_report_that_differs_from_the_signed_manifest_is_refused(
    tmp_path: Path, keys: Keyring, trust: TrustStore, run: Callable[..., AuditResult]
) -> None:
    """What an auditor could sign of pictures that the device never signed, or of some of them."""
    folder = pictures(tmp_path / "batch", 3)
    claims = {f"tile-{n}.tif": Claim(FileKind.IMAGE, f"sherd {n}", None) for n in range(3)}
    sign(folder, keys["device"], claims=claims)
    said = run(folder, tmp_path / "out").report
    tifffile.imwrite(folder / "tile-0.tif", np.zeros((24, 24), np.uint8))
    altered = replace(said.images[0], sha256=hashlib.sha256((folder / "tile-0.tif").read_bytes()).hexdigest())
    renamed = replace(said.images[0], specimen="sherd 1")
    other = replace(said.specimens[1], evidence=replace(evidence_of(said, "sherd 1"), tiles=(1, 1)))
    of_two = Report.of(said.header, (said.specimens[0], other, *said.specimens[2:]), said.images, said.salt_key)
    for first, images in (
        (said, (altered, *said.images[1:])),
        (said, said.images[1:]),
        (of_two, (renamed, *said.images[1:])),
    ):
        put(redecided(first, images), tmp_path / "out", keys)
        verify_report(tmp_path / "out", trust=trust)  # by itself it is whole
        with pytest.raises(SigningError) as caught:
            verify_report(tmp_path / "out", trust=trust, images=folder)
        assert caught.value.reason is Reason.CONTRADICTION


def evidence_of(said: Report, specimen: str) -> SpecimenEvidence:
    (evidence,) = (row.evidence for row in said.specimens if row.specimen == specimen)
    assert evidence is not None
    return evidence


def test_a_header_that_restates_another_manifest_is_refused(
    tmp_path: Path, keys: Keyring, trust: TrustStore, run: Callable[..., AuditResult]
) -> None:
    folder = pictures(tmp_path / "batch", 2)
    facts = batch_facts(sign(folder, keys["device"]))
    assert {"device", "lab", "captured", "sequence", "nonce", "files"} <= facts.keys()
    report = run(folder, tmp_path / "out").report
    for name, fact in facts.items():
        other: Any = fact + 1 if isinstance(fact, int) else "another"
        put(
            redecided(report, report.images, batch=replace(report.header.batch, **{name: other})),
            tmp_path / "out",
            keys,
        )
        with pytest.raises(SigningError, match="states of the batch what its manifest does not") as caught:
            verify_report(tmp_path / "out", trust=trust, images=folder)
        assert caught.value.reason is Reason.CONTRADICTION


def test_a_bad_file_is_a_row_and_stops_nothing(
    tmp_path: Path, keys: Keyring, trust: TrustStore, run: Callable[..., AuditResult]
) -> None:
    folder = pictures(tmp_path / "batch", 7)
    (folder / "tile-1.tif").write_bytes(b"II*\0 no picture")
    (folder / "tile-5.tif").write_bytes((folder / "tile-4.tif").read_bytes())
    sign(folder, keys["device"])
    (folder / "tile-2.tif").write_bytes(b"another")
    (folder / "tile-3.tif").unlink()
    (folder / "stranger\x07.tif").write_bytes(b"x")
    (folder / ascii("stranger\x07.tif")).write_bytes(b"x")
    done = run(folder, tmp_path / "out")
    reasons = {row.name: row.reasons for row in done.report.images if row.verdict is Verdict.REFUSED}
    shown = ascii("stranger\x07.tif")
    assert reasons == {
        "tile-1.tif": ("malformed",),
        "tile-2.tif": ("digest-mismatch",),
        "tile-3.tif": ("missing-file",),
        "tile-5.tif": ("duplicate-pixels",),
        shown: ("extra-file",),
        f"{shown} (2)": ("extra-file",),
    }
    assert done.judged == 3
    verify_report(tmp_path / "out", trust=trust)


@pytest.mark.parametrize("killed", [0, 1, 8, 9, 19])
def test_a_resumed_run_ends_in_the_same_payload(
    killed: int, tmp_path: Path, keys: Keyring, run: Callable[..., AuditResult]
) -> None:
    folder = pictures(tmp_path / "batch", 20)
    sign(folder, keys["device"])
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "out", DigestJudge(killed))
    assert not (tmp_path / "out" / REPORT).exists()
    (tmp_path / "copy").mkdir()
    for path in (tmp_path / "out").iterdir():
        (tmp_path / "copy" / path.name).write_bytes(path.read_bytes())
    second = DigestJudge()
    done = run(folder, tmp_path / "out", second)
    assert (done.judged, len(second.seen)) == (20 - killed, 20 - killed)
    third = DigestJudge()
    run(folder, tmp_path / "copy", third)
    assert payload(tmp_path / "out") == payload(tmp_path / "copy")


def test_a_journal_of_another_run_is_refused(tmp_path: Path, keys: Keyring, run: Callable[..., AuditResult]) -> None:
    folder = pictures(tmp_path / "batch")
    sign(folder, keys["device"])
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "out", DigestJudge(2))
    other = pictures(tmp_path / "other", 3)
    sign(other, keys["device"])
    with pytest.raises(SigningError, match="another batch"):
        run(other, tmp_path / "out")
    strict = AuditPolicy.model_validate({"name": "strict", "decide": {"error_rate": "0.1"}})
    with pytest.raises(SigningError, match="another model, policy"):
        run(folder, tmp_path / "out", policy=strict)
    (tmp_path / "out" / JOURNAL).write_bytes(b"not a database, but a file of some length" * 9)
    with pytest.raises(SigningError) as caught:
        run(folder, tmp_path / "out")
    assert caught.value.reason is Reason.UNREADABLE


@pytest.mark.parametrize("ledger", [False, True])
def test_no_image_gets_the_row_of_another_with_its_pixels(
    ledger: bool, tmp_path: Path, keys: Keyring, run: Callable[..., AuditResult]
) -> None:
    """Two files of the same pixels, signed as of other sizes and specimens; the first is altered after a kill."""
    folder = tmp_path / "batch"
    folder.mkdir()
    same = np.random.default_rng(0).integers(0, 255, (24, 24)).astype(np.uint8)
    for name, pixels in (("a.tif", same), ("b.tif", same), ("c.tif", 255 - same)):
        tifffile.imwrite(folder / name, pixels)
    claims = {
        "a.tif": Claim(specimen="sherd 1", pixel_size=PixelSize.parse("12.5 nm")),
        "b.tif": Claim(specimen="sherd 2", pixel_size=PixelSize.parse("500 nm")),
    }
    sign(folder, keys["device"], claims=claims)
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "out", DigestJudge(1), ledger=ledger)
    data = bytearray((folder / "a.tif").read_bytes())
    data[-1] ^= 1
    (folder / "a.tif").write_bytes(data)
    judge = DigestJudge()
    done = run(folder, tmp_path / "out", judge, ledger=ledger)
    rows = {row.name: row for row in done.report.images}
    assert rows["a.tif"].reasons == ("digest-mismatch",)
    assert rows["b.tif"].specimen == "sherd 2"
    if ledger:  # which noted a.tif, so that b.tif is its duplicate, as it was before the kill
        assert rows["b.tif"].reasons == ("duplicate-pixels",)
        assert judge.seen == ["c.tif"]
    else:
        assert rows["b.tif"].scale == ScaleClaim("500", "manifest")
        assert judge.seen == ["b.tif", "c.tif"]


def test_a_row_is_not_kept_for_another_sidecar(tmp_path: Path, keys: Keyring, run: Callable[..., AuditResult]) -> None:
    """The text beside a picture says its scale, and may be altered between a kill and the end."""
    folder = tmp_path / "batch"
    folder.mkdir()
    for number, name in enumerate(("a.tif", "b.tif")):
        tifffile.imwrite(folder / name, np.random.default_rng(number).integers(0, 255, (24, 24)).astype(np.uint8))
    (folder / "a.txt").write_text("[SemImageFile]\r\nPixelSize=12.5\r\n")
    sign(folder, keys["device"], claims={"a.txt": Claim(FileKind.SIDECAR)})
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "out", DigestJudge(1))
    (folder / "a.txt").write_text("[SemImageFile]\r\nPixelSize=99.5\r\n")
    rows = {row.name: row for row in run(folder, tmp_path / "out").report.images}
    assert rows["a.txt"].reasons == ("digest-mismatch",)
    assert rows["a.tif"].scale is None


def test_the_ledger_recognises_a_batch_and_its_images(
    tmp_path: Path, keys: Keyring, trust: TrustStore, run: Callable[..., AuditResult]
) -> None:
    folder = pictures(tmp_path / "batch")
    sign(folder, keys["device"])
    first = run(folder, tmp_path / "one", ledger=True)
    assert first.report.header.ledger is not None
    pictured = next(
        place for place, one in enumerate(read_ledger(tmp_path / "ledger")) if isinstance(one, ImagesDecoded)
    )
    covered = int(base64.b64decode(first.report.header.ledger).split(b"\n")[1])
    assert covered > pictured  # who rolls the ledger back to before its pictures meets this report
    with pytest.raises(AuditError) as caught:
        run(folder, tmp_path / "two", ledger=True)
    assert caught.value.reason is AuditReason.REPLAYED
    renamed = tmp_path / "renamed"
    renamed.mkdir()
    (renamed / "new-name.tif").write_bytes((folder / "tile-2.tif").read_bytes())
    sign(renamed, keys["device"], sequence=2)
    twin = run(renamed, tmp_path / "three", ledger=True)
    assert [row.reasons for row in twin.report.images] == [("duplicate-pixels",)]
    anew = run(folder, tmp_path / "four", ledger=True, again="the client asked for it")
    assert anew.judged == 6
    verify_report(tmp_path / "four", trust=trust)


def test_a_run_that_was_never_admitted_is_ended_by_its_refusal(
    tmp_path: Path, keys: Keyring, run: Callable[..., AuditResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was killed before its admission, and another run was admitted the batch: nothing of it can be gone on with."""
    folder = pictures(tmp_path / "batch", 2)
    sign(folder, keys["device"])
    with monkeypatch.context() as dying:
        dying.setattr(Ledger, "admit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(folder, tmp_path / "out", ledger=True)
    assert (tmp_path / "out" / JOURNAL).exists()
    run(folder, tmp_path / "other", ledger=True)
    with pytest.raises(AuditError, match="this manifest was admitted"):
        run(folder, tmp_path / "out", ledger=True)
    assert not list((tmp_path / "out").iterdir())


def test_rows_of_a_run_are_kept_whoever_refuses_it(
    tmp_path: Path, keys: Keyring, run: Callable[..., AuditResult]
) -> None:
    folder = pictures(tmp_path / "batch", 4)
    sign(folder, keys["device"])
    run(folder, tmp_path / "other", ledger=True)
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "out", DigestJudge(2))
    with pytest.raises(AuditError, match="this manifest was admitted"):
        run(folder, tmp_path / "out", ledger=True)
    assert run(folder, tmp_path / "out").judged == 2
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "admitted", DigestJudge(0), ledger=True, again="asked for")
    (tmp_path / "ledger").rename(tmp_path / "first")
    run(folder, tmp_path / "third", ledger=True)
    with pytest.raises(
        AuditError, match="this manifest was admitted"
    ):  # by another ledger than the one that admitted it
        run(folder, tmp_path / "admitted", ledger=True)
    (tmp_path / "ledger").rename(tmp_path / "second")
    (tmp_path / "first").rename(tmp_path / "ledger")
    assert run(folder, tmp_path / "admitted", ledger=True).judged == 4


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_how_the_ledger_admitted_a_batch_stands_in_its_report_and_in_the_next(
    tmp_path: Path, keys: Keyring, run: Callable[..., AuditResult]
) -> None:
    """`--again` and an older sequence: whoever reads "replay: checked" must see both."""
    folder = pictures(tmp_path / "batch", 2)
    sign(folder, keys["device"])
    plain = run(folder, tmp_path / "one", ledger=True).report.header
    assert plain.admission == Admission(again=None, out_of_order=False)
    sign(folder, keys["device"], sequence=2, force=True)
    anew = run(folder, tmp_path / "two", ledger=True, again="the client asked for it").report
    assert anew.header.admission == Admission(again="the client asked for it", out_of_order=True)
    again, late = limitations(anew.header)[len(plain.limits) :]
    assert again.endswith(": the client asked for it")
    assert "out of order" in late
    repeated = run(folder, tmp_path / "three", first=anew)
    assert repeated.report == anew


def test_a_scale_that_the_file_contradicts_is_flagged_in_its_row(
    tmp_path: Path, keys: Keyring, run: Callable[..., AuditResult]
) -> None:
    folder = tmp_path / "batch"
    folder.mkdir()
    for name, tagged in (("near.tif", 5.05), ("far.tif", 10.0)):
        pixels = np.random.default_rng(len(name)).integers(0, 255, (24, 24)).astype(np.uint8)
        size = (1 / tagged, 1 / tagged)
        tifffile.imwrite(folder / name, pixels, imagej=True, resolution=size, metadata={"unit": "nm"})
    sign(folder, keys["device"], pixel_size=PixelSize.parse("5 nm"))
    far, near = run(folder, tmp_path / "out").report.images
    assert near.remarks == ()
    assert far.remarks == ("two sizes of a pixel: 5 nm (manifest), 10 nm (ImageJ)",)
    assert far.scale == near.scale == ScaleClaim("5", "manifest")


def test_order_and_names_of_another_system_change_nothing(
    tmp_path: Path, keys: Keyring, run: Callable[..., AuditResult]
) -> None:
    folder = pictures(tmp_path / "batch")
    sign(folder, keys["device"])
    done = run(folder, tmp_path / "out")
    assert arranged(done.report.images[::-1], DigestJudge().enrolled) == done.report.images


def test_a_limit_is_stated(tmp_path: Path, keys: Keyring, run: Callable[..., AuditResult]) -> None:
    folder = pictures(tmp_path / "batch")
    sign(folder, keys["device"])
    done = run(folder, tmp_path / "out", limit=2)
    assert len(done.report.images) == 2
    assert any("first 2 images" in text for text in done.report.header.limits)


def test_a_limit_is_of_the_first_images_and_of_no_others(
    tmp_path: Path, keys: Keyring, trust: TrustStore, run: Callable[..., AuditResult]
) -> None:
    folder = pictures(tmp_path / "batch")
    sign(folder, keys["device"])
    said = run(folder, tmp_path / "out").report
    for chosen in ((1, 2), (0,), (0, 2)):
        images = tuple(said.images[place] for place in chosen)
        limits = (*said.header.limits, *limit_notice(2))
        forged = redecided(said, images, run=replace(said.header.run, limit=2), limits=limits)
        put(forged, tmp_path / "out", keys)
        with pytest.raises(SigningError, match=r"has no row of|none of the images that were to be judged") as caught:
            verify_report(tmp_path / "out", trust=trust, images=folder)
        assert caught.value.reason is Reason.CONTRADICTION


@pytest.mark.parametrize(
    "change", [{"device": "another"}, {"lab": "the famous museum"}, {"sequence": "9"}, {"files": 9}, {"signer": None}]
)
def test_what_a_report_says_of_its_batch_is_held_against_the_manifest(
    change: dict[str, Any], tmp_path: Path, keys: Keyring, trust: TrustStore, run: Callable[..., AuditResult]
) -> None:
    folder = pictures(tmp_path / "batch", 2)
    sign(folder, keys["device"])
    said = run(folder, tmp_path / "out").report
    if "signer" in change:
        change = {"signer": replace(said.header.batch.signer, keyid="0" * 64)}
    batch = replace(said.header.batch, **change)
    forged = redecided(said, said.images, batch=batch)
    put(forged, tmp_path / "out", keys)
    with pytest.raises(SigningError, match="of the batch") as caught:
        verify_report(tmp_path / "out", trust=trust, images=folder)
    assert caught.value.reason is Reason.CONTRADICTION


def test_a_malformed_signature_of_the_batch_is_refused_and_an_unknown_signer_stated(
    tmp_path: Path, keys: Keyring, trust: TrustStore, run: Callable[..., AuditResult]
) -> None:
    folder = pictures(tmp_path / "batch", 2)
    sign(folder, keys["device"])
    run(folder, tmp_path / "out")
    found = Verification()
    verify_report(tmp_path / "out", trust=trust, images=folder, verification=found)
    assert "signed by 'device-1'" in found.checks[-1].found
    auditors = tuple(e for e in trust.root.entries if e.role is signing.Role.AUDITOR)
    alone = replace(make_trust(keys["root"], auditors), at=trust.at)
    found = Verification()
    verify_report(tmp_path / "out", trust=alone, images=folder, verification=found)
    assert "named by the auditor alone" in found.checks[-1].found
    manifest = folder / signing.MANIFEST_NAME
    bundle = json.loads(manifest.read_bytes())
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(bytes(64)).decode()
    manifest.write_text(json.dumps(bundle))
    with pytest.raises(SigningError) as caught:
        verify_report(tmp_path / "out", trust=trust, images=folder)
    assert caught.value.reason is Reason.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"revoked": signing.Revocation(NOW, signing.RevocationReason.COMPROMISED)}, Reason.REVOKED),
        ({"revoked": signing.Revocation(NOW - YEAR, signing.RevocationReason.RETIRED)}, Reason.REVOKED),
        ({"until": NOW - timedelta(days=1)}, Reason.EXPIRED),
        ({"role": signing.Role.LABELLER}, Reason.WRONG_ROLE),
    ],
)
def test_a_report_on_a_batch_by_a_revoked_or_expired_key_is_refused(
    change: dict[str, Any],
    reason: Reason,
    tmp_path: Path,
    keys: Keyring,
    trust: TrustStore,
    run: Callable[..., AuditResult],
) -> None:
    """Whoever checks a report later may know more of the device's key than its auditor did."""
    folder = pictures(tmp_path / "batch", 2)
    sign(folder, keys["device"])
    run(folder, tmp_path / "out")
    entries = tuple(replace(e, **change) if e.role is signing.Role.DEVICE else e for e in trust.root.entries)
    later = replace(make_trust(keys["root"], entries), at=trust.at)
    verify_report(tmp_path / "out", trust=later)  # of its auditor there is nothing to be said
    with pytest.raises(SigningError) as caught:
        verify_report(tmp_path / "out", trust=later, images=folder)
    assert caught.value.reason is reason


def test_the_longest_name_that_a_device_signs_stands_whole_in_a_report(
    tmp_path: Path, keys: Keyring, trust: TrustStore, run: Callable[..., AuditResult]
) -> None:
    folder = pictures(tmp_path / "batch", 2)
    parts = [*["d" * 250] * 4, "e" * (MAX_NAME - 4 * 251)]
    (folder / "/".join(parts[:-1])).mkdir(parents=True)
    (folder / "/".join(parts)).write_bytes(b"II*\0 no picture")
    sign(folder, keys["device"], claims={"/".join(parts): Claim(FileKind.IMAGE, None, None)})
    run(folder, tmp_path / "out")
    verify_report(tmp_path / "out", trust=trust, images=folder)


def test_a_repetition_that_comes_out_otherwise_has_a_name_of_its_own(
    tmp_path: Path, keys: Keyring, run: Callable[..., AuditResult]
) -> None:
    """Else one log would have two heads, both signed."""
    folder = pictures(tmp_path / "batch", 2)
    sign(folder, keys["device"])
    first = run(folder, tmp_path / "out").report
    assert run(folder, tmp_path / "same", first=first).report == first
    other = DigestJudge()
    other.identity = replace(other.identity, runtime=replace(other.identity.runtime, threads=2))
    again = [run(folder, tmp_path / name, other, first=first).report for name in ("one", "two")]
    assert again[0] == again[1]
    assert again[0].origin != first.origin
    assert compare(first, again[0]).settings == ("threads: 1, now 2",)


def test_nobody_but_the_auditor_writes_the_journal(
    tmp_path: Path, keys: Keyring, run: Callable[..., AuditResult]
) -> None:
    folder = pictures(tmp_path / "batch")
    sign(folder, keys["device"])
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "out", DigestJudge(4))
    kept = (tmp_path / "out" / JOURNAL).read_bytes()
    for statement in (
        "UPDATE kept SET value = replace(value, 'counterfeit', 'authentic') WHERE name LIKE 'image %'",
        "UPDATE kept SET value = replace(value, '\"issued\": \"20', '\"issued\": \"19') WHERE name = 'run'",
        "UPDATE kept SET code = x'00'",
        "UPDATE kept SET value = (SELECT value FROM kept k WHERE k.name LIKE 'image %' AND k.name <> kept.name)"
        " WHERE name LIKE 'image %'",
        "UPDATE features SET value = x'0000803f'",  # 1.0
        "UPDATE features SET value = (SELECT value FROM features f WHERE f.name <> features.name)",
        "UPDATE features SET (value, code) = (SELECT value, code FROM features f WHERE f.name > features.name LIMIT 1)"
        " WHERE name <> (SELECT max(name) FROM features)",
        "UPDATE features SET code = x'00'",
        "UPDATE features SET value = '1.0'",
    ):
        with contextlib.closing(sqlite3.connect(tmp_path / "out" / JOURNAL)) as base:
            base.execute(statement)
            base.commit()
        with pytest.raises(SigningError) as caught:
            run(folder, tmp_path / "out")
        assert caught.value.reason is Reason.BAD_SIGNATURE, statement
        for path in (tmp_path / "out").iterdir():
            path.unlink()
        (tmp_path / "out" / JOURNAL).write_bytes(kept)


def test_lost_features_end_a_run(tmp_path: Path, keys: Keyring, run: Callable[..., AuditResult]) -> None:
    """Without them a specimen would be ranked by fewer images than it has."""
    folder = pictures(tmp_path / "batch", 3)
    sign(folder, keys["device"])
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "out", DigestJudge(2))
    with contextlib.closing(sqlite3.connect(tmp_path / "out" / JOURNAL)) as base:
        base.execute("DELETE FROM features WHERE name = (SELECT max(name) FROM features)")
        base.commit()
    with pytest.raises(SigningError, match="lost") as caught:
        run(folder, tmp_path / "out")
    assert caught.value.reason is Reason.UNREADABLE


@pytest.mark.parametrize("killed", [None, 0, 3, 5])
def test_a_specimen_is_ranked_once_by_all_its_images_with_the_seed_of_the_run(
    killed: int | None, tmp_path: Path, keys: Keyring, run: Callable[..., AuditResult]
) -> None:
    folder = pictures(tmp_path / "batch", 6)
    claims = {f"tile-{n}.tif": Claim(FileKind.IMAGE, f"sherd {n % 2}", None) for n in range(5)}
    sign(folder, keys["device"], claims=claims)
    if killed is not None:
        with pytest.raises(KeyboardInterrupt):
            run(folder, tmp_path / "out", DigestJudge(killed))
    judge = DigestJudge()
    said = run(folder, tmp_path / "out", judge).report
    seed = bytes.fromhex(said.header.run.noise_seed)
    assert sorted(judge.ranked) == [("sherd 0", 3, seed), ("sherd 1", 2, seed), ("tile-5.tif", 1, seed)]
    assert [row.evidence is None for row in said.images] == [True] * 5 + [False]
    assert all(row.evidence is not None for row in said.specimens)
    assert said.header.statement is not None
    assert said.header.statement.of == sum(said.header.specimens.by_verdict().values()) == 3
    again = DigestJudge()
    assert run(folder, tmp_path / "again", again, first=said).report == said
    assert again.ranked == judge.ranked


class Marking(DigestJudge):
    """Finds the second image nearly that of an enrolled one, and the fourth out of focus; ranks nothing if told so."""

    ranks_nothing = False

    def judge_each(self, samples: Iterable[Micrograph]) -> Iterator[Finding]:
        for found in super().judge_each(samples):
            faults = (Fault.OUT_OF_FOCUS,) if found.name == "tile-3.tif" else ()
            near = found.name == "tile-1.tif"
            yield replace(found, near_duplicate=near, quality=replace(found.quality, faults=faults))

    def rank(self, images: Sequence[TileFeatures], name: str, seed: bytes) -> SpecimenRanks | None:
        return None if self.ranks_nothing else super().rank(images, name, seed)


def test_near_duplicates_mark_their_specimens_and_unassessable_images_are_left_out(
    tmp_path: Path, keys: Keyring, trust: TrustStore, run: Callable[..., AuditResult]
) -> None:
    folder = pictures(tmp_path / "batch", 6)
    claims = {f"tile-{n}.tif": Claim(FileKind.IMAGE, f"sherd {n // 2}", None) for n in range(6)}
    sign(folder, keys["device"], claims=claims)
    judge = Marking()
    said = run(folder, tmp_path / "out", judge).report
    assert [row.enrolled for row in said.images] == [EnrolmentMark.SPECIMEN, EnrolmentMark.NEAR_DUPLICATE, *[None] * 4]
    assert [name for name, _, _ in judge.ranked] == ["sherd 1", "sherd 2"]
    assert said.specimens[0].reasons == ("was-enrolled",)
    assert said.specimens[0].evidence is None
    left_out, shown = said.images[3], said.specimens[1]
    assert left_out.judged is None
    assert (left_out.quality or "").startswith("not assessable (out-of-focus)")
    assert (left_out.verdict, left_out.reasons) == (Verdict.INCONCLUSIVE, ("not-assessable",))
    assert shown.verdict in (Verdict.AUTHENTIC, Verdict.COUNTERFEIT)
    assert verify_report(tmp_path / "out", trust=trust, images=folder) == said
    nothing = Marking()
    nothing.ranks_nothing = True
    bare_model = replace(nothing.identity.model, error_rates=(), enrolled_tiles=())
    nothing.identity = replace(nothing.identity, model=bare_model)
    bare = run(folder, tmp_path / "bare", nothing).report
    assert {row.reasons for row in bare.specimens} == {("was-enrolled",), ("not-calibrated",)}
    assert bare.header.statement is None
    assert verify_report(tmp_path / "bare", trust=trust) == bare


def test_an_instrument_that_was_not_enrolled_prevents_an_answer_or_is_a_remark(
    tmp_path: Path, keys: Keyring, run: Callable[..., AuditResult]
) -> None:
    folder = pictures(tmp_path / "batch", 2)
    sign(folder, keys["device"], device="sem-9")
    said = run(folder, tmp_path / "out").report
    assert {(row.verdict, row.reasons) for row in said.images} == {(Verdict.INCONCLUSIVE, ("instrument-not-enrolled",))}
    remarking = UNTESTED.model_copy(update={"name": "ours", "intake": Intake(instrument="remark")})
    said = run(folder, tmp_path / "remark", policy=remarking).report
    assert {row.reasons for row in said.images} == {("instrument-not-enrolled",)}
    assert {row.verdict for row in said.images} <= {Verdict.AUTHENTIC, Verdict.COUNTERFEIT}


def test_resuming_cannot_change_the_admission_of_a_run(
    tmp_path: Path, keys: Keyring, run: Callable[..., AuditResult]
) -> None:
    first, second = pictures(tmp_path / "first", 3), pictures(tmp_path / "second", 4)
    (second / "twin.tif").write_bytes((second / "tile-3.tif").read_bytes())
    sign(first, keys["device"])
    sign(second, keys["device"], sequence=2)
    run(first, tmp_path / "one", ledger=True)
    with pytest.raises(KeyboardInterrupt):
        run(second, tmp_path / "two", DigestJudge(0), ledger=True)
    done = run(second, tmp_path / "two", ledger=True, again="the owner asks")
    assert {row.name for row in done.report.images if row.verdict is Verdict.REFUSED} == {
        "tile-0.tif",
        "tile-1.tif",
        "tile-2.tif",
        "twin.tif",
    }
    done = run(second, tmp_path / "three", ledger=True, again="the owner asks")
    assert {row.name for row in done.report.images if row.verdict is Verdict.REFUSED} == {"twin.tif"}


def test_a_run_is_resumed_with_the_settings_it_began_with(
    tmp_path: Path, keys: Keyring, run: Callable[..., AuditResult]
) -> None:
    folder = pictures(tmp_path / "batch")
    sign(folder, keys["device"])
    first = run(folder, tmp_path / "first").report
    for how in ({}, {"first": first}):
        out = tmp_path / f"out{len(how)}"
        with pytest.raises(KeyboardInterrupt):
            run(folder, out, DigestJudge(2), **how)
        with pytest.raises(SigningError, match="another model, policy"):
            run(folder, out, **({} if how else {"first": first}))
        assert (run(folder, out, **how).report == first) is bool(how)


def test_duplicates_of_a_first_report_without_a_ledger_are_not_taken_over(
    tmp_path: Path, keys: Keyring, run: Callable[..., AuditResult]
) -> None:
    folder = pictures(tmp_path / "batch")
    sign(folder, keys["device"])
    honest = run(folder, tmp_path / "honest").report
    row = honest.images[1]
    gone = replace(row, verdict=Verdict.REFUSED, reasons=("duplicate-pixels",), judged=None, evidence=None)
    images = (honest.images[0], gone, *honest.images[2:])
    head = Checkpoint(honest.origin, len(honest.tree), honest.tree.root())
    notes = (b"fusiondiff-audit/ledger/00\n1\nAAAA\n\nno signature\n", sign_checkpoint(head, keys["auditor"]))
    for number, ledger in enumerate((None, *(base64.b64encode(note).decode() for note in notes), "abc")):
        forged = redecided(honest, images, ledger=ledger)
        out = tmp_path / f"out{number}"
        if ledger is None:
            done = run(folder, out, first=forged)
            assert [row.verdict for row in done.report.images] == [row.verdict for row in honest.images]
            assert compare(forged, done.report).unexplained
        else:
            with pytest.raises(SigningError):
                run(folder, out, first=forged)


@pytest.mark.parametrize("name", [" a.tif", "a.tif\u00a0", "x" * 3000, "\ud800", "a\u202eb"])
def test_whatever_a_stranger_s_file_is_called_a_report_can_show_it(name: str) -> None:
    row = refused_row(name, "extra-file", None)
    assert read_record(ImageRow, Fields(write_record(row), "row")) == row
