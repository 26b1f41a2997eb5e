"""Times as we write them: UTC, whole seconds, `2026-11-21T09:30:00Z`, and durations such as `90d`."""

import re
from datetime import UTC, datetime, timedelta

from signing.errors import Reason, SigningError

CLOCK_SKEW = timedelta(minutes=5)  # how far a signer's clock may run ahead of ours
MAX_TOKEN = 64 * 1024  # bytes of an authority's timestamp; with a chain of three certificates one has about 6 KiB
MAX_TOKENS = 4  # on one signature
_TIME = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DURATION = re.compile("([1-9][0-9]{0,5})([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def now() -> datetime:
    """Return the present second."""
    return datetime.now(UTC).replace(microsecond=0)


def read_time(text: str, where: str) -> datetime:
    """Parse `YYYY-MM-DDTHH:MM:SSZ` and nothing else."""
    if _TIME.fullmatch(text):
        try:
            time = datetime.fromisoformat(text)
        except ValueError as e:  # month 13, second 60
            raise SigningError(Reason.MALFORMED, f"{where}: {text} is not a time ({e})") from e
        if write_time(time) == text:  # newer Pythons read 24:00:00 as the next day
            return time
    raise SigningError(Reason.MALFORMED, f"{where}: expected a time such as 2026-11-21T09:30:00Z")


def write_time(time: datetime) -> str:
    """Return the one form in which we write a time."""
    return time.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat() + "Z"


def later(time: datetime, by: timedelta) -> datetime:
    """Return a later time, or the last one of the calendar."""
    try:
        return time + by
    except OverflowError:
        return datetime.max.replace(microsecond=0, tzinfo=UTC)


def read_duration(text: str) -> timedelta:
    """Parse a duration as a person types it: `90d`, `12h` or `30m`."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise SigningError(Reason.BAD_REQUEST, f"{text!r} is not a duration", hint="write for example 90d, 12h or 30m")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def read_moment(text: str, start: datetime) -> datetime:
    """Parse a moment as a person types it: a time, a date (its first second, UTC), or `+90d` after `start`."""
    try:
        if text.startswith("+"):
            return start + read_duration(text[1:])
        return read_time(f"{text}T00:00:00Z" if _DATE.fullmatch(text) else text, "time")
    except (SigningError, OverflowError) as e:
        hint = "write for example 2027-01-31T12:00:00Z, 2027-01-31 or +90d"
        raise SigningError(Reason.BAD_REQUEST, f"{text!r} is not a time", hint=hint) from e
