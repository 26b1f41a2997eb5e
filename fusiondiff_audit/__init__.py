"""Decides whether ceramic micrographs are authentic, and proves what it says.

Goals: one documented import, which loads torch, numpy and cryptography only when they are used.
Not-goals: an interface of the packages that are shipped with this one (`signing`, `reports`, `attacks`): of these only
`signing.load_trust` and `signing.now` are documented.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fusiondiff_audit.images.micrograph import load_microstructure_data
    from fusiondiff_audit.model.classifier import DiffusionModel

__version__ = "0.1.0"
__all__ = ["DiffusionModel", "__version__", "load_microstructure_data"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name == "load_microstructure_data":
        from fusiondiff_audit.images import micrograph

        return micrograph.load_microstructure_data
    if name == "DiffusionModel":
        from fusiondiff_audit.extras import require

        require("audit", "judging micrographs")
        from fusiondiff_audit.model import classifier

        return classifier.DiffusionModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
