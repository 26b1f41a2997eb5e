"""A policy says what it means, or is refused."""

import re
from pathlib import Path

import pytest

from attacks.catalogue import CATALOGUE
from attacks.checks import CHECKS
from fusiondiff_audit.policy.policy import AskedAttack, AskedGate, AskedPoison, Policy, read_policy
from fusiondiff_audit.stress.plans import suite_of
from reports.verdict.verdicts import VerdictReason
from signing import Reason, SigningError


def test_the_built_in_one_has_a_name_and_a_digest() -> None:
    policy = read_policy(None)
    assert (policy.name, policy.digest) == ("built-in", Policy().digest)
    assert float(policy.rules.alpha) == 0.05


def test_a_file_s_settings_are_those_that_are_quoted(tmp_path: Path) -> None:
    path = tmp_path / "audit.toml"
    path.write_text(
        'name = "ours"\n[case]\ntext = ["Sale 12"]\n[decide]\nerror_rate = "0.1"\n[intake]\nscale = "required"\n'
    )
    policy = read_policy(path)
    assert (policy.case.text, float(policy.rules.alpha), policy.rules.needs_scale) == (("Sale 12",), 0.1, True)
    assert policy.digest != Policy().digest
    assert '"error_rate":"0.1"' in policy.text


@pytest.mark.parametrize(
    "text",
    [
        'name = "built-in"',
        "name = 3",
        'name = "x"\nmore = 1',
        'name = "x"\n[decide]\nerror_rate = 0.05',
        'name = "x"\n[decide]\nerror_rate = "0.0"',
        'name = "x"\n[decide]\nerror_rate = "1e-3"',
        'name = "x"\n[intake]\nscale = "perhaps"',
        'name = "x"\n[case]\ntext = ["a\\u202eb"]',
        'name = "x"\n[case]\ntext = "one"',
        'name = ""',
        "name = ",
        "\x00",
        "a = " + "[" * 3000,
        ".".join("a" * 1500) + " = 1",
    ],
)
def test_what_is_unknown_or_means_nothing_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "audit.toml"
    path.write_text(text)
    with pytest.raises(SigningError) as caught:
        read_policy(path)
    assert caught.value.reason is Reason.MALFORMED


PAGE = (Path(__file__).parents[2] / "docs" / "policy.md").read_text()


def test_the_page_on_policies_names_every_key_reason_check_and_attack() -> None:
    for section, field in Policy.model_fields.items():
        for name in getattr(field.annotation, "model_fields", {}):
            assert f"`{section}.{name}`" in PAGE or (section == "robustness" and f"`{name}`" in PAGE), (section, name)
    for asked in (AskedAttack, AskedPoison, AskedGate):
        assert all(f"`{name}`" in PAGE for name in asked.model_fields)
    assert all(f"`{name}`" in PAGE for name in (*map(str, VerdictReason), *CATALOGUE))
    flat = " ".join(PAGE.split())
    assert all(f"{check.id} {check.title}" in flat for check in CHECKS)


def test_the_policies_of_the_page_are_policies(tmp_path: Path) -> None:
    for number, text in enumerate(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)):
        path = tmp_path / f"{number}.toml"
        path.write_text(text)
        policy = read_policy(path)
        if policy.robustness.attacks:
            gates = [gate.name for gate in suite_of(policy, str(path)).gates]
            assert gates == ["held/hop-skip-jump-l2-2.0/all", "regressions/worst/all"]
