"""Progress shows on a terminal once the work is long, and nowhere else."""

import io

import pytest

from fusiondiff_audit.cli import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("screen", "shown"), [(Terminal(), True), (io.StringIO(), False)])
def test_long_work_is_shown_on_a_terminal_and_erased(
    monkeypatch: pytest.MonkeyPatch, screen: io.StringIO, shown: bool
) -> None:
    clock = iter(range(0, 1000, 5))
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    assert list(progress.with_progress("abcd", activity="checking", total=4)) == list("abcd")
    text = screen.getvalue()
    assert ("checking 1 of 4, 0 a second, 15 s left" in text) is shown
    assert text.endswith("\r\x1b[K") is shown


def test_each_activity_has_a_rate_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, clock = Terminal(), iter([0, 100, 104, 108, 200, 210, 220])
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    with progress.ProgressLine("all") as line:
        for done in (1, 2):
            line.of("slow")(done, 4)
        line.of("quick")(10, 20)
    assert "slow 2 of 4, 0 a second, 8 s left" in screen.getvalue()
    assert "quick 10 of 20, 1 a second, 10 s left" in screen.getvalue()


def test_short_work_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    assert list(progress.with_progress("abcd", activity="checking", total=4)) == list("abcd")
    assert screen.getvalue() == ""
