"""Progress of long work: shown only on a terminal, on stderr, and only after a second."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from fusiondiff_audit.cli.text import visible

_PATIENCE = 1.0  # seconds before anything is shown
_PAUSE = 0.1  # seconds between two updates
_Item = TypeVar("_Item")


class ProgressLine:
    """A line that is rewritten in place, and erased when the work is done."""

    def __init__(self, activity: str) -> None:
        self.activity = activity
        self._start = time.monotonic()
        self._shown = self._start + _PATIENCE - _PAUSE
        self._visible = False

    def of(self, activity: str) -> "ProgressLine":
        """Return this line for another activity, whose rate is measured anew."""
        if activity != self.activity:
            self.activity, self._start = activity, time.monotonic()
        return self

    def __call__(self, done: int, total: int) -> None:
        """Show how much is done, the rate, and the time left."""
        now = time.monotonic()
        if now - self._shown < _PAUSE or sys.stderr is None or not sys.stderr.isatty():
            return
        self._shown, self._visible = now, True
        rate = done / (now - self._start)
        left = (total - done) / rate if rate else 0.0
        line = f"{visible(self.activity)} {done:,} of {total:,}, {rate:,.0f} a second, {left:,.0f} s left"
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()

    def __enter__(self) -> "ProgressLine":
        return self

    def __exit__(self, *_: object) -> None:
        if self._visible:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def with_progress(items: Iterable[_Item], *, activity: str, total: int) -> Iterator[_Item]:
    """Yield the items and show progress."""
    with ProgressLine(activity) as progress:
        for done, item in enumerate(items, start=1):
            yield item
            progress(done, total)
