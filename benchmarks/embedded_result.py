"""Stress-test the embedded bundle, and write the signed result beside it.

    python -P benchmarks/embedded_result.py [--policy quick] [--bundle fusion-diff-v1-ceramic]

It attacks the bundle on synthetic images that are not in its training data, signs the result with a new key that is
used once and not kept, and prints its digest for fusiondiff_audit/weights/pins.py. The public key is written beside the
bundle. The result of a bundle in another folder is printed and not kept.
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
COMMAND = (sys.executable, "-P", "-c", "from fusiondiff_audit.cli import main; main()")
IMAGE_OPTIONS = (
    "--specimens",
    "4",
    "--fields",
    "1",
    "--side",
    "256",
    "--seed",
    "2027",
)  # the bundle was enrolled with seed 2026


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--policy", default="quick")
    parser.add_argument("--bundle", default=NAME)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, bundle = Path(name), arguments.bundle

        def run_tool(*words: str) -> None:
            subprocess.run([*COMMAND, *words], check=True, cwd=folder)

        for role in ("root", "model", "auditor"):
            run_tool("keygen", "--role", role, "--out", f"{role}.pem", "--no-passphrase")
        root_key = ("--root-key", "root.pem")
        run_tool("trust", "init", *root_key, "--out", "trust.json")
        for role in ("model", "auditor"):
            run_tool("trust", "add", "trust.json", "--role", role, "--key", f"{role}.pub.pem", *root_key)
        if bundle not in PINNED:
            key = signing.load_key(folder / "model.pem", passphrase=bytes)
            DiffusionModel.from_pretrained(Path(bundle).resolve(), unverified=True).save(folder / "bundle", key=key)
            bundle = "bundle"
        run_tool("kiln", "make", "held-out", *IMAGE_OPTIONS)
        data_options = ("--data", "held-out", "--labels", "held-out/labels.csv", "--trust", "trust.json")
        output_options = ("--key", "auditor.pem", "--out", "stressed", "--first")
        run_tool("stress", "--model", bundle, "--policy", arguments.policy, *data_options, *output_options)
        data = (folder / "stressed" / RESULT).read_bytes()
        print(f"{read_stress_result(data, RESULT).word}\npin {sha256(data).hexdigest()}")
        if bundle in PINNED:
            signing.create(PINNED[bundle].result, data, force=True)
            public = (folder / "auditor.pub.pem").read_bytes()
            signing.create(BUNDLES / f"{bundle}.auditor.pub.pem", public, force=True)


if __name__ == "__main__":
    main()
