"""What bundles are called: each by a name of its own, and none by that of one that comes with the tool.

>>> from fusiondiff_audit.weights.pins import PINNED
>>> called("birch", "any digest"), called("fusion-diff-v1-ceramic", "another digest")
('birch', 'another fusion-diff-v1-ceramic')
>>> called("fusion-diff-v1-ceramic", PINNED["fusion-diff-v1-ceramic"].digest)
'fusion-diff-v1-ceramic'
"""

import unicodedata

from fusiondiff_audit.weights.pins import PINNED
from signing import Reason, SigningError
from signing.strict import is_plain

MAX_NAME = 80  # characters
_JOINT = "enrolled on"  # stands between a name and that of the base
_HINT = "say --name NAME, which stands in the bundle and in every report made with it"


def called(name: str, digest: str) -> str:
    """Return what a bundle of this digest is called; one that took the name of the tool's own is another."""
    pin = PINNED.get(name)
    return name if pin is None or pin.digest == digest else f"another {name}"


def refuse_bad_name(name: str) -> None:
    """Refuse a name that people could not read, or would take for that of a bundle that comes with the tool."""
    text = name[:MAX_NAME]
    if not 0 < len(name) <= MAX_NAME or name != name.strip() or not is_plain(name) or not _letters(name):
        what = f"{text!a} is no name of a bundle: visible characters, letters among them, at most {MAX_NAME}"
        raise SigningError(Reason.BAD_REQUEST, what, hint=_HINT)
    if _JOINT in unicodedata.normalize("NFKC", name).casefold():
        raise SigningError(Reason.BAD_REQUEST, f"{text!a} holds {_JOINT!r}, which says what the base is", hint=_HINT)
    for reserved in PINNED:
        if _letters(reserved) in _letters(name):
            what = f"{text!a} would be taken for {reserved}, the name of a bundle that comes with the tool"
            raise SigningError(Reason.BAD_REQUEST, what, hint=_HINT)


def _letters(name: str) -> str:
    """Return what of a name is heard when it is read out: letters and digits, whatever their case and form."""
    return "".join(c for c in unicodedata.normalize("NFKC", name).casefold() if c.isalnum())
