"""Decides whether ceramic micrographs are authentic, and proves what it says.

Goals: one documented import, which loads torch, numpy and cryptography only when they are used.
Not-goals: an interface of the packages that are shipped with this one (`signing`, `reports`, `attacks`), of which only
what is named here is documented.

    >>> import fusiondiff_audit as fda
    >>> sorted(fda.__all__)[:5]
    ['AuditError', 'DiffusionModel', 'ImageError', 'SignedReport', 'SigningError']
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fusiondiff_audit.errors import AuditError
    from fusiondiff_audit.images.errors import ImageError
    from fusiondiff_audit.images.loading import load_microstructure_data
    from fusiondiff_audit.interface.audits import audit
    from fusiondiff_audit.interface.signed_report import SignedReport, read_report, verify
    from fusiondiff_audit.model.classifier import DiffusionModel
    from signing import SigningError, load_trust

__version__ = "0.1.0"
__all__ = [
    "AuditError",
    "DiffusionModel",
    "ImageError",
    "SignedReport",
    "SigningError",
    "__version__",
    "audit",
    "load_microstructure_data",
    "load_trust",
    "read_report",
    "verify",
]
_EXTRA = ("audit", "judging micrographs")
_PLACES = {
    "AuditError": "fusiondiff_audit.errors",
    "DiffusionModel": "fusiondiff_audit.model.classifier",
    "ImageError": "fusiondiff_audit.images.errors",
    "SignedReport": "fusiondiff_audit.interface.signed_report",
    "SigningError": "signing",
    "audit": "fusiondiff_audit.interface.audits",
    "load_microstructure_data": "fusiondiff_audit.images.loading",
    "load_trust": "signing",
    "read_report": "fusiondiff_audit.interface.signed_report",
    "verify": "fusiondiff_audit.interface.signed_report",
}
_JUDGING = {"DiffusionModel", "audit"}  # need the libraries of the extra


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _JUDGING:
        from fusiondiff_audit.extras import require

        require(*_EXTRA)
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
