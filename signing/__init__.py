"""Signatures and trust: who vouches for which bytes.

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

from signing.batch import Batch, Claim, SignedFile, open_batch, sign_batch
from signing.errors import Reason, SigningError
from signing.files import create, read_capped, refuse_existing
from signing.key_files import MIN_PASSPHRASE, load_key, load_public_key, public_path, read_passphrase, write_key
from signing.keys import Algorithm, PrivateKey, PublicKey
from signing.manifest import MANIFEST_NAME, SECOND_NAME, FileEntry, FileKind, Manifest, PixelSize
from signing.merkle import MerkleTree, leaf_hash, verify_inclusion
from signing.model import (
    SIGNATURE_NAME,
    SignedModel,
    open_model,
    open_pinned,
    read_model_claims,
    refuse_unfit,
    sign_model,
)
from signing.model_folder import ModelFolder
from signing.model_manifest import ModelManifest, Resource, list_digest
from signing.notes import Checkpoint, open_checkpoint, sign_checkpoint
from signing.proofs import open_proof, write_proof
from signing.proposals import (
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
from signing.roots import Root
from signing.signed_folder import RefusedFile, require_folder
from signing.stamping import attach_token, drop_tokens, stamp_query
from signing.times import later, now, read_duration, read_moment, write_time
from signing.trust import Signer, TrustStore, load_trust
from signing.trust_entries import ROOT_ALGORITHMS, Revocation, RevocationReason, Role, TrustEntry

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
    "FileEntry",
    "FileKind",
    "Manifest",
    "MerkleTree",
    "ModelFolder",
    "ModelManifest",
    "PixelSize",
    "PrivateKey",
    "Proposal",
    "PublicKey",
    "Reason",
    "RefusedFile",
    "Resource",
    "Revocation",
    "RevocationReason",
    "Role",
    "Root",
    "SignedFile",
    "SignedModel",
    "Signer",
    "SigningError",
    "TrustEntry",
    "TrustStore",
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
    "verify_inclusion",
    "write_key",
    "write_proof",
    "write_time",
]
