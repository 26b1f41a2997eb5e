"""Verifies a report step by step, with the standard library and one library of cryptography.

Each check states what it compared. The first that fails ends the verification, since nobody vouches for what the later
ones would compare. A check that was not asked for, or that has nothing to compare, is not listed as passed.
"""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from reports.verdict.consistency import contradiction, refuse_contradiction
from reports.verdict.issue import CHECKPOINT, REPORT, SUMMARY, verification_summary
from reports.verdict.report import MAX_PAYLOAD, Report
from reports.verdict.trust_check import TrustComparison, compare_trust
from reports.verdict.unchecked_files import UncheckedFile, unchecked_files
from reports.verdict.versions import refuse_late
from signing import Reason, Role, Signer, SigningError, TrustStore, open_checkpoint, read_capped, write_time
from signing.notes import MAX_NOTE
from signing.sigstore_bundle import SigstoreBundle, bundle_limit, verify_bundle


@dataclass(frozen=True, slots=True)
class PassedCheck:
    """A check that passed: its title, and what it compared."""

    title: str
    found: str


@dataclass(slots=True)
class Verification:
    """How far a verification came: `checks` passed, and `unchecked` files were compared with nothing."""

    checks: list[PassedCheck] = field(default_factory=list)
    signer: Signer | None = None
    comparison: TrustComparison | None = None
    unchecked: tuple[UncheckedFile, ...] = ()


def verify_report(
    path: Path,
    *,
    trust: TrustStore,
    images: Path | None = None,
    model: Path | None = None,
    verification: Verification | None = None,
) -> Report:
    """Return a report whose every check passed; the first that does not is raised.

    `verification` collects what passed, for callers that tell people how far the checks came.
    """
    with _without_garbage_collection():
        return _verified(path, trust, images, model, verification or Verification())


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Switch the search for reference cycles off: rows have none, and each search takes longer with more of them."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _verified(
    path: Path, trust: TrustStore, images: Path | None, model: Path | None, verification: Verification
) -> Report:
    is_folder = os.path.isdir(path)  # a path that is too long is none; Path.is_dir would raise
    folder, file = (path, path / REPORT) if is_folder else (path.parent, path)
    where = str(file)

    def passed(title: str, comparison: str) -> None:
        verification.checks.append(PassedCheck(title, comparison))

    opened = verify_bundle(read_bundle(file), where, trust=trust, roles=(Role.AUDITOR,))
    passed("signature", f"by key sha256:{opened.entry.keyid}, listed as auditor {opened.entry.principal!r}")
    report = Report.from_payload(opened.payload, where)
    signer = verification.signer = trust.judge(opened.entry, report.header.time, where, proven=opened.proven)
    issued, proven = signer.time or report.header.time, signer.proven
    refuse_late(report.header.format, issued, where, proven=proven)
    proof = "proven by a timestamp" if proven else "claimed, not proven"
    passed("time", f"the key was good at {write_time(issued)} ({proof})")
    if report.header.auditor.keyid != opened.entry.keyid:
        raise SigningError(Reason.WRONG_ROLE, f"{where}: names another auditor than the one who signed it")
    verification.comparison = compare_trust(report.header, trust, where)
    for title, comparison in verification.comparison.confirmed():
        passed(title, comparison)
    passed("tree", f"header and {len(report.texts) - 1:,} rows are the leaves of the tree that was signed")
    refuse_contradiction(report, where)
    passed("arithmetic", "every p-value, verdict, count and statement on the batch follows from the rows' own numbers")
    for name, compare in ((CHECKPOINT, _checkpoint), (SUMMARY, _summary)):
        if os.path.lexists(folder / name):
            passed(name, compare(folder / name, report, trust))
    if images is not None:
        from reports.verdict.batch_check import compare_batch  # few ask for it, and it takes more to load

        passed("images", compare_batch(report, images, trust, signer))
    if model is not None:
        from reports.verdict.model_check import compare_model

        passed("model", compare_model(report, model))
    verification.unchecked = unchecked_files(folder, file) if is_folder or file.name == REPORT else ()
    return report


def _checkpoint(path: Path, report: Report, trust: TrustStore) -> str:
    key = trust.signer(report.header.auditor.keyid, (Role.AUDITOR,), str(path)).public_key()
    signed = open_checkpoint(read_capped(path, limit=MAX_NOTE), str(path), origin=report.origin, key=key)
    if (signed.size, signed.root) != (len(report.tree), report.tree.root()):
        raise SigningError(Reason.BAD_PROOF, f"{path}: is of another tree than the report's")
    return f"the head of the tree, {signed.size:,} leaves, signed by the same auditor"


def _summary(path: Path, report: Report, trust: TrustStore) -> str:
    opened = verify_bundle(read_bundle(path), str(path), trust=trust, roles=(Role.AUDITOR,))
    if opened.payload != verification_summary(report) or opened.entry.keyid != report.header.auditor.keyid:
        raise contradiction(str(path), "it does not follow from the report beside it")
    return "the summary for policy engines says the same"


def read_unverified(path: Path) -> Report:
    """Read a report, or the report in a folder, whoever signed it."""
    file = path / REPORT if os.path.isdir(path) else path
    return Report.from_payload(read_bundle(file).envelope.payload, str(file))


def read_bundle(path: Path) -> SigstoreBundle:
    """Read a signed file of a report's size, without verifying it."""
    data = read_capped(path, limit=bundle_limit(MAX_PAYLOAD))
    return SigstoreBundle.from_bytes(data, str(path), payload_limit=MAX_PAYLOAD)
