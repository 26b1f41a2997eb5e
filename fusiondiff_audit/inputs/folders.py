"""Output folders that are whole or not there."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import signing


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Yield a folder beside `out` that is renamed to it at the end; after an error it is removed."""
    signing.refuse_existing(out)
    make_folder(out.parent)
    try:
        making = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as e:
        raise signing.SigningError(signing.Reason.CANNOT_WRITE, f"{out}: cannot be made: {e.strerror}") from e
    try:
        making.chmod(0o755)
        yield making
        signing.refuse_existing(out)
        making.rename(out)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise


def make_folder(path: Path, *, new: bool = False) -> None:
    """Make a folder unless it exists; a `new` one must not exist, not even since a moment ago."""
    if new:
        signing.refuse_existing(path)
    try:
        path.mkdir(parents=True, exist_ok=not new)
    except OSError as e:
        raise signing.SigningError(signing.Reason.CANNOT_WRITE, f"{path}: cannot be made: {e.strerror}") from e


@contextmanager
def folder_if_filled(path: Path) -> Iterator[None]:
    """Make a folder unless it exists; remove it if an error leaves it empty."""
    make_folder(path)
    try:
        yield
    except BaseException:
        with suppress(OSError):  # it is not empty: the run in it can be resumed
            path.rmdir()
        raise
