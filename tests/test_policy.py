"""A policy says what it means, or is refused."""

from pathlib import Path

import pytest

from fusiondiff_audit.policy import Policy, read_policy
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
    ],
)
def test_what_is_unknown_or_means_nothing_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "audit.toml"
    path.write_text(text)
    with pytest.raises(SigningError) as caught:
        read_policy(path)
    assert caught.value.reason is Reason.MALFORMED
