"""Loading and writing bundles.

`bundle.json` has the settings, `encoder-00001.safetensors` and its successors the encoder's tensors, at most 256 MiB
each, `head.safetensors` the forests and the enrolled embeddings. No other file is read, and nothing is executed.
"""

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import torch

import signing
from fusiondiff_audit.inputs.folders import new_folder
from fusiondiff_audit.model.bundle_files import (
    CARD_FILE,
    HEAD_FILE,
    MAX_SHARD,
    SBOM_FILE,
    SETTINGS_FILE,
    BundleFiles,
    read_files,
    shard_name,
)
from fusiondiff_audit.model.card import card, read_provenance, sbom
from fusiondiff_audit.model.encoder import Encoder, meta_encoder
from fusiondiff_audit.model.head import Head, head_arrays, read_head
from fusiondiff_audit.model.settings import Settings
from fusiondiff_audit.weights import tensors
from signing.strict import malformed


@dataclass(frozen=True, slots=True, eq=False)
class LoadedBundle:
    """A bundle's contents; `digest` is over the names and digests of its files, as a pin holds it."""

    digest: str
    verified: bool
    settings: Settings
    encoder: Encoder
    head: Head | None
    provenance: str  # how the encoder was made, in the words of the model card


def load_bundle(source: str | os.PathLike[str], *, trust: signing.TrustStore | None, unverified: bool) -> LoadedBundle:
    """Load a bundle by its pinned name, or a folder that a model key of `trust` signed."""
    return build_bundle(read_files(source, trust=trust, unverified=unverified))


def build_bundle(files: BundleFiles) -> LoadedBundle:
    """Make a bundle of its files; names, types and shapes of all tensors are checked before the first one is made."""
    settings, encoder = _planned(bytes(files.memory[SETTINGS_FILE]), f"{files.where}/{SETTINGS_FILE}")
    head_data = files.memory.get(HEAD_FILE)
    if (settings.learning is None) != (head_data is None):
        raise malformed(files.where, f"is enrolled and lacks {HEAD_FILE}, or has it and is not enrolled")
    tensors.fill(encoder, tensors.view(files.shards, tensors.specs_of(encoder)))
    _refuse_unfit(encoder, files.where)
    encoder.diffusion.freeze_prompt()
    head = None
    if head_data is not None:
        head = read_head(head_data, settings, encoder.projection(), f"{files.where}/{HEAD_FILE}")
    provenance = read_provenance(bytes(files.memory[CARD_FILE]))
    return LoadedBundle(files.digest, files.verified, settings, encoder, head, provenance)


def _refuse_unfit(encoder: Encoder, where: str) -> None:
    try:
        encoder.refuse_unfit()
    except ValueError as e:
        raise malformed(where, str(e)) from e


def _planned(data: bytes, where: str) -> tuple[Settings, Encoder]:
    settings = Settings.from_bytes(data, where)
    try:
        return settings, meta_encoder(settings.architecture)
    except ValueError as e:
        raise malformed(where, str(e)) from e


def write_bundle(
    out: Path,
    settings: Settings,
    encoder: dict[str, torch.Tensor],
    head: Head | None,
    *,
    key: signing.PrivateKey | None = None,
    provenance: str = "",
) -> None:
    """Write a bundle to a new folder, signed if there is a key; `encoder` is the state of an encoder."""
    settings_json = settings.to_bytes()
    Settings.from_bytes(settings_json, SETTINGS_FILE)  # refuses to write what could not be read
    digests: dict[str, str] = {}
    with new_folder(out) as folder:

        def put(name: str, data: bytes) -> None:
            signing.create(folder / name, data)
            digests[name] = sha256(data).hexdigest()

        put(SETTINGS_FILE, settings_json)
        for number, shard in enumerate(_shards(encoder), start=1):
            put(shard_name(number), tensors.to_safetensors(shard))
        if head is not None:
            arrays = {name: torch.from_numpy(array) for name, array in head_arrays(head).items()}
            put(HEAD_FILE, tensors.to_safetensors(arrays))
        put(CARD_FILE, card(settings, provenance))
        signing.create(folder / SBOM_FILE, sbom(settings, digests))
        if key is not None:
            signing.sign_model(folder, key=key, name=out.name)


def _shards(state: dict[str, torch.Tensor]) -> list[dict[str, torch.Tensor]]:
    shards: list[dict[str, torch.Tensor]] = [{}]
    size = 0
    for name, tensor in sorted(state.items()):
        if size + tensor.nbytes > MAX_SHARD and shards[-1]:
            shards.append({})
            size = 0
        shards[-1][name] = tensor
        size += tensor.nbytes
    return shards
