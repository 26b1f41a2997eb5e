"""No variable says which code a verb runs, or the verb does not run."""

import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

import signing
from fusiondiff_audit import __version__
from fusiondiff_audit.cli.exits import Exit
from fusiondiff_audit.environment import foreign_variables

TOOL = Path(sysconfig.get_path("scripts"), "fusiondiff-audit")
REPORT = Path(__file__).parent / "vectors" / "reports" / "v1"
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
VERIFY = ("verify", REPORT, "--trust", REPORT / "trust.json", "--at", "2026-11-21T21:15:00Z")
# What the reviewers put on PYTHONPATH: from then on every signature is right.
EVERY_SIGNATURE_IS_RIGHT = """
from cryptography.hazmat.primitives.asymmetric import ec
from signing import keys
keys.PublicKey.verify = lambda *_: None
"""


def answer(*words: object, **variables: str) -> tuple[int, Any, str]:
    done = subprocess.run(
        [TOOL, *map(str, words), "--json"], env=PLAIN | variables, capture_output=True, text=True, check=False
    )
    return done.returncode, json.loads(done.stdout), done.stderr


REFUSED = [
    "PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONINSPECT", "PYTHONWARNINGS", "PYTHONOPTIMIZE",
    "PYTHONBREAKPOINT", "PYTHONPLATLIBDIR", "PYTHONPYCACHEPREFIX", "PYTHONEXECUTABLE", "PYTHONDEVMODE", "PYTHONMALLOC",
    "PYTHONINTMAXSTRDIGITS", "PYTHONTRACEMALLOC", "PYTHON_PRESITE", "PYTHON_GIL", "PYTHON_JIT", "PYTHON_CPU_COUNT",
    "PYTHON_THAT_NOBODY_KNOWS_YET", "LD_PRELOAD", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "OPENSSL_CONF",
    "OPENSSL_ENGINES", "OPENSSL_MODULES",
]  # fmt: skip
TAKEN = [
    "PYTHON", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONUTF8", "PYTHONIOENCODING", "PYTHONHASHSEED",
    "PYTHONFAULTHANDLER", "PYTHONSAFEPATH", "PYTHONNOUSERSITE", "PYTHONCOERCECLOCALE", "PYTHON_COLORS",
    "PYTHON_HISTORY", "PYTHON_VERSION", "PYTHON_SHA256", "PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "pythonLocation",
    "Python_ROOT_DIR", "PYTEST_CURRENT_TEST", "OPENSSL",
]  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_variable_that_changes_what_code_runs_is_foreign(name: str) -> None:
    assert foreign_variables({name: "x", "HOME": "/"}) == (name,)
    assert foreign_variables({name: ""}) == ()  # neither Python nor the loader reads an empty one


@pytest.mark.parametrize("name", TAKEN)
def test_a_harmless_variable_is_accepted(name: str) -> None:
    assert foreign_variables({name: "x"}) == ()


def forged(folder: Path) -> tuple[object, ...]:
    """Return the words that verify a report whose signature is 64 zero bytes."""
    folder.mkdir()
    for file in REPORT.glob("*.*"):
        (folder / file.name).write_bytes(file.read_bytes())
    path = folder / "report.sigstore.json"
    signing.drop_tokens(path)  # an authority vouched for the true signature
    bundle = json.loads(path.read_bytes())
    for signature in bundle["dsseEnvelope"]["signatures"]:
        signature["sig"] = "A" * 86 + "=="
    path.write_text(json.dumps(bundle))
    return ("verify", folder, *VERIFY[2:])


def test_pythonpath_does_not_decide(tmp_path: Path) -> None:
    """With it, a report with a signature of zeros was PASSED."""
    (tmp_path / "sp2").mkdir()
    (tmp_path / "sp2" / "sitecustomize.py").write_text(EVERY_SIGNATURE_IS_RIGHT)
    words = forged(tmp_path / "forged")
    assert answer(*words)[1]["reason"] == "bad-signature"
    code, reply, _ = answer(*words, PYTHONPATH=str(tmp_path / "sp2"))
    assert (code, reply["outcome"], reply["reason"]) == (Exit.ENVIRONMENT, "REFUSED", "foreign-environment")
    assert reply["sentence"].startswith("PYTHONPATH: set")
    assert reply["hints"] == ["env -u PYTHONPATH fusiondiff-audit ..."]
    assert answer(*VERIFY)[1]["outcome"] == "PASSED"


@pytest.mark.parametrize(
    "words",
    [
        ("verify", "report", "--trust", "trust.json"),
        ("sign", "folder", "--key", "k.pem", "--device", "d"),
        ("audit", "folder", "--model", "m", "--trust", "t", "--key", "k", "--no-ledger", "--out", "o"),
        ("keygen", "--role", "device", "--out", "k.pem", "--no-passphrase"),
        ("trust", "show", "trust.json"),
        ("doctor",),
    ],
)
def test_every_verb_refuses_before_it_reads_or_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, reply, _ = answer(*words, PYTHONWARNINGS="ignore", LD_LIBRARY_PATH=os.environ.get("LD_LIBRARY_PATH", "/none"))
    assert (code, reply["reason"]) == (Exit.ENVIRONMENT, "foreign-environment")
    assert not list(tmp_path.iterdir())


def test_help_and_version_are_there_in_any_environment() -> None:
    for words in (("--version",), ("--help",), ("verify", "--help")):
        done = subprocess.run(
            [TOOL, *words], env=PLAIN | {"PYTHONWARNINGS": "ignore"}, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_harmless_variables_change_no_result() -> None:
    harmless = {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", "PYTHONHASHSEED": "7", "PYTHONIOENCODING": "utf-8"}
    assert answer(*VERIFY, PYTHONFAULTHANDLER="1", PYTHON_COLORS="0", **harmless) == answer(*VERIFY)


def test_a_false_record_on_the_path_does_not_say_the_version(tmp_path: Path) -> None:
    """`doctor` said 9.9, as the first record on the path did."""
    record = tmp_path / "fusiondiff_audit-9.9.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.4\nName: fusiondiff-audit\nVersion: 9.9\n")
    start = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from fusiondiff_audit.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", start, "doctor", "--json"], env=PLAIN, capture_output=True, text=True, check=False
    )
    reply = json.loads(done.stdout)
    assert (done.returncode, reply["version"]) == (0, __version__)
    assert reply["extras"]["base"]["libraries"]["click"]


def test_the_doctor_names_code_that_runs_before_ours(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("")
    path = [str(tmp_path), *(entry for entry in sys.path if entry)]
    start = f"import sys; sys.path[:] = {path!r}; import sitecustomize; from fusiondiff_audit.cli import main; main()"
    command = [sys.executable, "-S", "-c", start, "doctor", "--json"]  # -S: this machine may have a sitecustomize, too
    done = subprocess.run(command, env=PLAIN, capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["runsFirst"] == {"sitecustomize": str(tmp_path / "sitecustomize.py")}


SECURITY = (Path(__file__).parents[1] / "SECURITY.md").read_text(encoding="utf-8")


def test_the_security_page_names_what_is_refused() -> None:
    assert all(f"`{name}`" in SECURITY for name in REFUSED if not name.startswith("PYTHON"))


def test_the_command_of_the_security_page_starts_with_nothing_handed_on() -> None:
    (command,) = re.findall(r"`(env -i .*) verify \.\.\.`", SECURITY)
    words = shlex.split(command.replace(".venv/bin/python", sys.executable))
    done = subprocess.run(
        [*words, *map(str, VERIFY), "--json"],
        env={"PYTHONPATH": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert json.loads(done.stdout)["outcome"] == "PASSED", done.stderr
