"""`stress`: a signed model and labelled images in, a signed result and an exit code out."""

import json
from pathlib import Path

import pytest

from fusiondiff_audit import load_microstructure_data
from fusiondiff_audit.cli.exits import Exit
from fusiondiff_audit.model.enrolment import ForestSettings, LabelledExample
from reports.stress.outcome import Outcome
from reports.stress.result import RESULT, STRESS_PAGE, open_stress_result
from signing import load_trust, now
from tests.cli.conftest import Tool, trust_model
from tests.model.tiny import tiny_model
from tests.training.test_enrol import write_labelled

HEAD = """name = "ours"
images = 8
floor = "0"
checks = ["S01", "S04", "S32", "S38"]
attacks = [
  { attack = "fgsm", norm = "linf", size = "8/255" },
  { attack = "square", norm = "linf", size = "8/255", queries = 5 },
]
"""
LENIENT = '[[gates]]\nmetric = "held"\nvalue = "0.01"\nleast = 4\nattack = "square-linf-8/255"\n'
STRICT = '[[gates]]\nmetric = "held"\nvalue = "1"\nbound = "point"\nleast = 4\n'
REGRESSIONS = """[[gates]]
metric = "regressions"
value = "0.99"
least = 4
attack = "square-linf-8/255"
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("bundle")
    write_labelled(home / "learnt", 4)
    examples = []
    for kiln in ("alder", "birch"):
        for number in range(4):
            sample = load_microstructure_data(home / "learnt" / f"{kiln}-{number}.tif")
            examples.append((sample, LabelledExample(sample.pixel_digest, f"{kiln} {number}", kiln == "alder")))
    learning = ForestSettings(trees=10)
    tiny_model().enrol(examples, reference="alder", learning=learning, demonstration=True).save(home / "tiny")
    return home / "tiny"


@pytest.fixture
def ready(lab: Tool, bundle: Path) -> Tool:
    """Return the tool beside a trusted model and labelled images, some of which it was enrolled with."""
    trust_model(lab, bundle)
    lines = write_labelled(Path("pictures"), 8)
    Path("pictures", "labels.csv").write_text("\n".join(lines) + "\n")
    for name, gates in (("lenient", LENIENT), ("strict", STRICT), ("regressions", REGRESSIONS)):
        Path(f"{name}.toml").write_text(HEAD + gates)
    return lab


WORDS = ("stress", "--model", "tiny", "--data", "pictures", "--labels", "pictures/labels.csv", "--trust", "trust.json")
WHO = ("--key", "auditor.pem")


def test_a_model_is_attacked_and_the_result_is_signed(ready: Tool) -> None:
    done = ready(*WORDS, *WHO, "--policy", "lenient.toml", "--out", "out", "--json")
    assert done.code == 0, done.err
    assert done.json["word"] == "PASSED"
    assert set(done.json["checks"].values()) == {"held"}
    trust = load_trust(Path("trust.json"), at=now())
    result, _ = open_stress_result(Path("out", RESULT).read_bytes(), RESULT, trust=trust)
    assert (result.word, result.images, result.outcome) == (Outcome.PASSED, 8, done.json["digest"])
    assert result.demonstration
    assert "2 attacks and 4 checks: about 80 queries and 32 passes" in done.err
    assert "square-linf-8/255, after about" in done.err
    assert result.outcome in Path("out", STRESS_PAGE).read_text()
    files = ("--junit", "junit.xml", "--sarif", "stress.sarif")
    asked = (*WORDS, *WHO, "--policy", "regressions.toml", "--out", "again", "--baseline", f"out/{RESULT}")
    Path("seeded.toml").write_text(HEAD.replace("images = 8", "images = 8\nseed = 1") + REGRESSIONS)
    other = ready(*asked, "--policy", "seeded.toml")
    assert (other.code, "images, side or seed are other ones" in other.err) == (Exit.USAGE, True)
    again = ready(*asked, *files)  # other gates are no other trials
    assert again.code == 0, again.err
    assert "DEMONSTRATION" in again.out
    assert 'name="word" value="PASSED"' in Path("junit.xml").read_text()
    (run,) = json.loads(Path("stress.sarif").read_text())["runs"]
    assert run["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] == HEAD.count("\n") + 1
    assert ready(*asked, "--junit", "junit.xml").code == Exit.USAGE  # nothing is overwritten
    aside = "set aside: 8 images, of a specimen that the model was enrolled with (8 specimens)"
    assert aside in again.err
    assert aside in again.out
    assert done.json["pictures"] == [aside]
    assert aside in Path("again", STRESS_PAGE).read_text()


def test_failed_and_undecided_outcomes_have_their_exit_codes(ready: Tool) -> None:
    strict = ready(*WORDS, *WHO, "--policy", "strict.toml", "--out", "strict", "--json")
    assert (strict.code, strict.json["word"]) == (Exit.GATE, "FAILED")
    Path("high.toml").write_text(HEAD.replace('floor = "0"', 'floor = "1"') + LENIENT)
    undecided = ready(*WORDS, *WHO, "--policy", "high.toml", "--out", "high", "--json")
    assert (undecided.code, undecided.json["word"]) == (Exit.INCONCLUSIVE, "INCONCLUSIVE")
    Path("both.toml").write_text(HEAD + REGRESSIONS + LENIENT)
    first = ready(*WORDS, *WHO, "--policy", "both.toml", "--out", "first", "--first", "--json")
    assert (first.code, first.json["word"]) == (Exit.DONE, "PASSED")
    assert sorted(first.json["gates"].values()) == ["not asked", "passed"]
    twice = (*WORDS, *WHO, "--policy", "both.toml", "--out", "x", "--first", "--baseline", f"first/{RESULT}")
    assert ready(*twice).code == Exit.USAGE


def test_a_policy_that_compares_is_refused_at_once_without_a_result_to_compare_with(lab: Tool) -> None:
    for policy in ("quick", "full", "exhaustive"):
        done = lab(*WORDS, *WHO, "--policy", policy, "--out", "x", "--model", "nowhere", "--json")
        assert (done.code, done.json["reason"]) == (Exit.USAGE, "usage")
        assert "give --baseline RESULT, or --first" in done.json["sentence"]
    done = lab(*WORDS, *WHO, "--policy", "quik", "--out", "x", "--first", "--json")
    assert done.json["hints"] == ["built in are quick, full, exhaustive; any other is a file"]


def test_bad_inputs_are_refused_before_any_attack(ready: Tool) -> None:
    good = (*WORDS, *WHO, "--policy", "lenient.toml")
    assert ready(*good, "--out", "out").code == 0
    bad = bytearray(Path("out", RESULT).read_bytes())
    bad[len(bad) // 2] = ord("A") if bad[len(bad) // 2] != ord("A") else ord("B")  # still base64
    Path("harmed.json").write_bytes(bad)
    Path("empty.csv").write_text("file,label\n")
    Path("one.csv").write_text("file,label\n" + "".join(f"alder-{n}.tif,authentic\n" for n in range(4, 8)))
    Path("none.toml").write_text('name = "none"\n')
    Path("odd.toml").write_text(HEAD.replace("fgsm", "magic"))
    for more, code in (
        (("--out", "out"), Exit.USAGE),
        (("--out", "x", "--baseline", "harmed.json"), Exit.INTEGRITY),
        (("--out", "x", "--baseline", "lenient.toml"), Exit.UNREADABLE),
        (("--out", "x", "--labels", "empty.csv"), Exit.USAGE),
        (("--out", "x", "--labels", "one.csv"), Exit.USAGE),
        (("--out", "x", "--policy", "none.toml"), Exit.UNREADABLE),
        (("--out", "x", "--policy", "odd.toml"), Exit.UNREADABLE),
        (("--out", "x", "--policy", "missing.toml"), Exit.UNREADABLE),
        (("--out", "x", "--key", "device.pem"), Exit.INTEGRITY),
        (("--out", "x", "--model", "pictures"), Exit.INTEGRITY),
        (("--out", "x", "--device", "cuda"), Exit.ENVIRONMENT),
    ):
        assert ready(*good, *more).code == code, more
        assert not Path("x").exists()


@pytest.mark.slow
def test_an_enrolment_is_poisoned_and_the_result_is_signed(ready: Tool) -> None:
    Path("more.csv").write_text("\n".join(write_labelled(Path("more"), 16)) + "\n")
    words = [word.replace("pictures/labels", "more").replace("pictures", "more") for word in WORDS]
    more = """enrolled = 16
