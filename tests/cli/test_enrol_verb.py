"""`enrol`: signed batches with labels in, a signed bundle out."""

import subprocess
import sys
from pathlib import Path

import pytest

import signing
from fusiondiff_audit.cli.exits import Exit
from fusiondiff_audit.model.classifier import DiffusionModel
from tests.cli.conftest import Tool
from tests.model.tiny import tiny_model
from tests.training.test_enrol import HEAD, write_labelled

WORDS = ("--reference", "alder, by the tests", "--model", "tiny", "--trust", "trust.json", "--trees", 3)


@pytest.fixture
def keeper(lab: Tool) -> Tool:
    """Return the tool in a folder with keys for labels and models, and a signed model that is not enrolled."""
    for role in ("labeller", "model"):
        assert lab("keygen", "--role", role, "--out", f"{role}.pem", "--no-passphrase").code == 0
        add = ("trust", "add", "trust.json", "--role", role, "--key", f"{role}.pub.pem", "--root-key", "root.pem")
        assert lab(*add).code == 0
    tiny_model().save(Path("tiny"))
    assert lab("model", "sign", "tiny", "--key", "model.pem").code == 0
    return lab


def signed(tool: Tool, folder: str, lines: list[str], device: str = "bench") -> None:
    Path(folder, "labels.csv").write_text("\n".join(lines))
    assert tool("sign", folder, "--key", "labeller.pem", "--device", device).code == 0


def test_a_labelled_batch_becomes_a_signed_bundle(keeper: Tool) -> None:
    signed(keeper, "labelled", write_labelled(Path("labelled"), 10))
    done = keeper("enrol", "labelled", *WORDS, "--key", "model.pem", "--out", "alder", "--json")
    assert done.code == 0, done.out
    assert done.json["specimens"] == {"authentic": 10, "counterfeit": 10}
    assert done.json["devices"] == ["bench"]
    assert done.json["canSay"]["errorRates"]["0.05"] == {
        "answers": False,
        "missing": {"authentic": 9, "counterfeit": 9},
    }
    assert done.json["errorRates"]["at"] == "0.1"
    assert [rate["of"] for rate in done.json["errorRates"]["rates"]] == [10, 10]
    (ratio,) = done.json["likelihoodRatios"]
    assert (ratio["alternative"], ratio["quality"]["reference"]) == ("enrolled-makers", 10)
    assert done.json["confounded"] is False
    (batch,) = done.json["batches"]
    assert (batch["folder"], batch["enrolled"], batch["heldOut"], batch["unlisted"]) == ("labelled", 20, 0, [])
    assert [each["fact"] for each in done.json["imaging"]["check"]["associations"]] == ["pixel type"]
    assert keeper("model", "verify", "alder", "--trust", "trust.json").code == 0
    model = DiffusionModel.from_pretrained("alder", trust=signing.load_trust(Path("trust.json"), at=signing.now()))
    assert (model.settings.reference, model.verified) == ("alder, by the tests", True)
    assert (model.settings.name, model.settings.base, model.title) == ("alder", "tiny", "alder, enrolled on tiny")
    card = Path("alder", "MODEL_CARD.md").read_text()
    for line in ("# alder", "| enrolled on | tiny |", "| Birch | counterfeit | 10 | 10 | bench |"):
        assert f"{line}\n" in card
    assert "alder, enrolled on tiny" in keeper("model", "show", "alder").out


