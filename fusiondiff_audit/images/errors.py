"""Refusals of image files, each with a machine-readable reason."""

from enum import StrEnum

_PLAIN = "save the image again without this, before signing"


class ImageReason(StrEnum):
    """Why a file is refused; codes shared with other packages mean the same there."""

    MALFORMED = "malformed"
    AMBIGUOUS = "ambiguous"
    TOO_LARGE = "too-large"
    UNSUPPORTED = "unsupported"
    TIMED_OUT = "timed-out"


class ImageError(Exception):
    """The refusal of a file, with a sentence that an auditor can quote."""

    def __init__(self, reason: ImageReason, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.reason, self.hint = reason, hint
        if hint is not None:
            self.add_note(hint)

    def of(self, name: str) -> "ImageError":
        return ImageError(self.reason, f"{name!a}: {self}", hint=self.hint)


def malformed(what: str) -> ImageError:
    """Return the refusal for bytes that are not what their container claims."""
    return ImageError(ImageReason.MALFORMED, what)


def ambiguous(what: str) -> ImageError:
    """Return the refusal for a file in which another reader would see another image."""
    return ImageError(ImageReason.AMBIGUOUS, what, hint=_PLAIN)


def unsupported(what: str, *, hint: str | None = None) -> ImageError:
    """Return the refusal for a valid file of a kind that is not read."""
    return ImageError(ImageReason.UNSUPPORTED, what, hint=hint)


def too_large(what: str) -> ImageError:
    """Return the refusal for a file that exceeds a limit."""
    return ImageError(ImageReason.TOO_LARGE, what)
