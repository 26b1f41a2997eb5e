"""The time to verify a signed model, over that of model-signing's verifier: `python -P benchmarks/model_signature.py`.

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
    """Return the exit code: 1 where ours takes longer on a model of large or of small files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--mebibytes", type=int, default=600)
    options = parser.parse_args()
    results = []
    for count, size in ((3, options.mebibytes * 2**20 // 3), (300, 64 * 2**10)):
        with tempfile.TemporaryDirectory() as name:
            results.append(compare(Path(name), count, size))
    return 0 if all(results) else 1


def compare(home: Path, count: int, size: int) -> bool:
    """Return whether ours takes no longer on a folder of `count` files of `size` bytes."""
    model = home / "model"
    model.mkdir()
    block = os.urandom(size)
    for number in range(count):
        (model / f"{number:04}.bin").write_bytes(number.to_bytes(8, "big") + block[8:])
    trust, public = write_signed_model(home, model)
    scripts = Path(sysconfig.get_path("scripts"))
    ours = [scripts / "fusiondiff-audit", "model", "verify", model, "--trust", trust, "--json"]
    theirs = [scripts / "model_signing", "verify", "key", model, "--signature", model / "model.sig"]
    commands = {"A model_signing": [*theirs, "--public_key", public], "B ours": ours}
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(ROUNDS + 1):
        for name in sorted(commands, reverse=number % 2 == 0):
            start = time.perf_counter()
            process = subprocess.run([str(word) for word in commands[name]], capture_output=True, text=True, check=True)
            if number:
                seconds[name].append(time.perf_counter() - start)
            if name == "B ours":
                assert json.loads(process.stdout)["outcome"] == "PASSED"
    for name, times in seconds.items():
        print(f"{name:16} least {min(times):.2f} s, median {statistics.median(times):.2f} s")
    theirs_seconds, ours_seconds = seconds.values()
    ratio = min(ours_seconds) / min(theirs_seconds)
    print(f"{'holds' if ratio <= 1 else 'FAILS'}: {count} files of {size:,} bytes, ratio B/A {ratio:.2f}, at most 1.00")
    return ratio <= 1


def write_signed_model(home: Path, model: Path) -> tuple[Path, Path]:
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
