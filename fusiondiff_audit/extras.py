"""Which optional libraries are there: asked before any of them is imported, so that a lack is told as what it is."""

import importlib.util

from fusiondiff_audit.errors import AuditError, AuditReason

_IMAGES = ("numpy", "PIL", "imagecodecs", "simplejpeg")
_KILN = (*_IMAGES, "scipy", "sklearn", "skimage", "threadpoolctl")
_AUDIT = (*_KILN, "torch", "torchvision", "diffusers", "timm", "pydantic", "jinja2", "matplotlib", "art", "kornia")
_NEEDED = {"images": _IMAGES, "kiln": _KILN, "audit": _AUDIT}


def missing_libraries(extra: str) -> tuple[str, ...]:
    """Return the libraries of an extra that are not installed."""
    return tuple(name for name in _NEEDED[extra] if importlib.util.find_spec(name) is None)


def require(extra: str, what: str, *, else_: str = "") -> None:
    """Refuse to go on without an extra, and name the command that installs it."""
    if missing := missing_libraries(extra):
        hint = f"pip install 'fusiondiff-audit[{extra}]'{else_}"
        raise AuditError(AuditReason.MISSING_EXTRA, f"{what} needs {', '.join(missing)}", hint=hint)
