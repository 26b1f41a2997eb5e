"""What the README shows is what happens."""

import re
import shlex
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

import fusiondiff_audit
from tests.images.synthetic import grains, written
from tests.terminal import converse

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TOOL = Path(sysconfig.get_path("scripts")) / "fusiondiff-audit"
CHANGING = {
    r"sha256:[0-9a-f]{6}(?:[0-9a-f]{58}|…)": "sha256:…",
    r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ": "TIME",
    r"(sequence +)\d{13}": r"\1NUMBER",
}


def plain(text: str) -> str:
    """Return text without what differs from run to run."""
    for pattern, name in CHANGING.items():
        text = re.sub(pattern, name, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def test_the_first_screen_is_what_a_terminal_shows(tmp_path: Path) -> None:
    folder = tmp_path / "micrographs"
    folder.mkdir()
    for number in (1, 2):
        (folder / f"tile-{number}.tif").write_bytes(written(grains(1024, 1024, top=65535, seed=number)))
    (folder / "session.txt").write_bytes(bytes(412))
    (transcript, *_) = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    steps = [step.split("\n", 1) for step in transcript.split("$ ")[1:]]
    assert len(steps) == 5
    pin = ""
    for command, expected in steps:
        words = shlex.split(re.sub(r"--root sha256:\S+", f"--root {pin}", command))
        assert words[0] == "fusiondiff-audit"
        code, screen = converse([str(TOOL), *words[1:]], answer="correct horse", folder=tmp_path)
        assert (code, plain(screen)) == (0, plain(expected)), command
        if found := re.search(r"pin (sha256:[0-9a-f]{64})", screen):
            pin = found[1]
    picture = bytearray((folder / "tile-2.tif").read_bytes())
    picture[1000] ^= 1
    (folder / "tile-2.tif").write_bytes(picture)
    code, screen = converse([str(TOOL), *words[1:]], answer="", folder=tmp_path)
    assert code == 3
    assert screen.splitlines()[-1] == "REFUSED: 1 file: 1 digest-mismatch; 2 genuine"
    assert f"the last line reads `{screen.splitlines()[-1]}`" in README


def test_the_folders_of_the_first_enrolment_pass_its_check(tmp_path: Path) -> None:
    (block,) = re.findall(r"```sh\n(fusiondiff-audit setup .*?)```", README, re.DOTALL)
    setup, enrol = (shlex.split(line)[1:] for line in block.replace("\\\n", " ").splitlines())
    for folder, first in (("genuine", 1), ("copies", 9)):
        (tmp_path / folder).mkdir()
        for seed in range(first, first + 4):
            (tmp_path / folder / f"{seed}_1.tif").write_bytes(written(grains(256, 256, top=255, seed=seed)))
    assert converse([str(TOOL), *setup], answer="correct horse", folder=tmp_path)[0] == 0
    code, screen = converse([str(TOOL), *enrol[:2], "enrol", "--check", *enrol[3:9]], answer="", folder=tmp_path)
    assert (code, enrol[2], enrol[7]) == (0, "enrol", "--specimen"), screen
    assert "PASSED: 8 images of 8 specimens can be enrolled" in screen


PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/**/FORMAT.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), (page.name, target)


HOMES = [
    "fusiondiff_audit.inputs.specimen_pattern",
    "fusiondiff_audit.training.enrolment_forecast",
    "reports.arithmetic",
    "reports.stress.wording",
    "reports.verdict.batch_statement",
    "reports.verdict.claims",
    "reports.verdict.confounding",
    "reports.verdict.enrolment_ranks",
    "reports.verdict.former_coverage",
    "reports.verdict.former_verdicts",
    "reports.verdict.model_names",
    "signing.records",
    "reports.verdict.likelihood_ratio",
    "reports.verdict.specimens",
    "reports.verdict.verdicts",
    "reports.verdict.versions",
    "reports.verdict.wording",
    "fusiondiff_audit.tables.csv_file",
]


@pytest.mark.parametrize(
    "module",
    [
        "attacks",
        "reports",
        "reports.verdict",
        "signing",
        "fusiondiff_audit.images",
        "fusiondiff_audit.kiln",
        "fusiondiff_audit.model",
        *HOMES,
    ],
)
def test_each_module_example_runs(module: str) -> None:
    import doctest
    import importlib

    failed, ran = doctest.testmod(importlib.import_module(module))
    assert ran > 1
    assert failed == 0


def test_the_help_is_the_real_one() -> None:
    done = subprocess.run([TOOL, "--help"], capture_output=True, text=True, check=True)
    listing = (ROOT / "docs" / "verbs.md").read_text(encoding="utf-8")
    assert f"$ fusiondiff-audit --help\n{done.stdout}```" in listing


@pytest.mark.slow  # tests/model/test_embedded.py runs the same on an image of ceramics
def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sample_001.tif").write_bytes(written(grains(top=65535)))
    names: dict[str, Any] = {}
    examples = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    model, reports = examples
    assert set(re.findall(r"fda\.(\w+)", reports)) <= set(fusiondiff_audit.__all__)  # tests/interface runs the same
    exec(model, names)  # noqa: S102
    assert "LooseMicrograph" in repr(type(names["sample"]))
