"""Signed batches: a folder and `batch.sigstore.json`, the manifest with the digest of every file.

`open_batch` and the batch's files are verified in this order:
1. the manifest is read once; its envelope, key, role, signature and timestamps are checked (`signing.sigstore_bundle`);
2. its payload is parsed, file names included; then the signer's window and the batch's own validity are judged;
3. a second signature, if there is one or the caller demands one, must be valid over the same payload;
4. the folder is listed, so missing and unsigned files are known before any file is read;
5. each file is read once, on request, and the bytes that were hashed are the bytes that are returned.
"""

import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from signing.errors import Reason, SigningError
from signing.files import create, refuse_existing, remove
from signing.folder import Listing, Reader, list_folder
from signing.keys import Algorithm, PrivateKey
from signing.manifest import (
    MANIFEST_NAME,
    MAX_FILES,
    MAX_MANIFEST,
    MAX_SIGNED_FILE,
    SECOND_NAME,
    FileEntry,
    FileKind,
    Manifest,
    PixelSize,
    default_kind,
)
from signing.parallel import THREADS, map_in_order
from signing.signed_folder import RefusedFile, hash_files, plain_files, refuse_absent, refuse_altered, refuse_extra
from signing.sigstore_bundle import SigstoreBundle, VerifiedPayload, bundle_limit, sign_payload, verify_bundle
from signing.times import CLOCK_SKEW, later, write_time
from signing.trust import Signer, TrustStore
from signing.trust_entries import ROOT_ALGORITHMS, Role

_Result = TypeVar("_Result")
_OURS = frozenset({MANIFEST_NAME, SECOND_NAME})


@dataclass(frozen=True, slots=True)
class SignedFile:
    """A file's bytes, whose digest is the signed one. Only an opened batch makes such an object."""

    name: str
    digest: str
    data: bytes
    entry: FileEntry


@dataclass(frozen=True, slots=True)
class Batch:
    """A folder whose manifest was verified. Its files are read on request."""

    folder: Path
    manifest: Manifest
    signer: Signer
    second: Signer | None
    digest: str
    _listing: Listing
    _entries: dict[str, FileEntry]

    def files(self, *, threads: int = THREADS) -> Iterator[SignedFile | RefusedFile]:
        """Yield every signed file in the manifest's order, then a refusal for every unsigned file."""
        yield from self.read(self.manifest.files, lambda file: file, threads=threads)
        yield from self.extras()

    def read(
        self, entries: Iterable[FileEntry], work: Callable[[SignedFile | RefusedFile], _Result], *, threads: int
    ) -> Iterator[_Result]:
        """Yield `work(file)` for each entry, in order; the thread that reads a file does the work."""
        reader = Reader(self.folder)
        return map_in_order(lambda entry: work(self._read(reader, entry)), entries, threads=threads)

    def extras(self) -> Iterator[RefusedFile]:
        """Yield a refusal for every unsigned file."""
        return refuse_extra(self._listing, _OURS | self._entries.keys())

    def entry(self, name: str) -> FileEntry | None:
        """Return the manifest's entry of a file, or None for an unsigned file."""
        return self._entries.get(name)

    def _read(self, reader: Reader, entry: FileEntry) -> SignedFile | RefusedFile:
        if refused := refuse_absent(self._listing, entry.name):
            return refused
        try:
            size, data = reader.read_if(entry.name, size=entry.size)
        except SigningError as e:
            return RefusedFile(entry.name, e.reason, str(e))
        if data is None:
            return refuse_altered(entry.name, f"{entry.size:,} bytes", f"{size:,} bytes")
        digest = hashlib.sha256(data).hexdigest()
        if digest != entry.sha256:
            return refuse_altered(entry.name, f"sha256:{entry.sha256}", f"sha256:{digest}")
        return SignedFile(entry.name, digest, data, entry)


@dataclass(frozen=True, slots=True)
class Claim:
    """A signer's statements on a single file that replace the defaults."""

    kind: FileKind | None = None
    specimen: str | None = None
    pixel_size: PixelSize | None = None


def open_batch(
    folder: Path, *, trust: TrustStore, roles: tuple[Role, ...] = (Role.DEVICE,), both: bool = False
) -> Batch:
    """Return a batch whose manifest a key in one of the roles signed, within the validity of key and batch.

    `both` demands the second, post-quantum signature as well. Only the manifest is verified here; `files` refuses
    missing, unsigned and altered files one by one.
    """
    where = str(folder / MANIFEST_NAME)
    opened = _unseal(_read_manifest(folder), where, trust, roles)  # 1
    manifest = Manifest.from_payload(opened.payload, where)  # 2
    signer = trust.judge(opened.entry, manifest.issued, where, proven=opened.proven)
    _refuse_outside_validity(manifest, trust.at, where)
    second = _open_second(folder, opened.payload, manifest, trust, (signer.role,), needed=both)  # 3
    entries = {entry.name: entry for entry in manifest.files}
    return Batch(folder, manifest, signer, second, opened.digest, list_folder(folder), entries)  # 4


