"""How answers look: columns, digests, counts and sizes, and nothing that a terminal would obey."""

from collections.abc import Iterable, Sequence

_WIDEST = 120  # characters of a cell; longer names are whole in the JSON


def visible(text: str, *, keep: str = "") -> str:
    """Return text in which nothing but what is seen reaches a terminal; names and paths may hold anything.

    Where text of several lines is printed, its newlines are kept, and no tab, escape or carriage return.
    """
    if text.isascii() and text.isprintable():
        return text
    from signing import strict  # not before it is needed: `--version` loads nothing of ours

    return strict.visible(text, keep=keep)


def table(rows: Iterable[Sequence[str]], *, indent: str = "  ") -> str:
    """Lay out rows in columns as wide as their widest cell."""
    cells = [[_cut(visible(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(f"{indent}{line}".rstrip() for line in lines)


def short(digest: str, *, full: bool = False) -> str:
    """Return a digest, or enough of it to tell it from the others on a screen."""
    return f"sha256:{digest}" if full else f"sha256:{digest[:12]}…"


def count(number: int, noun: str) -> str:
    """Return `1 file`, `2 files`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(octets: int) -> str:
    """Return a number of bytes as people read it."""
    value = float(octets)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{octets} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def duration_text(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"about {minutes} min" if minutes < 90 else f"about {seconds / 3600:.1f} h"


def _cut(cell: str) -> str:
    return cell if len(cell) <= _WIDEST else f"{cell[: _WIDEST - 1]}…"
