"""The policy of an audit means what it says, or is refused."""

from dataclasses import fields
from datetime import date
from pathlib import Path

import pytest

from fusiondiff_audit.policy.audit import AuditPolicy, read_audit_policy
from fusiondiff_audit.policy.laboratory import Case, Laboratory
from fusiondiff_audit.policy.quoted import quoted_audit_policy
from reports.verdict.laboratory import CaseDetails, LaboratoryDetails, StatedCase, read_stated_case
from signing import Reason, SigningError
from tests.reports.verdict.made import digest


def test_the_built_in_policy_has_a_name_and_a_digest() -> None:
    policy = read_audit_policy(None)
    assert (policy.name, policy.digest) == ("built-in", AuditPolicy().digest)
    assert float(policy.rules.alpha) == 0.05
    assert policy.robustness.policies == ("quick", "full", "exhaustive")


def test_no_stress_policy_changes_the_digest_of_the_built_in_one() -> None:
    """It names stress policies and holds none of their settings, so another attack in one of them is no other audit."""
    assert AuditPolicy().digest == "7c17f72e05327e5c12c4fcabb5c97f2c585263866393edb5edb7becec7b4f1dc"


def test_a_file_s_settings_are_those_that_are_quoted(tmp_path: Path) -> None:
    path = tmp_path / "audit.toml"
    stress = f"sha256:{digest('stress')}"
    path.write_text(
        'name = "ours"\n[case]\ntext = ["Sale 12"]\n[decide]\nerror_rate = "0.1"\n[intake]\nscale = "required"\n'
        f'[robustness]\ndays = 30\npolicies = ["full", "{stress}"]\n'
    )
    policy = read_audit_policy(path)
    assert (policy.case.text, float(policy.rules.alpha), policy.rules.needs_scale) == (("Sale 12",), 0.1, True)
    assert (policy.robustness.days, policy.robustness.policies) == (30, ("full", stress))
    assert policy.digest != AuditPolicy().digest
    assert '"error_rate":"0.1"' in policy.text


@pytest.mark.parametrize(
    "text",
    [
        'name = "built-in"',
        "[case]",
        "name = 3",
        'name = "x"\nmore = 1',
        'name = "x"\n[decide]\nerror_rate = 0.05',
        'name = "x"\n[decide]\nerror_rate = "0.0"',
        'name = "x"\n[decide]\nerror_rate = "1e-3"',
        'name = "x"\n[intake]\nscale = "perhaps"',
        'name = "x"\n[certify]\nradius = "off"',
        'name = "x"\n[case]\ntext = ["a\\u202eb"]',
        'name = "x"\n[case]\ntext = "one"',
        'name = "x"\n[robustness]\npolicies = []',
        'name = "x"\n[robustness]\npolicies = ["nightly"]',
        'name = "x"\n[robustness]\npolicies = ["sha256:12"]',
        'name = "x"\nrobustness = 1',
        'name = ""',
        "name = ",
        "\x00",
        "a = " + "[" * 3000,
        ".".join("a" * 1500) + " = 1",
    ],
)
def test_unknown_keys_and_invalid_values_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "audit.toml"
    path.write_text(text)
    with pytest.raises(SigningError) as caught:
        read_audit_policy(path)
    assert caught.value.reason is Reason.MALFORMED


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ('[case]\nclient = "A"', "known here are text, customer, "),
        ("[decide]\nerror_rate = 0.05", 'write it in quotes: "0.05"'),
        ("erorr = 1", "known here are name, "),
    ],
)
def test_advice_names_what_is_known(tmp_path: Path, text: str, advice: str) -> None:
    path = tmp_path / "audit.toml"
    path.write_text(f'name = "ours"\n{text}\n')
    with pytest.raises(SigningError) as caught:
        read_audit_policy(path)
    assert caught.value.__notes__[0].startswith(advice)


DETAILS = """name = "ours"
[laboratory]
name = "Ceramics Laboratory"
address = "1 Kiln Street, Sheffield"
method = "CL-7, authenticity of glazed ware by micrographs"
method_version = "3"
[case]
customer = "City Museum"
item = "twelve sherds"
received = 2026-11-28
tested_from = 2026-11-29
tested_until = 2026-12-01
authorised_by = "J. Doe"
"""


def test_laboratory_and_case_are_quoted_as_they_are_stated_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "audit.toml"
    path.write_text(DETAILS)
    policy = read_audit_policy(path)
    assert quoted_audit_policy(policy.text, "it") == policy
    stated = read_stated_case(policy.text, "it")
    assert (stated.laboratory.name, stated.laboratory.place) == ("Ceramics Laboratory", None)
    assert (stated.case.customer, stated.case.authorised_by) == ("City Museum", "J. Doe")
    assert (stated.case.received, stated.case.tested_until) == (date(2026, 11, 28), date(2026, 12, 1))
    for section, details in ((Laboratory, LaboratoryDetails), (Case, CaseDetails)):
        assert {*section.model_fields} - {"text"} == {field.name for field in fields(details)}


def test_a_policy_without_laboratory_and_case_is_quoted_without_them(tmp_path: Path) -> None:
    """So the built-in policy keeps its digest, and earlier reports quote policies in today's form."""
    assert "laboratory" not in AuditPolicy().text
    path = tmp_path / "audit.toml"
    path.write_text('name = "x"\n[laboratory]\n')
    assert read_audit_policy(path) == AuditPolicy(name="x")
    assert read_stated_case(AuditPolicy().text, "it") == StatedCase(LaboratoryDetails(), CaseDetails())


@pytest.mark.parametrize(
    "section",
    [
        '[laboratory]\nname = ""',
        "[laboratory]\nname = 3",
        '[laboratory]\nphone = "1"',
        '[laboratory]\nname = "a\\u202eb"',
        '[case]\nitem = "two\\nlines"',
        '[case]\nreceived = "2026-11-28"',
        "[case]\nreceived = 2026-11-28T12:00:00Z",
        "[case]\ntested_from = 2026-12-02\ntested_until = 2026-12-01",
    ],
)
def test_details_that_nobody_could_print_are_refused(tmp_path: Path, section: str) -> None:
    path = tmp_path / "audit.toml"
    path.write_text(f'name = "x"\n{section}')
    with pytest.raises(SigningError) as caught:
        read_audit_policy(path)
    assert caught.value.reason is Reason.MALFORMED


@pytest.mark.parametrize(
    "case", ['{"received":"20261128"}', '{"received":"2026-13-01"}', '{"received":3}', '{"more":"x"}', '{"item":""}']
)
def test_quoted_details_in_another_form_are_refused(case: str) -> None:
    with pytest.raises(SigningError) as caught:
        read_stated_case(f'{{"case":{case},"name":"x"}}', "it")
    assert caught.value.reason is Reason.MALFORMED
