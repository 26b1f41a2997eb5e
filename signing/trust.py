"""Whom the user trusts, for what, and since when: a chain of signed roots under TUF's root rules.

`load_trust` follows the chain in TUF's order (specification 1.0.34, section 5.3):
1. version 1 is signed by the threshold of its own root keys; the user's pin says which chain is meant;
2. each next version is exactly one higher, and signed by the threshold of the last version and of its own (5.3.4-5);
3. a key counts once, by its raw bytes, however often it is listed (4.3);
4. the last version must not have expired at the time of judgement (5.3.10), nor be older than the user's minimum.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from signing.dsse import Envelope
from signing.errors import Reason, SigningError
from signing.fields import read_json
from signing.files import read_capped
from signing.roots import MAX_ROOT, MAX_ROOT_KEYS, Root
from signing.strict import write_json
from signing.times import CLOCK_SKEW, later, write_time
from signing.trust_entries import Role, TrustEntry

MEDIA_TYPE = "application/vnd.fusiondiff-audit.trust.v1+json"
MAX_TRUST = 16 * 1024 * 1024  # bytes
MAX_VERSIONS = 1024
MAX_TOKENS = 100_000  # of JSON; 1,024 versions with 32 signatures each
_REMEDY = "a timestamp from within the key's window proves an old signature; `--at TIME` judges as of an earlier time"


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed something, and when, if that is stated; `proven` says that a timestamp authority vouches for it."""

    keyid: str
    principal: str
    role: Role
    time: datetime | None
    proven: bool


@dataclass(frozen=True, slots=True)
class TrustStore:
    """A verified chain of roots, judged at one moment. The last version alone says which keys count."""

    roots: tuple[Root, ...]
    envelopes: tuple[Envelope, ...]
    at: datetime

    @property
    def root(self) -> Root:
        """Return the version in force."""
        return self.roots[-1]

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of version 1, which never changes and is what users pin."""
        return self.roots[0].fingerprint

    def signer(self, keyid: str, roles: tuple[Role, ...], where: str) -> TrustEntry:
        """Return the entry of a key, which must be listed in one of the roles."""
        entry = next((e for e in self.root.entries if e.keyid == keyid), None)
        if entry is None:
            raise SigningError(
                Reason.UNKNOWN_KEY,
                f"{where}: signed by key sha256:{keyid}, which the trust store does not hold",
                hint="if that key is the right one, whoever runs the roots lists it: `fusiondiff-audit trust add`",
            )
        if entry.role not in roles:
            needed = " or ".join(roles)
            who = f"signed by {entry.principal!r}, as {entry.role}"
            raise SigningError(Reason.WRONG_ROLE, f"{where}: {who}; this takes a key for the role {needed}")
        return entry

    def judge(
        self, entry: TrustEntry, claimed: datetime | None, where: str, *, proven: datetime | None = None
    ) -> Signer:
        """Say who signed, or refuse a key that was not valid then.

        A proven time stands by itself. A claimed one is a mere claim, so the key must also be valid at the moment
        of judgement: whoever holds an old key can write an old date. Some formats claim no time.
        """
        who = f"{where}: key of {entry.principal!r}"
        revoked = entry.revoked
        # 1. A compromised key signs whatever its thief wants; only a timestamp from before tells.
        if revoked is not None and revoked.compromised and (proven is None or proven >= revoked.at):
            hint = "only a timestamp from before that would prove the signature genuine; ask for the files anew"
            raise SigningError(Reason.REVOKED, f"{who} was compromised at {write_time(revoked.at)}", hint=hint)
        # 2. The window, and retirement, which ends it early.
        for moment, name in _moments(claimed, self.at, proven):
            if revoked is not None and moment >= revoked.at:
                what = f"{who} was retired at {write_time(revoked.at)}, {name}"
                raise SigningError(Reason.REVOKED, what, hint=_REMEDY)
            if moment >= entry.until:
                raise SigningError(
                    Reason.EXPIRED,
                    f"{who} expired at {write_time(entry.until)}, {name}",
                    hint=_REMEDY,
                )
            if moment < entry.start:
                raise SigningError(Reason.NOT_YET_VALID, f"{who} is valid from {write_time(entry.start)}, {name}")
        # 3. A claim from the future is a broken clock, or a lie.
        if claimed is not None and claimed > later(proven or self.at, CLOCK_SKEW):
            raise SigningError(
                Reason.NOT_YET_VALID,
                f"{where}: claims to be signed at {write_time(claimed)}, after {write_time(proven or self.at)}",
                hint="check this machine's clock and the signer's",
            )
        return Signer(entry.keyid, entry.principal, entry.role, proven or claimed, proven is not None)

    def to_bytes(self) -> bytes:
        """Return the file's content; `load_trust` of it gives the same store."""
        return write_chain(self.envelopes)

    def updated(self, newer: "TrustStore", where: str) -> "TrustStore":
        """Return the newer store, if it goes on from this one; a fork or an older one is refused."""
        if newer.root.version < self.root.version:
            what = f"version {newer.root.version} is older than the version {self.root.version} at hand"
            raise SigningError(Reason.ROLLBACK, f"{where}: {what}")
        if newer.roots[self.root.version - 1].fingerprint != self.root.fingerprint:
            what = f"it has another version {self.root.version} than the store at hand"
            hint = "it does not go on from your store; ask whoever runs the roots, by another road"
            raise SigningError(Reason.WRONG_ROOT, f"{where}: {what}", hint=hint)
        return newer


