"""Whatever two readers could understand differently is refused."""

import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, product
from pathlib import Path

import matplotlib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.ft2font import FT2Font

from signing.errors import Reason, SigningError
from signing.fields import MAX_DEPTH, read_json
from signing.strict import is_name, is_plain, read_base64, refuse_bad_label, visible, write_base64, write_json
from signing.times import read_duration, read_moment, read_time, write_time
from tests.conftest import NOW

BAD_JSON = {
    "two equal keys": b'{"a":1,"a":2}',
    "two equal keys inside": b'{"x":[{"a":1,"a":2}]}',
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":-Infinity}',
    "number out of range": b'{"a":1e999}',
    "endless integer": b'{"a":' + b"9" * 5000 + b"}",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "UTF-8 with a byte order mark": b'\xef\xbb\xbf{"a":1}',
    "not UTF-8": b'{"a":"\xff"}',
    "nested beyond the parser": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "nested beyond our formats": b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
    "a list": b"[]",
    "a number": b"1",
    "nothing": b"",
    "trailing comma": b'{"a":1,}',
    "two objects": b"{}{}",
}


@pytest.mark.parametrize("case", BAD_JSON)
def test_json_with_two_meanings_is_malformed(case: str) -> None:
    with pytest.raises(SigningError) as caught:
        read_json(BAD_JSON[case], "test", limit=10**6, tokens=10**6)
    assert caught.value.reason is Reason.MALFORMED


def test_json_beyond_its_limit_is_too_large() -> None:
    with pytest.raises(SigningError) as caught:
        read_json(b'{"a":1}', "test", limit=6)
    assert caught.value.reason is Reason.TOO_LARGE


def test_more_tokens_than_asked_for_are_too_large() -> None:
    read_json(b'{"a":[{},{}]}', "test", limit=100, tokens=5)
    with pytest.raises(SigningError) as caught:
        read_json(b'{"a":[{},{}]}', "test", limit=100, tokens=4)
    assert caught.value.reason is Reason.TOO_LARGE


def test_half_a_character_is_malformed() -> None:
    with pytest.raises(SigningError, match="half a character"):
        read_json(b'{"a":"\\ud800"}', "test", limit=100).raw("a", limit=10)


@pytest.mark.parametrize("value", ["true", "1.0", '"1"', "null", "-1", "11", "[]"])
def test_only_a_whole_number_in_bounds_is_an_integer(value: str) -> None:
    fields = read_json(b'{"a":%s}' % value.encode(), "test", limit=100)
    with pytest.raises(SigningError):
        fields.integer("a", least=0, most=10)


@pytest.mark.parametrize("text", ["QQ!!==", "QR==", "QUJD====", "QQ", "QQ=", "Q===", "Q Q==", "QQ==\n", "+/-_", "é==="])
def test_base64_with_junk_is_malformed(text: str) -> None:
    with pytest.raises(SigningError):
        read_base64(text, "test")


def test_no_two_texts_are_base64_of_the_same_bytes() -> None:
    alphabet = "AQR/= \n"  # a letter without bits, with padding's bits clear and set, a sign, padding, white space
    for text in map("".join, chain.from_iterable(product(alphabet, repeat=n) for n in range(7))):
        for whole in (text, f"QUFB{text}"):
            with suppress(SigningError):
                assert write_base64(read_base64(whole, "test")) == whole


@given(st.binary(max_size=200))
def test_base64_comes_back_in_either_alphabet(data: bytes) -> None:
    text = write_base64(data)
    assert read_base64(text, "test") == data
    assert read_base64(text.replace("+", "-").replace("/", "_"), "test") == data


@given(st.dictionaries(st.text("abc", min_size=1), st.integers() | st.text(st.characters(codec="utf-8"))))
def test_json_survives_a_round_trip(value: dict[str, object]) -> None:
    data = write_json(value)
    fields = read_json(data, "test", limit=10**6)
    assert {name: fields.value[name] for name in value} == value


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20",
        "2026-W47-5",
        "2026-11-20 10:00:00Z",
        "2026-11-20T10:00:00",
        "2026-11-20T10:00:00+00:00",
        "2026-11-20T10:00:00.5Z",
        "2026-13-20T10:00:00Z",
        "2026-11-20T24:00:00Z",
        "2026-11-20T10:00:60Z",
        "2026-11-20T10:00:00Z\n",
        "٢٠٢٦-11-20T10:00:00Z",
        "",
    ],
)
def test_only_one_form_is_a_time(text: str) -> None:
    with pytest.raises(SigningError):
        read_time(text, "test")


