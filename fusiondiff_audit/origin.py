"""The origin of the running code: one distribution, unaltered since its installation, with one digest.

The packages are top-level and have plain names, so another package, or a folder on the path, could shadow one of them.
Every verb that signs or verifies checks the origin first. The check finds accidents and careless changes; an attacker
who can rewrite installed files can rewrite this one too. Policies, recipes and page templates count as code; bundles
have digests of their own. Bytecode caches are not read.
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

from fusiondiff_audit import __version__
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
    record = find_record()
    checkout = _checkout(record)
    root = checkout or record.parent
    for package in PACKAGES:
        expected, actual = (root / package).resolve(), _location(package)
        if actual != expected:
            raise _altered(f"package {package!r} comes from {actual}, not from {expected}")
    sources = {name: (root / name).read_bytes() for name in _sources(root)}
    if checkout is None:
        if (recorded := record.stem.removeprefix(_FOLDER)) != __version__:
            raise _altered(f"{record} is a record of version {recorded}, but {__version__} is running")
        _refuse_unrecorded(record, sources)
    return Origin(__version__, _digest(sources), checkout is None)


def find_record() -> Path:
    """Return the .dist-info folder of the running code, whichever others come before it on the path.

    It lies beside the packages, or states that they were installed in place (PEP 610). `importlib.metadata` would take
    the first of that name, and takes longer to import than everything else here.
    """
    root = _location("fusiondiff_audit").parent
    if beside := _records(root):
        return _only(beside, f"{root} holds the records of {len(beside)} installations")
    others = {record.resolve() for entry in sys.path for record in _records(Path(entry or "."))}
    in_place = [record for record in others if (checkout := _checkout(record)) and checkout.resolve() == root]
    if in_place:
        return _only(in_place, f"{len(in_place)} installations claim {root}")
    if others:
        raise _altered(f"package 'fusiondiff_audit' comes from {root}, and {min(others)} is a record of another one")
    hint = "install it: pip install ., or make in a checkout"
    raise AuditError(AuditReason.NOT_INSTALLED, f"{DISTRIBUTION} is not installed here", hint=hint)


def _records(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{_FOLDER}*.dist-info"))


def _only(records: list[Path], doubt: str) -> Path:
    if len(records) > 1:
        raise _altered(doubt)
    return records[0].resolve()


def _checkout(record: Path) -> Path | None:
    """Return the folder of an editable install (PEP 610), if it is one."""
    direct_url = record / "direct_url.json"
    if not direct_url.is_file():
        return None
    try:
        installed = json.loads(direct_url.read_bytes())
        editable = installed.get("dir_info", {}).get("editable")
        return Path(unquote(urlsplit(installed["url"]).path)) if editable else None
    except (ValueError, LookupError, TypeError, AttributeError) as e:
        raise _altered(f"{direct_url} is not as pip writes it") from e


def _location(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise _altered(f"package {package!r} has no source")
    return Path(spec.origin).resolve().parent


def _sources(root: Path) -> list[str]:
    """Return the paths of all modules and their data; files that Python would load instead of a module are refused."""
    sources = []
    for package in PACKAGES:
        for folder, inner, files in os.walk(root / package):
            links = [name for name in inner if os.path.islink(os.path.join(folder, name))]
            compiled = [name for name in files if name.endswith(tuple(EXTENSION_SUFFIXES))]
            if shadowing := [*links, *compiled]:
                fault = "could shadow a module: it is compiled, or a link to another folder"
                raise _altered(f"{os.path.join(folder, shadowing[0])} {fault}")
            within = Path(folder).relative_to(root).as_posix()
            sources += [f"{within}/{name}" for name in files if name.endswith(_SOURCES)]
    return sorted(sources)


def _refuse_unrecorded(dist_info: Path, sources: dict[str, bytes]) -> None:
    """Refuse sources that differ from RECORD, whose lines are `path,sha256=...,size`."""
    record = dist_info / "RECORD"
    text = record.read_text("utf-8", "replace") if record.is_file() else ""
    lines = (line.split(",") for line in text.splitlines())
    recorded = {words[0]: words[1] for words in lines if len(words) == 3}
    for name, data in sources.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        if recorded.get(name) != _HASH + digest:
            raise _altered(f"{name} is not as it was installed")
    gone = [n for n in recorded if n.endswith(_SOURCES) and n.split("/")[0] in PACKAGES and n not in sources]
    if gone:
        raise _altered(f"{gone[0]} was installed, and is missing")


def _digest(sources: dict[str, bytes]) -> str:
    """Return SHA-256 over the sorted lines `<path> <SHA-256>`: the same for a wheel and for its checkout."""
    lines = (f"{name} {hashlib.sha256(data).hexdigest()}\n" for name, data in sorted(sources.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _altered(message: str) -> AuditError:
    return AuditError(AuditReason.CODE_ALTERED, message, hint="install it anew, into an environment of its own")
