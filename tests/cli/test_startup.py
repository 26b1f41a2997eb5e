"""What the command line costs before it does anything."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from fusiondiff_audit import __version__

HEAVY = ("cryptography", "numpy", "torch", "signing", "pydantic", "jinja2")


def test_the_version_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['fusiondiff-audit', '--version']\n"
        "from fusiondiff_audit.cli import main\n"
        "try: main()\n"
        f"except SystemExit: print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"fusiondiff-audit {__version__}", "[]"]


def test_the_documented_import_is_light() -> None:
    code = f"import sys, fusiondiff_audit; print([name for name in {HEAVY} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_the_signing_package_needs_no_array_library() -> None:
    code = "import sys, signing; print([name for name in ('numpy', 'torch', 'click') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


TOOL = Path(sysconfig.get_path("scripts")) / "fusiondiff-audit"


@pytest.mark.parametrize(
    "shell",
    [
        '"$0" doctor | true',
        '"$0" doctor --json >/dev/full',
        '"$0" doctor >&-',
        '"$0" --help | true',
        '"$0" --help >/dev/full',
        '"$0" inspect nowhere --trust nowhere --json >/dev/full',
        '"$0" inspect nowhere --trust nowhere --json | true',
    ],
)
def test_an_answer_that_cannot_be_written_is_no_success(shell: str) -> None:
    done = subprocess.run(["bash", "-o", "pipefail", "-c", shell, TOOL], capture_output=True, text=True)
    assert done.returncode == 5
    assert "Traceback" not in done.stderr


def test_closed_streams_end_without_a_traceback(tmp_path: Path) -> None:
    shell = '"$0" keygen --role device --out k.pem --json <&-'
    done = subprocess.run(["bash", "-c", shell, TOOL], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert "no terminal to ask for it" in done.stdout


def test_a_terminated_run_leaves_no_half_written_key(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from fusiondiff_audit.cli import main\n"
        "os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGTERM)\n"
        "sys.argv = ['x', 'keygen', '--role', 'device', '--out', 'k.pem', '--no-passphrase', '--json']; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, list(tmp_path.iterdir())) == (5, [])
    assert '"reason": "interrupted"' in done.stdout
