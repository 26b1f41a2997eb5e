"""What reports call a model: never by the name of a bundle that comes with the tool, unless it is that bundle.

Names are compared by their letters and digits alone, whatever their case, form and separators.

>>> called("birch", "any digest"), called("Fusion_Diff-V1 ceramic", "any digest")
('birch', 'another fusion-diff-v1-ceramic')
>>> called("fusion-diff-v1-ceramic", next(iter(PINNED)))
'fusion-diff-v1-ceramic'
>>> base_called("fusion-diff-v1-ceramic"), base_called("my fusion-diff-v1-ceramic")
('fusion-diff-v1-ceramic', 'another fusion-diff-v1-ceramic')
>>> names_base("birch, Enrolled-On oak")
True
"""

import unicodedata

from reports.verdict.header import ModelHead
from reports.verdict.pinned import PINNED

JOINT = "enrolled on"  # stands between a model's name and that of its base


def letters(name: str) -> str:
    """Return the letters and digits of a name, whatever their case and form."""
    return "".join(c for c in unicodedata.normalize("NFKC", name).casefold() if c.isalnum())


def reserved(name: str) -> str | None:
    """Return the name of the tool's own bundle for which people would take this name; None if there is none."""
    own_names = sorted({pin.name for pin in PINNED.values()}, key=len, reverse=True)
    return next((own for own in own_names if letters(own) in letters(name)), None)


def names_base(name: str) -> bool:
    """Say whether a name holds what stands between a name and that of the base in a model's title."""
    return letters(JOINT) in letters(name)


def called(name: str, digest: str) -> str:
    """Return what a bundle of this digest is called; one that took the name of the tool's own is another."""
    own, pin = reserved(name), PINNED.get(digest)
    return name if own is None or (pin is not None and pin.name == name) else _another(own)


def base_called(base: str | None) -> str | None:
    """Return what a base is called, whose digest nobody states: a name that only looks like a reserved one is another.

    The reserved name itself stays, as the word of whoever made the bundle.
    """
    own = None if base is None else reserved(base)
    return base if own is None or base == own else _another(own)


def name_fault(model: ModelHead) -> str | None:
    """Return what is false about the names of a model in a report; None if nothing is."""
    for name in filter(None, (model.name, model.base)):
        if names_base(name):
            return f"{name[:100]!a} holds {JOINT!r}, which says what the base is"
    if model.name != called(model.name, model.digest):
        return f"it calls a model {model.name[:100]!a} that is not {reserved(model.name)}"
    if model.base != base_called(model.base):
        return f"its base {model.base!a} would be taken for {reserved(model.base or '')}"
    return None


def _another(own: str) -> str:
    return f"another {own}"
