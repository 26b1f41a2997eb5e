"""Opening a model that is to be measured or trained; an unverified one is allowed, with a warning."""

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
    """Load a bundle; without a trust store an unverified one is allowed, with a warning."""
    from fusiondiff_audit.model.bundle import load_bundle
    from fusiondiff_audit.weights.pins import PINNED

    if trust_path is not None:
        trust = signing.load_trust(trust_path, at=signing.now())
        say(trust_line(trust, trust_path))
        return load_bundle(bundle, trust=trust, unverified=False)
    loaded = load_bundle(bundle, trust=None, unverified=bundle not in PINNED)
    if not loaded.verified:
        say(f"{bundle}: this model is unverified; --trust checks its signature")
    return loaded
