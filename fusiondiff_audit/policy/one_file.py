"""Policies of the one-file form, in which `[robustness]` held the settings of the stress test as well.

Files of that form are refused with the tables to move. Signed files that quote one are read by `policy.quoted`.
"""

from collections.abc import Mapping
from typing import Any

from signing import Reason, SigningError

# The built-in stress policies in the one-file form, whose digests are over the sections of an audit as well, and so are
# not those of the same settings in stress.toml. A result that was signed under one of them satisfies a requirement of
# the policy's name for ever.
ONE_FILE_DIGESTS: Mapping[str, str] = {
    "d38f35a914325771bc2821494acc4da589810823dd9a10b9723fa42c89347d28": "quick",
    "7ced7199d10c2ced1c4bdef4a52e5cf0b723bdcc901e3c925562be8ea0fc2e1d": "full",
    "9c4aa52ed094ed2ff8ab0d3d05770c70651c8209b3af31daa000008270504b05": "exhaustive",
}
AUDIT_SECTIONS = frozenset({"laboratory", "case", "intake", "certify", "decide", "robustness"})
STRESS_KEYS = frozenset(
    {"images", "side", "seed", "minutes", "floor", "attacks", "enrolled", "poisons", "detectors", "checks", "gates"}
)
_TO_STRESS = (
    "move them to a file stress.toml, below a name and without the heading [robustness]; gates are [[gates]] there",
    "`fusiondiff-audit stress --policy stress.toml` tests by that file, and says its digest",
    'say in audit.toml which stress policy a result must be of, [robustness] policies = ["sha256:..."], for '
    "`fusiondiff-audit audit --policy audit.toml`",
)
_TO_AUDIT = (
    "in stress.toml the settings of [robustness] stand without this heading, below the name, and gates are [[gates]]; "
    "`fusiondiff-audit stress --policy stress.toml` tests by it",
    "move [case], [intake], [certify], [decide] and, of [robustness], result and days to audit.toml, for "
    "`fusiondiff-audit audit --policy audit.toml`",
)


def refuse_stress_settings(table: Mapping[str, Any], where: str) -> None:
    """Refuse settings of a stress test in the file of an audit."""
    robustness = table.get("robustness")
    nested = STRESS_KEYS & set(robustness) if isinstance(robustness, dict) else ()
    keys = [*sorted(STRESS_KEYS & set(table)), *(f"robustness.{key}" for key in sorted(nested))]
    if keys:
        raise _misplaced(where, f"{', '.join(keys)}: of a stress test, and this is the policy of an audit", _TO_STRESS)


def refuse_audit_settings(table: Mapping[str, Any], where: str) -> None:
    """Refuse sections of an audit in the file of a stress test."""
    sections = [f"[{section}]" for section in sorted(AUDIT_SECTIONS & set(table))]
    if sections:
        raise _misplaced(where, f"{', '.join(sections)}: of an audit, and this is a stress test's policy", _TO_AUDIT)


def _misplaced(where: str, what: str, hints: tuple[str, ...]) -> SigningError:
    error = SigningError(Reason.BAD_REQUEST, f"{where}: {what}")
    for hint in hints:
        error.add_note(hint)
    return error
