"""Labels of files, from labels.csv.

Columns `file,label,specimen,maker,session,use`, of which the first two are needed. `file` has `/` between folders, or
the backslash of Windows; `label` is `authentic` or `counterfeit`, in any case; `maker` is who made the specimen,
`session` when or in which run it was imaged; `use` is `enrol` (if left out) or `hold-out`, for specimens that no
enrolment takes. A file without a specimen is one of its own. A specimen of two labels, makers or uses would leak from
one part into another, and is refused; it may be imaged in several sessions.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from fusiondiff_audit.inputs.tables import bad_table, read_rows
from signing import SigningError
from signing.names import refuse_unsafe
from signing.strict import refuse_bad_label

LABELS_NAME = "labels.csv"
LABEL_COLUMNS = ("file", "label", "specimen", "maker", "session", "use")
LABEL_NAMES = ("authentic", "counterfeit")
_NAMES = ("specimen", "maker", "session")
_RETIRED_USE = "calibrate"


class Use(StrEnum):
    """The use of a labelled image in an enrolment."""

    ENROL = "enrol"
    HOLD_OUT = "hold-out"


@dataclass(frozen=True, slots=True)
class FileLabel:
    """What a table claims of one file; None is not stated."""

    authentic: bool
    specimen: str
    use: Use = Use.ENROL
    maker: str | None = None
    session: str | None = None

    @property
    def of_specimen(self) -> tuple[bool, str | None, Use]:
        """Label, maker and use, which all images of a specimen share."""
        return self.authentic, self.maker, self.use

    def is_unnamed(self, file: str) -> bool:
        """Say whether a file is a specimen of its own because no specimen is named."""
        return self.specimen == unnamed_specimen(file)


def read_labels(path: Path, data: bytes | None = None) -> dict[str, FileLabel]:
    """Return the label of each file; `data` are the file's bytes, where they were verified."""
    labels: dict[str, FileLabel] = {}
    firsts: dict[str, tuple[str, FileLabel]] = {}
    for where, row in read_rows(path, known=set(LABEL_COLUMNS), needed=("file", "label"), data=data):
        name = row["file"].replace("\\", "/")  # no name that is signed has a backslash
        try:
            refuse_unsafe(name)
        except SigningError as e:
            raise bad_table(path, f"{where}: {row['file']!a} names no file of the folder") from e
        if name in labels:
            raise bad_table(path, f"{where}: {name!a} is named twice")
        label = _label(path, where, name, row)
        first_place, first = firsts.setdefault(label.specimen, (where, label))
        if first.of_specimen != label.of_specimen:
            fault = f"{where}: specimen {label.specimen!a} has another label, maker or use than on {first_place}"
            raise bad_table(path, fault, "all images of one specimen share its label, its maker and its use")
        labels[name] = label
    if not labels:
        raise bad_table(path, "no file is labelled")
    return labels


def _label(path: Path, where: str, name: str, row: dict[str, str]) -> FileLabel:
    label = row["label"].strip().lower()
    if label not in LABEL_NAMES:
        raise bad_table(path, f"{where}: {row['label']!a} is no label; {' and '.join(LABEL_NAMES)} are")
    for column in _NAMES:
        try:
            refuse_bad_label(row.get(column) or None)
        except SigningError as e:
            raise bad_table(path, f"{where}: {column} {e}") from e
    use = row.get("use", "").strip().lower() or Use.ENROL
    if use == _RETIRED_USE:
        fault = f"{where}: {use!a} is no longer a use: every enrolled specimen calibrates"
        raise bad_table(path, fault, f"say {Use.ENROL}, or {Use.HOLD_OUT} for what no enrolment takes")
    if use not in tuple(Use):
        raise bad_table(path, f"{where}: {use!a} is no use; {' and '.join(Use)} are")
    specimen = row.get("specimen") or unnamed_specimen(name)
    return FileLabel(label == LABEL_NAMES[0], specimen, Use(use), row.get("maker") or None, row.get("session") or None)


def unnamed_specimen(file: str) -> str:
    """Return the name of the specimen that a file without a specimen's name is by itself."""
    return f"file {file}"
