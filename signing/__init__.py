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
    >>> trust = signing.init_trust((root,), threshold=1, entries=(entry,), issued=now, expires=now + year)
    >>> _ = signing.sign_batch(folder, key=device, device="sem-1", lab=None, captured=now, issued=now, valid_for=year)
    >>> batch = signing.open_batch(folder, trust=trust)
    >>> [(file.name, file.data) for file in batch.files()]
    [('a.tif', b'micrograph')]
"""

from signing.amend import Window, add_entry, init_trust, new_entry, revoke_entry
from signing.batch import MANIFEST_NAME, Batch, Claim, RefusedFile, SignedFile, open_batch, sign_batch
from signing.errors import Reason, SigningError
from signing.files import create, read_capped, refuse_existing
from signing.keyfiles import load_key, load_public_key, public_path, read_passphrase, write_key
from signing.keys import Algorithm, PrivateKey, PublicKey
from signing.manifest import FileEntry, Kind, Manifest, PixelSize
from signing.roots import Entry, Revocation, Role
from signing.times import now, read_duration, read_moment, write_time
from signing.trust import Signer, TrustStore, load_trust

__all__ = [
    "MANIFEST_NAME",
    "Algorithm",
    "Batch",
    "Claim",
    "Entry",
    "FileEntry",
    "Kind",
    "Manifest",
    "PixelSize",
    "PrivateKey",
    "PublicKey",
    "Reason",
    "RefusedFile",
    "Revocation",
    "Role",
    "SignedFile",
    "Signer",
    "SigningError",
    "TrustStore",
    "Window",
    "add_entry",
    "create",
    "init_trust",
    "load_key",
    "load_public_key",
    "load_trust",
    "new_entry",
    "now",
    "open_batch",
    "public_path",
    "read_capped",
    "read_duration",
    "read_moment",
    "read_passphrase",
    "refuse_existing",
    "revoke_entry",
    "sign_batch",
    "write_key",
    "write_time",
]
