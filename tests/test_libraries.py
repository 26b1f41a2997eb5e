"""What constraints.txt names fits together: the great libraries import in one process, and agree with each other."""

import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from fusiondiff_audit import extras
from fusiondiff_audit.cli import verbs
from fusiondiff_audit.cli.answer import run_verbs
from fusiondiff_audit.errors import AuditError, AuditReason

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


def test_an_extra_holds_the_libraries_of_the_extras_that_it_names() -> None:
    images, kiln, audit = (set(extras.libraries_of(extra)) for extra in ("images", "kiln", "audit"))
    assert {"numpy"} < images < kiln < audit


@pytest.mark.parametrize(("reason", "refused"), [(AuditReason.CODE_ALTERED, True), (AuditReason.NOT_INSTALLED, False)])
def test_only_a_checkout_without_records_has_no_libraries(
    monkeypatch: pytest.MonkeyPatch, reason: AuditReason, refused: bool
) -> None:
    def no_record() -> Path:
        raise AuditError(reason, "no record")

    monkeypatch.setattr(extras, "find_record", no_record)
    if refused:
        with pytest.raises(AuditError, match="no record"):
            extras.libraries_of("audit")
    else:
        assert extras.libraries_of("audit") == {}


def test_the_doctor_calls_no_extra_complete_where_records_contradict_each_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def altered() -> Path:
        raise AuditError(AuditReason.CODE_ALTERED, "two records")

    monkeypatch.setattr("fusiondiff_audit.cli.doctor.check_origin", altered)
    assert run_verbs(verbs, ["doctor", "--json"]) == 3
    report = json.loads(capsys.readouterr().out)["extras"]
    assert [extra["complete"] for extra in report.values()] == [False] * len(report)
