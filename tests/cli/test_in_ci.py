"""Stress tests in CI: the pytest plugin and the GitHub action, both in a scratch project."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from fusiondiff_audit.cli.exits import Exit
from reports.stress.outcome import Outcome
from reports.stress.result import RESULT, open_stress_result
from signing import load_trust, now
from tests.cli.conftest import Done, Tool
from tests.cli.test_stress_verb import HEAD, LENIENT, REGRESSIONS, STRICT, bundle, ready  # noqa: F401, fixtures

ROOT = Path(__file__).parents[2]
MODEL_AND_DATA = ("--fusiondiff-model", "tiny", "--fusiondiff-data", "pictures")
TRUST_AND_KEY = ("--fusiondiff-trust", "trust.json", "--fusiondiff-key", "auditor.pem")


def project(*words: str) -> Done:
    """Run pytest in a scratch project, whose own test changes the current folder and the environment."""
    Path("test_own.py").write_text(
        "import os\n\ndef test_own() -> None:\n    os.chdir('/')\n    os.environ['PYTHONHOME'] = '/nowhere'\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rsf", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=clean())
    return Done(done.returncode, done.stdout, done.stderr)


def clean(**more: str) -> dict[str, str]:
    """Return an environment without the variables of this test run."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")} | more


@pytest.mark.slow
def test_the_plugin_adds_a_test_for_each_attack_check_and_gate(ready: Tool) -> None:  # noqa: F811
    Path("stress.toml").write_text(HEAD + LENIENT + REGRESSIONS)
    done = project(
        "--fusiondiff-policy",
        "stress.toml",
        *MODEL_AND_DATA,
        *TRUST_AND_KEY,
        "--fusiondiff-out",
        "out",
        "--junitxml",
        "tests.xml",
    )
    assert done.code == 0, done.out + done.err
    assert "9 passed, 1 skipped" in done.out
    assert "a first result: nothing to compare with" in done.out
    result, _ = open_stress_result(
        Path("out", RESULT).read_bytes(), RESULT, trust=load_trust(Path("trust.json"), at=now())
    )
    assert result.word is Outcome.PASSED
    names = {case.get("name") for case in ElementTree.parse("tests.xml").iter("testcase")}
    gate = "gate held/square-linf-8/255/all"
    assert {"test_own", "attack fgsm-linf-8/255", "check S38", gate, "result ours"} <= names
    again = project(
        "--fusiondiff-policy", "stress.toml", *MODEL_AND_DATA, *TRUST_AND_KEY, "--fusiondiff-out", "out"
    )  # an old result is none
    assert (again.code, "out exists already" in again.err) == (4, True), again.err


@pytest.mark.slow
def test_failed_gates_and_undecided_checks_fail_tests_with_a_sentence(ready: Tool) -> None:  # noqa: F811
    Path("stress.toml").write_text(HEAD.replace('floor = "0"', 'floor = "1"') + STRICT)
    done = project("--fusiondiff-policy", "stress.toml", *MODEL_AND_DATA, *TRUST_AND_KEY)
    assert done.code == 1
    failed = [line for line in done.out.splitlines() if line.startswith("FAILED")]
    assert {line.split("::")[-1].split(" - ")[0] for line in failed} == {
        "gate held/worst/all",
        "check S32",
        "result ours",
    }
    assert "Traceback" not in done.out
    assert "clean accuracy: " in done.out


@pytest.mark.slow
def test_a_result_that_this_run_did_not_sign_is_refused(ready: Tool) -> None:  # noqa: F811
    """One test changes the policy after it was read; another puts an earlier result in the place of the new one."""
    Path("stress.toml").write_text(HEAD + STRICT)
    easy = (HEAD + LENIENT).encode()
    Path("test_first.py").write_text(f"def test_first() -> None:\n    open('stress.toml', 'wb').write({easy!r})\n")
    words = (
        "test_first.py",
        "--fusiondiff-policy",
        "stress.toml",
        *MODEL_AND_DATA,
        *TRUST_AND_KEY,
        "--fusiondiff-out",
        "out",
    )
    done = project(*words, "-k", "first or result")
    assert (done.code, "1 failed, 1 passed" in done.out) == (1, True), done.out
    assert "is not the result of this run by this policy" in done.out
    Path("old").mkdir()
    shutil.copy(Path("out", RESULT), Path("old", RESULT))
    shutil.rmtree("out")
    Path("test_first.py").write_text("import os\n\ndef test_first() -> None:\n    os.rename('old', 'out')\n")
    done = project(*words, "-k", "first or result")
    assert (done.code, "the stress test gave no result, exit code 2" in done.out) == (1, True), done.out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ("--fusiondiff-policy", "quick", *MODEL_AND_DATA),
            4,
            "a stress test needs --fusiondiff-trust, --fusiondiff-key",
        ),
        ((*MODEL_AND_DATA, *TRUST_AND_KEY), 4, "a stress test needs --fusiondiff-policy"),
        pytest.param(
            ("--fusiondiff-policy", "quick", *MODEL_AND_DATA, *TRUST_AND_KEY, "-k", "own"),
            4,
            "-k or -m deselected all its tests",
            marks=pytest.mark.slow,
        ),
        (
            ("--fusiondiff-policy", "quick", *MODEL_AND_DATA, *TRUST_AND_KEY, "-n", "2"),
            4,
            "a stress test is one run: leave -n out",
        ),
        (("--fusiondiff-policy", "nothing.toml", *MODEL_AND_DATA, *TRUST_AND_KEY), 2, "nothing.toml: no such file"),
        ((), 0, "1 passed"),
    ],
)
def test_options_that_make_no_run_are_refused(tool: Tool, words: tuple[str, ...], code: int, message: str) -> None:
    done = project(*words)
    assert (done.code, message in done.out + done.err) == (code, True), done.out + done.err