def _read_manifest(folder: Path) -> bytes:
    """Return the bytes of a folder's manifest, unverified."""
    if not os.path.isdir(folder):
        hint = f"name the folder, {folder.parent}" if folder.name in _OURS else None
        raise SigningError(Reason.UNREADABLE, f"{folder}: not a folder that can be read", hint=hint)
    if not os.path.lexists(folder / MANIFEST_NAME):
        hint = "`fusiondiff-audit sign` signs a folder; nothing unsigned is audited"
        raise SigningError(Reason.NO_SIGNATURE, f"{folder}: holds no {MANIFEST_NAME}", hint=hint)
    return Reader(folder).read(MANIFEST_NAME, limit=bundle_limit(MAX_MANIFEST))


def sign_batch(
    folder: Path,
    *,
    key: PrivateKey,
    device: str,
    lab: str | None,
    captured: datetime,
    issued: datetime,
    valid_for: timedelta,
    sequence: int,
    second_key: PrivateKey | None = None,
    pixel_size: PixelSize | None = None,
    claims: dict[str, Claim] | None = None,
    force: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Manifest:
    """Hash every file of a folder once, sign the manifest of them, and write it into the folder."""
    targets = [folder / MANIFEST_NAME, folder / SECOND_NAME]
    if not force:
        refuse_existing(*targets)
    if captured > later(issued, CLOCK_SKEW):
        raise SigningError(Reason.BAD_REQUEST, f"captured at {write_time(captured)}, after the time of signing")
    kinds = [k.public.algorithm for k in (key, second_key) if k is not None]
    if kinds[0] not in ROOT_ALGORITHMS or kinds[1:] not in ([], [Algorithm.ML_DSA_65]):
        message = "a batch is signed with Ed25519 or P-256, and a second time with ML-DSA-65"
        raise SigningError(Reason.BAD_REQUEST, message)
    names = plain_files(folder, besides=_OURS, most=MAX_FILES)
    claims = claims or {}
    if unknown := sorted(set(claims) - set(names)):
        raise SigningError(Reason.BAD_REQUEST, f"{folder}: the entries name {unknown[0]!a}, which is not there")
    files = []
    for name, digest, size in hash_files(folder, names, limit=MAX_SIGNED_FILE, progress=progress):
        claim = claims.get(name, Claim())
        kind = claim.kind or default_kind(name)
        side = claim.pixel_size or (pixel_size if kind is FileKind.IMAGE else None)
        files.append(FileEntry(name, digest, size, kind, claim.specimen, side))
    expires = later(issued, valid_for)
    nonce = secrets.token_hex(16)
    manifest = Manifest(device, lab, captured, issued, expires, sequence, nonce, tuple(files))
    payload = manifest.to_payload()
    Manifest.from_payload(payload, str(targets[0]))  # a payload that verifiers would refuse is not signed
    create(targets[0], sign_payload(payload, key), force=force)
    if second_key is None:
        remove(targets[1])  # an older second signature, over another payload, would be refused
    else:
        create(targets[1], sign_payload(payload, second_key), force=force)
    return manifest


def _unseal(
    data: bytes, where: str, trust: TrustStore, roles: tuple[Role, ...], *, second: bool = False
) -> VerifiedPayload:
    bundle = SigstoreBundle.from_bytes(data, where, payload_limit=MAX_MANIFEST)
    return verify_bundle(bundle, where, trust=trust, roles=roles, second=second)


def _open_second(
    folder: Path, payload: bytes, manifest: Manifest, trust: TrustStore, roles: tuple[Role, ...], *, needed: bool
) -> Signer | None:
    where = str(folder / SECOND_NAME)
    if not os.path.lexists(where):
        if needed:
            hint = "`fusiondiff-audit sign --second-key` makes one"
            raise SigningError(Reason.NO_SIGNATURE, f"{where}: a second signature is required", hint=hint)
        return None
    data = Reader(folder).read(SECOND_NAME, limit=bundle_limit(MAX_MANIFEST))
    opened = _unseal(data, where, trust, roles, second=True)
    if opened.payload != payload:
        raise SigningError(Reason.BAD_SIGNATURE, f"{where}: signs another payload than {MANIFEST_NAME}")
    return trust.judge(opened.entry, manifest.issued, where, proven=opened.proven)


def _refuse_outside_validity(manifest: Manifest, at: datetime, where: str) -> None:
    if at >= manifest.expires:
        hint = "`--at TIME` judges as of an earlier time; or ask the lab to sign the folder anew"
        expired = f"{where}: the batch was valid until {write_time(manifest.expires)}"
        raise SigningError(Reason.EXPIRED, expired, hint=hint)
    if manifest.captured > later(manifest.issued, CLOCK_SKEW):
        raise SigningError(Reason.NOT_YET_VALID, f"{where}: captured at {write_time(manifest.captured)}, signed before")
