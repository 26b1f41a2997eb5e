"""Where the running code comes from: one distribution, unaltered since it was installed, named by one digest.

The rooms are top-level packages with plain names, so another package, or a folder on the path, could stand in for one
of them. Every verb that signs or verifies asks here first. This finds accidents and careless changes; whoever can
rewrite the installed files can rewrite this one too, and no program can prove itself. Policies, recipes and the page's
templates decide and show as much as code does, and count as such; bundles have digests of their own. Bytecode caches
are not read.
"""

import base64
import hashlib
import importlib.util
import json
import os
import sys
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from urllib.parse import unquote, urlsplit

from fusiondiff_audit.errors import AuditError, AuditReason

DISTRIBUTION = "fusiondiff-audit"
PACKAGES = ("attacks", "fusiondiff_audit", "reports", "signing")
_FOLDER = "fusiondiff_audit-"  # the beginning of its record's folder; the version follows
_HASH = "sha256="
_SOURCES = (".py", ".toml", ".html", ".css")


@dataclass(frozen=True, slots=True)
class Origin:
    """The code's version, its digest, and whether it is a release or a checkout."""

    version: str
    digest: str
    released: bool

    def __str__(self) -> str:
        return f"{self.version}{'' if self.released else ' (unreleased)'}, code sha256:{self.digest}"


def check_origin() -> Origin:
    """Return the origin of the running code; packages from elsewhere and files unlike their record are refused."""
    found = _installed()
    checkout = _checkout(found)
    root = checkout or found.parent
    for package in PACKAGES:
        expected, actual = (root / package).resolve(), _location(package)
        if actual != expected:
            raise _altered(f"package {package!r} comes from {actual}, not from {expected}")
    sources = {name: (root / name).read_bytes() for name in _sources(root)}
    if checkout is None:
        _refuse_unrecorded(found, sources)
    return Origin(found.stem.removeprefix(_FOLDER), _digest(sources), checkout is None)


def _installed() -> Path:
    """Return the folder of our distribution's record; `importlib.metadata` takes longer to load than all else here."""
    for entry in sys.path:
        found = sorted(Path(entry or ".").glob(f"{_FOLDER}*.dist-info"))
        if len(found) > 1:
            raise _altered(f"{entry} holds the records of {len(found)} installations")
        if found:
            return found[0].resolve()
    hint = "install it: pip install ., or make in a checkout"
    raise AuditError(AuditReason.NOT_INSTALLED, f"{DISTRIBUTION} is not installed here", hint=hint)


def _checkout(found: Path) -> Path | None:
    """Return the folder of an editable install (PEP 610), if it is one."""
    said = found / "direct_url.json"
    if not said.is_file():
        return None
    try:
        record = json.loads(said.read_bytes())
        editable = record.get("dir_info", {}).get("editable")
        return Path(unquote(urlsplit(record["url"]).path)) if editable else None
    except (ValueError, LookupError, TypeError, AttributeError) as e:
        raise _altered(f"{said} is not as pip writes it") from e


def _location(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise _altered(f"package {package!r} has no source")
    return Path(spec.origin).resolve().parent


def _sources(root: Path) -> list[str]:
    """Return the names of all modules and of what they read; what Python would take before a module is refused."""
    found = []
    for package in PACKAGES:
        for folder, inner, files in os.walk(root / package):
            links = [name for name in inner if os.path.islink(os.path.join(folder, name))]
            compiled = [name for name in files if name.endswith(tuple(EXTENSION_SUFFIXES))]
            if strange := [*links, *compiled]:
                what = "could stand in for a module: it is compiled, or a folder that lies elsewhere"
                raise _altered(f"{os.path.join(folder, strange[0])} {what}")
            within = Path(folder).relative_to(root).as_posix()
            found += [f"{within}/{name}" for name in files if name.endswith(_SOURCES)]
    return sorted(found)


def _refuse_unrecorded(found: Path, sources: dict[str, bytes]) -> None:
    """Refuse sources that RECORD does not list as they are; its lines are `path,sha256=...,size`."""
    record = found / "RECORD"
    text = record.read_text("utf-8", "replace") if record.is_file() else ""
    lines = (line.split(",") for line in text.splitlines())
    recorded = {words[0]: words[1] for words in lines if len(words) == 3}
    for name, data in sources.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        if recorded.get(name) != _HASH + digest:
            raise _altered(f"{name} is not as it was installed")
    gone = [n for n in recorded if n.endswith(_SOURCES) and n.split("/")[0] in PACKAGES and n not in sources]
    if gone:
        raise _altered(f"{gone[0]} was installed, and is gone")


def _digest(sources: dict[str, bytes]) -> str:
    """Return SHA-256 over the sorted lines `<path> <SHA-256>`: the same for a wheel and for its checkout."""
    lines = (f"{name} {hashlib.sha256(data).hexdigest()}\n" for name, data in sorted(sources.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _altered(what: str) -> AuditError:
    return AuditError(AuditReason.CODE_ALTERED, what, hint="install it anew, into an environment of its own")
