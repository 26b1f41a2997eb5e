"""`enrol --check`: of signed batches, of a folder with a table, and of folders of classes; nothing is written."""

from pathlib import Path

from fusiondiff_audit.cli.exits import Exit
from tests.cli.conftest import Tool
from tests.training.test_data_check import write_classes
from tests.training.test_enrol import HEAD

CHECK = ("enrol", "--check")
CLASSES = ("--authentic", "own", "--counterfeit", "copies", "--specimen", "{specimen}")


def everything() -> list[Path]:
    return sorted(Path().rglob("*"))


def test_class_folders_are_checked_without_keys_or_trust(tool: Tool) -> None:
    write_classes(Path(), 6)
    before = everything()
    done = tool(*CHECK, *CLASSES)
    assert done.code == 0, done.err
    for told in (
        "counterfeit  birch      6          6       1        not stated",
        "tiff: 6",
        "What one statistic of the greys tells of the label",
        "at an error rate of 10 %: no answers",
        "fusiondiff-audit enrol --authentic own --counterfeit copies --specimen '{specimen}' --device NAME --reference",
    ):
        assert told in done.out
    assert done.out.splitlines()[-1] == (
        "PASSED: 12 images of 12 specimens can be enrolled; nothing was learnt or written"
    )
    assert everything() == before
    data = tool(*CHECK, *CLASSES, "--json").json
    assert (data["images"], data["specimens"], data["unusable"]) == (12, {"authentic": 6, "counterfeit": 6}, [])
    assert data["canSay"]["errorRates"]["0.1"]["missing"] == {"authentic": 3, "counterfeit": 3}


def test_what_no_enrolment_takes_gives_the_code_of_its_reason(tool: Tool) -> None:
    own, _ = write_classes(Path(), 3)
    (own / "copy.tif").write_bytes((own / "0.tif").read_bytes())
    done = tool(*CHECK, *CLASSES, "--json")
    assert (done.code, done.json["reason"]) == (Exit.INTEGRITY, "duplicate-pixels")
    shown = tool(*CHECK, *CLASSES)
    assert shown.out.splitlines()[-1] == "REFUSED: 1 image of 7 that no enrolment takes: 1 duplicate-pixels"
    assert "own/copy.tif  duplicate-pixels  the same image as 'own/0.tif'; it would count twice" in shown.out


def test_a_table_is_checked_before_it_is_signed_and_after(lab: Tool) -> None:
    Path("all").mkdir()
    write_classes(Path("all"), 4)
    rows = [f"own/{n}.tif,authentic,a{n},," for n in range(4)]
    rows += [f"copies\\birch\\{n}.tif,Counterfeit,c{n},Birch," for n in range(3)]
    Path("all", "labels.csv").write_text("\n".join([HEAD, *rows]))
    unsigned = lab(*CHECK, "all")
    assert unsigned.code == 0, unsigned.err
    assert "all: 1 image not in labels.csv, so not enrolled: copies/birch/3.tif" in unsigned.err
    assert "fusiondiff-audit sign all --key LABELLER.pem --device NAME" in unsigned.out
    assert lab("keygen", "--role", "labeller", "--out", "labeller.pem", "--no-passphrase").code == 0
    add = ("trust", "add", "trust.json", "--role", "labeller", "--key", "labeller.pub.pem", "--root-key", "root.pem")
    assert lab(*add).code == 0
    assert lab("sign", "all", "--key", "labeller.pem", "--device", "sem-1").code == 0
    signed = lab(*CHECK, "all", "--trust", "trust.json")
    assert signed.code == 0, signed.err
    assert "all: 1 image not in labels.csv, so not enrolled: copies/birch/3.tif" in signed.err
    assert ["device", "sem-1:", "4", "sem-1:", "3"] in [line.split() for line in signed.out.splitlines()]
    assert "fusiondiff-audit enrol all --reference" in signed.out
    Path("all", "labels.csv").write_text(f"{HEAD}\nown/9.tif,authentic,a,,\n")
    for words, reason in (
        ((*CHECK, "all"), "missing-file"),
        ((*CHECK, "all", "--trust", "trust.json"), "digest-mismatch"),
        ((*CHECK, "all", "batch"), "usage"),
        ((*CHECK,), "usage"),
        (("enrol", "all", "--trust", "trust.json"), "usage"),
    ):
        assert lab(*words, "--json").json["reason"] == reason, words
