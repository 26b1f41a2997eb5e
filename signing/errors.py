"""The refusals of this package, each with a machine-readable reason."""

from enum import StrEnum


class Reason(StrEnum):
    """Why something was refused; the codes are stable and stand in every `--json` answer."""

    NO_SIGNATURE = "no-signature"
    BAD_SIGNATURE = "bad-signature"
    BAD_PROOF = "bad-proof"
    BAD_TIMESTAMP = "bad-timestamp"
    CONTRADICTION = "contradiction"
    UNKNOWN_KEY = "unknown-key"
    WRONG_ROLE = "wrong-role"
    WRONG_ROOT = "wrong-root"
    ROLLBACK = "rollback"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    REVOKED = "revoked"
    DIGEST_MISMATCH = "digest-mismatch"
    MISSING_FILE = "missing-file"
    EXTRA_FILE = "extra-file"
    UNSAFE_NAME = "unsafe-name"
    NOT_A_FILE = "not-a-file"
    WEAK_KEY = "weak-key"
    MALFORMED = "malformed"
    TOO_LARGE = "too-large"
    UNSUPPORTED = "unsupported"
    UNREADABLE = "unreadable"
    EMPTY = "empty"
    BAD_REQUEST = "bad-request"
    KEY_EXPOSED = "key-exposed"
    BAD_PASSPHRASE = "bad-passphrase"
    EXISTS = "exists"
    CANNOT_WRITE = "cannot-write"


class SigningError(Exception):
    """A refusal by this package. Its notes are remedies, which the command line prints as hints."""

    def __init__(self, reason: Reason, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        if hint is not None:
            self.add_note(hint)
