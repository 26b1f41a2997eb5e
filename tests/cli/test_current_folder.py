"""The current folder is where an auditor keeps what strangers sent: nothing in it is ever run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(sys.executable).with_name("fusiondiff-audit")
MARK = "from pathlib import Path; Path({mark!r}).touch()"
TAKEN = ("multiprocessing", "concurrent", "click", "numpy", "signing", "fusiondiff_audit", "sitecustomize")


@pytest.mark.parametrize("words", [["doctor"], ["kiln", "make", "pots", "--specimens", "9", "--side", "64"]])
def test_modules_in_the_current_folder_are_not_imported(tmp_path: Path, words: list[str]) -> None:
    """Processes that the tool starts must not either; Python looks there first unless it is told not to."""
    mark = tmp_path / "run"
    for name in TAKEN:
        package = tmp_path / "batch" / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(MARK.format(mark=str(mark)))
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run([SCRIPT, *words], cwd=tmp_path / "batch", env=plain, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not mark.exists()
