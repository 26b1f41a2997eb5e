"""The trust store: a chain of signed versions under TUF's root rules, and the judgement of its keys at a time.

`load_trust` verifies the chain in TUF's order (specification 1.0.34, section 5.3):
1. version 1 is signed by the threshold of its own root keys, and the chain holds the version that the user pinned;
2. each next version is exactly one higher, and signed by the thresholds of the previous version and its own (5.3.4-5);
3. a key counts once towards a threshold, however often it is listed or signs (4.3);
4. the last version is not expired at the time of judgement (5.3.10), nor older than the user's minimum.
"""

import hashlib
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from signing.dsse import Envelope
from signing.errors import Reason, SigningError
from signing.fields import read_json
from signing.files import read_capped
from signing.roots import MAX_ROOT, MAX_ROOT_KEYS, Root
from signing.strict import write_json
from signing.times import CLOCK_SKEW, later, now, write_time
from signing.trust_entries import Role, TrustEntry

MEDIA_TYPE = "application/vnd.fusiondiff-audit.trust.v1+json"
MAX_TRUST = 16 * 1024 * 1024  # bytes
MAX_VERSIONS = 1024
MAX_TOKENS = 100_000  # of JSON: 1,024 versions with 32 signatures each
_HINT = "a timestamp from within the key's window proves an old signature; `--at TIME` judges as of an earlier time"


@dataclass(frozen=True, slots=True)
class Signer:
    """The principal whose key made a signature, and the stated time; `proven` if a timestamp proves that time."""

    keyid: str
    principal: str
    role: Role
    time: datetime | None
    proven: bool


@dataclass(frozen=True, slots=True)
class TrustStore:
    """A verified chain of versions, judged at the time `at`. The last version alone lists the valid keys."""

    roots: tuple[Root, ...]
    envelopes: tuple[Envelope, ...]
    at: datetime

    @property
    def root(self) -> Root:
        """Return the last version, which is in force."""
        return self.roots[-1]

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of version 1, which users pin; it never changes."""
        return self.roots[0].fingerprint

    def signer(self, keyid: str, roles: tuple[Role, ...], where: str) -> TrustEntry:
        """Return the entry of a key; one that is not listed in any of the roles is refused."""
        entry = self._listed(keyid)
        if entry is None:
            hint = "`fusiondiff-audit trust add` lists it, if the key is genuine; or this is another laboratory's store"
            message = f"{where}: signed by key sha256:{keyid}, which the trust store does not list"
            raise SigningError(Reason.UNKNOWN_KEY, message, hint=hint)
        if entry.role not in roles:
            message = (
                f"signed by {entry.principal!r} with a key for the role {entry.role}, needed: {' or '.join(roles)}"
            )
            raise SigningError(Reason.WRONG_ROLE, f"{where}: {message}")
        return entry

    def _listed(self, keyid: str) -> TrustEntry | None:
        return next((e for e in self.root.entries if e.keyid == keyid), None)

    def own_entry(self, keyid: str, role: Role, where: str, now: datetime) -> TrustEntry:
        """Return the entry of a key that is about to sign; one that could not be trusted for that is refused."""
        entry = self._listed(keyid)
        if entry is None:
            hint = f"`fusiondiff-audit trust add --role {role}` lists it"
            message = f"{where}: key sha256:{keyid} is not in the trust store"
            raise SigningError(Reason.UNKNOWN_KEY, message, hint=hint)
        if entry.role is not role:
            message = f"{where}: the key of {entry.principal!r} for the role {entry.role}, needed is one for {role}"
            raise SigningError(Reason.WRONG_ROLE, message)
        self.judge(entry, now, where)
        return entry

    def judge(
        self, entry: TrustEntry, claimed: datetime | None, where: str, *, proven: datetime | None = None
    ) -> Signer:
        """Return the signer, or refuse a key that was not valid when it signed.

        A proven signing time suffices. A claimed one may be a lie, since an old key can sign an old date: the key must
        be valid at the claimed time and at the time of judgement. Where no time is claimed, the latter decides.
        """
        key = f"{where}: key of {entry.principal!r}"
        revoked = entry.revoked
        # 1. A compromise makes every signature worthless that a timestamp does not prove to be older.
        if revoked is not None and revoked.compromised and (proven is None or proven >= revoked.at):
            hint = "only a timestamp from before that time would prove the signature genuine; ask for the files anew"
            raise SigningError(Reason.REVOKED, f"{key} was compromised at {write_time(revoked.at)}", hint=hint)
        # 2. The validity window, which retirement ends early.
        for time, reading in _signing_times(claimed, self.at, proven):
            if revoked is not None and time >= revoked.at:
                retired = f"{key} was retired at {write_time(revoked.at)}, {reading}"
                raise SigningError(Reason.REVOKED, retired, hint=_HINT)
            if time >= entry.until:
                expired = f"{key} expired at {write_time(entry.until)}, {reading}"
                raise SigningError(Reason.EXPIRED, expired, hint=_HINT)
            if time < entry.start:
                raise SigningError(Reason.NOT_YET_VALID, f"{key} is valid from {write_time(entry.start)}, {reading}")
        # 3. A claimed time in the future is a wrong clock or a lie.
        if claimed is not None and claimed > later(proven or self.at, CLOCK_SKEW):
            raise SigningError(
                Reason.NOT_YET_VALID,
                f"{where}: claims to be signed at {write_time(claimed)}, after {write_time(proven or self.at)}",
                hint="check this machine's clock and the signer's",
            )
        return Signer(entry.keyid, entry.principal, entry.role, proven or claimed, proven is not None)

    def to_bytes(self) -> bytes:
        """Return the file's content, which `load_trust` reads as this store."""
        return write_chain(self.envelopes)

    def updated(self, newer: "TrustStore", where: str) -> "TrustStore":
        """Return the newer store, which must continue this one; a fork or an older store is refused."""
        version = self.root.version
        if newer.root.version < version:
            older = f"version {newer.root.version} is older than your store's version {version}"
            raise SigningError(Reason.ROLLBACK, f"{where}: {older}")
        if newer.roots[version - 1].fingerprint != self.root.fingerprint:
            hint = "the store is a fork: ask the holders of the root keys over another channel"
            raise SigningError(Reason.WRONG_ROOT, f"{where}: its version {version} is not your store's", hint=hint)
        return newer


