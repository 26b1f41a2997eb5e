"""A model that is to be measured or trained: whoever vouches for it, or nobody, which is said."""

from pathlib import Path
from typing import TYPE_CHECKING

import signing
from fusiondiff_audit.cli.answer import say
from fusiondiff_audit.cli.options import trust_line

if TYPE_CHECKING:
    from fusiondiff_audit.model.bundle import LoadedBundle
    from fusiondiff_audit.model.classifier import DiffusionModel


def open_bundle(bundle: str, trust_path: Path | None) -> "DiffusionModel":
    """Load a model as `open_unpacked` does."""
    from fusiondiff_audit.model.classifier import DiffusionModel

    return DiffusionModel.from_bundle(open_unpacked(bundle, trust_path))


def open_unpacked(bundle: str, trust_path: Path | None) -> "LoadedBundle":
    """Load a bundle; one that nobody vouches for may be used for research, and it is said."""
    from fusiondiff_audit.model.bundle import load_bundle
    from fusiondiff_audit.weights.pins import PINNED

    if trust_path is not None:
        trust = signing.load_trust(trust_path, at=signing.now())
        say(trust_line(trust, trust_path))
        return load_bundle(bundle, trust=trust, unverified=False)
    found = load_bundle(bundle, trust=None, unverified=bundle not in PINNED)
    if not found.verified:
        say(f"{bundle}: nobody vouches for this model; say --trust to have its signature checked")
    return found
