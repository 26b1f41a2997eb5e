"""The verbs that make micrographs and measure on them."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fusiondiff_audit import extras
from fusiondiff_audit.cli.exits import Exit
from fusiondiff_audit.evaluation import open_set_rule, open_set_task, task
from signing import PrivateKey
from tests.cli.conftest import Done, Tool
from tests.model.tiny import enrolled_model, tiny_model

SMALL = ("--specimens", "3", "--side", "96")


@pytest.mark.slow
def test_a_made_folder_can_be_signed_inspected_and_measured(lab: Tool) -> None:
    done = lab("kiln", "make", "shots", "--kiln", "cedar", *SMALL, "--makers", "makers.csv", "--json")
    assert (done.code, done.json["pictures"]) == (0, 12)
    assert {"labels.csv", "entries.csv"} < {path.name for path in Path("shots").iterdir()}
    assert len(Path("makers.csv").read_text().splitlines()) == 13
    assert [path.name for path in Path().iterdir() if path.name.startswith(".shots")] == []
    sign = ("sign", "shots", "--entries", "shots/entries.csv", "--key", "device.pem", "--device", "sem-1")
    assert lab(*sign).code == 0
    seen = lab("inspect", "shots", "--trust", "trust.json", "--json")
    assert (seen.code, seen.json["outcome"]) == (0, "PASSED")
    found = lab("evaluate", "shots", "--labels", "shots/labels.csv", "--json")
    assert found.code == 0
    assert (found.json["images"], found.json["unread"]) == (12, [])
    assert "left out" not in found.json["sentence"]
    assert found.json["specimens"] == {"authentic": 3, "counterfeit": 3}
    for model in ("grey", "texture"):
        assert found.json["models"][model]["of"] == 12
        low, high = found.json["models"][model]["balanced"][1:]
        assert 0 <= low <= high <= 1


EVALUATE = ("evaluate", "shots", "--labels", "shots/labels.csv", "--model", "tiny", "--baseline", "grey")


@pytest.mark.slow
def test_a_model_is_measured_beside_the_baselines(lab: Tool, keys: dict[str, PrivateKey]) -> None:
    assert lab("kiln", "make", "shots", *SMALL).code == 0
    enrolled_model(each=4).save(Path("tiny"), key=keys["model"])
    measured = lab(*EVALUATE, "--json")
    assert measured.code == 0
    assert list(measured.json["models"]) == ["grey", "model"]
    assert measured.json["models"]["model"]["of"] == 12
    own, *copies = measured.json["verdicts"]
    assert (own["label"], own["known"], own["INCONCLUSIVE"]) == ("authentic", None, 3)  # 4 enrolled ones are too few
    assert {row["label"] for row in copies} == {"counterfeit"}
    assert sum(row["INCONCLUSIVE"] for row in copies) == 3
    stranger = lab(*EVALUATE, "--trust", "trust.json", "--json")
    assert (stranger.code, stranger.json["reason"]) == (Exit.INTEGRITY, "unknown-key")
    flat = next(path for path in sorted(Path("shots").glob("*.png")))
    Image.new("L", (96, 96), 9).save(flat)  # the model cannot judge it
    text = lab(*EVALUATE)
    assert text.code == 0
    assert "tiny, forests on its embeddings, UNVERIFIED" in text.out
    assert "this model is unverified" in text.err
    assert f"REFUSED: {flat.name}" in text.err
    assert "1 file left out of every figure" in text.out
    assert text.out.count("/11 ") == 2
    assert "known to the model" in text.out


def test_the_same_seed_makes_the_same_folder(tool: Tool) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert tool("kiln", "make", name, *SMALL, "--seed", seed).code == 0
    a, b, c = (
        {path.name: path.read_bytes() for path in Path(name).iterdir() if path.suffix in (".tif", ".png")}
        for name in "abc"
    )
    assert a == b
    assert set(a.values()).isdisjoint(c.values())


def test_nothing_is_overwritten_or_left_unfinished(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("shots").mkdir()
    done = tool("kiln", "make", "shots", *SMALL)
    assert (done.code, list(Path("shots").iterdir())) == (Exit.USAGE, [])
    assert "(exists)" in done.err
    inside = tool("kiln", "make", "new", *SMALL, "--makers", "new/makers.csv")
    assert (inside.code, Path("new").exists()) == (Exit.USAGE, False)
    assert "give the answers away" in inside.err
    monkeypatch.setattr("fusiondiff_audit.kiln.folder.labels_csv", interrupt)
    stopped = tool("kiln", "make", "new", *SMALL)
    assert (stopped.code, sorted(path.name for path in Path().iterdir())) == (Exit.ENVIRONMENT, ["shots"])


def interrupt(_: object) -> str:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "words", [("kiln", "make", "out"), ("kiln", "bench"), ("evaluate", ".", "--labels", "labels.csv")]
)
def test_missing_extras_are_named(tool: Tool, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    monkeypatch.setattr(extras, "missing_libraries", lambda extra: ("scipy",))
    done = tool(*words)
    assert done.code == Exit.ENVIRONMENT
    assert "needs scipy" in done.err
    assert "pip install 'fusiondiff-audit[kiln]'" in done.err


def test_evaluate_says_what_it_cannot_use(tool: Tool) -> None:
    def labelled(*rows: str) -> Done:
        Path("l.csv").write_text("\n".join(["file,label,specimen", *rows]) + "\n")
        return tool("evaluate", ".", "--labels", "l.csv", "--baseline", "grey", "--json")

    rng = np.random.default_rng(1)
    for i in range(4):
        Image.fromarray(rng.integers(0, 255, (64, 64), dtype=np.uint8)).save(f"{i}.png")
    Path("bad.png").write_bytes(b"no picture")
    few = labelled("0.png,authentic,a", "1.png,authentic,a", "2.png,counterfeit,b", "3.png,counterfeit,c")
    assert (few.code, few.json["reason"]) == (Exit.USAGE, "bad-request")
    assert "1 authentic and 2 counterfeit specimens" in few.json["sentence"]
    rows = ("0.png,authentic,a", "1.png,authentic,b", "2.png,counterfeit,c", "3.png,counterfeit,d")
    done = labelled(*rows, "bad.png,authentic,e", "gone.png,counterfeit,f")
    assert done.code == 0
    assert (done.json["images"], done.json["unread"]) == (4, ["bad.png", "gone.png"])
    assert done.err.count("REFUSED") == 2


@pytest.mark.slow
def test_the_benchmark_by_its_verb(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    small = task.PartSizes(train=10, calibrate=0, test=20, microscope=4, workshop=4, kiln=4)
    monkeypatch.setattr(task, "PartSizes", lambda: small)
    done = tool("kiln", "bench", "--seeds", 1, "--labels", 10, "--model", "grey", "--model", "file", "--out", "b.json")
    assert done.code == 0
    assert "other data, not comparable" in " ".join(done.out.split()).lower()
    kept = json.loads(Path("b.json").read_text())
    assert [(line["model"], line["labels"], line["of"]) for line in kept["lines"]] == [
        ("grey", 10, 20),
        ("file", 10, 20),
    ]
    assert kept["generator"] == "kiln/1"
    assert len(kept["cells"]) == 8
    again = tool("kiln", "bench", "--seeds", 1, "--labels", 10, "--model", "grey", "--out", "b.json")
    assert (again.code, "(exists)" in again.err) == (Exit.USAGE, True)


@pytest.mark.slow
def test_the_open_set_benchmark_by_its_verb(
    lab: Tool, keys: dict[str, PrivateKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    small = open_set_task.OpenSetSizes(4, 1, 1, 1, 1, 1, 1, images=1, fewer_images=1)
    monkeypatch.setattr(open_set_task, "OpenSetSizes", lambda: small)
    monkeypatch.setattr(open_set_task, "OPEN_SET_SIDE", 128)
    monkeypatch.setattr(open_set_rule, "FOLD_TREES", 2)
    tiny_model().save(Path("tiny"), key=keys["model"])
    done = lab("kiln", "open-set", "tiny", "--cache", "kept/features", "--seeds", 1, "--out", "answers.json")
    assert done.code == 0, done.err
    assert "2 enrolments of 4 specimens of a class or more; 0 had no assessable image" in done.out
    answers = json.loads(Path("answers.json").read_text())
    assert (answers["benchmark"], len(answers["specimens"])) == ("bench/2", 2 * (1 + 1 + 4 + 1 + 2 + 1))
    assert {answer["verdict"] for answer in answers["specimens"]} == {"INCONCLUSIVE"}  # four specimens reject nothing
    (kept,) = Path("kept/features").iterdir()
    assert kept.name == f"{answers['tasks']['0']}.npz"
    monkeypatch.setattr("fusiondiff_audit.evaluation.open_set_features.embed_task", None)  # nothing is embedded again
    again = lab("kiln", "open-set", "tiny", "--cache", "kept/features", "--seeds", 1, "--json")
    assert again.json["specimens"] == answers["specimens"]
    taken = lab("kiln", "open-set", "tiny", "--cache", "kept/features", "--out", "answers.json")
    assert (taken.code, "(exists)" in taken.err) == (Exit.USAGE, True)
