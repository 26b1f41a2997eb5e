"""Progress of long work on stderr: on a terminal a line that is rewritten in place, elsewhere a line every 30 seconds.

A thread shows it, so that a step of minutes shows that it goes on.
"""

import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from fusiondiff_audit.cli.text import duration_text, visible

_PATIENCE = 1.0  # seconds before anything is shown on a terminal
_PAUSE = 0.25  # seconds between two updates on a terminal
_EVERY = 30.0  # seconds between two lines elsewhere
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class ActivityProgress:
    """How far an activity is: `first` was done when it began, `done` at `updated`; times are in seconds."""

    activity: str
    began: float
    updated: float
    first: int = 0
    done: int = 0
    total: int = 0  # 0: nothing was reported yet

    def text(self, now: float) -> str:
        """Return how much is done; the rate and the time left, or the time since it began where no rate is known."""
        counted = f" {self.done:,} of {self.total:,}" if self.total else ""
        name = f"{visible(self.activity)}{counted}"
        finished, spent = self.done - self.first, self.updated - self.began
        if finished <= 0 or spent <= 0:
            return f"{name}, for {duration_text(now - self.began)}"
        rate = f"{finished / spent:,.0f} a second" if finished >= spent else f"one in {spent / finished:,.1f} s"
        left = max(0.0, (self.total - self.done) * spent / finished - (now - self.updated))
        return f"{name}, {rate}, {duration_text(left)} left"


class ProgressLine:
    """Shows progress while it is entered; the line on a terminal is erased when the work is done."""

    def __init__(self, activity: str) -> None:
        now = time.monotonic()
        self._state = ActivityProgress(activity, now, now)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._show, name="progress", daemon=True)

    @property
    def activity(self) -> str:
        return self._state.activity

    def of(self, activity: str) -> "ProgressLine":
        """Return this line for another activity, whose rate is measured anew, from its first report on."""
        if activity != self.activity:
            now = time.monotonic()
            self._state = ActivityProgress(activity, now, now, first=-1)
        return self

    def __call__(self, done: int, total: int) -> None:
        """Note how much is done."""
        state, now = self._state, time.monotonic()
        if state.first < 0:
            state = replace(state, first=done)
        self._state = replace(state, done=done, total=total, updated=now)

    def __enter__(self) -> "ProgressLine":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _show(self) -> None:
        if sys.stderr is None:
            return
        with suppress(OSError):  # nobody reads it any more; the work goes on
            if not sys.stderr.isatty():
                while not self._ended.wait(_EVERY):
                    _write(f"{self._state.text(time.monotonic())}\n")
            elif not self._ended.wait(_PATIENCE):
                while not self._ended.wait(_PAUSE):
                    _write(f"\r\x1b[K{self._state.text(time.monotonic())}")
                _write("\r\x1b[K")


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def with_progress(items: Iterable[_Item], *, activity: str, total: int) -> Iterator[_Item]:
    """Yield the items and show progress."""
    with ProgressLine(activity) as progress:
        for done, item in enumerate(items, start=1):
            yield item
            progress(done, total)
