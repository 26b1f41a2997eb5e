"""The verb `doctor`."""

import platform
import shutil
import sys
from typing import Any

import click

from fusiondiff_audit import __version__
from fusiondiff_audit.cli.answer import Answer, answering, say
from fusiondiff_audit.cli.exits import Exit
from fusiondiff_audit.cli.failure import exit_code
from fusiondiff_audit.cli.text import table
from fusiondiff_audit.environment import refuse_foreign_variables
from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.extras import BASE_EXTRA, libraries_of
from fusiondiff_audit.origin import DISTRIBUTION, check_origin

_STARTUP_HOOKS = ("sitecustomize", "usercustomize")  # imported by Python at start-up; they may do anything
_EXTRAS = {
    BASE_EXTRA: "sign, inspect and verify",
    "images": "decode micrographs",
    "kiln": "make micrographs, and measure on them",
    "tables": "write workbooks of reports",
    "audit": "classify, attack and certify",
}


@click.command()
@answering(trusted=False)
def command() -> Answer:
    """Show what is installed, and what is missing.

    The origin and digest of the running code, the libraries of each extra with their versions, and what these allow.
    """
    rows = [("python", platform.python_version(), sys.executable), ("system", platform.system(), platform.machine())]
    data: dict[str, Any] = {"python": platform.python_version(), "system": platform.system(), "extras": {}}
    reason = AuditReason.CODE_ALTERED
    for name in _STARTUP_HOOKS:
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
    missing_base = False
    for extra, purpose in _EXTRAS.items():
        libraries = {} if fault else libraries_of(extra)  # of records that contradict each other none can be believed
        missing = [name for name, number in libraries.items() if number is None]
        state = f"{len(libraries) - len(missing)} of {len(libraries)} installed" if missing else "complete"
        state = state if libraries else "unknown"
        rows.append((extra, state, purpose))
        rows += [("", name, number or "missing") for name, number in libraries.items()]
        data["extras"][extra] = {"complete": bool(libraries) and not missing, "libraries": libraries}
        missing_base |= extra == BASE_EXTRA and bool(missing)
    rows.append(("openssl", shutil.which("openssl") or "-", "for third parties; nothing here needs it"))
    text = table(rows)
    if fault:
        return Answer("REFUSED", f"{fault} ({reason})", text, data, exit_code(reason))
    if missing_base:
        remedy, data["reason"] = f"pip install {DISTRIBUTION} completes the base", AuditReason.MISSING_EXTRA.value
        return Answer("REFUSED", f"{remedy} ({AuditReason.MISSING_EXTRA})", text, data, Exit.ENVIRONMENT)
    incomplete = [name for name, extra in data["extras"].items() if not extra["complete"]]
    purposes = ", ".join(purpose for extra, purpose in _EXTRAS.items() if extra not in incomplete)
    rest = f"; pip install '{DISTRIBUTION}[{incomplete[-1]}]' adds the rest" if incomplete else ""
    return Answer("DONE", f"this installation can {purposes}{rest}", text, data)
