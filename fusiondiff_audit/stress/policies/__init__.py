"""The policies of stress tests that come with the tool, by their names."""

from pathlib import Path

from fusiondiff_audit.policy.policy import Policy, read_policy
from signing.strict import malformed

BUILT_IN = ("quick", "full", "exhaustive")


def policy_file(said: str) -> Path:
    """Return where a policy is kept, by the name of one of ours or by its path."""
    return Path(__file__).with_name(f"{said}.toml") if said in BUILT_IN else Path(said)


def stress_policy(said: str) -> Policy:
    """Return one of the policies that come with the tool, by its name, or that of a file."""
    policy = read_policy(policy_file(said))
    if said not in BUILT_IN and policy.name in BUILT_IN:
        raise malformed(said, f"a policy of its own has a name of its own; {policy.name!r} is taken")
    return policy
