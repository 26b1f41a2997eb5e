"""Signed model folders: OpenSSF Model Signing v1.0 with plain keys (model-signing-spec, spec/v1.0.md).

The signature lists every file by its digest. Only names that it lists may ever be loaded; nothing globs the folder. The
specification lets a signer name paths that are not signed at all; beyond its four defaults and the signature's own name
those are refused, since they widen what nobody checks.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from signing.errors import Reason, SigningError
from signing.files import create, read_capped, refuse_existing
from signing.folder import Listing, list_folder
from signing.keys import Algorithm, PrivateKey
from signing.model_folder import MAX_MODEL_FILE, ModelFolder
from signing.model_manifest import (
    MAX_PAYLOAD,
    MAX_RESOURCES,
    ModelManifest,
    Resource,
    root_digest,
    write_manifest,
)
from signing.signed_folder import hash_files, plain_files
from signing.sigstore_bundle import SigstoreBundle, bundle_limit, sign_payload, verify_bundle
from signing.strict import malformed
from signing.trust import Signer, TrustStore
from signing.trust_entries import Role

SIGNATURE_NAME = "model.sig"
_DEFAULT_IGNORES = frozenset({".git", ".gitattributes", ".github", ".gitignore"})  # spec 5.1


@dataclass(frozen=True, slots=True)
class SignedModel(ModelFolder):
    """A model whose signature is genuine."""

    signer: Signer


def open_model(path: Path, *, trust: TrustStore, signature: Path | None = None) -> SignedModel:
    """Return a model, a folder or a single file, whose signature a model key of the trust store made."""
    source = _signature_path(path, signature)
    where = str(source)
    bundle = SigstoreBundle.from_bytes(_read_signature(source, path), where, payload_limit=MAX_PAYLOAD, foreign=True)
    opened = verify_bundle(bundle, where, trust=trust, roles=(Role.MODEL,))
    manifest = ModelManifest.from_payload(opened.payload, where)
    own = source.name if source.parent == path else None
    _refuse_unsigned_paths(manifest, own, where)
    signer = trust.judge(opened.entry, None, where, proven=opened.proven)
    listing, unsigned = _list(path, manifest, own, where)
    return SignedModel(path, manifest, unsigned, listing, signer)


def open_pinned(folder: Path, pin: str) -> ModelFolder:
    """Return a model folder whose list of files has this pin, whoever signed it."""
    _, manifest = read_model_claims(folder)
    if (found := manifest.listing) != pin:
        what = f"{folder}: is pinned as sha256:{pin}, and lists files of sha256:{found}"
        raise SigningError(Reason.DIGEST_MISMATCH, what, hint="another model, or one that was changed")
    _refuse_unsigned_paths(manifest, SIGNATURE_NAME, str(folder))
    listing, unsigned = _list(folder, manifest, SIGNATURE_NAME, str(folder))
    return ModelFolder(folder, manifest, unsigned, listing)


def read_model_claims(path: Path, *, signature: Path | None = None) -> tuple[str, ModelManifest]:
    """Return the key id and the manifest that a signature claims, with nothing verified: for people to look at."""
    source = _signature_path(path, signature)
    bundle = SigstoreBundle.from_bytes(
        _read_signature(source, path), str(source), payload_limit=MAX_PAYLOAD, foreign=True
    )
    manifest = ModelManifest.from_payload(bundle.envelope.payload, str(source))
    return bundle.envelope.signatures[0].keyid, manifest


def sign_model(
    folder: Path,
    *,
    key: PrivateKey,
    force: bool = False,
    name: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ModelManifest:
    """Hash every file of a model folder, and write `model.sig` beside them; the model's name is the folder's."""
    refuse_unfit(key)
    target = folder / SIGNATURE_NAME
    if not force:
        refuse_existing(target)
    names = plain_files(folder, besides=frozenset({SIGNATURE_NAME}), most=MAX_RESOURCES)
    if unsigned := sorted(n for n in names if n.split("/")[0] in _DEFAULT_IGNORES):
        what = f"{folder}: {unsigned[0]!a} would stay unsigned, as the specification has it"
        raise SigningError(Reason.EXTRA_FILE, what, hint="take version control's files out of the model's folder")
    hashed = hash_files(folder, names, limit=MAX_MODEL_FILE, progress=progress)
    listed = tuple(Resource(name, digest) for name, digest, _ in hashed)
    named = name or folder.resolve().name
    manifest = ModelManifest(named, root_digest(listed), listed, _DEFAULT_IGNORES | {SIGNATURE_NAME})
    payload = write_manifest(manifest)
    ModelManifest.from_payload(payload, str(target))  # nothing is signed that no reader would take
    create(target, sign_payload(payload, key), force=force)
    return manifest


def refuse_unfit(key: PrivateKey) -> None:
    """Refuse a key that cannot sign a model, before the work whose result it would sign."""
    if key.public.algorithm is not Algorithm.P256:
        hint = "`fusiondiff-audit keygen --role model` makes one"
        raise SigningError(Reason.UNSUPPORTED, f"models are signed with P-256, not {key.public.algorithm}", hint=hint)


def _signature_path(path: Path, signature: Path | None) -> Path:
    if signature is not None:
        return signature
    if os.path.isdir(path):
        return path / SIGNATURE_NAME
    hint = "say --signature FILE; a folder has its signature within, as model.sig"
    if os.path.exists(path):
        raise SigningError(Reason.NO_SIGNATURE, f"{path}: a model of one file has its signature elsewhere", hint=hint)
    raise SigningError(Reason.UNREADABLE, f"{path}: no such model")


def _read_signature(source: Path, path: Path) -> bytes:
    if not os.path.lexists(source):
        hint = "`fusiondiff-audit model sign` signs a model folder"
        raise SigningError(Reason.NO_SIGNATURE, f"{path}: {source} is not there", hint=hint)
    return read_capped(source, limit=bundle_limit(MAX_PAYLOAD))


def _refuse_unsigned_paths(manifest: ModelManifest, own: str | None, where: str) -> None:
    if wide := sorted(manifest.ignored - _DEFAULT_IGNORES - ({own} if own else set())):
        what = f"it leaves {wide[0]!a} unsigned"
        hint = "sign the model anew without paths to ignore"
        raise SigningError(Reason.UNSUPPORTED, f"{where}: {what}", hint=hint)


def _list(path: Path, manifest: ModelManifest, own: str | None, where: str) -> tuple[Listing, tuple[str, ...]]:
    """List the model, and apart from it what its signature leaves unsigned by default."""
    names = [r.name for r in manifest.resources]
    if os.path.isfile(path):
        if names not in (["."], [path.name]):
            raise malformed(where, f"it is not of the single file {path.name!a}")
        return Listing(frozenset({path.name}), {}), ()
    if names == ["."]:
        raise malformed(where, "it is of a single file, and this is a folder")
    listing = list_folder(path)
    unsigned = (manifest.ignored & _DEFAULT_IGNORES) | ({own} if own else set())

    def signed(name: str) -> bool:
        return name.split("/")[0] not in unsigned

    others = {name: what for name, what in listing.others.items() if signed(name)}
    unsigned_names = sorted(n for n in listing.files | listing.others.keys() if not signed(n) and n != own)
    return Listing(frozenset(filter(signed, listing.files)), others), tuple(unsigned_names)