def test_times_and_moments() -> None:
    assert read_time(write_time(NOW), "test") == NOW
    assert read_moment("2026-11-21", NOW) == NOW.replace(hour=0)
    assert read_moment("+90m", NOW) == NOW.replace(hour=13, minute=30)
    for text in ("", "soon", "+", "90d", "+0d", "+1w", "1-1-1"):
        with pytest.raises(SigningError) as caught:
            read_moment(text, NOW)
        assert caught.value.reason is Reason.BAD_REQUEST
    assert read_duration("2h").total_seconds() == 7200


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("tile 1", True),
        ("µm 試料", True),
        ("a\nb", False),
        ("a‮b", False),
        ("a​b", False),
        ("a\u034fb", False),
        ("a\ufe0fb", False),
        ("a\u2065b", False),
        ("a\ufff0b", False),
        ("a\ufffeb", False),
        ("a\ufdd0b", False),
        ("a\U0001ffffb", False),
        ("a\U000e0000b", False),
        ("a\U000e01f0b", False),
        ("a\ufffcb", False),
        ("a\ufffdb", True),
        ("a\u2800b", False),
        ("a\u3164b", False),
    ],
)
def test_plain_text_is_visible_throughout(text: str, plain: bool) -> None:
    assert is_plain(text) is plain


# Unicode, DerivedCoreProperties.txt, Default_Ignorable_Code_Point
IGNORABLE = [
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
]  # fmt: skip
BLANK = [0x2800, 0xFFFC, 0x16FE4, 0x1D159, *range(0x13430, 0x13443)]


def points() -> Iterator[tuple[int, str, str]]:
    """Return every code point of the planes that hold characters, and the ends of the planes that hold none."""
    for point in range(0x110000):
        if point >> 16 in (0, 1, 2, 3, 14) or point & 0xFFFF > 0xFFF0 or point & 0xFFFF < 0x10:
            yield point, chr(point), unicodedata.category(chr(point))


def test_every_code_point_is_visible_or_refused() -> None:
    """Exactly the characters of this list, U+2800 among them, are refused."""
    hidden = {point for first, last in IGNORABLE for point in range(first, last + 1)} | {*BLANK}
    hidden |= {*range(0xFDD0, 0xFDF0)} | {point for point in range(0x110000) if point & 0xFFFE == 0xFFFE}
    categories = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    wrong = [hex(p) for p, c, kind in points() if is_plain(c) == (kind in categories or p in hidden)]
    assert wrong == []


def test_every_code_point_that_is_no_name_alone_is_refused() -> None:
    """A mark alone, a space alone and all that is not seen: none of them is a device's or a person's name."""
    for _, character, kind in points():
        named = is_name(character)
        assert named == (is_plain(character) and kind[0] != "M" and kind != "Zs"), (hex(ord(character)), kind)
        if not named and kind not in ("Co", "Cs"):  # many, and all alike
            with pytest.raises(SigningError) as caught:
                refuse_bad_label(character)
            assert str(caught.value).isascii()


@pytest.mark.parametrize("label", ["\u0301", "\u0338x", "\u20dd\u20dd", "", " a", "a\u3000", "\u2800\u2800", "x" * 201])
def test_labels_that_people_could_not_read_back_are_refused(label: str) -> None:
    with pytest.raises(SigningError) as caught:
        refuse_bad_label(label)
    assert caught.value.reason is Reason.BAD_REQUEST


@pytest.mark.parametrize(
    "label", ["sem-1", "Größe 1", "Gro\u0308\u00dfe", "試料 7", "مجهر", "กล้อง", "12.5\u202fnm", "\u00d8", "😀"]
)
def test_labels_of_any_script_are_taken(label: str) -> None:
    refuse_bad_label(label)


def test_characters_that_common_fonts_draw_as_nothing_are_refused() -> None:
    """What the fonts that matplotlib brings along draw without ink; spaces and unassigned points apart."""
    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    looked = 0
    for name in ("DejaVuSans.ttf", "DejaVuSerif.ttf"):
        font = FT2Font(str(folder / name))
        font.set_size(20, 72)
        for point, index in font.get_charmap().items():
            left, bottom, right, top = font.load_glyph(index).bbox
            if right - left or top - bottom or unicodedata.category(chr(point)) in ("Zs", "Cn"):
                continue
            looked += 1
            assert not is_plain(chr(point)), (name, hex(point))
    assert looked > 30


def test_every_code_point_is_printed_or_escaped() -> None:
    for point, character, kind in points():
        shown = visible(character)
        assert shown.isprintable()
        assert is_plain(shown)
        assert (shown == character) == (is_plain(character) and character.isprintable()), hex(point)
        if kind in ("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"):
            assert shown.isascii()
    assert visible("a\nb\tc", keep="\n") == "a\nb\\tc"
