"""Environment variables that decide which code runs, or how: verbs that sign, verify or audit refuse them.

Goals: an environment that was set up for another program, or by somebody else, has no influence on a result.
Not-goals: defence against code that runs before this check, which can remove its traces (see SECURITY.md).
"""

import os
from collections.abc import Mapping

from fusiondiff_audit.errors import AuditError, AuditReason

# Every variable that begins with PYTHON is refused, because each version of Python adds some (PYTHONPATH, PYTHONHOME,
# PYTHONPYCACHEPREFIX and PYTHONPLATLIBDIR decide which code runs, PYTHONWARNINGS imports a class, PYTHONOPTIMIZE drops
# assertions, PYTHONINSPECT and PYTHONBREAKPOINT open a prompt, PYTHON_PRESITE imports a module), except these:
_HARMLESS = frozenset(
    {
        "PYTHON",  # which interpreter `make` takes; Python does not read it
        "PYTHONUNBUFFERED",  # when lines are written, not which
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONNOUSERSITE",  # this one and the next remove places where code is searched
        "PYTHONSAFEPATH",
        "PYTHONHASHSEED",  # the order of sets, on which no output depends
        "PYTHONFAULTHANDLER",  # names of functions and line numbers, if the interpreter crashes
        "PYTHONUTF8",  # this one and the next two: how text is encoded on the way out, as LANG says as well
        "PYTHONIOENCODING",
        "PYTHONCOERCECLOCALE",
        "PYTHONSTARTUP",  # this one and the next: of the prompt, which no verb opens
        "PYTHON_BASIC_REPL",
        "PYTHON_KEYRING_BACKEND",  # of a library that is not used here
        "PYTHON_COLORS",  # of the prompt and of its tracebacks
        "PYTHON_HISTORY",  # of the prompt
        "PYTHON_VERSION",  # this one and those below: how the official container images were made; nothing reads them
        "PYTHON_SHA256",
        "PYTHON_PIP_VERSION",
        "PYTHON_SETUPTOOLS_VERSION",
        "PYTHON_GET_PIP_URL",
        "PYTHON_GET_PIP_SHA256",
    }
)
# Variables by which the loader, or OpenSSL, loads a library. LD_LIBRARY_PATH could do the same, but GPUs need it: it is
# accepted, and SECURITY.md says so.
_LOADING = frozenset(
    {"LD_PRELOAD", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "OPENSSL_CONF", "OPENSSL_ENGINES", "OPENSSL_MODULES"}
)


def foreign_variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names that are refused, sorted; empty variables have no effect and are accepted."""
    return tuple(sorted(name for name, value in environment.items() if value and _is_foreign(name)))


def refuse_foreign_variables() -> None:
    """Refuse an environment that decides which code runs."""
    if names := foreign_variables(os.environ):
        raise AuditError(
            AuditReason.FOREIGN_ENVIRONMENT,
            f"{', '.join(names)}: set, and could change which code runs, or how",
            hint=f"env {' '.join(f'-u {name}' for name in names)} fusiondiff-audit ...",
        )


def _is_foreign(name: str) -> bool:
    return name in _LOADING or (name.startswith("PYTHON") and name not in _HARMLESS)