def test_what_a_bundle_can_say_is_said_before_and_after(keeper: Tool) -> None:
    for kiln, device in (("alder", "sem-1"), ("birch", "sem-2")):
        lines = [line for line in write_labelled(Path(kiln), 6) if kiln in line]
        signed(keeper, kiln, [HEAD, *lines], device)
    shown = keeper(
        *("enrol", "birch", "alder", *WORDS, "--key", "model.pem", "--out", "both", "--name", "Kiln Alder, lot 7")
    )
    assert shown.code == 0, shown.err
    before = [line for line in shown.err.splitlines() if not line.startswith(("trust", "the trust"))]
    unlisted = before.pop(0)
    assert unlisted.startswith("alder: 6 images not in labels.csv, so not enrolled: birch-0.tif, birch-1.tif")
    assert unlisted.endswith("birch-3.tif and 2 more")
    assert before.pop(0).startswith("birch: 6 images not in labels.csv, so not enrolled: alder-0.tif")
    assert before[:2] == [
        "at an error rate of 10 %: no answers, every specimen is not-calibrated; 3 authentic and 3 counterfeit ones "
        "are missing",
        "at an error rate of 5 %: no answers, every specimen is not-calibrated; 13 authentic and 13 counterfeit ones "
        "are missing",
    ]
    assert before[3].startswith("makers never enrolled: not measured, counterfeits have 1 maker")
    for words in (
        "Kiln Alder, lot 7, enrolled on tiny",
        "not measured: at least 10 specimens of each class",
        "the enrolled counterfeiters",
        "IMAGING PREDICTS THE LABEL",
        "the device predicts the label",
        "tested: device",
    ):
        assert words in shown.out
    last = shown.out.splitlines()[-1]
    assert last.startswith("DONE: 12 images of 12 specimens enrolled in both, which is signed")
    assert last.endswith("IMAGING PREDICTS THE LABEL, so an answer may be about the imaging")


def test_what_cannot_be_enrolled_is_refused(keeper: Tool) -> None:
    signed(keeper, "labelled", write_labelled(Path("labelled"), 3))
    Path("alder").mkdir()
    for more, code, reason in (
        (("--out", "fusion-diff-v1-ceramic"), Exit.USAGE, "bad-request"),
        (("--name", "fusion-diff-v1-ceramic"), Exit.USAGE, "bad-request"),
        (("--out", "alder"), Exit.USAGE, "exists"),
        (("--partitions", 2), Exit.USAGE, "usage"),
        (("--reference", " "), Exit.USAGE, "bad-request"),
        (("--key", "device.pem"), Exit.UNREADABLE, "unsupported"),
        (("--model", "nowhere"), Exit.UNREADABLE, "unreadable"),
        (("labelled",), Exit.USAGE, "bad-request"),  # the same batch twice
        (("batch",), Exit.INTEGRITY, "wrong-role"),
    ):
        bad = keeper("enrol", "labelled", *WORDS, "--key", "model.pem", "--out", "alder3", *more, "--json")
        assert (bad.code, bad.json["reason"]) == (code, reason), more
    for key in ("device", "model"):  # whoever takes pictures does not say what they are of
        again = keeper("sign", "labelled", "--key", f"{key}.pem", "--device", "bench", "--force")
        assert again.code == 0, again.err
        bad = keeper("enrol", "labelled", *WORDS, "--key", "model.pem", "--out", "alder3", "--json")
        assert (bad.code, bad.json["reason"]) == (Exit.INTEGRITY, "wrong-role"), key
    assert not Path("alder3").exists()


MAIN = """
import sys
from fusiondiff_audit.cli import main
try:
    main()
finally:
    print([name for name in ("torch", "numpy") if name in sys.modules])
"""


def test_what_must_be_refused_is_refused_before_torch_is_imported(keeper: Tool) -> None:
    lines = write_labelled(Path("labelled"), 2)
    signed(keeper, "labelled", lines)
    refused = [
        (("labelled", "--key", "device.pem"), "unsupported"),
        (("labelled", "--model", "nowhere"), "neither a folder nor a bundle"),
        (("labelled", "--trust", "labelled/labels.csv"), "malformed"),
        (("batch",), "wrong-role"),
    ]
    for name, line in (("wrong", "alder-0.tif,genuine,s,,"), ("missing", "alder-9.tif,authentic,s,,")):
        write_labelled(Path(name), 2)
        signed(keeper, name, [*lines[:1], line])
        refused.append(((name,), "is no label" if name == "wrong" else "missing-file"))
    for words, told in refused:
        call = ("enrol", *WORDS, "--key", "model.pem", "--out", "alder", *words)
        done = subprocess.run([sys.executable, "-P", "-c", MAIN, *map(str, call)], capture_output=True, text=True)
        assert told in done.stderr, words
        assert done.stdout.splitlines()[-1] == "[]", words
    assert not Path("alder").exists()


