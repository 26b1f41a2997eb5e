"""The names of models in reports: no other bundle has the name of an embedded one.

Names are compared by their letters and digits alone, whatever their case, form and separators.

>>> display_name("birch", "any digest"), display_name("Fusion_Diff-V1 ceramic", "any digest")
('birch', 'another fusion-diff-v1-ceramic')
>>> display_name("fusion-diff-v1-ceramic", next(iter(EMBEDDED_BUNDLES)))
'fusion-diff-v1-ceramic'
>>> display_base("fusion-diff-v1-ceramic"), display_base("my fusion-diff-v1-ceramic")
('fusion-diff-v1-ceramic', 'another fusion-diff-v1-ceramic')
>>> states_base("birch, Enrolled-On oak")
True
"""

import unicodedata
from typing import TYPE_CHECKING

from reports.verdict.embedded import EMBEDDED_BUNDLES

if TYPE_CHECKING:
    from reports.verdict.header import ModelHeader

JOINT = "enrolled on"  # between a model's name and its base's in a title


def comparable(name: str) -> str:
    """Return the letters and digits of a name, whatever their case and form."""
    return "".join(c for c in unicodedata.normalize("NFKC", name).casefold() if c.isalnum())


def reserved_name(name: str) -> str | None:
    """Return the name of the embedded bundle for which people would take this name; None if there is none."""
    own_names = sorted({pin.name for pin in EMBEDDED_BUNDLES.values()}, key=len, reverse=True)
    return next((own for own in own_names if comparable(own) in comparable(name)), None)


def states_base(name: str) -> bool:
    """Say whether a name holds the words that a title puts between a model's name and its base's."""
    return comparable(JOINT) in comparable(name)


def display_name(name: str, digest: str) -> str:
    """Return the name that a report gives a bundle; one that took the name of an embedded bundle is `another`."""
    own, pin = reserved_name(name), EMBEDDED_BUNDLES.get(digest)
    return name if own is None or (pin is not None and pin.name == name) else f"another {own}"


def display_base(base: str | None) -> str | None:
    """Return the name that a report gives a base, whose digest nobody states; a name like a reserved one is `another`.

    The reserved name itself stays, as a claim of whoever made the bundle.
    """
    own = None if base is None else reserved_name(base)
    return base if own is None or base == own else f"another {own}"


def name_fault(model: "ModelHeader") -> str | None:
    """Return what is false about the names of a model in a report, or None."""
    for name in filter(None, (model.name, model.base)):
        if states_base(name):
            return f"{name[:100]!a} holds {JOINT!r}, which names a base"
    if model.name != display_name(model.name, model.digest):
        return f"it calls a model {model.name[:100]!a} that is not {reserved_name(model.name)}"
    if model.base != display_base(model.base):
        return f"its base {model.base!a} would be taken for {reserved_name(model.base or '')}"
    return None
