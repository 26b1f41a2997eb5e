"""Bundles: what was saved is what is loaded, and anything else is refused before a tensor exists."""

import hashlib
import json
import shutil
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

import signing
from fusiondiff_audit.model import bundle as module
from fusiondiff_audit.model import bundle_files
from fusiondiff_audit.model.bundle import load_bundle, write_bundle
from fusiondiff_audit.model.bundle_files import CARD_FILE, HEAD_FILE, SBOM_FILE, SETTINGS_FILE, shard_name
from fusiondiff_audit.model.card import PROVENANCE_HEADING, read_provenance
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.encoder import meta_encoder
from fusiondiff_audit.model.enrolment import ForestSettings
from fusiondiff_audit.weights.pins import Pin
from signing import Reason, SigningError, TrustStore
from tests.model.tiny import enrolled_model, examples, pictures, tiny_model

MODEL = enrolled_model(12, learning=ForestSettings(partitions=3, trees=5, seed=3))
SHARD = shard_name(1)


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory, keys: dict[str, signing.PrivateKey]) -> Path:
    """Return a signed bundle that no test changes."""
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    MODEL.save(folder)
    signing.sign_model(folder, key=keys["model"])
    return folder


@pytest.fixture
def bundle(saved: Path, tmp_path: Path) -> Path:
    """Return a copy of it that a test may change."""
    return Path(shutil.copytree(saved, tmp_path / "tiny"))


def refused(bundle: Path, trust: TrustStore, *reasons: Reason) -> str:
    with pytest.raises(SigningError) as caught:
        DiffusionModel.from_pretrained(bundle, trust=trust)
    assert caught.value.reason in reasons, caught.value
    return str(caught.value)


def test_a_bundle_comes_back_bit_for_bit(saved: Path, trust: TrustStore) -> None:
    again = DiffusionModel.from_pretrained(saved, trust=trust)
    assert again.settings == MODEL.settings
    assert again.verified
    for ours, theirs in zip(MODEL.judge(pictures(3)), again.judge(pictures(3)), strict=True):
        assert (ours.score, ours.votes, ours.gate, ours.tiles) == (
            theirs.score,
            theirs.votes,
            theirs.gate,
            theirs.tiles,
        )
    assert [example.specimen for example in again.head.enrolled.examples][:2] == ["alder 0", "birch 0"]
    assert np.array_equal(again.head.enrolled.embeddings, MODEL.head.enrolled.embeddings)


def test_saving_a_loaded_bundle_gives_the_same_bytes(saved: Path, trust: TrustStore, tmp_path: Path) -> None:
    DiffusionModel.from_pretrained(saved, trust=trust).save(tmp_path / "again")
    for name in (SETTINGS_FILE, SHARD, HEAD_FILE, CARD_FILE, SBOM_FILE):
        assert (tmp_path / "again" / name).read_bytes() == (saved / name).read_bytes(), name
    with pytest.raises(SigningError, match="again"):
        MODEL.save(tmp_path / "again")


def test_a_model_without_enrolment_is_a_bundle_too(tmp_path: Path) -> None:
    tiny_model().save(tmp_path / "bare")
    assert not (tmp_path / "bare" / HEAD_FILE).exists()
    again = DiffusionModel.from_pretrained(tmp_path / "bare", unverified=True)
    assert again.settings.reference is None


def test_nobody_is_trusted_by_default(saved: Path, trust: TrustStore) -> None:
    with pytest.raises(SigningError, match="whom to trust for this bundle was not stated") as caught:
        DiffusionModel.from_pretrained(saved)
    assert caught.value.reason is Reason.BAD_REQUEST
    with pytest.raises(ValueError, match="not both"):
        DiffusionModel.from_pretrained(saved, trust=trust, unverified=True)
    with pytest.raises(SigningError, match="neither a folder nor a bundle"):
        DiffusionModel.from_pretrained("fusion-diff-v9")


def test_an_unverified_bundle_says_so_in_every_finding(bundle: Path) -> None:
    (bundle / signing.SIGNATURE_NAME).unlink()
    model = DiffusionModel.from_pretrained(bundle, unverified=True)
    assert not model.verified
    assert all(finding.unverified for finding in model.judge(pictures(2)))


