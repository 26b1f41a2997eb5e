"""Variables that say which code runs, or how: no verb that signs, verifies or audits takes them.

Goals: an environment that was set up for another program, or by somebody else, does not decide what a verb says.
Not-goals: defence against code that runs before ours; it can take its traces away. SECURITY.md says what to do there.
"""

import os
from collections.abc import Mapping

from fusiondiff_audit.errors import AuditError, AuditReason

# All that begins with PYTHON is refused, since every version of Python adds some (PYTHONPATH, PYTHONHOME,
# PYTHONPYCACHEPREFIX and PYTHONPLATLIBDIR say which code runs, PYTHONWARNINGS imports a class, PYTHONOPTIMIZE drops
# assertions, PYTHONINSPECT and PYTHONBREAKPOINT open a prompt, PYTHON_PRESITE imports a module), but for these:
_HARMLESS = frozenset(
    {
        "PYTHON",  # which interpreter `make` takes; Python does not read it
        "PYTHONUNBUFFERED",  # when lines are written, not which
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONNOUSERSITE",  # this one and the next leave places out where code is looked for
        "PYTHONSAFEPATH",
        "PYTHONHASHSEED",  # the order of sets, on which nothing that we write depends; what we read has bounds
        "PYTHONFAULTHANDLER",  # names of functions and line numbers, if the interpreter crashes
        "PYTHONUTF8",  # this one and the next two: how text is encoded on the way out, as LANG says as well
        "PYTHONIOENCODING",
        "PYTHONCOERCECLOCALE",
        "PYTHONSTARTUP",  # this one and the next: of the prompt, which no verb opens
        "PYTHON_BASIC_REPL",
        "PYTHON_KEYRING_BACKEND",  # of a library that is not used here
        "PYTHON_COLORS",  # of the prompt and of its tracebacks; we write our own
        "PYTHON_HISTORY",  # of the prompt
        "PYTHON_VERSION",  # this one and the next: what the official container images were made with; nobody reads it
        "PYTHON_SHA256",
        "PYTHON_PIP_VERSION",
        "PYTHON_SETUPTOOLS_VERSION",
        "PYTHON_GET_PIP_URL",
        "PYTHON_GET_PIP_SHA256",
    }
)
# Libraries that the loader, or OpenSSL, puts into a process because a variable names them. LD_LIBRARY_PATH could do the
# same, and machines with GPUs do not work without it: it stays, and SECURITY.md names it.
_LOADING = frozenset(
    {"LD_PRELOAD", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "OPENSSL_CONF", "OPENSSL_ENGINES", "OPENSSL_MODULES"}
)


def foreign_variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names that are refused, sorted; an empty variable says nothing to Python or the loader."""
    return tuple(sorted(name for name, value in environment.items() if value and _is_foreign(name)))


def refuse_foreign_variables() -> None:
    """Refuse to work in an environment that says which code runs."""
    if found := foreign_variables(os.environ):
        raise AuditError(
            AuditReason.FOREIGN_ENVIRONMENT,
            f"{', '.join(found)}: set, and would have a say in what code runs or how",
            hint=f"env {' '.join(f'-u {name}' for name in found)} fusiondiff-audit ...",
        )


def _is_foreign(name: str) -> bool:
    return name in _LOADING or (name.startswith("PYTHON") and name not in _HARMLESS)
