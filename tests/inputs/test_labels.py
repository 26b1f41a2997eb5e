"""labels.csv: what is read, and what is refused with a sentence that helps."""

from pathlib import Path

import pytest

import signing
from fusiondiff_audit.inputs.labels import Use, read_labels

GOOD = "file,label,specimen,use\na.tif,authentic,s1,enrol\nb.tif,authentic,s1,\nc.tif,counterfeit,,calibrate\n"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_labels_are_read(tmp_path: Path) -> None:
    labels = read_labels(write(tmp_path, GOOD))
    assert [(name, x.authentic, x.specimen, x.use) for name, x in labels.items()] == [
        ("a.tif", True, "s1", Use.ENROL),
        ("b.tif", True, "s1", Use.ENROL),
        ("c.tif", False, "file c.tif", Use.CALIBRATE),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the first line names the columns"),
        ("file,label\n", "no file is labelled"),
        ("file;label\na;b\n", "the first line names the columns"),
        ("file,label,file\na,authentic,a\n", "the first line names the columns"),
        ("file,label,colour\na,authentic,red\n", "the first line names the columns"),
        ("file,label\na.tif,genuine\n", "line 2: 'genuine' is no label"),
        ("file,label\na.tif,authentic,x\n", "line 2: expected 2 columns"),
        ("file,label,use\na.tif,authentic,train\n", "line 2: 'train' is no use"),
        ("file,label\na.tif,authentic\na.tif,authentic\n", "line 3: 'a.tif' is named twice"),
        ("file,label\n,authentic\n", "line 2: '' names no file of the folder"),
        ("file,label\n../a.tif,authentic\n", "names no file of the folder"),
        ("file,label\n/etc/passwd,authentic\n", "names no file of the folder"),
        ("file,label\na\\b.tif,authentic\n", "names no file of the folder"),
        ("file,label,specimen\na,authentic,s\nb,counterfeit,s\n", "line 3: specimen 's' has another label or use"),
        ("file,label,specimen\na,authentic,vase 7 \n", "line 2: specimen 'vase 7 ' is not a plain name"),
        (f"file,label,specimen\na,authentic,{'v' * 201}\n", "line 2: specimen .* is not a plain name"),
        ("file,label,specimen,use\na,authentic,s,enrol\nb,authentic,s,calibrate\n", "another label or use"),
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
