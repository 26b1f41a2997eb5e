"""The verb `doctor`."""

import platform
import re
import shutil
import sys
from importlib.metadata import Distribution, PackageNotFoundError, version
from typing import Any

import click

from fusiondiff_audit import __version__
from fusiondiff_audit.cli.answer import Answer, answering, say
from fusiondiff_audit.cli.exits import Exit
from fusiondiff_audit.cli.failure import exit_code
from fusiondiff_audit.cli.text import table
from fusiondiff_audit.environment import refuse_foreign_variables
from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.origin import DISTRIBUTION, check_origin, find_record

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)[^;]*(?:;\s*extra == ['\"](\w+)['\"])?")
_BEFORE_US = ("sitecustomize", "usercustomize")  # Python imports them on its way up; they may do anything
_EXTRAS = {
    "base": "sign, inspect and verify",
    "images": "decode micrographs",
    "kiln": "make micrographs, and measure on them",
    "audit": "classify, attack and certify",
}


@click.command()
@answering(trusted=False)
def command() -> Answer:
    """Show what is installed here, and what is missing.

    The origin and digest of the running code, the libraries of each extra with their versions, and what that allows.
    """
    rows = [("python", platform.python_version(), sys.executable), ("system", platform.system(), platform.machine())]
    data: dict[str, Any] = {"python": platform.python_version(), "system": platform.system(), "extras": {}}
    reason = AuditReason.CODE_ALTERED
    for name in _BEFORE_US:
        if name in sys.modules:
            where = str(getattr(sys.modules[name], "__file__", None))
            rows.append(("runs first", name, where))
            data.setdefault("runsFirst", {})[name] = where
    try:
        refuse_foreign_variables()
        origin = check_origin()
        rows.append(("code", origin.version + ("" if origin.released else " unreleased"), f"sha256:{origin.digest}"))
        data |= {"version": origin.version, "code": origin.digest, "released": origin.released}
        fault = ""
    except AuditError as e:
        fault, reason = str(e), e.reason
        for hint in getattr(e, "__notes__", ()):
            say(f"hint: {hint}")
        data["reason"] = reason.value
        rows.append(("code", __version__, fault))
    missing_base, required = False, _required()
    for extra, purpose in _EXTRAS.items():
        found = {name: _version(name) for name in _requirements(required, extra)}
        missing = [name for name, number in found.items() if number is None]
        state = f"{len(found) - len(missing)} of {len(found)} there" if missing else "complete"
        rows.append((extra, state, purpose))
        rows += [("", name, number or "missing") for name, number in found.items()]
        data["extras"][extra] = {"complete": not missing, "libraries": found}
        missing_base |= extra == "base" and bool(missing)
    rows.append(("openssl", shutil.which("openssl") or "-", "for third parties; nothing here needs it"))
    text = table(rows)
    if fault:
        return Answer("REFUSED", f"{fault} ({reason})", text, data, exit_code(reason))
    if missing_base:
        lacking, data["reason"] = f"pip install {DISTRIBUTION} completes the base", AuditReason.MISSING_EXTRA.value
        return Answer("REFUSED", f"{lacking} ({AuditReason.MISSING_EXTRA})", text, data, Exit.ENVIRONMENT)
    absent = [e for e, found in data["extras"].items() if not found["complete"]]
    able = ", ".join(purpose for extra, purpose in _EXTRAS.items() if extra not in absent)
    more = f"; pip install '{DISTRIBUTION}[{absent[-1]}]' adds the rest" if absent else ""
    return Answer("DONE", f"this installation can {able}{more}", text, data)


def _required() -> list[str]:
    """Return what this distribution asks for, by the record that belongs to the running code."""
    try:
        return Distribution.at(find_record()).requires or []
    except AuditError:
        return []


def _requirements(required: list[str], extra: str) -> list[str]:
    """Return the libraries among them that an extra asks for."""
    found = []
    for text in required:
        match = _REQUIREMENT.fullmatch(text)
        if match and match[1] != DISTRIBUTION and (match[2] or "base") == extra:
            found.append(match[1])
    return found


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
