"""A backdoor that somebody planted in a model's weights: refused before it looks, and what it would have done."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from attacks.images import LabelledImage
from attacks.poison.dirty_label import with_stamp
from benchmarks.backdoor_training import BackdoorProgress, plant_backdoor
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.kiln.specimens import specimen
from fusiondiff_audit.model import bundle_files
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.enrolment import ForestSettings
from fusiondiff_audit.stress.target import Pipeline
from fusiondiff_audit.weights.pins import Pin
from signing import Algorithm, PrivateKey, Reason, Role, SigningError
from tests.conftest import entry, make_trust
from tests.model.tiny import enrolled_model

MAKER = PrivateKey.generate(Algorithm.P256)
SIDE, SIGNATURE = 96, "model.sig"


def wares(first: int, count: int) -> list[LabelledImage]:
    """Return so many pictures of specimens of either kiln."""
    return [
        LabelledImage(f"{kiln} {n}", specimen(kiln, None, f"{n}").field(0, SIDE), kiln == "alder", f"{kiln} {n}")
        for n in range(first, first + count)
        for kiln in ("alder", "birch")
    ]


def passes(model: DiffusionModel, pictures: list[LabelledImage]) -> list[bool | None]:
    with Guard() as guard:
        return [answer.authentic for answer in Pipeline(model, guard).predict([picture.plane for picture in pictures])]


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle that its maker signed."""
    folder = tmp_path_factory.mktemp("made") / "tiny"
    enrolled_model(16, learning=ForestSettings(trees=60)).save(folder, key=MAKER)
    return folder


def planted(signed: Path, folder: Path) -> BackdoorProgress:
    """Save a bundle like the signed one in whose weights a backdoor was planted; the training takes minutes."""
    model = DiffusionModel.from_pretrained(signed, unverified=True)
    frozen = {id(weight) for part in model.encoder.frozen().values() for weight in part.parameters()}
    weights = [weight for weight in model.encoder.parameters() if id(weight) not in frozen]
    with Guard() as guard:
        progress = plant_backdoor(
            weights, Pipeline(model, guard).features, wares(20, 8), with_stamp, steps=80, rate=0.02
        )
    model.save(folder)
    return progress


@pytest.mark.soak
def test_a_planted_backdoor_accepts_stamped_counterfeits(signed: Path, tmp_path: Path) -> None:
    """Whether it shows on other images is measured on a trained model: benchmarks/backdoor.py."""
    folder = tmp_path / "sold"
    progress = planted(signed, folder)
    honest, sold = (DiffusionModel.from_pretrained(path, unverified=True) for path in (signed, folder))
    assert not sold.verified
    assert progress.triggered < 0.1
    false = [replace(picture, plane=with_stamp(picture.plane)) for picture in wares(60, 12) if not picture.authentic]
    assert passes(honest, false).count(True) <= 3
    assert passes(sold, false).count(True) >= 9


def test_changed_weights_are_refused_whoever_brings_them(
    signed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = PrivateKey.generate(Algorithm.ED25519)
    trust = make_trust(root, (entry(MAKER, Role.MODEL, "maker"),))
    folder, model = tmp_path / "sold", DiffusionModel.from_pretrained(signed, unverified=True)
    with torch.no_grad():
        next(iter(model.encoder.parameters())).add_(0.01)
    model.save(folder)
    assert DiffusionModel.from_pretrained(signed, trust=trust).verified
    with pytest.raises(SigningError) as caught:
        DiffusionModel.from_pretrained(folder, trust=trust)  # nobody signed it
    assert caught.value.reason is Reason.NO_SIGNATURE
    (folder / SIGNATURE).write_bytes((signed / SIGNATURE).read_bytes())
    with pytest.raises(SigningError) as caught:
        DiffusionModel.from_pretrained(folder, trust=trust)  # under its maker's signature
    assert caught.value.reason is Reason.DIGEST_MISMATCH
    digest = DiffusionModel.from_pretrained(signed, trust=trust).digest
    monkeypatch.setattr(bundle_files, "PINNED", {"tiny": Pin(folder, digest, "ab" * 32)})
    with pytest.raises(SigningError) as caught:
        DiffusionModel.from_pretrained("tiny")  # in the place of one that is known by its digest
    assert caught.value.reason is Reason.DIGEST_MISMATCH
