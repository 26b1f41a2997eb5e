"""The optional libraries: which ones an extra asks for, and which of them are missing.

The list is the installed distribution's own metadata, so that pyproject.toml is the one place to edit.
"""

import re

from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.origin import DISTRIBUTION, find_record

BASE_EXTRA = "base"  # what is installed without any extra
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)[^;]*(?:;\s*extra == ['\"](\w+)['\"])?")  # no other markers


def libraries_of(extra: str) -> dict[str, str | None]:
    """Return the version of each library of an extra, None for a missing one.

    A checkout that is not installed has no metadata, and so no libraries; importing one then fails by itself.
    """
    from importlib.metadata import Distribution  # slow to import

    try:
        required = Distribution.at(find_record()).requires or []
    except AuditError as e:
        if e.reason is not AuditReason.NOT_INSTALLED:
            raise
        return {}
    matches = [match for text in required if (match := _REQUIREMENT.fullmatch(text))]
    return {
        match[1]: _version(match[1])
        for match in matches
        if match[1] != DISTRIBUTION and (match[2] or BASE_EXTRA) == extra
    }


def missing_libraries(extra: str) -> tuple[str, ...]:
    return tuple(name for name, number in libraries_of(extra).items() if number is None)


def require(extra: str, what: str, *, else_: str = "") -> None:
    """Refuse to go on without the libraries of an extra, and name the command that installs them."""
    if missing := missing_libraries(extra):
        hint = f"pip install 'fusiondiff-audit[{extra}]'{else_}"
        raise AuditError(AuditReason.MISSING_EXTRA, f"{what} needs {', '.join(missing)}", hint=hint)


def _version(name: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None
