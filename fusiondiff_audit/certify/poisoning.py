"""The condition on which a bundle can state a tolerance: that no altered specimen changes more than one vote.

Specimens are dealt to partitions by their names (`model.enrolment`), so each altered specimen changes at most one vote,
and the tolerance follows from the votes alone (`reports.arithmetic`). It speaks of the label of the forests. The
verdict rests on ranks among all specimens together, so that an altered one may change it.

Everything else that was fitted to labels must be out of the attacker's reach. An encoder that was trained with the
label of an enrolled image carries this label into every partition, so its bundle gets no tolerance.
"""

from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.model.settings import Settings
from signing import Reason, SigningError


def refuse_uncertifiable(settings: Settings) -> None:
    """Refuse a bundle that has one forest, or whose encoder was trained with the label of an enrolled image."""
    if settings.learning is None or settings.learning.partitions == 1:
        fault = f"{settings.name}: has one forest, so one altered specimen may change every label"
        hint = "`fusiondiff-audit enrol --partitions 5` makes five that vote"
        raise SigningError(Reason.BAD_REQUEST, fault, hint=hint)
    seen = frozenset(settings.seen)
    for example in settings.examples:
        if example.pixel_digest in seen:
            fault = f"{settings.name}: its encoder was trained with the label of an enrolled image"
            hint = "enrol other specimens; this one is part of every partition"
            raise AuditError(AuditReason.SEEN_LABEL, fault, hint=hint)
