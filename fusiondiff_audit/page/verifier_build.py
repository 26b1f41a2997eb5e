"""Joins the modules of the page for verifiers into one HTML file, the same bytes each time.

    python -m fusiondiff_audit.page.verifier_build

writes `verifier/constants.mjs`, the constants that Python and the page share, and `verifier/verify.html`, which a wheel
ships and `report verifier` copies. A test compares both with what would be written.
"""

import json
import re
from pathlib import Path

from fusiondiff_audit import __version__
from fusiondiff_audit.page.one_file import one_file
from reports.arithmetic import MOST_SPECIMENS
from reports.verdict.embedded import EMBEDDED_BUNDLES, STRESS_POLICIES
from reports.verdict.limits import SAME_OBJECT, STANDARD_LIMITS
from signing.records import write_record

MODULES = Path(__file__).parent / "verifier"
VERIFIER_PAGE = MODULES / "verify.html"
CONSTANTS = MODULES / "constants.mjs"
_ENTRY = "main"
_IMPORT = re.compile(r"^import (\{[^}]*\}) from '\./([a-z0-9-]+)\.mjs'\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:function|class|const) (\w+))", re.MULTILINE)


def build_constants() -> str:
    """Return the module of the constants that reports are judged by."""
    shared = {
        "MOST_SPECIMENS": MOST_SPECIMENS,
        "STANDARD_LIMITS": STANDARD_LIMITS,
        "SAME_OBJECT": SAME_OBJECT,
        "STRESS_POLICIES": STRESS_POLICIES,
        "EMBEDDED_BUNDLES": {digest: write_record(bundle) for digest, bundle in EMBEDDED_BUNDLES.items()},
    }
    lines = ["// Written by fusiondiff_audit/page/verifier_build.py from the constants of `reports`.", ""]
    lines += [f"export const {name} = {json.dumps(value, indent=2)}" for name, value in shared.items()]
    return "\n".join(lines) + "\n"


def build_page() -> str:
    """Return the page: markup, style and script in one file, with a policy that allows these two by their digests."""
    script = "'use strict'\n" + "\n".join(_source(name) for name in _in_order(_ENTRY, []))
    parts = {"VERSION": __version__}
    return one_file(_read("verifier.html"), script=script, style=_read("verifier.css"), parts=parts)


def _in_order(name: str, done: list[str]) -> list[str]:
    """Return the names of a module and of all that it imports, each after those that it imports."""
    for _, imported in _IMPORT.findall(_read(f"{name}.mjs")):
        if imported not in done:
            _in_order(imported, done)
    if name in done:
        raise ValueError(f"{name} imports itself by others")
    done.append(name)
    return done


def _source(name: str) -> str:
    """Return a module as a function's body that returns what the module exports, so that each keeps its own scope."""
    source = _read(f"{name}.mjs")
    exported = ", ".join(match[2] for match in _EXPORT.finditer(source))
    source = _IMPORT.sub(lambda match: f"const {match[1]} = {_identifier(match[2])}\n", source)
    source = _EXPORT.sub(r"\1", source)
    if re.search(r"^(import|export)\b", source, re.MULTILINE):
        raise ValueError(f"{name} imports or exports in a form that is not read")
    return f"const {_identifier(name)} = (() => {{\n{source.strip()}\nreturn {{ {exported} }}\n}})()\n"


def _identifier(name: str) -> str:
    return f"module_{name.replace('-', '_')}"


def _read(name: str) -> str:
    return (MODULES / name).read_text(encoding="utf-8")


if __name__ == "__main__":
    CONSTANTS.write_text(build_constants(), encoding="utf-8")
    VERIFIER_PAGE.write_text(build_page(), encoding="utf-8")
