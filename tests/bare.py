"""Run by CI inside the base install alone: it signs, verifies batches and reports, and needs no more for that."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

TOOL = Path(sys.executable).with_name("fusiondiff-audit")
REPORT = Path(__file__).parent / "vectors" / "reports" / "v1"
HOUR = "2026-11-21T21:15:00Z"  # while its auditor's key was good
HEAVY = ("numpy", "torch", "PIL", "tifffile", "sklearn", "pydantic", "jinja2", "xlsxwriter")


def main(checkout: str) -> None:
    """Check that the environment is bare, that the tool works in it, and that its code is the checkout's."""
    present = [name for name in HEAVY if importlib.util.find_spec(name)]
    assert not present, present
    demo = subprocess.run([TOOL, "demo", "--json"], capture_output=True, text=True)
    assert demo.returncode == 0, demo.stderr
    assert json.loads(demo.stdout)["outcome"] == "DONE"
    doctor = json.loads(subprocess.run([TOOL, "doctor", "--json"], capture_output=True, text=True, check=True).stdout)
    assert doctor["released"] is True, doctor
    assert doctor["code"] == checkout, (doctor["code"], checkout)
    assert doctor["extras"]["base"]["complete"], doctor
    assert not doctor["extras"]["audit"]["complete"], doctor
    words = ("verify", REPORT, "--trust", REPORT / "trust.json", "--images", REPORT / "batch", "--at", HOUR, "--json")
    verified = subprocess.run([TOOL, *words], capture_output=True, text=True)
    assert json.loads(verified.stdout)["outcome"] == "PASSED", verified
    print(f"the base install signs and verifies without {', '.join(HEAVY)}; code {doctor['code']}, as in the checkout")


if __name__ == "__main__":
    main(sys.argv[1])
