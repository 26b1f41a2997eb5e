"""The files beside a report's signed files that verification does not check.

A page can be edited and a table exchanged while the signed file stays genuine; so `verify` names every file of a folder
that it compared with nothing.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from reports.verdict.instructions import INSTRUCTIONS, INSTRUCTIONS_FILE
from reports.verdict.issue import CHECKPOINT, JOURNAL, REPORT, REPORT_PAGE, SUMMARY
from signing import SigningError, read_capped

_SIGNED = frozenset({REPORT, CHECKPOINT, SUMMARY})
_UNSIGNED = "not signed, not compared"
_OTHER_INSTRUCTIONS = "instructions, not signed, NOT as this version writes them: do not run them unread"
_KNOWN = {
    REPORT_PAGE: f"the page for people, {_UNSIGNED}",
    "robustness.html": f"the page of a stress test, {_UNSIGNED}",
    JOURNAL: "a cache of the run, not compared",
    "robustness.sigstore.json": "signed on its own, not checked here",
    "batch.sigstore.json": "signed on its own, not checked here",
}


@dataclass(frozen=True, slots=True)
class UncheckedFile:
    """A file or folder beside the signed files; the name may hold anything that a file's name can."""

    name: str
    state: str


def unchecked_files(folder: Path, file: Path) -> tuple[UncheckedFile, ...]:
    """Return everything in a report's folder but the files that were checked, in the order of their names."""
    try:
        with os.scandir(folder) as entries:
            states = [(entry.name, _state(entry)) for entry in entries if entry.name not in _SIGNED | {file.name}]
    except OSError as e:
        return (UncheckedFile(str(folder), f"cannot be listed ({(e.strerror or str(e)).lower()}), not compared"),)
    return tuple(UncheckedFile(name, state) for name, state in sorted(states))


def _state(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return "a link, not followed"
    if entry.is_dir(follow_symlinks=False):
        return "a folder, not opened"
    if not entry.is_file(follow_symlinks=False):
        return f"no file ({_kind(entry)}), not compared"
    return _of_instructions(entry) if entry.name == INSTRUCTIONS_FILE else _KNOWN.get(entry.name, _UNSIGNED)


def _of_instructions(entry: os.DirEntry[str]) -> str:
    """Return whether instructions are those of this version; others may lead their reader astray."""
    try:
        same = read_capped(Path(entry.path), limit=len(INSTRUCTIONS)) == INSTRUCTIONS
    except SigningError:
        same = False
    return "instructions, not signed, as this version writes them" if same else _OTHER_INSTRUCTIONS


def _kind(entry: os.DirEntry[str]) -> str:
    try:
        mode = entry.stat(follow_symlinks=False).st_mode
    except OSError:
        return "gone"
    kinds = ((stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"), (stat.S_ISCHR, "a device"))
    return next((kind for is_kind, kind in kinds if is_kind(mode)), "a device")
