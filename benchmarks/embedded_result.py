"""Stress-test the bundle that comes with the tool, and lay the signed result beside it.

    python -P benchmarks/embedded_result.py [--policy quick] [--bundle fusion-diff-v1-ceramic]

It attacks the bundle on made-up pictures that it did not learn from, signs the result with a key that exists for this
one signature and nowhere else, and prints its digest for weights/pins.py. The public half of the key lies beside the
bundle, too. A folder in place of the name is loaded as it is, and its result printed and not kept.
"""

import argparse
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # -P keeps it out
import signing
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.weights.pins import BUNDLES, PINNED
from reports.stress.result import RESULT, read_stress_result

NAME = "fusion-diff-v1-ceramic"
TOOL = (sys.executable, "-P", "-c", "from fusiondiff_audit.cli import main; main()")
PICTURES = ("--specimens", "4", "--fields", "1", "--side", "256", "--seed", "2027")  # the bundle learnt from 2026


def main() -> None:
    """Make pictures and keys, attack, and keep what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--policy", default="quick")
    parser.add_argument("--bundle", default=NAME)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, bundle = Path(name), arguments.bundle

        def tool(*words: str) -> None:
            subprocess.run([*TOOL, *words], check=True, cwd=folder)

        for role in ("root", "model", "auditor"):
            tool("keygen", "--role", role, "--out", f"{role}.pem", "--no-passphrase")
        root = ("--root-key", "root.pem")
        tool("trust", "init", *root, "--out", "trust.json")
        for role in ("model", "auditor"):
            tool("trust", "add", "trust.json", "--role", role, "--key", f"{role}.pub.pem", *root)
        if bundle not in PINNED:
            key = signing.load_key(folder / "model.pem", passphrase=bytes)
            DiffusionModel.from_pretrained(Path(bundle).resolve(), unverified=True).save(folder / "bundle", key=key)
            bundle = "bundle"
        tool("kiln", "make", "held-out", *PICTURES)
        asked = ("--data", "held-out", "--labels", "held-out/labels.csv", "--trust", "trust.json")
        signed = ("--key", "auditor.pem", "--out", "stressed", "--first")
        tool("stress", "--model", bundle, "--policy", arguments.policy, *asked, *signed)
        data = (folder / "stressed" / RESULT).read_bytes()
        print(f"{read_stress_result(data, RESULT).word}\npin {sha256(data).hexdigest()}")
        if bundle in PINNED:
            signing.create(PINNED[bundle].result, data, force=True)
            public = (folder / "auditor.pub.pem").read_bytes()
            signing.create(BUNDLES / f"{bundle}.auditor.pub.pem", public, force=True)


if __name__ == "__main__":
    main()
