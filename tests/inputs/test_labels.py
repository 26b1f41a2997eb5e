"""labels.csv: what is read, and what is refused with a sentence that helps."""

from pathlib import Path

import pytest

import signing
from fusiondiff_audit.inputs.labels import FileLabel, Use, read_labels

GOOD = """file,label,specimen,maker,session,use
a.tif,authentic,s1,Alder,May,enrol
b.tif,authentic,s1,Alder,June,
c.tif,counterfeit,,,,hold-out
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_labels_are_read(tmp_path: Path) -> None:
    labels = read_labels(write(tmp_path, GOOD))
    assert labels == {
        "a.tif": FileLabel(True, "s1", Use.ENROL, "Alder", "May"),
        "b.tif": FileLabel(True, "s1", Use.ENROL, "Alder", "June"),
        "c.tif": FileLabel(False, "file c.tif", Use.HOLD_OUT),
    }
    assert [label.is_unnamed(name) for name, label in labels.items()] == [False, False, True]


def test_the_first_two_columns_suffice_and_a_maker_may_make_both_labels(tmp_path: Path) -> None:
    assert read_labels(write(tmp_path, "file,label\na,authentic\n")) == {"a": FileLabel(True, "file a")}
    both = read_labels(write(tmp_path, "file,label,maker\na,authentic,Alder\nb,counterfeit,Alder\n"))
    assert {label.maker for label in both.values()} == {"Alder"}


EXCEL = """file;label;specimen;maker;session;use\r
a.tif;Authentic;s1;Alder;May;Enrol\r
b.tif;AUTHENTIC;s1;Alder;June\r
;;;;;\r
c.tif;counterfeit;;;;Hold-out\r
"""


@pytest.mark.parametrize(
    "data",
    [
        EXCEL.encode(),
        EXCEL.encode("utf-8-sig"),  # "CSV UTF-8"
        EXCEL.encode("utf-16"),
        b"\xfe\xff" + EXCEL.encode("utf-16-be"),
        EXCEL.replace(";", "\t").encode("utf-16"),  # "Unicode text"
        EXCEL.replace(";", ",").replace("\r", "").encode(),
        EXCEL.replace("\n", "").encode(),  # as on old Macintoshes
        ("sep=;\r\n" + EXCEL).encode("utf-8-sig"),
        EXCEL.replace("use\r", "Use;;\r").replace("label", "Label").encode(),
        EXCEL.replace("file;label", '"file";"label"').encode(),
    ],
    ids=("semicolons", "mark", "16", "16-be", "tabs", "commas", "returns", "sep", "empty columns", "quotes"),
)
def test_each_form_that_excel_writes_is_read(tmp_path: Path, data: bytes) -> None:
    expected = read_labels(write(tmp_path, GOOD))
    assert read_labels(tmp_path / "labels.csv", data) == expected


def test_folders_may_be_separated_as_on_windows(tmp_path: Path) -> None:
    labels = read_labels(write(tmp_path, "file,label\nsem 1\\a.tif,authentic\n"))
    assert labels == {"sem 1/a.tif": FileLabel(True, "file sem 1/a.tif")}


def test_a_line_is_counted_from_the_first_one_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(signing.SigningError, match="line 3: 'genuine' is no label"):
        read_labels(write(tmp_path, "sep=;\nfile;label\na;genuine\n"))


@pytest.mark.parametrize(("encoding", "told"), [("latin-1", "line 3: no text in UTF-8"), ("utf-16", "in UTF-16")])
def test_another_encoding_is_refused_with_a_remedy(tmp_path: Path, encoding: str, told: str) -> None:
    data = "file,label\na,authentic\nGröße,authentic\n".encode(encoding)
    with pytest.raises(signing.SigningError, match=told) as caught:
        read_labels(tmp_path / "labels.csv", data if encoding == "latin-1" else data[:-1])
    assert caught.value.__notes__ == ["Excel saves it as 'CSV UTF-8'"]


def test_the_use_calibrate_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(signing.SigningError, match="every enrolled specimen calibrates") as caught:
        read_labels(write(tmp_path, "file,label,use\na,authentic,calibrate\n"))
    assert caught.value.__notes__ == ["say enrol, or hold-out for what no enrolment takes"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the first line names the columns"),
        ("file,label\n", "no file is labelled"),
        ("file;label\na;b\n", "line 2: 'b' is no label; authentic and counterfeit are"),
        ("file|label\na|authentic\n", r"the first line names the columns, .* found \['file\|label'\]"),
        ("sep=|\nfile|label\na|authentic\n", r"line 1: cells are separated by commas, semicolons or tabs, not by '\|'"),
        ("sep=;\nfile,label\na,authentic\n", "the first line names the columns"),
        ("file;label\na;authentic\nb;authentic;x;\n", "line 3: expected 2 columns"),
        ('file,label\n"a,authentic\n', "line 2: not CSV"),
        ("file,label,file\na,authentic,a\n", "the first line names the columns"),
        ("file,label,colour\na,authentic,red\n", "the first line names the columns"),
        ("file,label\na.tif,genuine\n", "line 2: 'genuine' is no label"),
        ("file,label\na.tif,authentic,x\n", "line 2: expected 2 columns"),
        ("file,label,use\na.tif,authentic,train\n", "line 2: 'train' is no use"),
        ("file,label\na.tif,authentic\na.tif,authentic\n", "line 3: 'a.tif' is named twice"),
        ("file,label\n,authentic\n", "line 2: '' names no file of the folder"),
        ("file,label\n../a.tif,authentic\n", "names no file of the folder"),
        ("file,label\n/etc/passwd,authentic\n", "names no file of the folder"),
        ("file,label\n..\\a.tif,authentic\n", r"line 2: '..\\\\a.tif' names no file of the folder"),
        ("file,label\nC:\\a.tif,authentic\n", "names no file of the folder"),
        ("file,label\na\\b,authentic\na/b,authentic\n", "line 3: 'a/b' is named twice"),
        (
            "file,label,specimen\na,authentic,s\nb,counterfeit,s\n",
            "line 3: specimen 's' has another label, maker or use",
        ),
        ("file,label,specimen\na,authentic,vase 7 \n", "line 2: specimen 'vase 7 ' is not a plain name"),
        (f"file,label,specimen\na,authentic,{'v' * 201}\n", "line 2: specimen .* is not a plain name"),
        ("file,label,specimen,use\na,authentic,s,enrol\nb,authentic,s,hold-out\n", "another label, maker or use"),
        ("file,label,specimen,maker\na,authentic,s,Alder\nb,authentic,s,Birch\n", "another label, maker or use"),
        ("file,label,specimen,maker\na,authentic,s,Alder\nb,authentic,s,\n", "another label, maker or use"),
        ("file,label,maker\na,authentic, Alder\n", "line 2: maker .* is not a plain name"),
        ("file,label,session\na,authentic,May\u202e\n", "line 2: session .* is not a plain name"),
    ],
)
def test_invalid_labels_are_refused(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(signing.SigningError, match=sentence) as caught:
        read_labels(write(tmp_path, text))
    assert caught.value.reason is signing.Reason.BAD_REQUEST


def test_more_rows_than_any_batch_has_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fusiondiff_audit.inputs.tables._MOST_ROWS", 3)
    rows = [f"{number}.tif,authentic\n" for number in range(4)]
    assert len(read_labels(write(tmp_path, "file,label\n" + "".join(rows[:3])))) == 3
    with pytest.raises(signing.SigningError, match="more than 3 rows") as caught:
        read_labels(write(tmp_path, "file,label\n" + "".join(rows)))
    assert caught.value.reason is signing.Reason.TOO_LARGE
