"""What users of CI systems call: tests that are a stress test, and an action, both in a scratch project."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from fusiondiff_audit.cli.exits import Exit
from reports.robustness import RESULT, open_robustness
from reports.stress_rules import Word
from signing import load_trust, now
from tests.cli.conftest import Done, Tool
from tests.cli.test_stress_verb import HEAD, LENIENT, REGRESSIONS, STRICT, bundle, ready  # noqa: F401, fixtures

ROOT = Path(__file__).parents[2]
WHAT = ("--fusiondiff-model", "tiny", "--fusiondiff-data", "pictures")
WHO = ("--fusiondiff-trust", "trust.json", "--fusiondiff-key", "auditor.pem")


def project(*words: str) -> Done:
    """Run pytest in the scratch project, which has a test of its own."""
    Path("test_own.py").write_text("def test_own() -> None:\n    assert True\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rsf", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=clean())
    return Done(done.returncode, done.stdout, done.stderr)


def clean(**more: str) -> dict[str, str]:
    """Return an environment in which no option of this very test run is left."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")} | more


@pytest.mark.slow
def test_each_attack_check_and_gate_is_a_test(ready: Tool) -> None:  # noqa: F811
    Path("audit.toml").write_text(HEAD + LENIENT + REGRESSIONS)
    done = project(
        "--fusiondiff-policy", "audit.toml", *WHAT, *WHO, "--fusiondiff-out", "out", "--junitxml", "tests.xml"
    )
    assert done.code == 0, done.out + done.err
    assert "10 passed, 1 skipped" in done.out
    assert "a first result: nothing to compare with" in done.out
    result, _ = open_robustness(
        Path("out", RESULT).read_bytes(), RESULT, trust=load_trust(Path("trust.json"), at=now())
    )
    assert result.word is Word.PASSED
    names = {case.get("name") for case in ElementTree.parse("tests.xml").iter("testcase")}
    assert {"test_own", "attack fgsm-linf-8/255", "check S38", "gate held/worst/all", "result ours"} <= names
    again = project("--fusiondiff-policy", "audit.toml", *WHAT, *WHO, "--fusiondiff-out", "out", "-k", "S38 or own")
    assert (again.code, "1 failed, 1 passed, 9 deselected" in again.out) == (1, True), (
        again.out
    )  # an old result is none
    assert "exists already" in again.out + again.err


@pytest.mark.slow
def test_a_gate_that_fails_and_a_doubt_fail_tests_with_a_sentence(ready: Tool) -> None:  # noqa: F811
    Path("audit.toml").write_text(HEAD.replace('floor = "0"', 'floor = "1"') + STRICT)
    done = project("--fusiondiff-policy", "audit.toml", *WHAT, *WHO)
    assert done.code == 1
    failed = [line for line in done.out.splitlines() if line.startswith("FAILED")]
    assert {line.split("::")[-1].split(" - ")[0] for line in failed} == {
        "gate held/worst/all",
        "check S32",
        "result ours",
    }
    assert "Traceback" not in done.out
    assert "worth attacking: " in done.out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--fusiondiff-policy", "quick", *WHAT), 4, "--fusiondiff-policy needs --fusiondiff-trust, --fusiondiff-key"),
        (("--fusiondiff-policy", "quick", *WHAT, *WHO, "-n", "2"), 4, "a stress test is one run: leave -n out"),
        (("--fusiondiff-policy", "nothing.toml", *WHAT, *WHO), 2, "nothing.toml: no such file"),
        ((), 0, "1 passed"),
    ],
)
def test_what_cannot_be_run_is_said(tool: Tool, words: tuple[str, ...], code: int, said: str) -> None:
    done = project(*words)
    assert (done.code, said in done.out + done.err) == (code, True), done.out + done.err


def steps() -> dict[str, dict[str, Any]]:
    """Return the steps of the action by their names."""
    return {step["name"]: step for step in yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]}


def act(step: str, **inputs: str) -> Done:
    """Run a step of the action as a runner would: with inputs in the variables that it names."""
    found = steps()[step]
    said = yaml.safe_load((ROOT / "action.yml").read_text())["inputs"]
    given = {name: str(one.get("default", "")) for name, one in said.items()} | inputs
    given_by = {f"${{{{ inputs.{name} }}}}": value for name, value in given.items()}
    given_by["${{ github.action_path }}"] = str(ROOT)
    more = {name: given_by[value] for name, value in found["env"].items()}
    more |= {"GITHUB_OUTPUT": "outputs.txt", "GITHUB_STEP_SUMMARY": "summary.md", "TMPDIR": str(Path("tmp").absolute())}
    Path("tmp").mkdir(exist_ok=True)
    path = os.pathsep.join([str(Path("bin").absolute()), str(Path(sys.executable).parent), os.environ["PATH"]])
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", found["run"]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=clean(PATH=path, **more))
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.mark.slow
def test_the_action_attacks_and_leaves_no_key_behind(ready: Tool) -> None:  # noqa: F811
    Path("strict.toml").write_text(HEAD + STRICT)
    Path("lenient.toml").write_text(HEAD + LENIENT)
    given = {"model": "tiny", "data": "pictures", "trust": "trust.json", "key": Path("auditor.pem").read_text()}
    done = act("Attack", **given, policy="lenient.toml")
    assert done.code == 0, done.err
    assert Path("outputs.txt").read_text() == f"word=PASSED\nresult=stressed/{RESULT}\n"
    assert "## Stress test: PASSED" in Path("summary.md").read_text()
    assert {path.name for path in Path().glob("stressed*")} == {"stressed", "stressed.junit.xml", "stressed.sarif"}
    assert not any(Path("tmp").iterdir())
    assert "PRIVATE" not in done.out + done.err
    lost = act("Attack", **given, policy="strict.toml", out="lost", baseline=f"stressed/{RESULT}")
    assert lost.code == Exit.USAGE  # of another policy
    evil = act("Attack", **given, policy="$(touch owned); lenient.toml", out="`touch owned`")
    assert (evil.code, Path("owned").exists()) == (Exit.UNREADABLE, False)
    assert not any(Path("tmp").iterdir())


def test_the_action_installs_this_very_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bin").mkdir()
    Path("bin", "python").write_text('#!/bin/sh\necho "$@"\n')
    Path("bin", "python").chmod(0o755)
    done = act("Install")
    assert done.out == f"-m pip install --constraint {ROOT}/constraints.txt {ROOT}[audit]\n"
    assert (ROOT / "constraints.txt").is_file()


def test_every_input_of_the_action_is_used_and_no_script_holds_one() -> None:
    used = {value for step in steps().values() for value in step["env"].values()}
    declared = yaml.safe_load((ROOT / "action.yml").read_text())["inputs"]
    assert {f"${{{{ inputs.{name} }}}}" for name in declared} | {"${{ github.action_path }}"} == used
    assert not any("${{" in step["run"] for step in steps().values())
