"""Verifying a signed model, ours beside model-signing's own verifier: `python -P benchmarks/model_signature.py`.

Both run as commands on the same folder, in interleaved rounds (A B, B A, ...), one warm-up dropped.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import signing

ROUNDS = 9


def main() -> int:
    """Measure both on a large and a small model, and say whether ours takes no longer."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--mebibytes", type=int, default=600)
    options = parser.parse_args()
    held = []
    for count, size in ((3, options.mebibytes * 2**20 // 3), (300, 64 * 2**10)):
        with tempfile.TemporaryDirectory() as name:
            held.append(compare(Path(name), count, size))
    return 0 if all(held) else 1


def compare(home: Path, count: int, size: int) -> bool:
    """Compare both verifiers on a folder of that many files of that size."""
    model = home / "model"
    model.mkdir()
    block = os.urandom(size)
    for i in range(count):
        (model / f"{i:04}.bin").write_bytes(i.to_bytes(8, "big") + block[8:])
    trust, public = signed(home, model)
    scripts = Path(sysconfig.get_path("scripts"))
    ours = [scripts / "fusiondiff-audit", "model", "verify", model, "--trust", trust, "--json"]
    theirs = [scripts / "model_signing", "verify", "key", model, "--signature", model / "model.sig"]
    commands = {"A model_signing": [*theirs, "--public_key", public], "B ours": ours}
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for i in range(ROUNDS + 1):
        for name in sorted(commands, reverse=i % 2 == 0):
            start = time.perf_counter()
            done = subprocess.run([str(w) for w in commands[name]], capture_output=True, text=True, check=True)
            if i:
                seconds[name].append(time.perf_counter() - start)
            if name == "B ours":
                assert json.loads(done.stdout)["outcome"] == "PASSED"
    for name, found in seconds.items():
        print(f"{name:16} least {min(found):.2f} s, median {statistics.median(found):.2f} s")
    first, second = seconds.values()
    ratio = min(second) / min(first)
    print(f"{'holds' if ratio <= 1 else 'FAILS'}: {count} files of {size:,} bytes, ratio B/A {ratio:.2f}, at most 1.00")
    return ratio <= 1


def signed(home: Path, model: Path) -> tuple[Path, Path]:
    """Sign the model, and return the trust store and the public key that verify it."""
    root = signing.PrivateKey.generate(signing.Algorithm.ED25519)
    key = signing.PrivateKey.generate(signing.Algorithm.P256)
    signing.sign_model(model, key=key)
    public = signing.write_key(key, home / "k.pem", passphrase=None)
    now = signing.now()
    window = signing.Window(now, now + timedelta(days=9))
    entry = signing.new_entry(signing.Role.MODEL, public, principal="model", window=window)
    first = signing.propose_first((root.public,), threshold=1, entries=(entry,), issued=now, expires=window.until)
    trust = home / "trust.json"
    trust.write_bytes(first.cosigned((root,)).complete(now).to_bytes())
    return trust, public


if __name__ == "__main__":
    sys.exit(main())
