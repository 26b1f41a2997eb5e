"""Checking a report, step by step, with the standard library and one library of cryptography.

Each check says what it compared. The first that fails ends it: what comes after would be about something nobody vouches
for. A check that was not asked for, or that has nothing to look at, is not listed as passed.
"""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from reports.verdict.consistency import contradiction, refuse_contradiction
from reports.verdict.issue import CHECKPOINT, REPORT, SUMMARY, summary
from reports.verdict.report import MAX_PAYLOAD, Report
from reports.verdict.trust_check import TrustComparison, compare_trust
from reports.verdict.unchecked_files import UncheckedFile, unchecked_files
from reports.verdict.versions import refuse_late
from signing import Reason, Role, Signer, SigningError, TrustStore, open_checkpoint, read_capped, write_time
from signing.bundle import Bundle, bundle_limit, unseal

_MAX_NOTE = 64 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class PassedCheck:
    """One thing that was compared, and found to hold."""

    title: str
    found: str


@dataclass(slots=True)
class Verification:
    """What is known of a report so far: `checks` holds what passed, `unchecked` what nothing was compared with."""

    checks: list[PassedCheck] = field(default_factory=list)
    report: Report | None = None
    signer: Signer | None = None
    comparison: TrustComparison | None = None
    unchecked: tuple[UncheckedFile, ...] = ()


def verify_report(
    path: Path,
    *,
    trust: TrustStore,
    images: Path | None = None,
    model: Path | None = None,
    found: Verification,
) -> Report:
    """Check a report and note what passed in `found`; what does not hold is raised."""
    with _uncollected():
        return _examined(path, trust, images, model, found)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Do not look for cycles: rows have none, and the more of them there are, the longer each look takes."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _examined(path: Path, trust: TrustStore, images: Path | None, model: Path | None, found: Verification) -> Report:
    whole = os.path.isdir(path)  # a path that is too long is none; Path.is_dir would raise
    folder, file = (path, path / REPORT) if whole else (path.parent, path)
    where = str(file)

    def passed(title: str, what: str) -> None:
        found.checks.append(PassedCheck(title, what))

    bundle = Bundle.from_bytes(read_capped(file, limit=bundle_limit(MAX_PAYLOAD)), where, payload_limit=MAX_PAYLOAD)
    opened = unseal(bundle, where, trust=trust, roles=(Role.AUDITOR,))
    passed("signature", f"by key sha256:{opened.entry.keyid}, listed as auditor {opened.entry.principal!r}")
    report = Report.from_payload(opened.payload, where)
    found.signer = trust.judge(opened.entry, report.header.time, where, proven=opened.proven)
    issued, proven = found.signer.time or report.header.time, found.signer.proven
    refuse_late(report.header.format, issued, where, proven=proven)
    proof = "proven by a timestamp" if proven else "claimed, not proven"
    passed("time", f"the key was good at {write_time(issued)} ({proof})")
    if report.header.auditor.keyid != opened.entry.keyid:
        raise SigningError(Reason.WRONG_ROLE, f"{where}: names another auditor than the one who signed it")
    found.comparison = compare_trust(report.header, trust, where)
    for title, what in found.comparison.confirmed():
        passed(title, what)
    found.report = report
    passed("tree", f"header and {len(report.texts) - 1:,} rows are the leaves of the tree that was signed")
    refuse_contradiction(report, where)
    passed("arithmetic", "every p-value, set, verdict and count follows from the rows' own numbers")
    for name, compare in ((CHECKPOINT, _checkpoint), (SUMMARY, _summary)):
        if os.path.lexists(folder / name):
            passed(name, compare(folder / name, report, trust))
    if images is not None:
        from reports.verdict.batch_check import compare_batch  # few ask for it, and it takes more to load

        passed("images", compare_batch(report, images, trust, found.signer))
    if model is not None:
        from reports.verdict.model_check import compare_model

        passed("model", compare_model(report, model))
    found.unchecked = unchecked_files(folder, file) if whole or file.name == REPORT else ()
    return report


def _checkpoint(path: Path, report: Report, trust: TrustStore) -> str:
    key = trust.signer(report.header.auditor.keyid, (Role.AUDITOR,), str(path)).public_key()
    signed = open_checkpoint(read_capped(path, limit=_MAX_NOTE), str(path), origin=report.origin, key=key)
    if (signed.size, signed.root) != (len(report.tree), report.tree.root()):
        raise SigningError(Reason.BAD_PROOF, f"{path}: is of another tree than the report's")
    return f"the head of the tree, {signed.size:,} leaves, signed by the same auditor"


def _summary(path: Path, report: Report, trust: TrustStore) -> str:
    bundle = Bundle.from_bytes(read_capped(path, limit=bundle_limit(MAX_PAYLOAD)), str(path), payload_limit=MAX_PAYLOAD)
    opened = unseal(bundle, str(path), trust=trust, roles=(Role.AUDITOR,))
    if opened.payload != summary(report) or opened.entry.keyid != report.header.auditor.keyid:
        raise contradiction(str(path), "it does not follow from the report beside it")
    return "the summary for policy engines says the same"
