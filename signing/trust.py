"""Whom the user trusts, for what, and since when: a chain of signed roots under TUF's root rules.

`load_trust` follows the chain in TUF's order (specification 1.0.34, section 5.3):
1. version 1 is signed by the threshold of its own root keys; the user's pin says which chain is meant;
2. each next version is exactly one higher, and signed by the threshold of the last version and of its own (5.3.4-5);
3. a key counts once, by its raw bytes, however often it is listed (4.3);
4. the last version must not have expired at the time of judgement (5.3.10), nor be older than the user's minimum.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from signing.dsse import Envelope
from signing.errors import Reason, SigningError
from signing.files import read_capped
from signing.roots import Entry, Role, Root
from signing.strict import read_json, write_json
from signing.times import CLOCK_SKEW, write_time

MEDIA_TYPE = "application/vnd.fusiondiff-audit.trust.v1+json"
MAX_TRUST = 16 * 1024 * 1024  # bytes
MAX_VERSIONS = 1024


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed something, and when; `proven` says that a timestamp authority vouches for the time."""

    keyid: str
    principal: str
    role: Role
    time: datetime
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

    def signer(self, keyid: str, roles: tuple[Role, ...], where: str) -> Entry:
        """Return the entry of a key, which must be listed in one of the roles."""
        entry = next((e for e in self.root.entries if e.keyid == keyid), None)
        if entry is None:
            raise SigningError(
                Reason.UNKNOWN_KEY,
                f"{where}: signed by key sha256:{keyid}, which the trust store does not hold",
                hint="if that key is the right one, `fusiondiff-audit trust add` lists it",
            )
        if entry.role not in roles:
            needed = " or ".join(roles)
            who = f"signed by {entry.principal!r}, a {entry.role} key"
            raise SigningError(Reason.WRONG_ROLE, f"{where}: {who}; this takes a {needed} key")
        return entry

    def judge(self, entry: Entry, claimed: datetime, where: str, *, proven: datetime | None = None) -> Signer:
        """Say who signed, or refuse a key that was not valid then.

        A proven time stands by itself. A claimed one is a mere claim, so the key must also be valid at the moment
        of judgement: whoever holds an old key can write an old date.
        """
        who = f"{where}: key of {entry.principal!r}"
        revoked = entry.revoked
        # 1. A compromised key signs whatever its thief wants; only a timestamp from before tells.
        if revoked is not None and revoked.compromised and (proven is None or proven >= revoked.at):
            raise SigningError(Reason.REVOKED, f"{who} was compromised at {write_time(revoked.at)}")
        # 2. The window, and retirement, which ends it early.
        for moment, name in _moments(claimed, self.at, proven):
            if revoked is not None and moment >= revoked.at:
                raise SigningError(Reason.REVOKED, f"{who} was retired at {write_time(revoked.at)}, {name}")
            if moment >= entry.until:
                raise SigningError(
                    Reason.EXPIRED,
                    f"{who} expired at {write_time(entry.until)}, {name}",
                    hint="a timestamp from within the key's window proves an old signature; "
                    "`--at TIME` judges as of an earlier time",
                )
            if moment < entry.start:
                raise SigningError(Reason.NOT_YET_VALID, f"{who} is valid from {write_time(entry.start)}, {name}")
        # 3. A claim from the future is a broken clock, or a lie.
        if claimed > (proven or self.at) + CLOCK_SKEW:
            raise SigningError(
                Reason.NOT_YET_VALID,
                f"{where}: claims to be signed at {write_time(claimed)}, after {write_time(proven or self.at)}",
                hint="check this machine's clock and the signer's",
            )
        return Signer(entry.keyid, entry.principal, entry.role, proven or claimed, proven is not None)

    def extended(self, root: Root, envelope: Envelope) -> "TrustStore":
        """Return the chain with one more version, verified like those that were read."""
        roots, envelopes = (*self.roots, root), (*self.envelopes, envelope)
        _refuse_broken(roots[-2], root, envelope, "new version")
        return replace(self, roots=roots, envelopes=envelopes)

    def to_bytes(self) -> bytes:
        """Return the file's content; `load_trust` of it gives the same store."""
        return write_json({"mediaType": MEDIA_TYPE, "roots": [e.to_json() for e in self.envelopes]})


def load_trust(
    source: Path | bytes, *, at: datetime, root: str | None = None, min_version: int = 1, expired: bool = False
) -> TrustStore:
    """Read and verify a trust store as of `at`; `root` is the SHA-256 of a version that the user pins.

    `expired=True` is for those who mend or show a store; nothing may be verified with one that it lets through.
    """
    where = str(source) if isinstance(source, Path) else "trust store"
    data = read_capped(source, limit=MAX_TRUST) if isinstance(source, Path) else source
    fields = read_json(data, where, limit=MAX_TRUST).closed("mediaType", "roots")
    fields.constant("mediaType", MEDIA_TYPE)
    envelopes = tuple(
        Envelope.from_fields(item, payload_limit=MAX_TRUST, most=64)
        for item in fields.list("roots", least=1, most=MAX_VERSIONS)
    )
    roots = tuple(Root.from_envelope(e, f"{where}: version {i}") for i, e in enumerate(envelopes, start=1))
    _refuse_broken(None, roots[0], envelopes[0], f"{where}: version 1")
    for i in range(1, len(roots)):
        _refuse_broken(roots[i - 1], roots[i], envelopes[i], f"{where}: version {i + 1}")
    store = TrustStore(roots, envelopes, at)
    _refuse_unwanted(store, where, pin=root, min_version=min_version, expired=expired)
    return store


def _refuse_broken(last: Root | None, root: Root, envelope: Envelope, where: str) -> None:
    expected = 1 if last is None else last.version + 1
    if root.version != expected:
        raise SigningError(Reason.ROLLBACK, f"{where}: expected version {expected}, found {root.version}")
    root.require_threshold(envelope, where, of="its own root keys")
    if last is not None:
        last.require_threshold(envelope, where, of="the root keys before it")
        root.refuse_resurrection(last, where)
    known = {k.keyid for r in (root, last) if r is not None for k in r.keys}
    if stray := [s.keyid for s in envelope.signatures if s.keyid not in known]:
        raise SigningError(Reason.UNKNOWN_KEY, f"{where}: signed by sha256:{stray[0]}, which is no root key")


def _refuse_unwanted(store: TrustStore, where: str, *, pin: str | None, min_version: int, expired: bool) -> None:
    if pin is not None and pin not in {r.fingerprint for r in store.roots}:
        raise SigningError(
            Reason.WRONG_ROOT,
            f"{where}: pinned sha256:{pin}, found sha256:{store.fingerprint}",
            hint="this store is not the one you pinned; get the right one from whoever runs the roots",
        )
    if store.root.version < min_version:
        raise SigningError(Reason.ROLLBACK, f"{where}: version {store.root.version}, at least {min_version} is asked")
    if not expired and store.at >= store.root.expires:
        raise SigningError(
            Reason.EXPIRED,
            f"{where}: the trust store expired at {write_time(store.root.expires)}",
            hint="get the newest trust store from whoever runs the roots; `--at TIME` judges as of an earlier time",
        )


def _moments(claimed: datetime, at: datetime, proven: datetime | None) -> tuple[tuple[datetime, str], ...]:
    if proven is not None:
        return ((proven, f"before the proven signing time {write_time(proven)}"),)
    return (
        (claimed, f"and the claimed signing time is {write_time(claimed)}"),
        (at, "and no timestamp proves that the signature is older"),
    )
