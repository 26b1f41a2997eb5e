"""The time to load a verified bundle of 1 GiB, over hashing its files and loading them unverified.

    python -P benchmarks/loading.py

Both sides begin with the files, in the system's cache, and end with a model of which every tensor was read. The
reference hashes the files in equally many threads, builds the same model, and fills it with the tensors that
safetensors loads, unchecked. Rounds are interleaved. Loading the tensors without building a model is timed as well.
"""

import hashlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # -P keeps it out
import torch
from safetensors.torch import load_file

import signing
from fusiondiff_audit.images.preparation import Geometry
from fusiondiff_audit.model.bundle import load_bundle, write_bundle
from fusiondiff_audit.model.bundle_files import read_files
from fusiondiff_audit.model.encoder import Architecture, Encoder, meta_encoder
from fusiondiff_audit.model.settings import Settings
from fusiondiff_audit.model.shapes import Denoiser
from fusiondiff_audit.weights.tensors import specs_of, view
from signing.parallel import THREADS, map_in_order
from tests.conftest import entry, make_trust

ROUNDS, BOUND = 9, 1.15
ARCHITECTURE = Architecture(denoiser=Denoiser((192, 384, 704, 704), groups=32, heads=8))
EXPECTED = specs_of(meta_encoder(ARCHITECTURE))
PIECE = 1 << 20  # bytes


def signed_bundle(folder: Path) -> tuple[Path, signing.TrustStore]:
    """Write and sign a bundle of random weights."""
    key = signing.PrivateKey.generate(signing.Algorithm.P256)
    settings = Settings("large", None, True, ARCHITECTURE, Geometry(tile=ARCHITECTURE.tile))
    write_bundle(folder / "large", settings, Encoder(ARCHITECTURE).state_dict(), None, key=key)
    entries = (entry(key, signing.Role.MODEL, "model-1"),)
    return folder / "large", make_trust(signing.PrivateKey.generate(signing.Algorithm.ED25519), entries)


def verified_model(bundle: Path, trust: signing.TrustStore) -> None:
    """Load a model as the tool does."""
    touch(load_bundle(bundle, trust=trust, unverified=False).encoder.state_dict())


def unverified_model(bundle: Path, _: signing.TrustStore) -> None:
    """Hash the files, build a model, and fill it without comparing digests."""
    encoder = meta_encoder(ARCHITECTURE)
    encoder.load_state_dict(hashed_and_loaded(bundle), assign=True)
    encoder.diffusion.freeze_prompt()
    touch(encoder.state_dict())


def verified_tensors(bundle: Path, trust: signing.TrustStore) -> None:
    """Load tensors as the tool does, with known names and shapes."""
    files = read_files(bundle, trust=trust, unverified=False)
    touch(view(files.shards, EXPECTED))


def unverified_tensors(bundle: Path, _: signing.TrustStore) -> None:
    """Hash the files, and load their tensors unchecked."""
    touch(hashed_and_loaded(bundle))


def hashed_and_loaded(bundle: Path) -> dict[str, torch.Tensor]:
    files = sorted(path for path in bundle.iterdir() if path.suffix == ".safetensors")
    list(map_in_order(digest, files, threads=THREADS))
    return {name: tensor for path in files for name, tensor in load_file(path).items()}


def digest(path: Path) -> str:
    running, piece = hashlib.sha256(), bytearray(PIECE)
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(piece):
            running.update(memoryview(piece)[:count])
    return running.hexdigest()


def touch(tensors: dict[str, torch.Tensor]) -> None:
    for tensor in tensors.values():
        float(tensor.sum())


def timed(work: Callable[[Path, signing.TrustStore], None], bundle: Path, trust: signing.TrustStore) -> float:
    """Return seconds by the clock, since several threads hash."""
    start = time.perf_counter()
    work(bundle, trust)
    return time.perf_counter() - start


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        bundle, trust = signed_bundle(Path(name))
        size = sum(path.stat().st_size for path in bundle.iterdir())
        print(f"{size / 2**30:.2f} GiB in {len(list(bundle.glob('*.safetensors')))} files, {THREADS} threads")
        pairs = ((verified_model, unverified_model), (verified_tensors, unverified_tensors))
        ratios = []
        for ours, theirs in pairs:
            times: dict[str, list[float]] = {ours.__name__: [], theirs.__name__: []}
            for number in range(ROUNDS + 1):
                for side in (ours, theirs) if number % 2 else (theirs, ours):
                    times[side.__name__].append(timed(side, bundle, trust))
            for label, seconds in times.items():
                del seconds[0]
                print(f"{label:16} {min(seconds):.2f} s at least, median {statistics.median(seconds):.2f}")
            ratios.append(min(times[ours.__name__]) / min(times[theirs.__name__]))
        print(f"a model {ratios[0]:.3f}, tensors alone {ratios[1]:.3f} of hashing and loading unverified")
        if ratios[0] > BOUND:
            sys.exit(f"at most {BOUND} is allowed")


if __name__ == "__main__":
    main()
