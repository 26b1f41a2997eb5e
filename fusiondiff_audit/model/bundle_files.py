"""Reading a bundle's files: verified by a pin or a signature, or explicitly unverified."""

import os
from dataclasses import dataclass
from pathlib import Path

import signing
from fusiondiff_audit.weights.pins import PINNED
from signing import Reason, SigningError
from signing.folder import Reader, list_folder
from signing.parallel import THREADS, map_in_order

MAX_SHARD = 256 * 1024 * 1024  # bytes of tensors in one file: many files hash in parallel
_MAX_FILE = MAX_SHARD + 16 * 1024 * 1024  # with its header
SETTINGS_FILE, CARD_FILE, SBOM_FILE, HEAD_FILE = "bundle.json", "MODEL_CARD.md", "sbom.cdx.json", "head.safetensors"
_SHARD, _ENDING = "encoder-", ".safetensors"
_MOST_SHARDS = 32  # 8 GiB, all in memory at once: Stable Diffusion v1.4 has half as much in single precision


@dataclass(frozen=True, slots=True, eq=False)
class BundleFiles:
    """A bundle's files in the memory in which they were hashed."""

    where: str
    digest: str  # over names and digests, as a pin holds it
    verified: bool
    memory: dict[str, memoryview]

    @property
    def shards(self) -> dict[str, memoryview]:
        """The files that hold the encoder's tensors."""
        return {name: data for name, data in self.memory.items() if name.startswith(_SHARD)}


def read_files(source: str | os.PathLike[str], *, trust: signing.TrustStore | None, unverified: bool) -> BundleFiles:
    """Return the files of a pinned bundle by its name, or of a folder that a model key of the trust store signed."""
    if trust is not None and unverified:
        raise ValueError("a bundle is verified with a trust store, or it is unverified; not both")
    if isinstance(source, str) and source in PINNED:
        pin = PINNED[source]
        return _loaded(signing.open_pinned(pin.folder, pin.digest))
    path = Path(source)
    if not os.path.isdir(path):
        names = ", ".join(sorted(PINNED)) or "none"
        fault = f"{source}: neither a folder nor a bundle that comes with the tool (those are: {names})"
        raise SigningError(Reason.UNREADABLE, fault)
    if trust is not None:
        return _loaded(signing.open_model(path, trust=trust))
    if unverified:
        return _unverified(path)
    hint = "pass trust=..., or unverified=True, which marks every finding"
    raise SigningError(Reason.BAD_REQUEST, f"{path}: whom to trust for this bundle was not stated", hint=hint)


def shard_name(number: int) -> str:
    """Return the name of the encoder's n-th file, from 1."""
    return f"{_SHARD}{number:05d}{_ENDING}"


def _loaded(folder: signing.ModelFolder) -> BundleFiles:
    names = [resource.name for resource in folder.manifest.resources]
    _refuse_others(names, str(folder.path))
    memory = folder.load(limit=_MAX_FILE)
    return BundleFiles(str(folder.path), signing.list_digest(folder.manifest.resources), True, memory)


def _unverified(path: Path) -> BundleFiles:
    """Read an unsigned folder; all other rules are the same."""
    listing = list_folder(path)
    if listing.others:
        name, kind = min(listing.others.items())
        raise SigningError(Reason.NOT_A_FILE, f"{path}: {name!a} is {kind}")
    names = sorted(listing.files - {signing.SIGNATURE_NAME})
    _refuse_others(names, str(path))
    reader = Reader(path)
    loaded = map_in_order(lambda name: (name, *reader.load(name, limit=_MAX_FILE)), names, threads=THREADS)
    files = [(signing.Resource(name, digest), data) for name, digest, data in loaded]
    digest = signing.list_digest(tuple(resource for resource, _ in files))
    return BundleFiles(str(path), digest, False, {resource.name: data for resource, data in files})


def _refuse_others(names: list[str], where: str) -> None:
    """Refuse files that no bundle has, such as pickles, whether they are signed or not."""
    shards = [name for name in names if name.startswith(_SHARD)]
    if len(shards) > _MOST_SHARDS:
        raise SigningError(Reason.TOO_LARGE, f"{where}: {len(shards):,} shards, at most {_MOST_SHARDS} are read")
    expected = {SETTINGS_FILE, CARD_FILE, SBOM_FILE, HEAD_FILE, *(shard_name(i + 1) for i in range(len(shards)))}
    if extra := sorted(set(names) - expected):
        raise SigningError(Reason.EXTRA_FILE, f"{where}: {extra[0]!a} is no file of a bundle")
    if missing := sorted({SETTINGS_FILE, CARD_FILE, SBOM_FILE, shard_name(1)} - set(names)):
        raise SigningError(Reason.MISSING_FILE, f"{where}: a bundle without {missing[0]}")
