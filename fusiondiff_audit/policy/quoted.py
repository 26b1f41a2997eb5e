"""Policies as signed files quote them: the resolved text, of today's two forms or of the one-file form."""

import json
from typing import Any

from pydantic import ValidationError

from fusiondiff_audit.policy.audit import AuditPolicy
from fusiondiff_audit.policy.one_file import STRESS_KEYS
from fusiondiff_audit.policy.parsing import Policy
from fusiondiff_audit.policy.stress import StressPolicy
from reports.stress.result import StressResult
from signing import SigningError
from signing.strict import malformed

_SECTIONS = ("robustness", "certify", "intake")


def quoted_audit_policy(text: str, where: str) -> AuditPolicy:
    """Return the audit policy that a report quotes; one that is older than a setting has the setting's default.

    One of the one-file form that asks for attacks requires a result of the stress policy with its settings.
    """
    settings = _parsed(text, where)
    robustness = settings.get("robustness", {})
    if "policies" in robustness and "instrument" in settings.get("intake", {}):
        policy = _policy(AuditPolicy, settings, where)
        if policy.text != text:
            raise malformed(where, "quotes a policy in another form")
        return policy
    certify = {key: value for key, value in settings.get("certify", {}).items() if (key, value) != ("radius", "off")}
    requirement = {key: value for key, value in robustness.items() if key not in STRESS_KEYS}
    if robustness.get("attacks"):
        requirement["policies"] = [f"sha256:{quoted_stress_policy(text, where).digest}"]
    return _policy(AuditPolicy, settings | {"certify": certify, "robustness": requirement}, where)


def quoted_stress_policy(text: str, where: str) -> StressPolicy:
    """Return the stress policy that a stress result quotes, or a report of the one-file form."""
    settings = _parsed(text, where)
    if "robustness" in settings:
        stress = {key: value for key, value in settings["robustness"].items() if key not in ("result", "days")}
        settings = stress | {"name": settings["name"]}  # whatever name the section gives itself
    return _policy(StressPolicy, settings, where)


def stress_policy_digest(result: StressResult, where: str) -> str:
    """Return the digest that a result's stress policy has today; an unknown policy keeps the one that was signed."""
    try:
        return quoted_stress_policy(result.policy_text, where).digest
    except SigningError:
        return result.policy_digest


def _parsed(text: str, where: str) -> dict[str, Any]:
    try:
        settings: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise malformed(where, "quotes a policy that is no JSON") from e
    known = isinstance(settings, dict) and isinstance(settings.get("name"), str)
    if not known or not all(isinstance(settings.get(section, {}), dict) for section in _SECTIONS):
        raise malformed(where, "quotes a policy that this version does not know")
    return settings


def _policy(model: type[Policy], settings: dict[str, Any], where: str) -> Policy:
    try:
        return model.model_validate_json(json.dumps(settings))
    except ValidationError as e:
        raise malformed(where, "quotes a policy that this version does not know") from e
