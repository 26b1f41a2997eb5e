"""Who signs reports and stress results."""

from dataclasses import dataclass

import signing
from reports.identity import Key
from reports.verdict.issue import refuse_unfit_key


@dataclass(frozen=True, slots=True)
class Auditor:
    """Who signs."""

    key: signing.PrivateKey
    entry: signing.TrustEntry

    @classmethod
    def of(cls, key: signing.PrivateKey, trust: signing.TrustStore, where: str) -> "Auditor":
        """Return an auditor whose reports can be verified today; any other key is refused before the work."""
        refuse_unfit_key(key)
        return cls(key, trust.own_entry(key.public.keyid, signing.Role.AUDITOR, where, signing.now()))

    @property
    def name(self) -> Key:
        """The auditor as signed files name it."""
        return Key(self.entry.principal, self.entry.keyid)
