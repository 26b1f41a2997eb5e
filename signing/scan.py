"""Reads a long JSON text of known form piece by piece, so that only a few rows are in memory as objects at once.

The scanner verifies the fixed parts of the text alone; its caller writes the result again and compares all bytes.
"""

import json
from collections.abc import Iterator

from signing.strict import malformed

_DECODER = json.JSONDecoder()


class Scanner:
    """A position in a JSON text; each method reads at it and moves it."""

    def __init__(self, data: bytes, where: str) -> None:
        try:
            self._text = data.decode("ascii")
        except UnicodeDecodeError as e:
            raise malformed(where, "is not ASCII, as every signed text of ours is") from e
        self._at, self._where = 0, where

    def skip(self, word: str) -> bool:
        """Pass a word and return True, if the word stands here."""
        if not self._text.startswith(word, self._at):
            return False
        self._at += len(word)
        return True

    def expect(self, word: str) -> None:
        """Pass a word; refuse the text if another stands here."""
        if not self.skip(word):
            raise malformed(self._where, f"not in the form of a report: {word!r} is not where it must be")

    def value(self) -> object:
        """Return the JSON value that begins here, and pass it."""
        try:
            value, self._at = _DECODER.raw_decode(self._text, self._at)
        except (ValueError, RecursionError) as e:
            raise malformed(self._where, f"not JSON ({e})") from e
        return value

    def batches(self, size: int) -> Iterator[list[object]]:
        """Yield the values of the JSON list that begins here, `size` of them at a time."""
        self.expect("[")
        batch: list[object] = []
        while not self.skip("]"):
            batch.append(self.value())
            self.skip(",")  # a missing comma, or one too many, shows when the text is written again
            if len(batch) == size:
                yield batch
                batch = []
        if batch:
            yield batch