def test_every_flipped_bit_is_refused(bundle: Path, trust: TrustStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """500 places drawn over all files, headers and the signature included, and the first bytes of each."""
    rng = np.random.default_rng(12)
    files = sorted(path for path in bundle.iterdir() if path.is_file())
    ends = np.cumsum([path.stat().st_size for path in files])
    drawn = [(int(np.searchsorted(ends, at, side="right")), int(at)) for at in rng.integers(0, ends[-1], 400)]
    flips = [(files[i], at - int(ends[i - 1] if i else 0)) for i, at in drawn]
    flips += [(path, int(at)) for path in files for at in rng.integers(0, min(path.stat().st_size, 200), 17)]
    assert len(flips) >= 500
    empty = meta_encoder(MODEL.settings.architecture)  # built while files are hashed, and never filled
    monkeypatch.setattr(module, "meta_encoder", lambda _: empty)
    for path, at in flips:
        with path.open("r+b") as file:
            file.seek(at)
            (before,) = file.read(1)
            file.seek(at)
            file.write(bytes([before ^ 1 << int(rng.integers(8))]))
        with pytest.raises(SigningError):
            DiffusionModel.from_pretrained(bundle, trust=trust)
        with path.open("r+b") as file:
            file.seek(at)
            file.write(bytes([before]))
    monkeypatch.undo()
    DiffusionModel.from_pretrained(bundle, trust=trust)


def test_every_byte_of_the_signature_counts(bundle: Path, trust: TrustStore) -> None:
    path = bundle / signing.SIGNATURE_NAME
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        with pytest.raises(SigningError):
            signing.open_model(bundle, trust=trust)


def extra(bundle: Path) -> None:
    (bundle / "more.txt").write_text("more")


def pickled(bundle: Path) -> None:
    (bundle / "forest.pkl").write_bytes(b"\x80\x04N.")


def linked(bundle: Path) -> None:
    (bundle / SHARD).rename(bundle.parent / "elsewhere")
    (bundle / SHARD).symlink_to(bundle.parent / "elsewhere")


def missing(bundle: Path) -> None:
    (bundle / HEAD_FILE).unlink()


def renamed(bundle: Path) -> None:
    (bundle / SHARD).rename(bundle / shard_name(2))


def truncated(bundle: Path) -> None:
    whole = (bundle / SHARD).read_bytes()
    (bundle / SHARD).write_bytes(whole[:-64])


CHANGES: dict[str, tuple[Callable[[Path], None], tuple[Reason, ...]]] = {
    "an extra file": (extra, (Reason.EXTRA_FILE,)),
    "a pickle": (pickled, (Reason.EXTRA_FILE,)),
    "a link": (linked, (Reason.NOT_A_FILE, Reason.EXTRA_FILE, Reason.MISSING_FILE)),
    "a missing file": (missing, (Reason.MISSING_FILE,)),
    "a renamed file": (renamed, (Reason.EXTRA_FILE, Reason.MISSING_FILE)),
    "a truncated file": (truncated, (Reason.DIGEST_MISMATCH,)),
}


@pytest.mark.parametrize("case", CHANGES)
def test_unsigned_changes_are_refused(bundle: Path, trust: TrustStore, case: str) -> None:
    change, reasons = CHANGES[case]
    change(bundle)
    refused(bundle, trust, *reasons)


def other(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], None]:
    """Return a change of the encoder's tensors."""

    def changed(bundle: Path) -> None:
        tensors = load((bundle / SHARD).read_bytes())
        change(tensors)
        (bundle / SHARD).write_bytes(save(tensors))

    return changed


def head(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], None]:
    """Return a change of the head's arrays."""

    def changed(bundle: Path) -> None:
        tensors = load((bundle / HEAD_FILE).read_bytes())
        change(tensors)
        (bundle / HEAD_FILE).write_bytes(save(tensors))

    return changed


def stated(name: str, value: object) -> Callable[[Path], None]:
    def changed(bundle: Path) -> None:
        settings = json.loads((bundle / SETTINGS_FILE).read_bytes())
        (bundle / SETTINGS_FILE).write_text(json.dumps(settings | {name: value}))

    return changed


def hole(bundle: Path) -> None:
    whole = (bundle / SHARD).read_bytes()
    (bundle / SHARD).write_bytes(whole + b"\0" * 64)


def endless(bundle: Path) -> None:
    (bundle / SHARD).write_bytes(struct.pack("<Q", 2**40))


def fewer_ranks(bundle: Path) -> None:
    ranks = json.loads((bundle / SETTINGS_FILE).read_bytes())["ranks"]
    stated("ranks", ranks | {"own": ranks["own"][1:]})(bundle)


def crowded(bundle: Path) -> None:
    for number in range(2, 34):
        (bundle / shard_name(number)).touch()


