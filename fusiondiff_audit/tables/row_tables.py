"""A report's rows as tables: a column for each field of the signed records, with p-values and likelihood ratios.

The columns follow from the record types of the report's version, so that no field is left out and every report of a
version has the same columns. A column is named by the path of its field in `--json`.
"""

import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, is_dataclass
from decimal import ROUND_DOWN, ROUND_UP, Context, Decimal
from enum import StrEnum
from operator import attrgetter
from typing import Any, get_args, get_origin

from fusiondiff_audit.tables.descriptions import column_description
from reports.arithmetic import Rank
from reports.verdict.leaves import leaf_types
from reports.verdict.likelihood_ratio import Alternative
from reports.verdict.report import Report
from reports.verdict.rows import ImageRow, SpecimenRow
from reports.verdict.wording import ratio_values
from signing.records import field_types

_DECIMALS = frozenset({"score", "gate", "unfamiliarity", "nm"})  # fields that hold a number as text
_P_DIGITS = 6
_AWAY_FROM_1 = {True: Context(prec=3, rounding=ROUND_DOWN), False: Context(prec=3, rounding=ROUND_UP)}

Cell = str | int | bool | Decimal | None
AnyRow = ImageRow | SpecimenRow


class RowKind(StrEnum):
    """Which rows of a report a table has."""

    SPECIMENS = "specimens"
    IMAGES = "images"


class ColumnKind(StrEnum):
    """What the cells of a column hold; each may also be empty."""

    TEXT = "text"
    WHOLE = "whole number"
    DECIMAL = "decimal"
    BOOLEAN = "true or false"


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `cell` returns its value of a row."""

    name: str
    kind: ColumnKind
    cell: Callable[[AnyRow], Cell]

    @property
    def description(self) -> str:
        return column_description(self.name)


@dataclass(frozen=True, slots=True)
class RowTable:
    """The rows of one kind."""

    kind: RowKind
    columns: tuple[Column, ...]
    rows: tuple[AnyRow, ...]

    def cells(self) -> Iterator[tuple[Cell, ...]]:
        """Yield the cells of each row, in the order of the columns."""
        for row in self.rows:
            yield tuple(column.cell(row) for column in self.columns)


def row_tables(report: Report) -> tuple[RowTable, RowTable]:
    """Return the table of specimens and that of images."""
    kinds = leaf_types(report.header.format)
    return (
        RowTable(RowKind.SPECIMENS, _columns(kinds.specimen, report), report.specimens),
        RowTable(RowKind.IMAGES, _columns(kinds.image, report), report.images),
    )


def _columns(kind: type[AnyRow], report: Report) -> tuple[Column, ...]:
    header = report.header
    columns = [Column("report", ColumnKind.TEXT, lambda _: header.id), *_of_record(kind, "")]
    for alternative in Alternative:

        def ratio(row: AnyRow, alternative: Alternative = alternative) -> Cell:
            exact = ratio_values(row, header).get(alternative)
            return None if exact is None else _AWAY_FROM_1[exact >= 1].plus(exact)

        columns.append(Column(f"likelihood_ratio.{alternative}", ColumnKind.DECIMAL, ratio))
    return tuple(columns)


def _of_record(kind: Any, path: str) -> Iterator[Column]:
    """Yield the columns of a record, parts of it included; a part that is absent has empty cells."""
    for name, hint in field_types(kind).items():
        inner = _present(hint)
        if is_dataclass(inner):
            yield from _of_record(inner, f"{path}{name}.")
        else:
            yield _of_field(inner, f"{path}{name}")
    if kind is Rank:
        yield Column(f"{path}p", ColumnKind.DECIMAL, _value_at(path.removesuffix("."), _p_value))


def _present(hint: Any) -> Any:
    """Return the type that a field has where it is not null."""
    if isinstance(hint, types.UnionType):
        (inner,) = (part for part in get_args(hint) if part is not types.NoneType)
        return inner
    return hint


def _of_field(hint: Any, path: str) -> Column:
    if get_origin(hint) is tuple:
        separator = "; " if get_args(hint)[0] is str else " "
        return Column(path, ColumnKind.TEXT, _value_at(path, lambda items: separator.join(map(str, items))))
    if hint is bool:
        return Column(path, ColumnKind.BOOLEAN, _value_at(path, bool))
    if hint is int:
        return Column(path, ColumnKind.WHOLE, _value_at(path, int))
    if path.rpartition(".")[2] in _DECIMALS:
        return Column(path, ColumnKind.DECIMAL, _value_at(path, Decimal))
    return Column(path, ColumnKind.TEXT, _value_at(path, str))


def _value_at(path: str, convert: Callable[[Any], Cell]) -> Callable[[AnyRow], Cell]:
    """Return what gets a field of a row, or None if it or a record that holds it is absent."""
    steps = [attrgetter(name) for name in path.split(".")]

    def get(row: AnyRow) -> Cell:
        value: Any = row
        for step in steps:
            value = step(value)
            if value is None:
                return None
        return convert(value)

    return get


def _p_value(rank: Rank) -> Decimal:
    """Return a p-value, rounded up: rounded down it would overstate the evidence."""
    units = -(-rank.p.numerator * 10**_P_DIGITS // rank.p.denominator)
    return Decimal(units).scaleb(-_P_DIGITS)
