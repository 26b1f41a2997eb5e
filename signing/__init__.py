"""Who vouches for which bytes.

Goals: keys, envelopes, a trust store and signed batches that others can check with tools that we did not write;
every byte read once, and handed on only after its signature or digest was checked.
Not-goals: storing secrets for others, a network, certificates of the web, and any opinion on what the bytes mean.

    >>> import tempfile, pathlib, datetime, signing
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.tif").write_bytes(b"micrograph")
    >>> root, device = (signing.PrivateKey.generate(signing.Algorithm.ED25519) for _ in range(2))
    >>> now, year = signing.now(), datetime.timedelta(days=365)
    >>> public = signing.write_key(device, folder.parent / f"{folder.name}.pem", passphrase=None)
    >>> window = signing.Window(now, now + year)
    >>> entry = signing.new_entry(signing.Role.DEVICE, public, principal="sem-1", window=window)
    >>> first = signing.propose_first((root.public,), threshold=1, entries=(entry,), issued=now, expires=now + year)
    >>> trust = first.cosigned((root,)).complete(now)
    >>> claims = {"device": "sem-1", "lab": None, "captured": now, "issued": now, "sequence": 1}
    >>> _ = signing.sign_batch(folder, key=device, valid_for=year, **claims)
    >>> batch = signing.open_batch(folder, trust=trust)
    >>> [(file.name, file.data) for file in batch.files()]
    [('a.tif', b'micrograph')]
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from signing.amend import (
        Proposal,
        Window,
        load_proposal,
        new_entry,
        propose_entry,
        propose_first,
        propose_revocation,
        propose_rotation,
        replace_trust,
    )
    from signing.batch import Batch, Claim, SignedFile, open_batch, sign_batch
    from signing.contents import RefusedFile, require_folder
    from signing.errors import Reason, SigningError
    from signing.files import create, read_capped, refuse_existing
    from signing.keyfiles import MIN_PASSPHRASE, load_key, load_public_key, public_path, read_passphrase, write_key
    from signing.keys import Algorithm, PrivateKey, PublicKey
    from signing.listed import ROOT_ALGORITHMS, Entry, Revocation, Role, Why
    from signing.manifest import MANIFEST_NAME, SECOND_NAME, FileEntry, Kind, Manifest, PixelSize
    from signing.merkle import Tree, leaf_hash, verify_consistency, verify_inclusion
    from signing.model import (
        SIGNATURE_NAME,
        SignedModel,
        open_model,
        open_pinned,
        read_model_claims,
        refuse_unfit,
        sign_model,
    )
    from signing.modelfolder import ModelFolder
    from signing.modelmanifest import ModelManifest, Resource, list_digest
    from signing.notes import Checkpoint, open_checkpoint, sign_checkpoint, verifier_key
    from signing.proofs import Proven, open_proof, write_proof
    from signing.roots import Root
    from signing.stamping import attach_token, drop_tokens, stamp_query
    from signing.times import later, now, read_duration, read_moment, write_time
    from signing.trust import Signer, TrustStore, load_trust

__all__ = [
    "MANIFEST_NAME",
    "MIN_PASSPHRASE",
    "ROOT_ALGORITHMS",
    "SECOND_NAME",
    "SIGNATURE_NAME",
    "Algorithm",
    "Batch",
    "Checkpoint",
    "Claim",
    "Entry",
    "FileEntry",
    "Kind",
    "Manifest",
    "ModelFolder",
    "ModelManifest",
    "PixelSize",
    "PrivateKey",
    "Proposal",
    "Proven",
    "PublicKey",
    "Reason",
    "RefusedFile",
    "Resource",
    "Revocation",
    "Role",
    "Root",
    "SignedFile",
    "SignedModel",
    "Signer",
    "SigningError",
    "Tree",
    "TrustStore",
    "Why",
    "Window",
    "attach_token",
    "create",
    "drop_tokens",
    "later",
    "leaf_hash",
    "list_digest",
    "load_key",
    "load_proposal",
    "load_public_key",
    "load_trust",
    "new_entry",
    "now",
    "open_batch",
    "open_checkpoint",
    "open_model",
    "open_pinned",
    "open_proof",
    "propose_entry",
    "propose_first",
    "propose_revocation",
    "propose_rotation",
    "public_path",
    "read_capped",
    "read_duration",
    "read_model_claims",
    "read_moment",
    "read_passphrase",
    "refuse_existing",
    "refuse_unfit",
    "replace_trust",
    "require_folder",
    "sign_batch",
    "sign_checkpoint",
    "sign_model",
    "stamp_query",
    "verifier_key",
    "verify_consistency",
    "verify_inclusion",
    "write_key",
    "write_proof",
    "write_time",
]

# Found when asked for: whoever verifies one file need not wait for all that signs, amends and stamps others.
_HOMES = {
    "amend": (
        "Proposal",
        "Window",
        "load_proposal",
        "new_entry",
        "propose_entry",
        "propose_first",
        "propose_revocation",
        "propose_rotation",
        "replace_trust",
    ),
    "batch": ("Batch", "Claim", "SignedFile", "open_batch", "sign_batch"),
    "contents": ("RefusedFile", "require_folder"),
    "errors": ("Reason", "SigningError"),
    "files": ("create", "read_capped", "refuse_existing"),
    "keyfiles": ("MIN_PASSPHRASE", "load_key", "load_public_key", "public_path", "read_passphrase", "write_key"),
    "keys": ("Algorithm", "PrivateKey", "PublicKey"),
    "listed": ("ROOT_ALGORITHMS", "Entry", "Revocation", "Role", "Why"),
    "manifest": ("MANIFEST_NAME", "SECOND_NAME", "FileEntry", "Kind", "Manifest", "PixelSize"),
    "merkle": ("Tree", "leaf_hash", "verify_consistency", "verify_inclusion"),
    "model": (
        "SIGNATURE_NAME",
        "SignedModel",
        "open_model",
        "open_pinned",
        "read_model_claims",
        "refuse_unfit",
        "sign_model",
    ),
    "modelfolder": ("ModelFolder",),
    "modelmanifest": ("ModelManifest", "Resource", "list_digest"),
    "notes": ("Checkpoint", "open_checkpoint", "sign_checkpoint", "verifier_key"),
    "proofs": ("Proven", "open_proof", "write_proof"),
    "roots": ("Root",),
    "stamping": ("attach_token", "drop_tokens", "stamp_query"),
    "times": ("later", "now", "read_duration", "read_moment", "write_time"),
    "trust": ("Signer", "TrustStore", "load_trust"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        found = globals()[name] = getattr(import_module(f"signing.{_HOME[name]}"), name)
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
