"""The guides can be followed from top to bottom: their commands run in one folder, in the order of the pages."""

import os
import re
import shutil
import sysconfig
from pathlib import Path

import pytest

from tests.terminal import converse

GUIDE = Path(__file__).parents[1] / "docs" / "guide"
PASSPHRASE = "correct horse battery"
BLOCK = re.compile(r"^```(?:sh|toml file=(\S+))\n(.*?)^```", re.MULTILINE | re.DOTALL)


def follow(page: str, folder: Path, pin: str) -> str:
    """Run each command of a page, write each file that it shows, and return the pin that stands after it."""
    commands = 0
    for file, text in BLOCK.findall((GUIDE / page).read_text(encoding="utf-8")):
        if file:
            (folder / file).write_text(text, encoding="utf-8")
            continue
        for command in text.replace("\\\n", " ").splitlines():
            if command.startswith("PIN="):
                assert pin, "the page reads a pin that no command printed"
                continue
            code, screen = converse(["bash", "-c", f"PIN={pin}; {command}"], answer=PASSPHRASE, folder=folder)
            assert code == 0, f"{page}: {command}\n{screen}"
            commands += 1
            if printed := re.search(r"pin (sha256:[0-9a-f]{64})", screen):
                pin = printed[1]
    assert commands
    return pin


@pytest.mark.slow
def test_the_guides_can_be_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}")
    pin = follow("auditor.md", tmp_path, "")
    shutil.copy(tmp_path / "report" / "report.sigstore.json", tmp_path)
    follow("verifier.md", tmp_path, pin)
    follow("model-keeper.md", tmp_path, pin)
    follow("ci-engineer.md", tmp_path, pin)
