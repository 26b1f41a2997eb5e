"""`model import`: one signed bundle of public weights, or a refusal before anything is written."""

from pathlib import Path

import pytest

from fusiondiff_audit.cli.exits import Exit
from fusiondiff_audit.model import assembly
from fusiondiff_audit.model.classifier import DiffusionModel
from signing import load_trust, now
from tests.cli.conftest import Tool
from tests.model.test_import import DEIT_SHAPE, SMALL, publish, publish_cnn, wrong_byte


@pytest.fixture
def sd(lab: Tool, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """Return the tool in a folder with keys, a trust store and a small release in the true one's place."""
    assert lab("keygen", "--role", "model", "--out", "model.pem", "--no-passphrase").code == 0
    add = ("trust", "add", "trust.json", "--role", "model", "--key", "model.pub.pem", "--root-key", "root.pem")
    assert lab(*add).code == 0
    Path("sd").mkdir()
    release = publish_cnn(Path("cnn.safetensors"), publish(Path("sd"), SMALL, DEIT_SHAPE))
    Path("sd/deit.safetensors").rename("deit.safetensors")
    monkeypatch.setattr(assembly, "DiffusionRelease", lambda: release)
    return lab


WORDS = ("model", "import", "--sd", "sd", "--deit", "deit.safetensors", "--out", "small", "--key", "model.pem")


def test_an_imported_bundle_is_signed_and_loads(sd: Tool) -> None:
    done = sd(*WORDS, "--tile", 64, "--timestep", 25, "--timestep", 100, "--residual", 50, "--json")
    assert (done.code, done.json["name"]) == (0, "sd14")
    checked = sd("model", "verify", "small", "--trust", "trust.json", "--json")
    assert (checked.code, checked.json["digest"]) == (0, done.json["digest"])
    model = DiffusionModel.from_pretrained("small", trust=load_trust(Path("trust.json"), at=now()))
    reading = model.settings.architecture.reading
    assert (reading.blocks, reading.timesteps, reading.residual) == (("up1",), (25, 100), (50,))
    assert sd(*WORDS, "--json").json["reason"] == "exists"


def test_a_bundle_with_a_pretrained_cnn_names_it(sd: Tool) -> None:
    done = sd(*WORDS, "--tile", 64, "--cnn", "efficientnet-lite0", "--cnn-weights", "cnn.safetensors")
    assert done.code == 0
    assert "CNN" in done.out
    assert "efficientnet-lite0" in done.out
    model = DiffusionModel.from_pretrained("small", trust=load_trust(Path("trust.json"), at=now()))
    assert model.settings.architecture.trunk is not None
    assert "## Pretrained CNN" in Path("small/MODEL_CARD.md").read_text()


@pytest.mark.parametrize(
    ("more", "code", "reason", "sentence"),
    [
        (("--tile", 100), Exit.USAGE, "bad-request", "tiles of 100 pixels; they need whole multiples of 64"),
        (("--timestep", 1000), Exit.USAGE, "bad-request", "timestep 1000: whole numbers from 0 to 999"),
        (("--block", "down1"), Exit.USAGE, "bad-request", "blocks down1: mid, up0"),
        (("--key", "device.pem"), Exit.UNREADABLE, "unsupported", "models are signed with P-256"),
        (("--sd", "nowhere"), Exit.UNREADABLE, "unreadable", "nowhere: not a folder"),
        (("--cnn", "resnet50"), Exit.USAGE, "bad-request", "--cnn and --cnn-weights need each other"),
        (("--cnn-weights", "cnn.safetensors"), Exit.USAGE, "bad-request", "--cnn and --cnn-weights need each other"),
        (
            ("--cnn", "efficientnet-lite0", "--cnn-weights", "trust.json"),
            *(Exit.INTEGRITY, "digest-mismatch", "trust.json: pinned as sha256:"),
        ),
        (("--deit", "trust.json"), Exit.INTEGRITY, "digest-mismatch", "found sha256:"),
    ],
)
def test_impossible_options_are_refused_before_anything_is_read(
    sd: Tool, more: tuple[object, ...], code: Exit, reason: str, sentence: str
) -> None:
    done = sd(*WORDS, *more, "--json")
    assert (done.code, done.json["reason"]) == (code, reason)
    assert sentence in done.json["sentence"]
    assert "hashing" not in done.err
    assert not Path("small").exists()


def test_one_wrong_byte_leaves_no_output(sd: Tool) -> None:
    wrong_byte(Path("sd"), "unet/diffusion_pytorch_model.safetensors")
    before = {path.name for path in Path().iterdir()}
    done = sd(*WORDS, "--tile", 64, "--json")
    assert (done.code, done.json["reason"]) == (Exit.INTEGRITY, "digest-mismatch")
    assert {path.name for path in Path().iterdir()} == before
