"""Reading a long JSON text in its one form piece by piece, so that never more than a few rows are objects at once.

Words that must stand somewhere are told by comparison; whatever else could be otherwise is found by whoever writes the
text again and compares.
"""

import json
from collections.abc import Iterator

from signing.strict import malformed

_DECODER = json.JSONDecoder()


class Scanner:
    """A place in a text."""

    def __init__(self, data: bytes, where: str) -> None:
        try:
            self._text = data.decode("ascii")
        except UnicodeDecodeError as e:
            raise malformed(where, "is not in ASCII, as all is that we write") from e
        self._at, self._where = 0, where

    def skip(self, word: str) -> bool:
        """Go on behind a word, if it stands here."""
        if not self._text.startswith(word, self._at):
            return False
        self._at += len(word)
        return True

    def expect(self, word: str) -> None:
        """Go on behind a word that must stand here."""
        if not self.skip(word):
            raise malformed(self._where, f"not in the form of a report: {word!r} is not where it must be")

    def value(self) -> object:
        """Return the value that begins here, and go on behind it."""
        try:
            found, self._at = _DECODER.raw_decode(self._text, self._at)
        except (ValueError, RecursionError) as e:
            raise malformed(self._where, f"not JSON ({e})") from e
        return found

    def lists(self, together: int) -> Iterator[list[object]]:
        """Yield the values of the list that begins here, so many at a time."""
        self.expect("[")
        some: list[object] = []
        while not self.skip("]"):
            some.append(self.value())
            self.skip(",")  # one that is missing, or too many, shows when all is written again
            if len(some) == together:
                yield some
                some = []
        if some:
            yield some