SIGNED: dict[str, tuple[Callable[[Path], None], str]] = {
    "a pickle": (pickled, "'forest.pkl' is no file of a bundle"),
    "a note": (extra, "'more.txt' is no file of a bundle"),
    "a gap in the shards": (renamed, "is no file of a bundle"),
    "no card": (lambda b: (b / CARD_FILE).unlink(), "without MODEL_CARD.md"),
    "no head": (missing, "is enrolled and lacks head.safetensors"),
    "bytes behind the tensors": (hole, "tensors end at byte"),
    "a header too long": (endless, "its header has"),
    "a missing tensor": (other(lambda t: t.pop("gate.weigh.bias")), "'gate.weigh.bias'"),
    "an extra tensor": (other(lambda t: t.update(more=torch.zeros(1))), "not of this model, the first is 'more'"),
    "another type": (
        other(lambda t: t.update({"gate.weigh.bias": torch.zeros(16).half()})),
        "F16[16], expected F32[16]",
    ),
    "another shape": (other(lambda t: t.update({"gate.weigh.bias": torch.zeros(17)})), "F32[17], expected F32[16]"),
    "rows without owners": (head(lambda t: t.update({"enrolled.owner": t["enrolled.owner"][1:]})), "an owner each"),
    "rows that are not finite": (head(lambda t: t["enrolled.rows"].fill_(float("nan"))), "not finite rows"),
    "rows of another width": (head(lambda t: t.update({"enrolled.rows": torch.zeros(96, 15)})), "gives 16 dimensions"),
    "owners out of order": (
        head(lambda t: t["enrolled.owner"].copy_(t["enrolled.owner"].flip(0))),
        "the order of",
    ),
    "a forest with a cycle": (
        head(lambda t: t["forest.1.left"][:1].fill_(0)),
        "does not come after",
    ),
    "a forest too few": (
        head(lambda t: [t.pop(n) for n in list(t) if n.startswith("forest.2.")]),
        "other names",
    ),
    "a forest too many": (head(lambda t: t.update({"forest.3.left": torch.zeros(1)})), "'forest.3.left' is no array"),
    "a forest of other features": (head(lambda t: t["forest.0.features"].fill_(17)), "two classes and 16 features"),
    "a setting too many": (stated("more", 1), "unknown field 'more'"),
    "a setting out of range": (stated("threads", 0), "0 threads"),
    "settings of another format": (stated("format", "fusiondiff-audit/bundle/v9"), "is read"),
    "a head of a type that arrays lack": (
        head(lambda t: t.update({"enrolled.features": t["enrolled.features"].bfloat16()})),
        "which arrays do not have",
    ),
    "features of another width": (head(lambda t: t.update({"enrolled.features": torch.zeros(96, 15)})), "gives 16"),
    "a fingerprint too few": (
        head(lambda t: t.update({"enrolled.fingerprints": t["enrolled.fingerprints"][1:]})),
        "for 24 images",
    ),
    "a fold too few": (head(lambda t: [t.pop(n) for n in list(t) if n.startswith("fold.7.")]), "models of 7 folds"),
    "a fold of other makers": (head(lambda t: t.update({"fold.0.means": torch.zeros(3, 32).double()})), "(3, 32)"),
    "a fold without a scale": (head(lambda t: t.pop("fold.0.scale")), "the model of a fold has the arrays"),
    "a fold that divides by 0": (head(lambda t: t["fold.0.scale"].fill_(0)), "divides by what is not above 0"),
    "a fold that is not finite": (head(lambda t: t["fold.0.weights"].fill_(float("nan"))), "what is not finite"),
    "a fold of single precision": (
        head(lambda t: t.update({"fold.0.centre": t["fold.0.centre"].float()})),
        "an array of float32",
    ),
    "a fold with other weights": (head(lambda t: t.update({"fold.0.discriminant": torch.zeros(3).double()})), "(3,)"),
    "a forest of a fold with other features": (
        head(lambda t: t["fold.0.forest.features"].fill_(17)),
        "other features",
    ),
    "a fold of more directions than specimens": (
        head(
            lambda t: t.update(
                {"fold.0.directions": torch.zeros(99, 32).double(), "fold.0.weights": torch.zeros(99).double()}
            )
        ),
        "99 directions, fitted to 20 specimens",
    ),
    "a fold with a negative distance": (head(lambda t: t["fold.0.weights"].fill_(-1e9)), "a negative distance"),
    "ranks of fewer specimens": (fewer_ranks, "ranks of 11 authentic and 12 counterfeit specimens"),
    "ratios without ranks": (stated("ranks", None), "of specimens that are not enrolled"),
    "too many shards": (crowded, "33 shards, at most 32"),
    "seen as text": (stated("seen", "none"), "expected a list"),
}


@pytest.mark.parametrize("case", SIGNED)
def test_signed_changes_are_refused(
    bundle: Path, trust: TrustStore, keys: dict[str, signing.PrivateKey], case: str
) -> None:
    """A signature does not make a malformed bundle valid."""
    change, sentence = SIGNED[case]
    change(bundle)
    signing.sign_model(bundle, key=keys["model"], force=True)
    reasons = (Reason.MALFORMED, Reason.EXTRA_FILE, Reason.MISSING_FILE, Reason.UNSUPPORTED, Reason.TOO_LARGE)
    assert sentence in refused(bundle, trust, *reasons)
    with pytest.raises(SigningError):
        DiffusionModel.from_pretrained(bundle, unverified=True)


