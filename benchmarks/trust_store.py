"""Keys and a trust store for benchmarks, good from now on for a day."""

from pathlib import Path

import signing


def write_trust_store(folder: Path, *roles: signing.Role) -> dict[signing.Role, signing.PrivateKey]:
    """Write `trust.json`, and return a key for each role."""
    root, now = signing.PrivateKey.generate(signing.Algorithm.ED25519), signing.now()
    window = signing.Window(now, signing.read_moment("+1d", now))
    keys = {role: signing.PrivateKey.generate(signing.Algorithm.ED25519) for role in roles}
    publics = {role: signing.write_key(key, folder / f"{role}.pem", passphrase=None) for role, key in keys.items()}
    entries = tuple(
        signing.new_entry(role, public, principal=f"{role}-1", window=window) for role, public in publics.items()
    )
    first = signing.propose_first((root.public,), threshold=1, entries=entries, issued=now, expires=window.until)
    (folder / "trust.json").write_bytes(first.cosigned((root,)).complete(now).to_bytes())
    return keys
