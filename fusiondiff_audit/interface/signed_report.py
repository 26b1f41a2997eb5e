"""A signed report in Python: its rows as dictionaries or a DataFrame, and as a table in a notebook."""

import os
from collections.abc import Sequence
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusiondiff_audit.tables.row_tables import Cell, RowKind, row_tables
from reports.verdict.report import Report
from reports.verdict.verification import Verification, read_unverified, verify_report
from signing import Signer, TrustStore
from signing.records import write_record
from signing.strict import visible

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 20  # rows in a notebook
_NOT_VERIFIED = "NOT VERIFIED"


class SignedReport:
    """The content of a signed report; `signer` is None if nothing was verified, and then anybody may have made it."""

    def __init__(self, report: Report, signer: Signer | None) -> None:
        self.report, self.signer = report, signer

    @property
    def verified(self) -> bool:
        return self.signer is not None

    @property
    def id(self) -> str:
        return self.report.header.id

    @property
    def header(self) -> dict[str, Any]:
        """The header as `--json` has it."""
        return write_record(self.report.header)

    @property
    def specimens(self) -> list[dict[str, Cell]]:
        """A dictionary for each named specimen, with the columns of `report table`."""
        return self._rows(RowKind.SPECIMENS)

    @property
    def images(self) -> list[dict[str, Cell]]:
        """A dictionary for each image, with the columns of `report table`."""
        return self._rows(RowKind.IMAGES)

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict of each specimen by its name, and of each image that names none."""
        named = {row.specimen: row.verdict.value for row in self.report.specimens}
        return named | {row.name: row.verdict.value for row in self.report.images if row.specimen is None}

    def to_frame(self, kind: str = RowKind.SPECIMENS) -> "pd.DataFrame":
        """Return the rows of a kind, `specimens` or `images`, as a pandas DataFrame; decimals become floats."""
        try:
            import pandas as pd
        except ImportError as e:
            raise ImportError("a DataFrame needs pandas: pip install pandas; or take .specimens and .images") from e
        rows = [{name: _number(cell) for name, cell in row.items()} for row in self._rows(RowKind(kind))]
        return pd.DataFrame(rows)

    def _rows(self, kind: RowKind) -> list[dict[str, Cell]]:
        table = next(table for table in row_tables(self.report) if table.kind is kind)
        names = [column.name for column in table.columns]
        return [dict(zip(names, cells, strict=True)) for cells in table.cells()]

    def __repr__(self) -> str:
        """Return a line with the counts of verdicts, and who signed."""
        header = self.report.header
        mark = ", demonstration" if header.demonstration else ""
        return f"<SignedReport {self.id[:8]!a}: {header.specimens}{mark}; {self._vouched()}>"

    def _repr_html_(self) -> str:
        """Return a table for a notebook; every text is escaped."""
        header, verdicts = self.report.header, list(self.verdicts.items())
        marks = [self._vouched(), *(["DEMONSTRATION"] if header.demonstration else [])]
        rows = [[name, verdict] for name, verdict in verdicts[:_SHOWN]]
        rows += [["…", f"{len(verdicts) - _SHOWN:,} more"]] if len(verdicts) > _SHOWN else []
        lead = f"<b>{_html(header.specimens)}</b><br>{_html('; '.join(marks))}; authentic as {_html(header.reference)}"
        return f"<p>{lead}</p>{_table(['specimen', 'verdict'], rows)}"

    def _vouched(self) -> str:
        return _NOT_VERIFIED if self.signer is None else f"signed by {self.signer.principal!a}, verified"


def read_report(source: str | os.PathLike[str], *, trust: TrustStore | None = None) -> SignedReport:
    """Return the report of a file or a folder; verified as `verify` does if there is a trust store, else not at all."""
    if trust is not None:
        return verify(source, trust=trust)
    return SignedReport(read_unverified(Path(source)), None)


def verify(
    source: str | os.PathLike[str],
    *,
    trust: TrustStore,
    images: str | os.PathLike[str] | None = None,
    model: str | os.PathLike[str] | None = None,
) -> SignedReport:
    """Return a report whose every check passed; the first that does not raises SigningError.

    With `images`, the audited folder, every image is compared with the report; with `model`, the folder of a bundle or
    the name of an embedded one, the report's statements about the model are.
    """
    verification = Verification()
    report = verify_report(
        Path(source),
        trust=trust,
        images=None if images is None else Path(images),
        model=None if model is None else _bundle_folder(model),
        verification=verification,
    )
    return SignedReport(report, verification.signer)


def _bundle_folder(model: str | os.PathLike[str]) -> Path:
    from fusiondiff_audit.weights.pins import PINNED

    pin = PINNED.get(os.fspath(model))
    return Path(model) if pin is None or os.path.lexists(model) else pin.folder


def _number(cell: Cell) -> str | int | float | bool | None:
    return float(cell) if isinstance(cell, Decimal) else cell


def _html(value: object) -> str:
    return escape(visible(str(value)))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["".join(f"<td>{_html(cell)}</td>" for cell in row) for row in rows]
    top = "".join(f"<th>{_html(name)}</th>" for name in head)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{''.join(f'<tr>{line}</tr>' for line in lines)}</tbody></table>"
