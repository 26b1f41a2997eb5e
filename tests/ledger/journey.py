"""A run as an audit walks it, with a judge that needs no torch: what a crash at any moment must not undo.

`setup HOME BATCHES` makes keys and signed batches; `walk HOME BATCH` does or goes on with the run of one of them.
"""

import hashlib
import json
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np

import signing
from fusiondiff_audit.images.batch import decode_batch
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.micrograph import LooseFile, SignedMicrograph, decode
from fusiondiff_audit.ledger import CheckpointKeys, EarlierImage, Ledger
from tests.conftest import NOW, entry, make_trust, sign
from tests.images.synthetic import written

IMAGES, AT_ONCE = 24, 2


def setup(home: Path, batches: int) -> None:
    keys = {name: signing.PrivateKey.generate(signing.Algorithm.ED25519) for name in ("root", "device", "auditor")}
    roles = {"device": signing.Role.DEVICE, "auditor": signing.Role.AUDITOR}
    trust = make_trust(keys["root"], tuple(entry(keys[name], role, name) for name, role in roles.items()))
    (home / "trust.json").write_bytes(trust.to_bytes())
    (home / "auditor.pem").write_bytes(keys["auditor"].to_pem(None))
    (home / "auditor.pem").chmod(0o600)
    for number in range(batches):
        folder = home / f"batch-{number}"
        folder.mkdir()
        for i in range(IMAGES):
            pixels = np.full((64, 64), 100 * number + max(i, 1), np.uint16)  # the second is the first again
            (folder / f"{i:02d}.tif").write_bytes(written(pixels, compression="deflate" if i % 2 else None))
        sign(folder, keys["device"], sequence=number)


def walk(home: Path, name: str) -> None:
    trust = signing.load_trust(home / "trust.json", at=NOW)
    key = signing.load_key(home / "auditor.pem", passphrase=bytes)
    batch = signing.open_batch(home / name, trust=trust)
    with Guard() as guard, ExitStack() as stack:
        decode(LooseFile("warm.tif", "", written(np.zeros((8, 8), np.uint16), compression="deflate")), guard=guard)
        print("begun", flush=True)
        ledger = stack.enter_context(
            Ledger(home / "ledger", key=key, keys=CheckpointKeys.of_auditors(trust), clock=lambda: NOW)
        )
        ledger.admit(batch, trust, run=name)
        rows: dict[str, str] = {}
        waiting: list[SignedMicrograph] = []
        for file in decode_batch(batch, guard=guard, threads=1):  # the one process that has started
            assert isinstance(file, SignedMicrograph)
            waiting.append(file)
            if len(waiting) == AT_ONCE:
                befores = ledger.note_pixels(name, [(m.name, m.pixel_digest) for m in waiting])
                rows |= {m.name: judge(m, before) for m, before in zip(waiting, befores, strict=True)}
                waiting = []
        report = home / f"{name}.json"
        data = json.dumps(rows, sort_keys=True).encode()
        if report.exists():  # of a run that was killed before the ledger knew
            assert report.read_bytes() == data
        else:
            signing.create(report, data)
        ledger.issue(name, hashlib.sha256(data).hexdigest())


def judge(micrograph: SignedMicrograph, before: EarlierImage | None) -> str:
    return f"duplicate of {before.run}/{before.name}" if before else str(int(micrograph.pixels.max()))


if __name__ == "__main__":
    home = Path(sys.argv[2])
    setup(home, int(sys.argv[3])) if sys.argv[1] == "setup" else walk(home, sys.argv[3])