poisons = [{ poison = "label-flip" }, { poison = "bullseye", steps = 2 }]
detectors = ["neighbours-disagree"]
"""
    head = HEAD.replace("images = 8", f"images = 8\n{more}").replace('"S38"', '"S30", "S31", "S35", "S38"')
    Path("poison.toml").write_text(head + LENIENT)
    Path("poison-s02.toml").write_text(head.replace('"S04"', '"S02", "S04"') + LENIENT)  # it starts another process
    files = ("--junit", "junit.xml", "--sarif", "stress.sarif")
    done = ready(*words, *WHO, "--policy", "poison-s02.toml", "--out", "out", *files, "--json")
    assert done.code == 0, done.json["why"]
    assert "2 attacks, 2 poisons and 8 checks: about" in done.err
    assert set(done.json["poisons"]) == {"label-flip-1", "bullseye-1"}
    assert done.json["checks"]["S02"] == "held"
    assert done.json["checks"]["S30"] == "not applicable"  # one forest certifies nothing
    result, _ = open_stress_result(
        Path("out", RESULT).read_bytes(), RESULT, trust=load_trust(Path("trust.json"), at=now())
    )
    assert [one.name for one in result.poisons] == ["label-flip-1", "bullseye-1"]
    assert {one.specimens for one in result.poisons} == {1}
    assert [one.name for one in result.detectors] == ["neighbours-disagree"]
    page = Path("out", STRESS_PAGE).read_text()
    assert "bullseye-1" in page
    assert "neighbours-disagree" in page
    assert 'name="poisons"' in Path("junit.xml").read_text()
    again = ready(*words, *WHO, "--policy", "poison.toml", "--out", "again", "--json")
    assert again.json["digest"] == done.json["digest"]
    for bad in ('poison = "magic"', 'poison = "stamp", size = "0"', 'poison = "bullseye"'):
        Path("bad.toml").write_text(head.replace('poison = "label-flip"', bad) + LENIENT)
        assert ready(*words, *WHO, "--policy", "bad.toml", "--out", "x").code == Exit.UNREADABLE, bad
    Path("bad.toml").write_text(head.replace("enrolled = 16", "enrolled = 40") + LENIENT)
    assert ready(*words, *WHO, "--policy", "bad.toml", "--out", "x").code == Exit.USAGE
    assert not Path("x").exists()
