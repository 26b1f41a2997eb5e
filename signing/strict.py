"""Strict JSON, base64 and short texts: input that two programs could read differently is refused.

The standard library accepts much of such input (duplicate keys, junk in base64, UTF-16, underscores in numbers). It is
refused here and in `fields.py`, so that every reader of a signed file reads what was signed.
"""

import base64
import binascii
import json
import re
import unicodedata

from signing.errors import Reason, SigningError

MAX_TEXT = 16 * 1024  # characters in one text field; the longest is a policy that asks for every attack
MAX_LABEL = 200  # characters of a name for people: a device, lab, specimen or key holder
# Categories of which nothing is drawn, or nothing that two systems draw alike: controls, formats (direction overrides,
# zero widths), half characters, private use, separators of lines and paragraphs. Unassigned points are not among them:
# the next version of Unicode may make letters of them, and what was signed must not depend on the version of Python
# that reads it. `visible` spells them out.
_STRANGE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
# What is drawn as nothing although its category is one of letters, marks or symbols, or may become one.
_IGNORABLE = (  # Unicode, Default_Ignorable_Code_Point: joiners, Hangul fillers, variation selectors, reserved points
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff"
)
# Braille's empty cell, the place of an object, the Khitan filler, hieroglyphs' joiners and blanks, the null notehead.
_BLANK = "\u2800\ufffc\U00016fe4\U00013430-\U00013442\U0001d159"
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    chr(plane * 0x10000 + end) for plane in range(17) for end in (0xFFFE, 0xFFFF)
)
_INVISIBLE = re.compile(f"[{_IGNORABLE}{_BLANK}{_NONCHARACTERS}]")
_SHA256 = re.compile("[0-9a-f]{64}")
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def malformed(where: str, what: str) -> SigningError:
    """Return the refusal for bytes that do not have the expected form."""
    return SigningError(Reason.MALFORMED, f"{where}: {what}")


def refuse_large(data: bytes, where: str, *, limit: int, tokens: int) -> None:
    """Refuse JSON whose parsed form would need too much memory.

    `tokens` bounds the braces, brackets and commas: a few megabytes of `[{},{},...]` would fill gigabytes.
    """
    if len(data) > limit:
        raise SigningError(Reason.TOO_LARGE, f"{where}: {len(data):,} bytes, at most {limit:,} are read")
    if (count := data.count(b"{") + data.count(b"[") + data.count(b",")) > tokens:
        raise SigningError(Reason.TOO_LARGE, f"{where}: {count:,} JSON tokens, at most {tokens:,} are read")


def write_json(value: object) -> bytes:
    """Return the one form in which we write JSON: sorted keys, no white space, ASCII."""
    return _ENCODER.encode(value).encode("ascii")


def read_base64(text: str, where: str) -> bytes:
    """Decode either alphabet of RFC 4648 (never both), padded, with no junk and no stray bits."""
    if ("+" in text or "/" in text) and ("-" in text or "_" in text):
        raise malformed(where, "mixes both base64 alphabets")
    standard = text.replace("-", "+").replace("_", "/")
    try:
        data = base64.b64decode(standard, validate=True)
    except (binascii.Error, ValueError) as e:
        raise malformed(where, f"not base64 ({e})") from e
    tail = len(data) % 3 or 3  # the only bytes that strict decoding lets be spelt otherwise; all would be a copy more
    if len(standard) != (len(data) + 2) // 3 * 4 or write_base64(data[-tail:]) != standard[-4:]:
        raise malformed(where, "base64 with stray bits or padding")
    return data


def write_base64(data: bytes) -> str:
    """Encode with the standard alphabet, padded."""
    return base64.b64encode(data).decode("ascii")


def is_sha256(text: str) -> bool:
    """Say whether text is a SHA-256 digest as we write it: 64 lower-case hexadecimal digits."""
    return _SHA256.fullmatch(text) is not None


def is_plain(text: str) -> bool:
    """Say whether text is visible throughout: no control, direction override, filler, blank or half character.

    Spaces of any width are allowed, as visible gaps; `is_name` refuses them at the ends.
    """
    if text.isascii():
        return text.isprintable()
    return not _INVISIBLE.search(text) and all(unicodedata.category(c) not in _STRANGE for c in text)


def is_name(text: str) -> bool:
    """Say whether plain text can stand as a name: not empty, no space at its ends, and no mark in front.

    A combining mark is drawn on the character before it: in front of a name, it changes the text before the name.
    """
    if not text or text != text.strip() or not is_plain(text):
        return False
    return not unicodedata.category(text[0]).startswith("M")


def visible(text: str, *, keep: str = "") -> str:
    """Return text in which every invisible character is written as an escape, such as `\\u200b`.

    Characters that `is_plain` allows are escaped, too, if they are unassigned or spaces other than the plain one; the
    characters in `keep` are not.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c if c in keep or (c.isprintable() and is_plain(c)) else c.encode("unicode_escape").decode("ascii")
        for c in text
    )


def refuse_bad_label(label: str | None) -> None:
    """Refuse a name of a device, lab, specimen or person that is too long or not a plain name."""
    if label is None:
        return
    if len(label) > MAX_LABEL or not is_name(label):
        message = f"{label[:MAX_LABEL]!a} is not a plain name of at most {MAX_LABEL} characters"
        raise SigningError(Reason.BAD_REQUEST, message)
