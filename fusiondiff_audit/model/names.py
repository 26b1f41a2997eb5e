"""Names and references of new bundles: readable, and names unlike those of the bundles that come with the tool."""

from reports.verdict.model_names import JOINT, comparable, reserved_name, states_base
from signing import Reason, SigningError
from signing.strict import is_plain

MAX_BUNDLE_NAME = 80  # characters
_HINT = "choose another with --name NAME; it appears in the bundle and in every report made with it"


def refuse_bad_name(name: str) -> None:
    """Refuse a name that is unreadable, or like that of a bundle that comes with the tool."""
    text = name[:MAX_BUNDLE_NAME]
    if not 0 < len(name) <= MAX_BUNDLE_NAME or name != name.strip() or not is_plain(name) or not comparable(name):
        fault = f"{text!a} is no name of a bundle: visible characters, letters among them, at most {MAX_BUNDLE_NAME}"
        raise SigningError(Reason.BAD_REQUEST, fault, hint=_HINT)
    if states_base(name):
        raise SigningError(Reason.BAD_REQUEST, f"{text!a} holds {JOINT!r}, which says what the base is", hint=_HINT)
    if (own := reserved_name(name)) is not None:
        fault = f"{text!a} would be taken for {own}, the name of a bundle that comes with the tool"
        raise SigningError(Reason.BAD_REQUEST, fault, hint=_HINT)


def refuse_bad_reference(reference: str) -> None:
    """Refuse a reference that no reader of the bundle would accept."""
    if not reference or reference != reference.strip() or not is_plain(reference):
        fault = f"the reference {reference[:100]!a} is empty, or has what people cannot see"
        raise SigningError(Reason.BAD_REQUEST, fault)
