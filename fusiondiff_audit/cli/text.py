"""Text of answers: tables, digests, counts and sizes, without control characters."""

from collections.abc import Iterable, Sequence

_WIDEST = 120  # characters of a cell; --json has longer names in full


def visible(text: str, *, keep: str = "") -> str:
    """Return text with control and invisible characters escaped, except those in `keep`; names may hold any."""
    if text.isascii() and text.isprintable():
        return text
    from signing import strict  # imported late: `--version` loads no other package

    return strict.visible(text, keep=keep)


def table(rows: Iterable[Sequence[str]]) -> str:
    """Lay out rows in aligned columns."""
    cells = [[_cut(visible(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(f"  {line}".rstrip() for line in lines)


def cut_table(
    rows: Sequence[Sequence[str]], *, most: int | None, noun: str, remark: str = "", head: Sequence[str] = ()
) -> str:
    """Lay out the first `most` rows below a head, and say how many rows more there are."""
    shown = rows[:most]
    text = table([head, *shown] if head else shown)
    hidden = len(rows) - len(shown)
    return f"{text}\n  and {count(hidden, noun)} more{remark}; --all lists them" if hidden else text


def short(digest: str, *, full: bool = False) -> str:
    """Return a digest, shortened to 12 digits unless `full`."""
    return f"sha256:{digest}" if full else f"sha256:{digest[:12]}…"


def count(number: int, noun: str) -> str:
    """Return `1 file`, `2 files`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def some(names: Sequence[str], most: int = 4) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def size(octets: int) -> str:
    """Return a number of bytes in binary units."""
    value = float(octets)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{octets} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def duration_text(seconds: float) -> str:
    """Return an approximate duration in s, min or h."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"about {minutes} min" if minutes < 90 else f"about {seconds / 3600:.1f} h"


def _cut(cell: str) -> str:
    return cell if len(cell) <= _WIDEST else f"{cell[: _WIDEST - 1]}…"
