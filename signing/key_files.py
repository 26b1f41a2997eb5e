"""Private keys on disk: PKCS#8 PEM, encrypted unless said otherwise, readable by their owner alone."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from signing.errors import Reason, SigningError
from signing.files import create, read_capped, refuse_existing
from signing.keys import MAX_PEM, PrivateKey, PublicKey

PRIVATE_MODE = 0o600
PUBLIC_MODE = 0o644
MIN_PASSPHRASE = 12  # bytes; the library derives the encryption key with only 2,048 rounds, so length must suffice
MAX_PASSPHRASE = 1024  # bytes; OpenSSL's own limit
_PRIVATE = b"PRIVATE KEY-----"
_ENCRYPTED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"


def public_path(private: Path) -> Path:
    """Return the path of the public half of a key file: `KEY.pub.pem` for `KEY.pem`."""
    if not private.name:
        raise SigningError(Reason.BAD_REQUEST, f"{str(private)!a} does not name a file")
    return private.with_name(f"{private.name.removesuffix('.pem')}.pub.pem")


def write_key(key: PrivateKey, path: Path, *, passphrase: bytes | None, force: bool = False) -> Path:
    """Write both halves, the private half readable by its owner alone; return the path of the public half."""
    if passphrase is not None and len(_bounded(passphrase)) < MIN_PASSPHRASE:
        raise SigningError(Reason.BAD_PASSPHRASE, f"a passphrase has at least {MIN_PASSPHRASE} bytes")
    public = public_path(path)
    if path.name.endswith(".pub.pem"):
        hint = f"name it {path.name.removesuffix('.pub.pem')}.pem; the public half goes to {path.name}"
        raise SigningError(Reason.BAD_REQUEST, f"{path}: a private key under the name of a public key", hint=hint)
    if not force:
        refuse_existing(path, public)
    create(path, key.to_pem(passphrase), mode=PRIVATE_MODE, force=force)
    create(public, key.public.pem.encode("ascii"), mode=PUBLIC_MODE, force=force)
    return public


def load_key(path: Path, *, passphrase: Callable[[], bytes]) -> PrivateKey:
    """Read a private key; `passphrase` is called only if the file is encrypted.

    A file that its group or others can read, or that another user owns, is refused: the key may have been copied.
    """
    data = read_capped(path, limit=MAX_PEM, check=_refuse_exposed_key)
    secret = _bounded(passphrase()) if _ENCRYPTED in data else None
    try:
        key = load_pem_private_key(data, secret)
    except (ValueError, TypeError, UnsupportedAlgorithm) as e:
        if secret is not None:
            raise SigningError(Reason.BAD_PASSPHRASE, f"{path}: the passphrase does not open this key") from e
        raise SigningError(Reason.MALFORMED, f"{path}: not a private key in PKCS#8 PEM form") from e
    return PrivateKey.of(key, str(path))


def load_public_key(path: Path) -> PublicKey:
    """Read a public key, with the checks of `PublicKey.from_pem`."""
    return PublicKey.from_pem(read_capped(path, limit=MAX_PEM), str(path))


def read_passphrase(path: Path) -> bytes:
    """Read a passphrase from a file that only its owner can read; one newline at its end is removed."""
    data = read_capped(path, limit=MAX_PASSPHRASE + 2, check=_refuse_exposed)
    return _bounded(data.removesuffix(b"\n").removesuffix(b"\r"))


def _refuse_exposed_key(path: Path, status: os.stat_result, data: bytes) -> None:
    if _PRIVATE not in data:
        fault = "a public key, not a private one" if b"PUBLIC KEY-----" in data else "not a private key in PEM form"
        hint = "KEY.pem is the private half, KEY.pub.pem the public one; `fusiondiff-audit keygen` makes both"
        raise SigningError(Reason.MALFORMED, f"{path}: {fault}", hint=hint)
    _refuse_exposed(path, status, data)


def _refuse_exposed(path: Path, status: os.stat_result, data: bytes) -> None:
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        hint = f"chmod 600 {path}, and replace it if anybody may have copied it"
        exposed = f"{path}: others on this machine can read this secret (mode {mode:04o})"
        raise SigningError(Reason.KEY_EXPOSED, exposed, hint=hint)
    if status.st_uid not in (0, os.geteuid()):
        raise SigningError(Reason.KEY_EXPOSED, f"{path}: this secret belongs to another user")


def _bounded(passphrase: bytes) -> bytes:
    if not 0 < len(passphrase) <= MAX_PASSPHRASE:
        raise SigningError(Reason.BAD_PASSPHRASE, f"a passphrase has 1 to {MAX_PASSPHRASE} bytes")
    return passphrase