def load_trust(
    source: Path | bytes, *, at: datetime, root: str | None = None, min_version: int = 1, expired: bool = False
) -> TrustStore:
    """Read and verify a trust store as of `at`; `root` is the SHA-256 of a version that the user pins.

    `expired=True` is for those who mend or show a store; nothing may be verified with one that it lets through.
    """
    where = str(source) if isinstance(source, Path) else "trust store"
    data = read_capped(source, limit=MAX_TRUST) if isinstance(source, Path) else source
    envelopes = read_chain(data, where)
    refuse_other(envelopes, where, pin=root)
    store = TrustStore(follow_chain(envelopes, where), envelopes, at)
    _refuse_old(store, where, min_version=min_version, expired=expired)
    return store


def read_chain(data: bytes, where: str) -> tuple[Envelope, ...]:
    """Parse a store's file into its envelopes, of which nothing is known yet."""
    if data.startswith(b"-----BEGIN"):
        hint = "a trust store is the file that `fusiondiff-audit trust init` writes"
        raise SigningError(Reason.MALFORMED, f"{where}: this is a key, not a trust store", hint=hint)
    fields = read_json(data, where, limit=MAX_TRUST, tokens=MAX_TOKENS).closed("mediaType", "roots")
    fields.constant("mediaType", MEDIA_TYPE)
    items = fields.list("roots", least=1, most=MAX_VERSIONS)
    return tuple(Envelope.from_fields(item, payload_limit=MAX_ROOT, most=2 * MAX_ROOT_KEYS) for item in items)


def write_chain(envelopes: tuple[Envelope, ...]) -> bytes:
    """Return a store's file, or refuse to write what no reader would take."""
    data = write_json({"mediaType": MEDIA_TYPE, "roots": [e.to_json() for e in envelopes]})
    read_chain(data, "new version")
    return data


def follow_chain(envelopes: tuple[Envelope, ...], where: str) -> tuple[Root, ...]:
    """Return the versions in the envelopes, each verified against the one before."""
    roots: list[Root] = []
    for number, envelope in enumerate(envelopes, start=1):
        here = f"{where}: version {number}"
        root = Root.from_envelope(envelope, here)
        last = roots[-1] if roots else None
        root.refuse_break(tuple(roots), here)
        if lacking := root.shortfall(envelope, last, here):
            raise SigningError(Reason.NO_SIGNATURE, f"{here}: {lacking}")
        roots.append(root)
    return tuple(roots)


def refuse_other(envelopes: tuple[Envelope, ...], where: str, *, pin: str | None) -> None:
    """Refuse a store without the pinned version, before any effort is spent on its signatures."""
    if pin is None:
        return
    found = [hashlib.sha256(e.payload).hexdigest() for e in envelopes]
    if pin not in found:
        raise SigningError(
            Reason.WRONG_ROOT,
            f"{where}: pinned sha256:{pin}, found sha256:{found[0]}",
            hint="this store is not the one you pinned; get the right one from whoever runs the roots",
        )


def _refuse_old(store: TrustStore, where: str, *, min_version: int, expired: bool) -> None:
    if store.root.version < min_version:
        what = f"version {store.root.version}, at least {min_version} is asked"
        raise SigningError(Reason.ROLLBACK, f"{where}: {what}", hint="get the newest from whoever runs the roots")
    if not expired and store.at >= store.root.expires:
        raise SigningError(
            Reason.EXPIRED,
            f"{where}: the trust store expired at {write_time(store.root.expires)}",
            hint="get the newest trust store from whoever runs the roots; `--at TIME` judges as of an earlier time",
        )


def _moments(claimed: datetime | None, at: datetime, proven: datetime | None) -> tuple[tuple[datetime, str], ...]:
    if proven is not None:
        return ((proven, f"and the signature is proven to be of {write_time(proven)}"),)
    judged = (at, f"judged as of {write_time(at)}, and no timestamp proves another time")
    return (judged,) if claimed is None else ((claimed, f"and claims to sign at {write_time(claimed)}"), judged)
