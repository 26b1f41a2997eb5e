"""A name that any system would cut, fold or take for a device is refused."""

import pytest

from signing.errors import Reason, SigningError
from signing.names import refuse_collisions, refuse_unsafe

UNSAFE = [
    "", ".", "..", "../a", "a/../b", "/a", "a/", "a//b", "./a", "a/./b", "a\\b", "C:a", "a:b", "a\0b", "a\nb", "a‮b",
    "a\udcff", "con", "CON", "aux.tif", "x/NUL.png", "com1", "COM¹.txt", "lpt9.tif", "CONIN$", "a.", "a ", " a", "a /b",
    "a\u2800", "\u2800", "\u3164.tif", "\u0301.tif", "a/\u0338b.tif", "a\u200b.tif", "a\x9b31m",
    "a?", "a*", "a<b", "a>b", 'a"b', "a|b", "x" * 256, "/".join(["x"] * 33), "/".join(["x" * 200] * 6),
]  # fmt: skip


@pytest.mark.parametrize("name", UNSAFE)
def test_unsafe_names_are_refused(name: str) -> None:
    with pytest.raises(SigningError) as caught:
        refuse_unsafe(name)
    assert caught.value.reason is Reason.UNSAFE_NAME
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["a.tif", "b/c.png", "Probe 1 (µm).tif", "試料.png", ".DS_Store", "a..b"])
def test_plain_names_are_accepted(name: str) -> None:
    refuse_unsafe(name)


@pytest.mark.parametrize(
    "names",
    [
        ("a.tif", "A.tif"),
        ("straße.tif", "STRASSE.tif"),
        ("é.tif", "é.tif"),
        ("A/x.tif", "a/X.tif"),
        ("a", "a/b"),
        ("A", "a/b"),
    ],
)
def test_names_that_are_one_file_somewhere_are_refused(names: tuple[str, str]) -> None:
    with pytest.raises(SigningError) as caught:
        refuse_collisions(names)
    assert caught.value.reason is Reason.UNSAFE_NAME


def test_neighbours_do_not_collide() -> None:
    refuse_collisions(["a/b", "a/c", "ab", "b"])
