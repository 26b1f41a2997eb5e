"""Finds out which kind of signed file a path names, before a verb reads it."""

import os
from enum import StrEnum
from pathlib import Path

from reports.verdict.issue import REPORT
from reports.verdict.verification import read_bundle
from signing.statement import STATEMENT_TYPE

_STRESS = f'{{"_type":"{STATEMENT_TYPE}","predicate":{{"configuration":'.encode()  # how each stress result begins


class SignedKind(StrEnum):
    """What the verbs `verify` and `report render` take."""

    REPORT = "report"
    STRESS_RESULT = "stress result"


def find_signed(path: Path) -> tuple[Path, SignedKind]:
    """Return the signed file that a path is or that a folder holds, and its kind; a folder with both is a report's.

    The kind decides who reads the file, and nothing else: a reader refuses a file of another kind.
    """
    is_folder = os.path.isdir(path)
    file = path / REPORT if is_folder else path
    if file.name == REPORT and (not is_folder or os.path.lexists(file)):
        return file, SignedKind.REPORT
    from reports.stress.result import RESULT  # reports do without it

    if is_folder:
        has_result = os.path.lexists(path / RESULT)
        return (path / RESULT, SignedKind.STRESS_RESULT) if has_result else (file, SignedKind.REPORT)
    is_result = file.name == RESULT or read_bundle(file).envelope.payload.startswith(_STRESS)
    return file, SignedKind.STRESS_RESULT if is_result else SignedKind.REPORT