def test_a_pinned_bundle_is_verified_by_its_digest(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, manifest = signing.read_model_claims(bundle)
    pin = Pin(bundle, signing.list_digest(manifest.resources), "ab" * 32)
    monkeypatch.setattr(bundle_files, "PINNED", {"tiny": pin})
    model = DiffusionModel.from_pretrained("tiny")
    assert (model.verified, model.digest) == (True, pin.digest)
    monkeypatch.setattr(bundle_files, "PINNED", {"tiny": replace(pin, digest="0" * 64)})
    with pytest.raises(SigningError, match="is pinned as"):
        DiffusionModel.from_pretrained("tiny")


def test_files_that_change_after_loading_do_not_matter(bundle: Path, trust: TrustStore) -> None:
    """A memory-mapped file, even a private one, would show the new bytes."""
    model = DiffusionModel.from_pretrained(bundle, trust=trust)
    before = [finding.score for finding in model.judge(pictures(2))]
    (bundle / SHARD).write_bytes(b"\xff" * (bundle / SHARD).stat().st_size)
    assert [finding.score for finding in model.judge(pictures(2))] == before


def test_large_encoders_are_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SHARD", 400_000)
    MODEL.save(tmp_path / "many")
    shards = sorted(tmp_path.glob("many/encoder-*"))
    assert [path.name for path in shards] == [shard_name(i + 1) for i in range(len(shards))]
    assert len(shards) > 4
    again = DiffusionModel.from_pretrained(tmp_path / "many", unverified=True)
    assert [f.score for f in again.judge(pictures(2))] == [f.score for f in MODEL.judge(pictures(2))]


def test_the_sbom_is_valid(saved: Path) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = (saved / SBOM_FILE).read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    component = json.loads(text)["metadata"]["component"]
    assert component["type"] == "machine-learning-model"
    assert component["modelCard"]["considerations"]["useCases"] == ["authentic as: alder"]
    (learnt,) = component["modelCard"]["modelParameters"]["datasets"]
    assert learnt["name"] == "alder"
    files = {file["name"]: file["hashes"] for file in component["components"]}
    others = sorted(path.name for path in saved.iterdir() if path.name not in (SBOM_FILE, "model.sig"))
    assert sorted(files) == others
    for name, hashes in files.items():
        assert hashes == [{"alg": "SHA-256", "content": hashlib.sha256((saved / name).read_bytes()).hexdigest()}]


def test_the_sbom_of_a_bundle_without_enrolment_is_valid(tmp_path: Path) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    blank = MODEL.settings.without_enrolment()
    write_bundle(tmp_path / "blank", blank, MODEL.encoder.state_dict(), None)
    text = (tmp_path / "blank" / SBOM_FILE).read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert json.loads(text)["metadata"]["component"]["modelCard"]["modelParameters"]["datasets"] == []


def test_the_provenance_of_an_encoder_is_copied_to_derived_bundles(tmp_path: Path) -> None:
    settings, state = MODEL.settings, MODEL.encoder.state_dict()
    blank = settings.without_enrolment()
    write_bundle(tmp_path / "first", blank, state, None, provenance="By hand,\n\n## and slowly.")
    first = DiffusionModel.from_pretrained(tmp_path / "first", unverified=True)
    enrolled = first.enrol(examples(4), reference="alder", learning=ForestSettings(trees=5), demonstration=True)
    enrolled.save(tmp_path / "second")
    for name in ("first", "second"):
        card = (tmp_path / name / CARD_FILE).read_text()
        assert card.endswith(f"\n{PROVENANCE_HEADING}\n\nBy hand,\n\n## and slowly.\n")
        assert read_provenance(card.encode()) == "By hand,\n\n## and slowly."
    assert "| demonstration | yes |" in (tmp_path / "second" / CARD_FILE).read_text()
    (tmp_path / "second" / CARD_FILE).write_bytes(b"x" * 3_000_000 + f"\n{PROVENANCE_HEADING}\nMuch.".encode())
    assert load_bundle(tmp_path / "second", trust=None, unverified=True).provenance == ""
    MODEL.save(tmp_path / "third")
    assert PROVENANCE_HEADING not in (tmp_path / "third" / CARD_FILE).read_text()


def test_the_model_card_states_reference_and_examples(saved: Path) -> None:
    card = (saved / CARD_FILE).read_text()
    for line in (
        "# tiny",
        "| authentic as | alder |",
        "| demonstration | yes |",
        "| enrolled images | 12 authentic",
    ):
        assert line in card
