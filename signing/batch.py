"""Signed batches: a folder and `batch.sigstore.json`, which says what every file in it must be.

`open_batch` believes nothing until it has proof, in this order:
1. the manifest is read once; its envelope, key, role and signature are checked (`signing.bundle`);
2. its payload is parsed, names and all; then the signer's window and the batch's own validity are judged;
3. the folder is listed: what is missing, and what is there unsigned, is known before any file is read;
4. each file is read once, when it is asked for, and those very bytes are hashed and handed on.
"""

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from signing.bundle import bundle_limit, seal, unseal
from signing.errors import Reason, SigningError
from signing.files import create, read_capped, refuse_existing
from signing.folder import Listing, Reader, list_folder
from signing.keys import PrivateKey
from signing.manifest import MAX_FILE, MAX_FILES, MAX_MANIFEST, FileEntry, Kind, Manifest, PixelSize, default_kind
from signing.names import refuse_unsafe
from signing.roots import Role
from signing.stream import stream
from signing.times import CLOCK_SKEW, write_time
from signing.trust import Signer, TrustStore

MANIFEST_NAME = "batch.sigstore.json"
THREADS = min(8, os.cpu_count() or 1)  # beyond that the disk is the limit, and more files are in memory
_DROPPINGS = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", ".Spotlight-V100", ".localized"})


