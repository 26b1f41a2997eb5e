"""`enrol`: a signed batch with labels in, a signed bundle out."""

from pathlib import Path

import signing
from fusiondiff_audit.cli.exits import Exit
from fusiondiff_audit.model.classifier import DiffusionModel
from tests.cli.conftest import Tool
from tests.model.tiny import tiny_model
from tests.training.test_enrol import write_labelled


def test_a_labelled_batch_becomes_a_signed_bundle(lab: Tool) -> None:
    for role in ("labeller", "model"):
        assert lab("keygen", "--role", role, "--out", f"{role}.pem", "--no-passphrase").code == 0
        add = ("trust", "add", "trust.json", "--role", role, "--key", f"{role}.pub.pem", "--root-key", "root.pem")
        assert lab(*add).code == 0
    lines = write_labelled(Path("labelled"), 3, calibrate=9)
    Path("labelled", "labels.csv").write_text("\n".join(lines))
    assert lab("sign", "labelled", "--key", "labeller.pem", "--device", "bench").code == 0
    tiny_model().save(Path("tiny"))
    assert lab("model", "sign", "tiny", "--key", "model.pem").code == 0
    words = ("enrol", "labelled", "--reference", "alder, by the tests", "--model", "tiny", "--trust", "trust.json")
    done = lab(*words, "--key", "model.pem", "--out", "alder", "--trees", 20, "--json")
    assert done.code == 0, done.out
    assert done.json["learnt"] == {"authentic": 3, "counterfeit": 3}
    assert done.json["calibrated"] == {"authentic": 9, "counterfeit": 9}
    assert lab("model", "verify", "alder", "--trust", "trust.json").code == 0
    model = DiffusionModel.from_pretrained("alder", trust=signing.load_trust(Path("trust.json"), at=signing.now()))
    assert (model.settings.reference, model.verified) == ("alder, by the tests", True)
    assert (model.settings.name, model.settings.base, model.title) == ("alder", "tiny", "alder, enrolled on tiny")
    assert "# alder\n" in Path("alder", "MODEL_CARD.md").read_text()
    assert "| enrolled on | tiny |" in Path("alder", "MODEL_CARD.md").read_text()
    assert "alder, enrolled on tiny" in lab("model", "show", "alder").out
    named = ("--name", "Kiln Alder, lot 7")
    shown = lab(*words, "--key", "model.pem", "--out", "alder2", "--trees", 20, *named)
    for line in (
        "at an error rate of 10 %: conformal sets yes, unfamiliarity yes, answers yes",
        "at an error rate of 5 %: conformal sets no (10 counterfeit and 10 authentic more to calibrate), "
        "unfamiliarity no (13 more to learn from, or 1 to calibrate), "
        "answers no: every image is INCONCLUSIVE, not-calibrated",
    ):
        assert line in shown.err  # before the work
        assert line in shown.out
    assert "Kiln Alder, lot 7, enrolled on tiny" in shown.out
    for more, code, reason in (
        (("--out", "fusion-diff-v1-ceramic"), Exit.USAGE, "bad-request"),
        (("--name", "fusion-diff-v1-ceramic"), Exit.USAGE, "bad-request"),
        (("--out", "alder"), Exit.USAGE, "exists"),
        (("--partitions", 2), Exit.USAGE, "bad-request"),
        (("--key", "device.pem"), Exit.UNREADABLE, "unsupported"),
        (("--model", "nowhere"), Exit.UNREADABLE, "unreadable"),
    ):
        bad = lab(*words, "--key", "model.pem", "--out", "alder3", *more, "--json")
        assert (bad.code, bad.json["reason"]) == (code, reason), more
    for key in ("device", "model"):  # whoever takes pictures does not say what they are of
        signed = lab("sign", "labelled", "--key", f"{key}.pem", "--device", "bench", "--force")
        assert signed.code == 0, signed.err
        bad = lab(*words, "--key", "model.pem", "--out", "alder3", "--json")
        assert (bad.code, bad.json["reason"]) == (Exit.INTEGRITY, "wrong-role"), key
    assert not Path("alder3").exists()