def load_trust(
    source: str | os.PathLike[str] | bytes,
    *,
    at: datetime | None = None,
    root: str | None = None,
    min_version: int = 1,
    expired: bool = False,
) -> TrustStore:
    """Read and verify a trust store as of `at`, or now; `root` is the SHA-256 of a version that the user pinned.

    A pin may begin with `sha256:`, as commands print it. `expired=True` admits an expired store, to be renewed or
    shown; nothing may be verified with such a store.
    """
    where = "trust store" if isinstance(source, bytes) else os.fspath(source)
    data = source if isinstance(source, bytes) else read_capped(Path(source), limit=MAX_TRUST)
    envelopes = read_chain(data, where)
    refuse_other(envelopes, where, pin=None if root is None else root.removeprefix("sha256:"))
    store = TrustStore(follow_chain(envelopes, where), envelopes, at or now())
    _refuse_old(store, where, min_version=min_version, expired=expired)
    return store


def read_chain(data: bytes, where: str) -> tuple[Envelope, ...]:
    """Parse a store's file into its envelopes; nothing is verified."""
    if data.startswith(b"-----BEGIN"):
        hint = "a trust store is the file that `fusiondiff-audit trust init` writes"
        raise SigningError(Reason.MALFORMED, f"{where}: a key, not a trust store", hint=hint)
    fields = read_json(data, where, limit=MAX_TRUST, tokens=MAX_TOKENS).closed("mediaType", "roots")
    fields.constant("mediaType", MEDIA_TYPE)
    items = fields.list("roots", least=1, most=MAX_VERSIONS)
    return tuple(Envelope.from_fields(item, payload_limit=MAX_ROOT, most=2 * MAX_ROOT_KEYS) for item in items)


def write_chain(envelopes: tuple[Envelope, ...]) -> bytes:
    """Return a store's file; envelopes that `read_chain` would refuse are refused."""
    data = write_json({"mediaType": MEDIA_TYPE, "roots": [e.to_json() for e in envelopes]})
    read_chain(data, "new version")
    return data


def follow_chain(envelopes: tuple[Envelope, ...], where: str) -> tuple[Root, ...]:
    """Return the versions in the envelopes, each verified against the previous ones."""
    roots: tuple[Root, ...] = ()
    for number, envelope in enumerate(envelopes, start=1):
        here = f"{where}: version {number}"
        root = Root.from_envelope(envelope, here)
        root.refuse_break(roots, here)
        if lacking := root.shortfall(envelope, roots[-1] if roots else None, here):
            raise SigningError(Reason.NO_SIGNATURE, f"{here}: {lacking}")
        roots = (*roots, root)
    return roots


def refuse_other(envelopes: tuple[Envelope, ...], where: str, *, pin: str | None) -> None:
    """Refuse a store without the pinned version, before its signatures are verified."""
    fingerprints = [hashlib.sha256(e.payload).hexdigest() for e in envelopes]
    if pin is not None and pin not in fingerprints:
        raise SigningError(
            Reason.WRONG_ROOT,
            f"{where}: pinned sha256:{pin}, found sha256:{fingerprints[0]}",
            hint="not the trust store that you pinned; get that one from the holders of the root keys",
        )


def _refuse_old(store: TrustStore, where: str, *, min_version: int, expired: bool) -> None:
    if store.root.version < min_version:
        hint = "get the newest version from the holders of the root keys"
        message = f"{where}: version {store.root.version}, needed at least {min_version}"
        raise SigningError(Reason.ROLLBACK, message, hint=hint)
    if not expired and store.at >= store.root.expires:
        raise SigningError(
            Reason.EXPIRED,
            f"{where}: the trust store expired at {write_time(store.root.expires)}",
            hint="get the newest version from the holders of the root keys; `--at TIME` judges as of an earlier time",
        )


def _signing_times(claimed: datetime | None, at: datetime, proven: datetime | None) -> list[tuple[datetime, str]]:
    """Return the times at which the key must be valid, each with words for messages."""
    if proven is not None:
        return [(proven, f"and a timestamp proves a signature of {write_time(proven)}")]
    judged = (at, f"judged as of {write_time(at)}, and no timestamp proves another time")
    return [judged] if claimed is None else [(claimed, f"and claims to sign at {write_time(claimed)}"), judged]
