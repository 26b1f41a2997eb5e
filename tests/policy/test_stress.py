"""The policy of a stress test: its digest, and the digest of its trials."""

from pathlib import Path
from typing import Any

import pytest

from fusiondiff_audit.policy.one_file import ONE_FILE_DIGESTS, STRESS_KEYS
from fusiondiff_audit.policy.stress import (
    AttackSettings,
    GateSettings,
    PoisonSettings,
    StressPolicy,
    WaiverSettings,
    read_stress_policy,
)
from reports.verdict.embedded import STRESS_POLICIES
from signing import Reason, SigningError

GATE = GateSettings(metric="regressions", value="0.05")
WAIVED = GATE.model_copy(update={"waiver": WaiverSettings(until="2027-01-31", reason="known")})
PGD = AttackSettings(attack="pgd", norm="linf", size="8/255")
NIGHTLY = StressPolicy(name="nightly", attacks=(PGD,), gates=(GATE,))


@pytest.mark.parametrize(
    "change",
    [
        {"gates": (WAIVED,)},
        {"gates": ()},
        {"minutes": 90},
        {"floor": "0.5"},
        {"checks": ("S01",)},
        {"detectors": ("d",)},
        {"name": "weekly"},
    ],
)
def test_a_waiver_a_gate_or_a_clock_is_no_other_trial(change: dict[str, Any]) -> None:
    changed = NIGHTLY.model_copy(update=change)
    assert changed.digest != NIGHTLY.digest
    assert changed.trials_digest == NIGHTLY.trials_digest


@pytest.mark.parametrize(
    "change",
    [
        {"attacks": (PGD.model_copy(update={"steps": 11}),)},
        {"poisons": (PoisonSettings(poison="stamp"),)},
        {"enrolled": 40},
        {"images": 9},
        {"side": 256},
        {"seed": 1},
    ],
)
def test_what_decides_a_trial_makes_another_one(change: dict[str, Any]) -> None:
    assert NIGHTLY.model_copy(update=change).trials_digest != NIGHTLY.trials_digest


def test_built_in_policies_are_those_that_results_of_the_one_file_form_were_signed_by() -> None:
    assert set(ONE_FILE_DIGESTS.values()) == set(STRESS_POLICIES)
    assert [read_stress_policy(name).name for name in STRESS_POLICIES] == list(STRESS_POLICIES)


def test_the_keys_of_a_stress_policy_are_told_from_those_of_an_audit_s() -> None:
    assert set(StressPolicy.model_fields) - {"name"} == STRESS_KEYS


@pytest.mark.parametrize(
    ("gate", "fault"),
    [
        ('metric = "held"\nvalue = "0"', "held/worst/all is passed whether all of its 8 images hold or none of them"),
        ('metric = "held"\nvalue = "0"\nbound = "point"', "is passed whether all of its 8 images"),
        ('metric = "held"\nvalue = "0.3"\nbound = "upper"', "is passed whether all of its 8 images"),
        ('metric = "held"\nvalue = "0.7"', "is failed whether all of its 8 images"),
        ('metric = "held"\nvalue = "0.5"\nslice = "counterfeit"', "is undecided whether all of its 4 images"),
        ('metric = "held"\nvalue = "0.5"\nleast = 9', "is undecided whether all of its 8 images"),
        ('metric = "regressions"\nvalue = "0.003"', "is undecided whether all of its 8 images"),
        ('metric = "regressions"\nvalue = "0"', "no loss is rarer"),
    ],
)
def test_a_gate_that_ends_in_one_way_only_is_refused(tmp_path: Path, gate: str, fault: str) -> None:
    path = tmp_path / "stress.toml"
    path.write_text(f'name = "nightly"\n[[gates]]\n{gate}\n')
    with pytest.raises(SigningError, match=fault) as caught:
        read_stress_policy(str(path))
    assert caught.value.reason is Reason.MALFORMED


@pytest.mark.parametrize("day", ["2026-13-39", "2026-02-29", "2027-00-10"])
def test_a_waiver_until_a_day_that_no_calendar_has_is_refused(tmp_path: Path, day: str) -> None:
    path = tmp_path / "stress.toml"
    waiver = f'waiver = {{ until = "{day}", reason = "known" }}'
    path.write_text(f'name = "nightly"\n[[gates]]\nmetric = "held"\nvalue = "0.3"\n{waiver}\n')
    with pytest.raises(SigningError, match=f"waiver until '{day}', which is no day"):
        read_stress_policy(str(path))
