"""The progress of evaluations that nobody watches."""

from collections.abc import Iterable
from typing import TypeVar

Row = TypeVar("Row")


def no_progress(rows: Iterable[Row], total: int) -> Iterable[Row]:
    return rows