CLASSES = ("--authentic", "own", "--counterfeit", "copies", "--device", "bench", "--labeller-key", "labeller.pem")


def write_classes(number: int) -> None:
    """Write two folders of images, with copies by two makers."""
    write_labelled(Path("all"), number)
    for file in Path("all").iterdir():
        kiln, place = file.stem.split("-")
        folder = Path("own") if kiln == "alder" else Path("copies", f"maker {int(place) % 2}")
        folder.mkdir(parents=True, exist_ok=True)
        file.rename(folder / f"{place}_1.tif")


def test_class_folders_are_copied_signed_and_enrolled(keeper: Tool) -> None:
    write_classes(6)
    before = sorted(Path().rglob("*_1.tif"))
    words = (
        *CLASSES,
        "--specimen",
        "{specimen}_*",
        "--hold-out",
        "0.3",
        *WORDS,
        "--key",
        "model.pem",
        "--out",
        "alder",
    )
    done = keeper("enrol", *words)
    assert done.code == 0, done.err
    for told in (
        "authentic: 6 specimens, 2 held out",
        "counterfeit: 6 specimens, 2 makers, 2 held out",
        "0 (authentic)  authentic/0_1.tif",
        "0 (maker 0)    counterfeit/maker 0/0_1.tif",
        "alder-labelled: 12 files copied, with labels.csv, and signed with labeller.pem",
    ):
        assert told in done.err
    assert "8 images of 8 specimens enrolled in alder" in done.out
    assert [path for path in sorted(Path().rglob("*_1.tif")) if path.parts[0] != "alder-labelled"] == before
    assert keeper("inspect", "alder-labelled", "--trust", "trust.json").code == 0
    settings = DiffusionModel.from_pretrained("alder", unverified=True).settings
    assert {example.maker for example in settings.examples} == {None, "maker 0", "maker 1"}
    again = keeper("enrol", *words, "--out", "alder2", "--batch", "alder-labelled", "--json")
    assert (again.code, again.json["reason"]) == (Exit.USAGE, "exists")
    assert "`enrol alder-labelled`" in again.json["hints"][0]


def test_a_batch_of_class_folders_is_removed_if_the_enrolment_fails(keeper: Tool) -> None:
    write_classes(3)
    Path("own", "1_2.tif").write_bytes(Path("own", "1_1.tif").read_bytes())
    words = (*CLASSES, *WORDS, "--key", "model.pem", "--out", "alder")
    done = keeper("enrol", *words, "--json")
    assert done.json["reason"] == "duplicate-pixels"
    for more, code, reason in (
        (("--labeller-key", "device.pem"), Exit.INTEGRITY, "wrong-role"),
        (("--specimen", "none_{specimen}"), Exit.USAGE, "bad-request"),
        (("--pixel-size", "big"), Exit.USAGE, "bad-request"),
        (("--counterfeit", "copies/maker 0"), Exit.USAGE, "bad-request"),
    ):
        bad = keeper("enrol", *words, *more, "--json")
        assert (bad.code, bad.json["reason"]) == (code, reason), more
    for wrong in (("batch", *CLASSES), CLASSES[:2], ("batch", "--hold-out", "0.1"), ()):
        bad = keeper("enrol", *wrong, *WORDS, "--key", "model.pem", "--out", "alder", "--json")
        assert (bad.code, bad.json["reason"]) == (Exit.USAGE, "usage"), wrong
    assert not [path for path in Path().iterdir() if "alder" in path.name]
