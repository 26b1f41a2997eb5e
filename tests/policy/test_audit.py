"""The policy of an audit means what it says, or is refused."""

from pathlib import Path

import pytest

from fusiondiff_audit.policy.audit import AuditPolicy, read_audit_policy
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
