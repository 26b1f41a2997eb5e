"""How many enrolled specimens somebody may have altered without a picture getting another label.

The bundle's forests learnt from partitions of the specimens, dealt by their names (`model.enrolment`), so each altered
specimen turns one vote at most; the number follows from the votes alone (`reports.arithmetic`). It speaks of the label:
AUTHENTIC does not become COUNTERFEIT, or the other way round. An answer may still become INCONCLUSIVE or UNFAMILIAR, as
sets and familiarity look at all specimens together.

Everything else that was fitted to labels must be out of the attacker's reach: an encoder that saw one of the enrolled
pictures with its label carries it into every partition, so such a bundle gets no number.
"""

from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.model.settings import Settings
from signing import Reason, SigningError


def refuse_uncertifiable(settings: Settings) -> None:
    """Refuse a bundle whose forests tell nothing of how much poison they tolerate."""
    if settings.learning is None or settings.learning.partitions == 1:
        what = f"{settings.name}: has one forest, so one altered specimen may turn every label"
        raise SigningError(
            Reason.BAD_REQUEST, what, hint="`fusiondiff-audit enrol --partitions 5` makes five that vote"
        )
    seen = frozenset(settings.seen)
    for example in settings.examples:
        if example.pixel_digest in seen and not example.calibrates:
            what = f"{settings.name}: its encoder was trained with the label of an enrolled picture"
            hint = "enrol other specimens; no partition is free of this one"
            raise AuditError(AuditReason.SEEN_LABEL, what, hint=hint)
