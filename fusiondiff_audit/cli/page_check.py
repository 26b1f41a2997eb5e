"""The step of `verify` that compares the page beside a report."""

import os
import stat
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from fusiondiff_audit.extras import missing_libraries
from fusiondiff_audit.origin import check_origin
from reports.verdict.issue import REPORT_PAGE
from reports.verdict.report import Report
from reports.verdict.verification import PassedCheck, Verification
from signing import Reason, SigningError, read_capped


def check_page(path: Path, report: Report, verification: Verification, *, images: Path | None) -> str:
    """Compare the page beside a verified report, and return what the answer has to say of it.

    A page that was compared becomes a check; one that was not stays among the unchecked files, with the reason. One
    that differs from the signed file is refused.
    """
    if all(file.name != REPORT_PAGE for file in verification.unchecked):
        return ""
    page = (path if os.path.isdir(path) else path.parent) / REPORT_PAGE
    not_compared = f"; {REPORT_PAGE} beside it was NOT compared"
    if not stat.S_ISREG(os.lstat(page).st_mode):
        return not_compared
    if find_spec("jinja2") is None:
        _state(verification, "not compared: jinja2 is not installed")
        return not_compared
    from fusiondiff_audit.page.comparison import MAX_PAGE, compare_page

    try:
        data = read_capped(page, limit=MAX_PAGE)
    except SigningError as e:
        if e.reason is not Reason.TOO_LARGE:
            raise
        _state(verification, "too large to be compared")
        return not_compared
    audited = None if missing_libraries("images") else images
    comparison = compare_page(data, REPORT_PAGE, report, origin=check_origin(), images=audited)
    if not comparison.page:
        _state(verification, comparison.text)
        return not_compared
    verification.checks.append(PassedCheck("page", comparison.text))
    verification.unchecked = tuple(file for file in verification.unchecked if file.name != REPORT_PAGE)
    return f"; {REPORT_PAGE} is its page{'' if comparison.images else ', what the images in it show NOT compared'}"


def _state(verification: Verification, why: str) -> None:
    """Note why the page was not compared."""
    verification.unchecked = tuple(
        replace(file, state=f"the page for people, not signed, {why}") if file.name == REPORT_PAGE else file
        for file in verification.unchecked
    )
