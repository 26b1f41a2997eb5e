"""A process that admits eight batches, one after the other, to a ledger that another process uses as well."""

import sys
import time
from pathlib import Path

import signing
from fusiondiff_audit.errors import AuditError
from fusiondiff_audit.ledger import CheckpointKeys, Ledger
from tests.conftest import NOW, entry, make_trust, sign

BATCHES = 8


def setup(home: Path) -> None:
    keys = {name: signing.PrivateKey.generate(signing.Algorithm.ED25519) for name in ("root", "device", "auditor")}
    roles = {"device": signing.Role.DEVICE, "auditor": signing.Role.AUDITOR}
    trust = make_trust(keys["root"], tuple(entry(keys[name], role, name) for name, role in roles.items()))
    (home / "trust.json").write_bytes(trust.to_bytes())
    (home / "auditor.pem").write_bytes(keys["auditor"].to_pem(None))
    (home / "auditor.pem").chmod(0o600)
    for i in range(BATCHES):
        folder = home / f"batch-{i}"
        folder.mkdir()
        (folder / "a.tif").write_bytes(bytes([i]))
        sign(folder, keys["device"], sequence=i)


def race(name: str, home: Path) -> None:
    trust = signing.load_trust(home / "trust.json", at=NOW)
    key = signing.load_key(home / "auditor.pem", passphrase=bytes)
    (home / name).touch()
    while not all((home / other).exists() for other in "xy"):
        time.sleep(0.001)
    with Ledger(home / "ledger", key=key, keys=CheckpointKeys.of_auditors(trust), clock=lambda: NOW) as ledger:
        for i in range(BATCHES):
            batch = signing.open_batch(home / f"batch-{i}", trust=trust)
            try:
                ledger.admit(batch, trust, run=f"{name}-{i}")
                print("admitted")
            except AuditError as e:
                print(e.reason)


if __name__ == "__main__":
    what, where = sys.argv[1], Path(sys.argv[2])
    setup(where) if what == "setup" else race(what, where)
