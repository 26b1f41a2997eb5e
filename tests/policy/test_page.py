"""The page on policies names every key, and its examples are policies."""

import re
from pathlib import Path

from attacks.catalogue import CATALOGUE
from attacks.checks import CHECKS
from fusiondiff_audit.policy.audit import AuditPolicy, read_audit_policy
from fusiondiff_audit.policy.stress import (
    AttackSettings,
    GateSettings,
    PoisonSettings,
    StressPolicy,
    WaiverSettings,
    read_stress_policy,
)
from fusiondiff_audit.stress.suite import suite_of
from reports.verdict.verdicts import VerdictReason

PAGE = (Path(__file__).parents[2] / "docs" / "policy.md").read_text()


def test_the_page_names_every_key_reason_check_and_attack() -> None:
    for section, field in AuditPolicy.model_fields.items():
        for name in getattr(field.annotation, "model_fields", {"name": None} if section == "name" else {}):
            assert f"`{section}.{name}`" in PAGE or f"`{name}`" in PAGE, (section, name)
    for settings in (StressPolicy, AttackSettings, PoisonSettings, GateSettings, WaiverSettings):
        assert all(f"`{name}`" in PAGE for name in settings.model_fields), settings
    assert all(f"`{name}`" in PAGE for name in (*map(str, VerdictReason), *CATALOGUE))
    flat = " ".join(PAGE.split())
    assert all(f"{check.id} {check.title}" in flat for check in CHECKS)


def test_the_policies_of_the_page_are_policies(tmp_path: Path) -> None:
    audit, stress = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "audit.toml").write_text(audit)
    (tmp_path / "stress.toml").write_text(stress)
    asked = read_stress_policy(str(tmp_path / "stress.toml"))
    gates = [gate.name for gate in suite_of(asked, "the page").gates]
    assert gates == ["held/hop-skip-jump-l2-2.0/all", "regressions/worst/all"]
    assert f"sha256:{asked.digest}" in read_audit_policy(tmp_path / "audit.toml").robustness.policies