@dataclass(frozen=True, slots=True)
class SignedFile:
    """A file's bytes, exactly those that were signed. `open_batch` alone makes them."""

    name: str
    digest: str
    data: bytes
    entry: FileEntry


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file that is not what was signed, and why; the others of its batch go on."""

    name: str
    reason: Reason
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """A folder whose manifest is genuine. Its files are read as they are asked for."""

    folder: Path
    manifest: Manifest
    signer: Signer
    digest: str
    _listing: Listing

    def files(self, *, threads: int = THREADS) -> Iterator[SignedFile | RefusedFile]:
        """Yield every signed file in the manifest's order, then every file that nobody signed."""
        reader = Reader(self.folder)
        yield from stream(lambda entry: self._read(reader, entry), self.manifest.files, threads=threads)
        signed = {entry.name for entry in self.manifest.files}
        unsigned = (self._listing.files | self._listing.others.keys()) - signed - {MANIFEST_NAME}
        yield from (_extra(name) for name in sorted(unsigned))

    def _read(self, reader: Reader, entry: FileEntry) -> SignedFile | RefusedFile:
        if what := self._listing.others.get(entry.name):
            return RefusedFile(entry.name, Reason.NOT_A_FILE, f"{entry.name!r}: signed as a file, found {what}")
        if entry.name not in self._listing.files:
            return RefusedFile(entry.name, Reason.MISSING_FILE, f"{entry.name!r}: signed, but not there")
        try:
            data = reader.read(entry.name, limit=MAX_FILE)
        except SigningError as e:
            return RefusedFile(entry.name, e.reason, str(e))
        digest = hashlib.sha256(data).hexdigest()
        if digest != entry.sha256:
            message = (
                f"{entry.name!r}: signed as sha256:{entry.sha256} ({entry.size:,} bytes), "
                f"found sha256:{digest} ({len(data):,} bytes)"
            )
            return RefusedFile(entry.name, Reason.DIGEST_MISMATCH, message)
        return SignedFile(entry.name, digest, data, entry)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a signer says of a single file, where the default does not fit."""

    kind: Kind | None = None
    specimen: str | None = None
    pixel_size: PixelSize | None = None


def open_batch(folder: Path, *, trust: TrustStore, roles: tuple[Role, ...] = (Role.DEVICE,)) -> Batch:
    """Return a batch whose manifest a key in one of the roles signed, in the window of both key and batch.

    Only the manifest is judged here; single files that are missing, extra or altered are told apart by `files()`.
    """
    path = folder / MANIFEST_NAME
    where = str(path)
    try:
        data = read_capped(path, limit=bundle_limit(MAX_MANIFEST))
    except SigningError as e:
        if not folder.is_dir():
            raise SigningError(Reason.UNREADABLE, f"{folder}: not a folder") from e
        if path.exists():
            raise
        hint = "`fusiondiff-audit sign` signs a folder; nothing unsigned is audited"
        raise SigningError(Reason.NO_SIGNATURE, f"{folder}: holds no {MANIFEST_NAME}", hint=hint) from e
    opened = unseal(data, where, trust=trust, roles=roles, payload_limit=MAX_MANIFEST)
    try:
        manifest = Manifest.from_payload(opened.payload, where)
    except SigningError as e:
        reason = Reason.MALFORMED if e.reason is Reason.BAD_REQUEST else e.reason
        raise SigningError(reason, f"{where}: {e}" if where not in str(e) else str(e)) from e
    signer = trust.judge(opened.entry, manifest.issued, where)
    _refuse_outside_validity(manifest, trust.at, where)
    return Batch(folder, manifest, signer, opened.digest, list_folder(folder))


def sign_batch(
    folder: Path,
    *,
    key: PrivateKey,
    device: str,
    lab: str | None,
    captured: datetime,
    issued: datetime,
    valid_for: timedelta,
    sequence: int | None = None,
    pixel_size: PixelSize | None = None,
    claims: dict[str, Claim] | None = None,
    force: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
    threads: int = THREADS,
) -> Manifest:
    """Hash every file of a folder once, sign what was found, and write the manifest beside them."""
    target = folder / MANIFEST_NAME
    if not force:
        refuse_existing(target)
    names = _signable(list_folder(folder), folder)
    claims = claims or {}
    if unknown := sorted(set(claims) - set(names)):
        raise SigningError(Reason.MISSING_FILE, f"{folder}: the entries name {unknown[0]!r}, which is not there")
    reader = Reader(folder)
    files = []
    for name, (digest, size) in zip(
        names, stream(lambda n: reader.digest(n, limit=MAX_FILE), names, threads=threads), strict=True
    ):
        claim = claims.get(name, Claim())
        kind = claim.kind or default_kind(name)
        side = claim.pixel_size or (pixel_size if kind is Kind.IMAGE else None)
        files.append(FileEntry(name, digest, size, kind, claim.specimen, side))
        progress(len(files), len(names))
    manifest = Manifest(
        device=device,
        lab=lab,
        captured=captured,
        issued=issued,
        expires=issued + valid_for,
        sequence=int(issued.timestamp() * 1000) if sequence is None else sequence,
        nonce=secrets.token_hex(16),
        files=tuple(files),
    )
    create(target, seal(manifest.to_payload(), key), force=force)
    return manifest


def _signable(listing: Listing, folder: Path) -> list[str]:
    """Return the names to sign; links and special files are refused, since their bytes are not the folder's own."""
    if listing.others:
        name, what = min(listing.others.items())
        raise SigningError(Reason.NOT_A_FILE, f"{folder}: {name!a} is {what}", hint="sign a folder of plain files")
    names = sorted(listing.files - {MANIFEST_NAME})
    if not names:
        raise SigningError(Reason.EMPTY, f"{folder}: holds no files to sign")
    if len(names) > MAX_FILES:
        hint = "split the folder"
        raise SigningError(Reason.TOO_LARGE, f"{folder}: {len(names):,} files, at most {MAX_FILES:,}", hint=hint)
    for name in names:  # before the first second of hashing
        refuse_unsafe(name)
    return names


def _refuse_outside_validity(manifest: Manifest, at: datetime, where: str) -> None:
    if at >= manifest.expires:
        hint = "`--at TIME` judges as of an earlier time; or ask the lab to sign the folder anew"
        raise SigningError(
            Reason.EXPIRED, f"{where}: the batch was valid until {write_time(manifest.expires)}", hint=hint
        )
    if manifest.captured > manifest.issued + CLOCK_SKEW:
        raise SigningError(Reason.NOT_YET_VALID, f"{where}: captured at {write_time(manifest.captured)}, signed before")


def _extra(name: str) -> RefusedFile:
    hint = None
    if name.rsplit("/", 1)[-1] in _DROPPINGS:
        hint = "the operating system left this file; delete it, it was not signed"
    return RefusedFile(name, Reason.EXTRA_FILE, f"{name!a}: there, but not signed", hint)
