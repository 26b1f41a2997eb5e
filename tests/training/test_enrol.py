"""Enrolment: signed and labelled images are enrolled, and one inconsistency refuses them all."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tifffile

import signing
from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.images.loading import load_microstructure_data
from fusiondiff_audit.kiln.specimens import Pixels, specimen
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.enrolment import ForestSettings
from fusiondiff_audit.model.settings import Settings
from fusiondiff_audit.training.enrol import EnrolmentOrder, enrol
from fusiondiff_audit.training.labelled_batches import read_labelled
from signing import Reason, SigningError, TrustStore
from tests.conftest import sign
from tests.model.tiny import pictures, tiny_model

ORDER = EnrolmentOrder("kiln alder, chosen by the tests", ForestSettings(trees=3))
HEAD = "file,label,specimen,maker,use"


def label(number: int, kiln: str, use: str = "enrol") -> str:
    kind = "authentic" if kiln == "alder" else "counterfeit"
    return f"{kiln}-{number}.tif,{kind},{kiln} {number},{kiln.capitalize()},{use}"


@cache
def image(kiln: str, number: int) -> Pixels:
    return specimen(kiln, None, str(number)).field(0, 96)


def write_labelled(folder: Path, enrolled: int = 3, *, start: int = 0) -> list[str]:
    """Write images of two kilns, and return the lines of their labels."""
    folder.mkdir()
    lines = [HEAD]
    for number in range(start, start + enrolled):
        for kiln in ("alder", "birch"):
            tifffile.imwrite(folder / f"{kiln}-{number}.tif", image(kiln, number))
            lines.append(label(number, kiln))
    return lines


Opener = Callable[..., signing.Batch]


@pytest.fixture
def opened(tmp_path: Path, keys: dict[str, signing.PrivateKey], trust: TrustStore) -> Opener:
    """Return a way to sign a folder with these labels, and to open it."""

    def sign_and_open(lines: list[str], folder: str = "labelled", **changes: Any) -> signing.Batch:
        (tmp_path / folder / "labels.csv").write_text("\n".join(lines) + "\n")
        sign(tmp_path / folder, keys["labeller"], **changes)
        return signing.open_batch(tmp_path / folder, trust=trust, roles=(signing.Role.LABELLER,))

    return sign_and_open


def enrolled(*batches: signing.Batch, model: DiffusionModel | None = None, **changes: Any) -> DiffusionModel:
    return enrol(read_labelled(batches), model or tiny_model(), replace(ORDER, **changes))


def refusal(*batches: signing.Batch, model: DiffusionModel | None = None, **changes: Any) -> Any:
    with pytest.raises((SigningError, AuditError)) as caught:
        enrolled(*batches, model=model, **changes)
    return caught.value


def test_labelled_images_are_enrolled(tmp_path: Path, opened: Opener) -> None:
    steps: list[tuple[str, int, int]] = []
    labelled = read_labelled([opened(write_labelled(tmp_path / "labelled", 4))])
    model = enrol(labelled, tiny_model(seen=("0" * 64,)), ORDER, progress=lambda *step: steps.append(step))
    settings = model.settings
    assert settings.seen == ("0" * 64,)
    assert {(e.specimen, e.authentic, e.maker, e.session, e.device) for e in settings.examples} == {
        (f"{kiln} {number}", kiln == "alder", kiln.capitalize(), None, "sem-1")
        for kiln in ("alder", "birch")
        for number in range(4)
    }
    assert settings.reference == ORDER.reference
    assert settings.ranks is not None
    assert (len(settings.ranks.own), len(settings.ranks.copies), settings.ranks.left_out) == (4, 4, ())
    assert len(settings.ratio_quality) == len(settings.ratios) == 1
    assert list(dict.fromkeys(part for part, _, _ in steps)) == ["embedding", "models of folds"]
    assert ("embedding", 8, 8) in steps
    assert len(list(model.judge(pictures(2)))) == 2
    assert Settings.from_bytes(settings.to_bytes(), "bundle.json") == settings


def test_what_is_held_out_or_unlabelled_is_not_enrolled(tmp_path: Path, opened: Opener) -> None:
    lines = write_labelled(tmp_path / "labelled", 4)
    held_out = [label(3, kiln, "hold-out") for kiln in ("alder", "birch")]
    (tmp_path / "labelled" / "alder-3.tif").write_bytes(b"II*\0")  # nobody decodes it
    model = enrolled(opened([*lines[:-4], *held_out]))
    assert {example.specimen[-1] for example in model.settings.examples} == {"0", "1"}
    everything = [line.replace(",enrol", ",hold-out") for line in lines]
    assert "every image is held out" in str(refusal(opened(everything, force=True)))


def test_the_manifest_may_name_the_specimens(tmp_path: Path, opened: Opener) -> None:
    lines = [",".join(line.split(",")[:2]) for line in write_labelled(tmp_path / "labelled")]
    claims = {"alder-0.tif": signing.Claim(specimen="vase 1"), "alder-1.tif": signing.Claim(specimen="vase 1")}
    names = [e.specimen for e in enrolled(opened(lines, claims=claims)).settings.examples if e.authentic]
    assert names == ["vase 1", "vase 1", "file alder-2.tif"]
    claims["birch-0.tif"] = signing.Claim(specimen="vase 1")
    error = refusal(opened(lines, claims=claims, force=True))
    assert "specimen 'vase 1' has another label, maker or use" in str(error)


def test_batches_of_several_devices_are_enrolled_in_any_order(tmp_path: Path, opened: Opener) -> None:
    first = opened(write_labelled(tmp_path / "a", 3), "a", device="sem-2")
    second = opened(write_labelled(tmp_path / "b", 3, start=3), "b", device="sem-1")
    assert read_labelled([first, second]) == read_labelled([second, first])
    model = enrolled(first, second)
    assert [e.device for e in model.settings.examples] == ["sem-1"] * 6 + ["sem-2"] * 6
    assert {(e.device, int(e.specimen[-1]) < 3) for e in model.settings.examples} == {("sem-2", True), ("sem-1", False)}


def test_batches_that_contradict_each_other_are_refused(tmp_path: Path, opened: Opener) -> None:
    lines = write_labelled(tmp_path / "a", 3)
    first = opened(lines, "a")
    write_labelled(tmp_path / "b", 3, start=3)
    (tmp_path / "b" / "alder-1.tif").write_bytes((tmp_path / "b" / "alder-3.tif").read_bytes())
    cases = {
        "specimen 'alder 1' has another label, maker or use": [label(4, "alder"), "alder-3.tif,counterfeit,alder 1,,"],
        "specimen 'alder 0' has another label, maker or use": ["alder-3.tif,authentic,alder 0,Alder,hold-out"],
        "two files of one name, without a specimen's name": ["alder-1.tif,authentic,,,"],
    }
    for message, changed in cases.items():
        other = lines if "one name" not in message else [*lines[:3], "alder-1.tif,authentic,,,"]
        batches = opened(other, "a", force=True), opened([HEAD, *changed], "b", force=True)
        assert message in str(refusal(*batches)), message
    first = opened(lines, "a", force=True)
    assert "are the same batch" in str(refusal(first, first))
    (tmp_path / "b" / "alder-5.tif").write_bytes((tmp_path / "a" / "alder-1.tif").read_bytes())
    twin = refusal(first, opened([HEAD, label(5, "alder"), label(5, "birch")], "b", force=True))
    assert twin.reason is AuditReason.DUPLICATE_PIXELS
    assert all(str(tmp_path / path) in str(twin) for path in ("a/alder-1.tif", "b/alder-5.tif"))


def test_a_specimen_may_be_imaged_by_two_devices(tmp_path: Path, opened: Opener) -> None:
    first = opened(write_labelled(tmp_path / "a", 3), "a")
    (tmp_path / "b").mkdir()
    tifffile.imwrite(tmp_path / "b" / "x.tif", specimen("alder", None, "0").field(1, 96))
    second = opened([HEAD, "x.tif,authentic,alder 0,Alder,"], "b", device="sem-2")
    devices = {e.device for e in enrolled(first, second).settings.examples if e.specimen == "alder 0"}
    assert devices == {"sem-1", "sem-2"}


def test_labels_that_do_not_fit_the_batch_are_refused(tmp_path: Path, opened: Opener) -> None:
    lines = write_labelled(tmp_path / "labelled")
    (tmp_path / "labelled" / "notes.txt").write_text("notes")
    cases = {
        "is labelled, and not in the batch": [*lines, "gone.tif,authentic,x,,enrol"],
        "signed as no image": [*lines, "notes.txt,authentic,x,,enrol"],
        "all specimens are of one class": [line for line in lines if "counterfeit" not in line],
        "'maybe' is no label": [*lines[:-1], "birch-2.tif,maybe,x,,enrol"],
    }
    for message, changed in cases.items():
        assert message in str(refusal(opened(changed, force=True)))
    claims = {"alder-0.tif": signing.Claim(specimen="vase 1")}
    assert "in labels.csv, 'vase 1' in the manifest" in str(refusal(opened(lines, force=True, claims=claims)))


def test_a_folder_without_labels_is_refused(
    tmp_path: Path, keys: dict[str, signing.PrivateKey], trust: TrustStore
) -> None:
    write_labelled(tmp_path / "labelled")
    sign(tmp_path / "labelled", keys["labeller"])
    batch = signing.open_batch(tmp_path / "labelled", trust=trust, roles=(signing.Role.LABELLER,))
    assert "has no labels.csv" in str(refusal(batch))


def test_a_device_key_may_not_label(tmp_path: Path, keys: dict[str, signing.PrivateKey], trust: TrustStore) -> None:
    lines = write_labelled(tmp_path / "labelled")
    (tmp_path / "labelled" / "labels.csv").write_text("\n".join(lines))
    sign(tmp_path / "labelled", keys["device"])
    with pytest.raises(SigningError) as caught:
        signing.open_batch(tmp_path / "labelled", trust=trust, roles=(signing.Role.LABELLER,))
    assert caught.value.reason is Reason.WRONG_ROLE


@pytest.mark.parametrize("name", ["alder-0.tif", "labels.csv"])
def test_one_altered_file_refuses_them_all(tmp_path: Path, opened: Opener, name: str) -> None:
    batch = opened(write_labelled(tmp_path / "labelled"))
    data = bytearray((tmp_path / "labelled" / name).read_bytes())
    data[-1] ^= 1
    (tmp_path / "labelled" / name).write_bytes(data)
    assert refusal(batch).reason is Reason.DIGEST_MISMATCH


def test_labels_are_those_that_were_signed(tmp_path: Path, opened: Opener) -> None:
    """Labels replaced after the batch was opened are never read from the folder."""
    lines = write_labelled(tmp_path / "labelled")
    batch = opened(lines)
    other = "\n".join(lines).replace("counterfeit", "authentic")
    (tmp_path / "labelled" / "labels.csv").write_text(other)
    assert refusal(batch).reason is Reason.DIGEST_MISMATCH
    again = opened(lines, force=True)
    labelled = read_labelled([again])
    (tmp_path / "labelled" / "labels.csv").write_text(other)
    with pytest.raises(SigningError) as caught:
        enrol(labelled, tiny_model(), ORDER)
    assert caught.value.reason is Reason.DIGEST_MISMATCH


def test_an_undecodable_image_refuses_them_all(tmp_path: Path, opened: Opener) -> None:
    lines = write_labelled(tmp_path / "labelled")
    (tmp_path / "labelled" / "alder-1.tif").write_bytes(b"II*\0")
    assert refusal(opened(lines)).reason is Reason.UNREADABLE


def test_duplicate_pixels_are_refused(tmp_path: Path, opened: Opener) -> None:
    lines = write_labelled(tmp_path / "labelled")
    (tmp_path / "labelled" / "twin.tif").write_bytes((tmp_path / "labelled" / "alder-1.tif").read_bytes())
    assert refusal(opened([*lines, "twin.tif,counterfeit,other,,"])).reason is AuditReason.DUPLICATE_PIXELS


def test_an_image_that_the_encoder_was_trained_with_is_refused(tmp_path: Path, opened: Opener) -> None:
    batch = opened(write_labelled(tmp_path / "labelled"))
    seen = load_microstructure_data(tmp_path / "labelled" / "birch-1.tif").pixel_digest
    error = refusal(batch, model=tiny_model(seen=(seen,)))
    assert error.reason is AuditReason.SEEN_LABEL
    assert "birch-1.tif" in str(error)


def test_a_device_that_predicts_the_label_stands_in_the_bundle(tmp_path: Path, opened: Opener) -> None:
    def batch(kiln: str, device: str) -> signing.Batch:
        lines = write_labelled(tmp_path / kiln, 6)
        return opened([HEAD, *(line for line in lines if kiln in line)], kiln, device=device)

    model = enrolled(batch("alder", "sem-1"), batch("birch", "sem-2"))
    claim = model.settings.confounding
    assert claim is not None
    assert model.settings.confounded is True
    assert [a.fact for a in claim.check.predictors] == ["device"]
    assert "the device predicts the label" in claim.sentences()[0]
    assert Settings.from_bytes(model.settings.to_bytes(), "bundle.json") == model.settings


def with_maker(lines: Sequence[str], maker: Callable[[int], str]) -> list[str]:
    return [line.replace("Birch", maker(number)) for number, line in enumerate(lines)]


@pytest.mark.slow
def test_makers_are_left_out_in_turn(tmp_path: Path, opened: Opener) -> None:
    lines = with_maker(write_labelled(tmp_path / "labelled", 8), lambda number: f"Birch {number % 4 // 2}")
    steps: list[str] = []
    labelled = read_labelled([opened(lines)])
    settings = enrol(labelled, tiny_model(), ORDER, progress=lambda part, done, of: steps.append(part)).settings
    assert settings.ranks is not None
    assert [(each.maker, len(each.specimens)) for each in settings.ranks.left_out] == [("Birch 0", 4), ("Birch 1", 4)]
    assert {"models without Birch 0", "models without Birch 1"} < set(steps)
    assert [quality.others for quality in settings.ratio_quality] == [8, 2]
