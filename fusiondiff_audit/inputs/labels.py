"""Labels of files, from labels.csv.

Columns `file,label,specimen,use`; label is `authentic` or `counterfeit`, use is `enrol` (if left out) or `calibrate`. A
file without a specimen is one of its own. A specimen of two labels or two uses would leak from one part into another,
and is refused.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from fusiondiff_audit.inputs.tables import bad_table, read_rows
from signing import SigningError
from signing.names import refuse_unsafe
from signing.strict import refuse_bad_label

_COLUMNS = {"file", "label", "specimen", "use"}


class Use(StrEnum):
    """The use of a labelled image in an enrolment."""

    ENROL = "enrol"
    CALIBRATE = "calibrate"


@dataclass(frozen=True, slots=True)
class FileLabel:
    """The label of one file, its specimen and its use, as a table claims them."""

    authentic: bool
    specimen: str
    use: Use


def read_labels(path: Path, data: bytes | None = None) -> dict[str, FileLabel]:
    """Return the label of each file; `data` are the file's bytes, where they were verified."""
    labels: dict[str, FileLabel] = {}
    firsts: dict[str, tuple[str, FileLabel]] = {}
    for where, row in read_rows(path, known=_COLUMNS, needed=("file", "label"), data=data):
        name = row["file"]
        try:
            refuse_unsafe(name)
        except SigningError as e:
            raise bad_table(path, f"{where}: {name!a} names no file of the folder") from e
        if name in labels:
            raise bad_table(path, f"{where}: {name!a} is named twice")
        if row["label"] not in ("authentic", "counterfeit"):
            raise bad_table(path, f"{where}: {row['label']!a} is no label; authentic and counterfeit are")
        try:
            refuse_bad_label(row.get("specimen") or None)
        except SigningError as e:
            raise bad_table(path, f"{where}: specimen {e}") from e
        if row.get("use", "") not in ("", *Use):
            raise bad_table(path, f"{where}: {row['use']!a} is no use; enrol and calibrate are")
        specimen = row.get("specimen") or f"file {name}"
        label = FileLabel(row["label"] == "authentic", specimen, Use(row.get("use") or Use.ENROL))
        first = firsts.setdefault(label.specimen, (where, label))
        if first[1] != label:
            what = f"{where}: specimen {label.specimen!a} has another label or use than on {first[0]}"
            raise bad_table(path, what, "all images of one specimen share its label and its use")
        labels[name] = label
    if not labels:
        raise bad_table(path, "no file is labelled")
    return labels
