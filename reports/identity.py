"""Who signed and what it was computed with: records that verdict reports and stress results share."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """A key and its holder, as the trust store lists it."""

    principal: str
    keyid: str


@dataclass(frozen=True, slots=True)
class Library:
    """A library that took part in a computation."""

    name: str
    version: str