def steps() -> dict[str, dict[str, Any]]:
    """Return the steps of the action by their names."""
    return {step["name"]: step for step in yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]}


def act(step: str, **inputs: str) -> Done:
    """Run a step of the action as a runner would: with inputs in the variables that it names."""
    action_step = steps()[step]
    declared = yaml.safe_load((ROOT / "action.yml").read_text())["inputs"]
    given = {name: str(settings.get("default", "")) for name, settings in declared.items()} | inputs
    given_by = {f"${{{{ inputs.{name} }}}}": value for name, value in given.items()}
    given_by["${{ github.action_path }}"] = str(ROOT)
    Path("tmp").mkdir(exist_ok=True)
    more = {name: given_by[value] for name, value in action_step["env"].items()}
    files = {"GITHUB_OUTPUT": "outputs.txt", "GITHUB_STEP_SUMMARY": "summary.md", "RUNNER_TEMP": "tmp"}
    more |= {name: str(Path(file).absolute()) for name, file in files.items()}
    path = os.pathsep.join([str(Path("bin").absolute()), str(Path(sys.executable).parent), os.environ["PATH"]])
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", action_step["run"]]
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
    Path("fewer.toml").write_text(HEAD.replace("images = 8", "images = 6") + STRICT)
    lost = act("Attack", **given, policy="fewer.toml", out="lost", baseline=f"stressed/{RESULT}")
    assert lost.code == Exit.USAGE  # of other trials
    kept = Path("outputs.txt").read_text()
    evil = act("Attack", **given, policy="$(touch owned); lenient.toml", out="`touch owned`")
    assert (evil.code, Path("owned").exists()) == (Exit.UNREADABLE, False)
    other = act("Attack", **given, policy="lenient.toml", out="of/it/", root=f"sha256:{'ab' * 32}")
    assert other.code == Exit.INTEGRITY
    assert not any(Path("tmp").iterdir())
    assert Path("outputs.txt").read_text() == kept
    assert not Path("of/it").exists()


@pytest.mark.parametrize("answer", ["", "{}", '{"word": "FAILED", "why": []}', '{"word": "INCONCLUSIVE", "why": []}'])
def test_the_action_succeeds_only_with_the_outcome_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bin").mkdir()
    other = f'case "$*" in *--json*) echo \'{answer}\';; *) exec {sys.executable} "$@";; esac'
    Path("bin", "python").write_text(f"#!/bin/sh\n{other}\n")
    Path("bin", "python").chmod(0o755)
    done = act("Attack", model="m", data="d", trust="t", key="secret")
    assert done.code == 1
    assert "gave no answer" in done.err or "the outcome is not PASSED" in done.err
    assert not any(Path("tmp").iterdir())


def test_the_action_imports_nothing_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("pip", "json", "fusiondiff_audit", "click", "signing"):
        Path(f"{name}.py").write_text("open('owned', 'w').close()\nraise SystemExit(0)\n")
    Path("policy.toml").write_text("name = 3\n")
    assert act("Attack", model="m", data="d", trust="t", key="k", policy="policy.toml").code == Exit.UNREADABLE
    install = steps()["Install"]["run"].replace("install", "--version", 1).partition(" --constraint")[0]
    done = subprocess.run(["bash", "-c", install], capture_output=True, text=True, check=False, env=clean())
    assert done.stdout.startswith("pip ")
    assert not Path("owned").exists()


def test_the_action_installs_this_very_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bin").mkdir()
    Path("bin", "python").write_text('#!/bin/sh\necho "$@"\n')
    Path("bin", "python").chmod(0o755)
    done = act("Install")
    assert done.out == f"-P -m pip install --constraint {ROOT}/constraints.txt {ROOT}[audit]\n"
    assert (ROOT / "constraints.txt").is_file()


def test_every_input_of_the_action_is_used_and_no_script_holds_one() -> None:
    used = {value for step in steps().values() for value in step["env"].values()}
    declared = yaml.safe_load((ROOT / "action.yml").read_text())["inputs"]
    assert {f"${{{{ inputs.{name} }}}}" for name in declared} | {"${{ github.action_path }}"} == used
    assert not any("${{" in step["run"] for step in steps().values())
