"""Progress shows on a terminal once the work is long, and elsewhere as a line from time to time."""

import io
import time

import pytest

from fusiondiff_audit.cli import progress
from fusiondiff_audit.cli.progress import ActivityProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("state", "now", "text"),
    [
        (ActivityProgress("hashing", 0, 0), 20, "hashing, for about 20 s"),
        (ActivityProgress("hashing", 0, 10, done=500, total=1500), 12, "hashing 500 of 1,500, 50 a second, about 18 s"),
        (
            ActivityProgress("embedding", 0, 50, done=4, total=40),
            50,
            "embedding 4 of 40, one in 12.5 s, about 8 min left",
        ),
        (ActivityProgress("check S06", 100, 100, 4, 4, 13), 400, "check S06 4 of 13, for about 5 min"),
        (ActivityProgress("fgsm", 100, 140, 1, 3, 8), 150, "fgsm 3 of 8, one in 20.0 s, about 2 min left"),
        (ActivityProgress("fgsm", 0, 10, 0, 8, 8), 60, "fgsm 8 of 8, one in 1.2 s, about 1 s left"),
    ],
)
def test_rates_and_times_are_those_of_the_activity(state: ActivityProgress, now: float, text: str) -> None:
    assert state.text(now).startswith(text)


def test_another_activity_is_measured_from_its_first_report(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 100.0, 100.0, 140.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    line = progress.ProgressLine("all")
    for done in (1, 3):
        line.of("fgsm")(done, 8)
    assert line._state == ActivityProgress("fgsm", 100, 140, 1, 3, 8)


@pytest.mark.parametrize("screen", [Terminal(), io.StringIO()], ids=("terminal", "pipe"))
def test_long_work_is_shown(monkeypatch: pytest.MonkeyPatch, screen: io.StringIO) -> None:
    monkeypatch.setattr("sys.stderr", screen)
    for name in ("_PATIENCE", "_PAUSE", "_EVERY"):
        monkeypatch.setattr(progress, name, 0.01)
    for item in progress.with_progress("abcd", activity="checking", total=4):
        assert item in "abcd"
        time.sleep(0.06)
    text = screen.getvalue()
    assert "checking 3 of 4, " in text
    assert text.endswith("\r\x1b[K") is screen.isatty()
    assert ("\n" in text) is not screen.isatty()


@pytest.mark.parametrize("screen", [Terminal(), io.StringIO()])
def test_short_work_shows_nothing(monkeypatch: pytest.MonkeyPatch, screen: io.StringIO) -> None:
    monkeypatch.setattr("sys.stderr", screen)
    assert list(progress.with_progress("abcd", activity="checking", total=4)) == list("abcd")
    assert screen.getvalue() == ""


def test_an_error_ends_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", io.StringIO())
    line = progress.ProgressLine("checking")
    with pytest.raises(ValueError, match="broken"), line:
        raise ValueError("broken")
    assert not line._thread.is_alive()
