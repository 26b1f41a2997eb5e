"""The page's own words in several languages, numbers and dates as each language writes them.

A catalogue is a TOML file of `messages/`: a table for each part of the page, and in it a message for each key, with
names in braces for what is put in. A message that counts something is a table of forms, chosen by the number `n`.
Nothing of it is signed: names, remarks and other texts of a report stand on a page in the words that were signed.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files

from signing import SigningError
from signing.times import read_time


class Language(StrEnum):
    """A language of which there is a catalogue, by its code of BCP 47."""

    ENGLISH = "en"
    GERMAN = "de"
    FRENCH = "fr"
    CHINESE = "zh"


Message = str | Mapping[str, str]  # one text, or forms by number: `zero`, `one` and `other`
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The messages of a language."""

    language: Language
    messages: Mapping[str, Message]  # by part and key, such as `verdict.AUTHENTIC`

    def text(self, key: str, **values: object) -> str:
        """Return a message with values put in; a message that is missing, or lacks a value, raises KeyError."""
        message = self.messages[key]
        if not isinstance(message, str):
            message = message[self._form(message, values["n"])]
        return _PLACEHOLDER.sub(lambda name: self._written(values[name[1]]), message)

    def choice(self, part: str, key: str, **values: object) -> str | None:
        """Return a message for one of several codes; None for a code without one."""
        name = f"{part}.{key}"
        return self.text(name, **values) if name in self.messages else None

    def number(self, number: int) -> str:
        """Return a whole number with the language's mark between thousands."""
        return f"{number:,}".replace(",", self.text("form.thousands"))

    def decimal(self, decimal: str) -> str:
        """Return a decimal, written with a point, with the language's mark."""
        return decimal.replace(".", self.text("form.decimal"))

    def joined(self, items: Iterable[str]) -> str:
        return self.text("form.comma").join(items)

    def listed(self, clauses: Iterable[str]) -> str:
        """Return clauses, which may have commas, in one line."""
        return self.text("form.semicolon").join(clauses)

    def day(self, day: date) -> str:
        first = self.messages.get("form.first") if day.day == 1 else None
        month = self.text(f"month.{day.month}")
        return self.text("form.day", day=first or str(day.day), month=month, year=str(day.year))

    def moment(self, stamp: str) -> str:
        """Return an RFC 3339 time in UTC for people, to the minute; anything else as it stands."""
        try:
            moment = read_time(stamp, "a time")
        except SigningError:
            return stamp
        return self.text("form.moment", day=self.day(moment.date()), time=f"{moment:%H:%M}")

    def _form(self, forms: Mapping[str, str], number: object) -> str:
        if number == 0 and "zero" in forms:
            return "zero"
        is_one = number == 1 or (number == 0 and self.language is Language.FRENCH)
        return "one" if is_one and "one" in forms else "other"

    def _written(self, value: object) -> str:
        return self.number(value) if isinstance(value, int) else str(value)


@cache
def catalogue_of(language: Language) -> Catalogue:
    """Return the messages of a language."""
    text = files("fusiondiff_audit.page").joinpath("messages", f"{language.value}.toml").read_text(encoding="utf-8")
    parts: dict[str, dict[str, Message]] = tomllib.loads(text)
    messages = {f"{part}.{key}": message for part, keys in parts.items() for key, message in keys.items()}
    return Catalogue(language, messages)
