"""Patterns by which the names of files tell specimens.

A pattern with `{specimen}` is compared with the end of a file's path, with or without its suffix: `*` stands for any
characters, `?` for one, and neither for a `/`. Any other pattern is a regular expression that is searched for in the
whole path; its group is the specimen.

>>> SpecimenPattern.parse("{specimen}_*").specimen_of("lot 7/A12_03.tif")
'A12'
>>> SpecimenPattern.parse("{specimen}/*").specimen_of("lot 7/A12/03.tif")
'A12'
>>> SpecimenPattern.parse(r"^lot (\\d+)/").specimen_of("lot 7/A12/03.tif")
'7'
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from signing import Reason, SigningError

_PLACE = "{specimen}"
_WILD = {"*": "[^/]*", "?": "[^/]"}


@dataclass(frozen=True, slots=True)
class SpecimenPattern:
    """How the name of a file tells its specimen."""

    text: str
    expression: re.Pattern[str]
    simple: bool

    @classmethod
    def parse(cls, text: str) -> "SpecimenPattern":
        """Parse what a person types."""
        if text.count(_PLACE) == 1:
            before, after = (_translated(part) for part in text.split(_PLACE))
            return cls(text, re.compile(f"(?:.*/)?{before}([^/]+?){after}"), simple=True)
        hint = f"write {_PLACE} once, such as '{_PLACE}_*'; or a regular expression with one group"
        try:
            expression = re.compile(text)
        except re.error as e:
            raise SigningError(Reason.BAD_REQUEST, f"{text!r} is no regular expression: {e}", hint=hint) from e
        if expression.groups != 1:
            fault = f"{text!r}: {expression.groups} groups, so it does not say what the specimen is"
            raise SigningError(Reason.BAD_REQUEST, fault, hint=hint)
        return cls(text, expression, simple=False)

    def specimen_of(self, name: str) -> str | None:
        """Return the specimen that a relative path tells; None if the pattern does not fit."""
        if not self.simple:
            match = self.expression.search(name)
        else:
            stem = str(PurePosixPath(name).with_suffix(""))
            match = self.expression.fullmatch(stem) or self.expression.fullmatch(name)
        return match[1] or None if match else None


def _translated(part: str) -> str:
    return "".join(_WILD.get(character, re.escape(character)) for character in part)
