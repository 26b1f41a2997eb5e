"""Signed model folders: OpenSSF Model Signing v1.0 with plain keys (model-signing-spec, spec/v1.0.md).

The signature lists every file by its digest, and only listed files are ever loaded. The specification lets a signer
exclude further paths from the signature; any path but its four defaults and the signature file itself is refused, since
nothing would verify the files there.
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
from signing.model_manifest import MAX_PAYLOAD, MAX_RESOURCES, ModelManifest, Resource, root_digest, write_manifest
from signing.signed_folder import hash_files, plain_files
from signing.sigstore_bundle import SigstoreBundle, bundle_limit, sign_payload, verify_bundle
from signing.strict import malformed
from signing.trust import Signer, TrustStore
from signing.trust_entries import Role

SIGNATURE_NAME = "model.sig"
_DEFAULT_IGNORES = frozenset({".git", ".gitattributes", ".github", ".gitignore"})  # spec 5.1


@dataclass(frozen=True, slots=True)
class SignedModel(ModelFolder):
    """A model whose signature was verified."""

    signer: Signer


def open_model(path: Path, *, trust: TrustStore, signature: Path | None = None) -> SignedModel:
    """Return a model, a folder or a single file, that a model key of the trust store signed."""
    source, bundle = _read_bundle(path, signature)
    where = str(source)
    opened = verify_bundle(bundle, where, trust=trust, roles=(Role.MODEL,))
    manifest = ModelManifest.from_payload(opened.payload, where)
    signer = trust.judge(opened.entry, None, where, proven=opened.proven)
    own = source.name if source.parent == path else None
    listing, unsigned = _list(path, manifest, own, where)
    return SignedModel(path, manifest, unsigned, listing, signer)


def open_pinned(folder: Path, pin: str) -> ModelFolder:
    """Return a model folder whose list of files has the digest `pin`; its signature is not verified."""
    _, manifest = read_model_claims(folder)
    if manifest.listing != pin:
        message = f"{folder}: is pinned as sha256:{pin}, and lists files of sha256:{manifest.listing}"
        raise SigningError(Reason.DIGEST_MISMATCH, message, hint="another model, or one that was changed")
    listing, unsigned = _list(folder, manifest, SIGNATURE_NAME, str(folder))
    return ModelFolder(folder, manifest, unsigned, listing)


def read_model_claims(path: Path, *, signature: Path | None = None) -> tuple[str, ModelManifest]:
    """Return the key id and the manifest of a signature that is not verified, to be shown."""
    source, bundle = _read_bundle(path, signature)
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
    """Hash every file of a model folder, and write `model.sig` into it; `name` is by default the folder's name."""
    refuse_unfit(key)
    target = folder / SIGNATURE_NAME
    if not force:
        refuse_existing(target)
    names = plain_files(folder, besides=frozenset({SIGNATURE_NAME}), most=MAX_RESOURCES)
    if unsigned := sorted(n for n in names if n.split("/")[0] in _DEFAULT_IGNORES):
        message = f"{folder}: {unsigned[0]!a} would stay unsigned, as the specification demands"
        raise SigningError(Reason.EXTRA_FILE, message, hint="take version control's files out of the model's folder")
    hashed = hash_files(folder, names, limit=MAX_MODEL_FILE, progress=progress)
    listed = tuple(Resource(name, digest) for name, digest, _ in hashed)
    ignored = _DEFAULT_IGNORES | {SIGNATURE_NAME}
    manifest = ModelManifest(name or folder.resolve().name, root_digest(listed), listed, ignored)
    payload = write_manifest(manifest)
    ModelManifest.from_payload(payload, str(target))  # a payload that verifiers would refuse is not signed
    create(target, sign_payload(payload, key), force=force)
    return manifest


def refuse_unfit(key: PrivateKey) -> None:
    """Refuse a key that cannot sign a model, before any work is done for that model."""
    if key.public.algorithm is not Algorithm.P256:
        hint = "`fusiondiff-audit keygen --role model` makes one"
        raise SigningError(Reason.UNSUPPORTED, f"models are signed with P-256, not {key.public.algorithm}", hint=hint)


def _read_bundle(path: Path, signature: Path | None) -> tuple[Path, SigstoreBundle]:
    """Return the path of a model's signature, and its bundle; nothing is verified."""
    if signature is None and not os.path.isdir(path):
        if not os.path.exists(path):
            raise SigningError(Reason.UNREADABLE, f"{path}: no such model")
        hint = "give --signature FILE; only a folder holds its own signature, model.sig"
        raise SigningError(Reason.NO_SIGNATURE, f"{path}: a model of one file has its signature elsewhere", hint=hint)
    source = signature or path / SIGNATURE_NAME
    if not os.path.lexists(source):
        hint = "`fusiondiff-audit model sign` signs a model folder"
        raise SigningError(Reason.NO_SIGNATURE, f"{path}: {source} is not there", hint=hint)
    data = read_capped(source, limit=bundle_limit(MAX_PAYLOAD))
    return source, SigstoreBundle.from_bytes(data, str(source), payload_limit=MAX_PAYLOAD, foreign=True)


def _list(path: Path, manifest: ModelManifest, own: str | None, where: str) -> tuple[Listing, tuple[str, ...]]:
    """Return a model's files and, separately, the names that its signature excludes; `own` is the signature's name.

    A signature that excludes more than the defaults and itself is refused.
    """
    ignored = manifest.ignored | ({own} if own else set())
    if excluded := sorted(ignored - _DEFAULT_IGNORES - {own}):
        hint = "sign the model anew without paths to ignore"
        raise SigningError(Reason.UNSUPPORTED, f"{where}: leaves {excluded[0]!a} unsigned", hint=hint)
    names = [r.name for r in manifest.resources]
    if os.path.isfile(path):
        if names not in (["."], [path.name]):
            raise malformed(where, f"signs another file than {path.name!a}")
        return Listing(frozenset({path.name}), {}), ()
    if names == ["."]:
        raise malformed(where, "signs a single file, and the model is a folder")
    listing = list_folder(path)

    def signed(name: str) -> bool:
        return name.split("/")[0] not in ignored

    others = {name: description for name, description in listing.others.items() if signed(name)}
    unsigned = sorted(n for n in listing.files | listing.others.keys() if not signed(n) and n != own)
    return Listing(frozenset(filter(signed, listing.files)), others), tuple(unsigned)
