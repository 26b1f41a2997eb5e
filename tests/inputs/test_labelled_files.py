"""Folders of images, one for each class: labels, specimens by patterns, makers by folders, and shares held out."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from fusiondiff_audit.inputs.labelled_files import LabelledFiles
from fusiondiff_audit.inputs.labels import FileLabel, Use, read_labels
from fusiondiff_audit.inputs.specimen_pattern import SpecimenPattern
from signing import Reason, SigningError


@pytest.mark.parametrize(
    ("pattern", "name", "specimen"),
    [
        ("{specimen}_*", "A12_03.tif", "A12"),
        ("{specimen}_*.tif", "A12_03.tif", "A12"),
        ("{specimen}_*.png", "A12_03.tif", None),
        ("{specimen}", "w1/A12.tif", "A12"),
        ("{specimen}/*", "w1/A12/3.tif", "A12"),
        ("{specimen}/*", "3.tif", None),
        ("sem-{specimen}-??", "sem-A-12-03.tif", "A-12"),
        ("{specimen}.*", "A.B.tif", "A"),
        ("(A[0-9]+)", "lot/A12_03.tif", "A12"),
        ("^([^/]+)/", "lot/A12_03.tif", "lot"),
        ("x(.*)", "x", None),
    ],
)
def test_a_pattern_tells_the_specimen(pattern: str, name: str, specimen: str | None) -> None:
    assert SpecimenPattern.parse(pattern).specimen_of(name) == specimen


@pytest.mark.parametrize("pattern", ["{specimen}_{specimen}", "A12", "(a)(b)", "(", "{Specimen}_*"])
def test_a_pattern_that_tells_no_specimen_is_refused(pattern: str) -> None:
    with pytest.raises(SigningError, match=r"groups|no regular expression") as caught:
        SpecimenPattern.parse(pattern)
    assert "write {specimen} once" in caught.value.__notes__[0]


def filled(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def read(
    authentic: Path | Sequence[Path], counterfeit: Path, pattern: str | None = None, **more: float
) -> LabelledFiles:
    parsed = None if pattern is None else SpecimenPattern.parse(pattern)
    first = [authentic] if isinstance(authentic, Path) else authentic
    return LabelledFiles.of_classes(first, [counterfeit], pattern=parsed, **more)


def test_folders_become_labels_that_are_read_again(tmp_path: Path) -> None:
    own = filled(tmp_path / "own", "A1_1.tif", "A1_2.tif", "A1_2.txt", "notes.md", "Thumbs.db")
    copies = filled(tmp_path / "copies", "w1/7_1.tif", "w2/7_1.png", "9_1.jpg")
    folders = read(own, copies, "{specimen}_*")
    assert folders.labels == {
        "authentic/A1_1.tif": FileLabel(True, "A1"),
        "authentic/A1_2.tif": FileLabel(True, "A1"),
        "counterfeit/9_1.jpg": FileLabel(False, "9"),
        "counterfeit/w1/7_1.tif": FileLabel(False, "7 (w1)", maker="w1"),
        "counterfeit/w2/7_1.png": FileLabel(False, "7 (w2)", maker="w2"),
    }
    assert folders.others == (own / "Thumbs.db", own / "notes.md")
    assert [folders.read_file(file) for file in folders.files if file.target.endswith(".txt")] == [b"A1_2.txt"]
    assert read_labels(Path("labels.csv"), folders.labels_csv()) == folders.labels
    alone = read(own, copies)
    assert alone.labels["counterfeit/w1/7_1.tif"] == FileLabel(False, "file counterfeit/w1/7_1.tif", maker="w1")
    assert read_labels(Path("labels.csv"), alone.labels_csv()) == alone.labels


def test_a_share_of_each_class_and_maker_is_held_out(tmp_path: Path) -> None:
    own = filled(tmp_path / "own", *(f"A{number}_{image}.tif" for number in range(10) for image in range(2)))
    copies = filled(tmp_path / "copies", "w1/1.tif", *(f"w2/{number}.tif" for number in range(4)))
    labels = read(own, copies, "(A[0-9]|[0-9](?=[.]))", hold_out=0.3).labels
    held = {(label.authentic, label.maker, label.specimen) for label in labels.values() if label.use is Use.HOLD_OUT}
    assert sorted((authentic, maker or "") for authentic, maker, _ in held) == [(False, "w2")] + [(True, "")] * 3
    assert labels == read(own, copies, "(A[0-9]|[0-9](?=[.]))", hold_out=0.3).labels
    by_specimen: dict[str, set[Use]] = {}
    for label in labels.values():
        by_specimen.setdefault(label.specimen, set()).add(label.use)
    assert {len(uses) for uses in by_specimen.values()} == {1}


def test_folders_that_make_no_labels_are_refused(tmp_path: Path) -> None:
    own, copies = filled(tmp_path / "own", "A1_1.tif", "A2.tif"), filled(tmp_path / "copies", "w1/7_1.tif")
    more = filled(tmp_path / "more", "A1_1.tif")
    bad = filled(tmp_path / "bad", "w1 /7_1.tif")
    linked = filled(tmp_path / "linked", "a.tif")
    (linked / "b.tif").symlink_to(own / "A2.tif")
    for authentic, counterfeit, pattern, reason, told in (
        (own, copies, "{specimen}_*", Reason.BAD_REQUEST, "does not fit 1 of 3 images: 'A2.tif'"),
        (own, own, None, Reason.BAD_REQUEST, "named twice"),
        (tmp_path, copies, None, Reason.BAD_REQUEST, "holds another of these folders"),
        ([own, more], copies, None, Reason.BAD_REQUEST, "two files of one name in one class"),
        (own, filled(tmp_path / "notes", "a.md"), None, Reason.EMPTY, "no counterfeit specimen"),
        (own, bad, None, Reason.BAD_REQUEST, "'w1 ' is not a plain name"),
        (linked, copies, None, Reason.NOT_A_FILE, "b.tif: a symbolic link"),
        (own, tmp_path / "nowhere", None, Reason.UNREADABLE, "not a folder"),
    ):
        with pytest.raises(SigningError, match=told) as caught:
            read(authentic, counterfeit, pattern)
        assert caught.value.reason is reason
