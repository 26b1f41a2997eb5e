"""Policies of the one-file form: files are refused with what to move where, and quotations are read for ever."""

import json
from pathlib import Path
from typing import Any

import pytest

from fusiondiff_audit.policy.audit import AuditPolicy, read_audit_policy
from fusiondiff_audit.policy.one_file import AUDIT_SECTIONS
from fusiondiff_audit.policy.quoted import quoted_audit_policy, quoted_stress_policy
from fusiondiff_audit.policy.stress import AttackSettings, StressPolicy, read_stress_policy
from reports.stress.result import RESULT, read_stress_result
from reports.verdict.issue import REPORT
from reports.verdict.report import MAX_PAYLOAD, Report
from signing import Reason, SigningError
from signing.sigstore_bundle import SigstoreBundle
from signing.strict import write_json

FILES = Path(__file__).parents[1] / "vectors" / "reports"
ONE_FILE = """name = "nightly"
[decide]
error_rate = "0.1"
[robustness]
days = 90
images = 16
attacks = [{ attack = "apgd", norm = "linf", size = "8/255" }]
[[robustness.gates]]
metric = "held"
value = "0.3"
"""


def test_a_file_of_the_one_file_form_is_refused_with_what_to_move_where(tmp_path: Path) -> None:
    path = tmp_path / "audit.toml"
    path.write_text(ONE_FILE)
    with pytest.raises(
        SigningError, match=r"robustness\.attacks, robustness\.gates, robustness\.images: of a stress"
    ) as e:
        read_audit_policy(path)
    assert e.value.reason is Reason.BAD_REQUEST
    hints = " ".join(e.value.__notes__)
    assert all(words in hints for words in ("stress --policy stress.toml", "audit --policy audit.toml", "policies ="))
    with pytest.raises(SigningError, match=r"\[decide\], \[robustness\]: of an audit") as e:
        read_stress_policy(str(path))
    assert e.value.reason is Reason.BAD_REQUEST
    hints = " ".join(e.value.__notes__)
    assert all(words in hints for words in ("stress --policy stress.toml", "audit --policy audit.toml", "[[gates]]"))


def test_the_two_files_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "stress.toml"
    path.write_text('name = "nightly"\nimages = 16\n')
    with pytest.raises(SigningError, match="images: of a stress test"):
        read_audit_policy(path)
    assert {*AuditPolicy.model_fields} - {"name"} == AUDIT_SECTIONS


def one_file(**changes: Any) -> str:
    """Return a resolved policy of the one-file form."""
    robustness = StressPolicy(name="ours").model_dump(mode="json", exclude={"name"})
    settings = AuditPolicy(name="ours").model_dump(mode="json")
    settings["robustness"] = robustness | {"result": "required", "days": 90} | changes.pop("robustness", {})
    settings["certify"] |= {"radius": "off"}
    return write_json(settings | changes).decode()


def test_a_quoted_policy_requires_its_own_attacks() -> None:
    attacks = [AttackSettings(attack="pgd", norm="linf", size="8/255").model_dump(mode="json")]
    text = one_file(robustness={"attacks": attacks, "images": 9})
    stress = quoted_stress_policy(text, "it")
    assert (stress.name, stress.images, stress.attacks[0].attack) == ("ours", 9, "pgd")
    audit = quoted_audit_policy(text, "it")
    assert (audit.robustness.days, audit.robustness.policies) == (90, (f"sha256:{stress.digest}",))
    assert quoted_audit_policy(one_file(), "it").robustness.policies == ("quick", "full", "exhaustive")
    assert quoted_audit_policy(audit.text, "it") == audit
    assert quoted_stress_policy(stress.text, "it") == stress


def test_a_section_does_not_rename_the_policy_that_was_signed() -> None:
    assert quoted_stress_policy(one_file(name="quick", robustness={"name": "weak"}), "it").name == "quick"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"name":"x","robustness":1}',
        one_file(more=1),
        one_file(robustness={"more": 1}),
        one_file(certify={"radius": "on"}),
        json.dumps(json.loads(AuditPolicy().text)),
    ],
)
def test_a_quotation_that_is_unknown_or_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(SigningError, match="quotes a policy"):
        quoted_audit_policy(text, "it")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name":"x","more":1}', one_file(robustness={"more": 1})])
def test_a_quoted_stress_policy_that_is_unknown_is_refused(text: str) -> None:
    with pytest.raises(SigningError, match="quotes a policy"):
        quoted_stress_policy(text, "it")


@pytest.mark.parametrize("version", ["v1", "v2", "v2-uncalibrated"])
def test_policies_of_released_reports_are_read(version: str) -> None:
    bundle = SigstoreBundle.from_bytes((FILES / version / REPORT).read_bytes(), "", payload_limit=MAX_PAYLOAD)
    header = Report.from_payload(bundle.envelope.payload, version).header
    policy = quoted_audit_policy(header.policy.text, version)
    assert (policy.name, policy.robustness.result) == ("built-in", "optional")
    assert (policy.rules.alpha, policy.rules.tolerance) == (header.rules.alpha, header.policy.tolerance)


def test_the_policy_of_a_released_stress_result_is_read() -> None:
    result = read_stress_result((FILES / "robustness-v1" / RESULT).read_bytes(), "it")
    policy = quoted_stress_policy(result.policy_text, "it")
    assert (policy.name, len(policy.attacks), len(policy.gates)) == ("golden", 2, 4)
    assert policy.digest != result.policy_digest  # which is over the sections of an audit as well
