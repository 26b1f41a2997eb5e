"""The association of one fact about specimens with their labels.

It is how much better than chance labels can be told from the fact alone. Text: the best balanced accuracy of any rule
from values to labels, less 1/2. Numbers: the distance of the AUROC from 1/2. Both are equal for a fact of two values,
so that texts and numbers are comparable. Numbers are compared by their order alone: a number that is one of a few
settings, such as a bit depth, is better handed in as text. What is not stated is a text of its own, and ranks below all
numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
import numpy.typing as npt

FactValue = str | float | None  # None: not stated
Labels = npt.NDArray[np.bool_]  # of one specimen a column: whether it is authentic
Codes = npt.NDArray[np.intp]
_Associations = npt.NDArray[np.float64]
_MOST_VALUES = 3  # that a rule spells out
_MOST_LETTERS = 100  # of a value


@dataclass(frozen=True, slots=True, eq=False)
class TextFact:
    """A fact with texts as values; `codes` are the places of the specimens' values in `values`."""

    values: tuple[str | None, ...]
    codes: Codes

    def associations(self, labellings: Labels) -> _Associations:
        """Return the association with each row of labels; each row has both labels."""
        best: _Associations = np.maximum(_surpluses(self.codes, labellings), 0).sum(1) / 2
        return best

    def rule(self, labels: Labels) -> tuple[str, Labels]:
        """Return the values that authentic specimens have more often, in words, and the specimens with one of them."""
        surplus = _surpluses(self.codes, labels[None])[0]
        chosen = [int(code) for code in np.argsort(-surplus, kind="stable") if surplus[code] > 0]
        words = [_quoted(self.values[code]) for code in chosen[:_MOST_VALUES]]
        more = len(chosen) - len(words)
        return " or ".join([*words, *([f"one of {more} more"] if more else [])]), np.isin(self.codes, chosen)


@dataclass(frozen=True, slots=True, eq=False)
class NumberFact:
    """A fact with numbers as values, sorted, None first; `codes` are the places of the specimens' values."""

    values: tuple[float | None, ...]
    codes: Codes

    def associations(self, labellings: Labels) -> _Associations:
        """Return the association with each row of labels; each row has both labels."""
        return np.abs(self._auroc(labellings) - 0.5)

    def rule(self, labels: Labels) -> tuple[str, Labels]:
        """Return the threshold that separates the labels best, in words, and the specimens on the authentic side.

        The fact has two values or more, and each side has at least one.
        """
        larger = bool(self._auroc(labels[None])[0] >= 0.5)
        surplus = _surpluses(self.codes, labels[None])[0]
        if larger:
            place = 1 + int(np.cumsum(surplus[::-1])[::-1][1:].argmax())
            return self._threshold(place, larger=larger), self.codes >= place
        place = int(np.cumsum(surplus)[:-1].argmax())
        return self._threshold(place, larger=larger), self.codes <= place

    def _threshold(self, place: int, *, larger: bool) -> str:
        value = self.values[place]
        if value is None:
            return "not stated"
        number = f"{int(value) if value == int(value) else value:,}"
        if larger:
            return f"at least {number}"
        return f"at most {number}" + (" or not stated" if self.values[0] is None else "")

    def _auroc(self, labellings: Labels) -> _Associations:
        counts = np.bincount(self.codes)
        ranks = (np.cumsum(counts) - (counts - 1) / 2)[self.codes]  # ties share the mean of their ranks
        authentic = labellings.sum(1)
        pairs_won = labellings.astype(np.float64) @ ranks - authentic * (authentic + 1) / 2
        auroc: _Associations = pairs_won / (authentic * (labellings.shape[1] - authentic))
        return auroc


def fact_of(name: str, values: Sequence[FactValue]) -> TextFact | NumberFact:
    """Return a fact made of one value for each specimen; ValueError if it has texts and numbers."""
    texts = {value for value in values if isinstance(value, str)}
    numbers = {value for value in values if value is not None and not isinstance(value, str)}
    if (texts and numbers) or not all(isfinite(number) for number in numbers):
        raise ValueError(f"the fact {name[:_MOST_LETTERS]!a} has texts and numbers, or a number that is not finite")
    missing = [None] if None in values else []
    distinct = (*missing, *sorted(texts), *sorted(numbers))
    places = {value: place for place, value in enumerate(distinct)}
    codes = np.array([places[value] for value in values], dtype=np.intp)
    return NumberFact((*missing, *sorted(numbers)), codes) if numbers else TextFact((*missing, *sorted(texts)), codes)


def _surpluses(codes: Codes, labellings: Labels) -> _Associations:
    """Return, for each row of labels and each value, the share of authentic specimens less that of counterfeit ones."""
    order, counts = np.argsort(codes, kind="stable"), np.bincount(codes)
    firsts = np.cumsum(counts) - counts
    with_value = np.add.reduceat(labellings[:, order], firsts, axis=1, dtype=np.float64)
    authentic = labellings.sum(1, keepdims=True)
    surpluses: _Associations = with_value / authentic - (counts - with_value) / (len(codes) - authentic)
    return surpluses


def _quoted(value: str | None) -> str:
    return "not stated" if value is None else ascii(value[:_MOST_LETTERS])
