"""What constraints.txt names fits together: the great libraries import in one process, and agree with each other."""

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOGETHER = """
import torch, torchvision, timm, diffusers, sklearn, art, tifffile, imagecodecs, PIL
boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]])
print(torchvision.ops.nms(boxes, torch.tensor([0.9, 0.8]), 0.5).tolist())
"""


@pytest.mark.slow
def test_the_libraries_of_the_audit_import_together() -> None:
    """A torch and a torchvision that do not match fail here, with `operator torchvision::nms does not exist`."""
    done = subprocess.run([sys.executable, "-c", TOGETHER], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ["[0]"], done.stderr


def test_what_is_installed_is_what_the_constraints_say() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    assert {"torch", "torchvision", "cryptography", "click"} <= set(pinned)
    assert not [line for line in lines if "://" in line or "+" in line]
    for name in ("torch", "torchvision", "cryptography", "click", "numpy"):
        assert re.sub(r"\+.*", "", version(name)) == pinned[name]
