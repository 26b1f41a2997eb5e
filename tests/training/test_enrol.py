"""Enrolment: signed and labelled images are enrolled, and one inconsistency refuses them all."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tifffile

import signing
from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.images.micrograph import SignedMicrograph
from fusiondiff_audit.kiln.specimens import Pixels, specimen
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.enrolment import ForestSettings
from fusiondiff_audit.model.nonconformity import calibrate
from fusiondiff_audit.training.enrol import EnrolmentOrder, enrol
from signing import Reason, SigningError, TrustStore
from tests.conftest import sign
from tests.model.tiny import pictures, tiny_model

ORDER = EnrolmentOrder("kiln alder, chosen by the tests", ForestSettings(trees=20))
HEAD = "file,label,specimen,use"


def no_progress(micrographs: Iterator[SignedMicrograph], total: int) -> Iterator[SignedMicrograph]:
    return micrographs


def label(number: int, kiln: str, use: str = "enrol") -> str:
    return f"{kiln}-{number}.tif,{'authentic' if kiln == 'alder' else 'counterfeit'},{kiln} {number},{use}"


@cache
def image(kiln: str, number: int) -> Pixels:
    return specimen(kiln, None, str(number)).field(0, 96)


def write_labelled(folder: Path, enrolled: int = 3, *, calibrate: int = 0) -> list[str]:
    """Write images of two kilns, and return the lines of their labels."""
    folder.mkdir()
    lines = [HEAD]
    for number in range(enrolled + calibrate):
        for kiln in ("alder", "birch"):
            tifffile.imwrite(folder / f"{kiln}-{number}.tif", image(kiln, number))
            lines.append(label(number, kiln, "enrol" if number < enrolled else "calibrate"))
    return lines


Opener = Callable[..., signing.Batch]


@pytest.fixture
def opened(tmp_path: Path, keys: dict[str, signing.PrivateKey], trust: TrustStore) -> Opener:
    """Return a way to sign the folder with these labels, and to open it."""

    def sign_and_open(lines: list[str], **changes: Any) -> signing.Batch:
        folder = tmp_path / "labelled"
        (folder / "labels.csv").write_text("\n".join(lines) + "\n")
        sign(folder, keys["labeller"], **changes)
        return signing.open_batch(folder, trust=trust, roles=(signing.Role.LABELLER,))

    return sign_and_open


def test_labelled_images_are_enrolled(tmp_path: Path, opened: Opener) -> None:
    lines = write_labelled(tmp_path / "labelled", 3, calibrate=2)
    model = enrol(opened(lines), tiny_model(), ORDER, progress=no_progress)
    examples = {example.specimen: example for example in model.settings.examples}
    assert len(model.settings.examples) == 10
    assert model.settings.reference == ORDER.reference
    assert (examples["alder 0"].authentic, examples["birch 0"].authentic) == (True, False)
    assert {name for name, example in examples.items() if example.calibrates} == {
        f"{kiln} {number}" for kiln in ("alder", "birch") for number in (3, 4)
    }
    calibration = model.calibration()
    assert (len(calibration.authentic), len(calibration.counterfeit)) == (2, 2)
    assert len(list(model.judge(pictures(2)))) == 2


def test_an_unlabelled_image_is_not_enrolled(tmp_path: Path, opened: Opener) -> None:
    lines = write_labelled(tmp_path / "labelled")
    model = enrol(opened(lines[:-2]), tiny_model(), ORDER, progress=no_progress)
    assert len(model.settings.examples) == 4


def test_the_manifest_may_name_the_specimens(tmp_path: Path, opened: Opener) -> None:
    lines = [line.rsplit(",", 2)[0] for line in write_labelled(tmp_path / "labelled")]
    claims = {"alder-0.tif": signing.Claim(specimen="vase 1"), "alder-1.tif": signing.Claim(specimen="vase 1")}
    model = enrol(opened(lines, claims=claims), tiny_model(), ORDER, progress=no_progress)
    names = [example.specimen for example in model.settings.examples if example.authentic]
    assert names == ["vase 1", "vase 1", "file alder-2.tif"]


def refusal(batch: signing.Batch, model: DiffusionModel | None = None, order: EnrolmentOrder = ORDER) -> Exception:
    with pytest.raises((SigningError, AuditError)) as caught:
        enrol(batch, model or tiny_model(), order, progress=no_progress)
    return caught.value


def test_labels_that_do_not_fit_the_batch_are_refused(tmp_path: Path, opened: Opener) -> None:
    lines = write_labelled(tmp_path / "labelled")
    (tmp_path / "labelled" / "notes.txt").write_text("notes")
    cases = {
        "is labelled, and not in the batch": [*lines, "gone.tif,authentic,x,enrol"],
        "signed as no image": [*lines, "notes.txt,authentic,x,enrol"],
        "all specimens are of one class": [line for line in lines if "counterfeit" not in line],
        "'maybe' is no label": [*lines[:-1], "birch-2.tif,maybe,x,enrol"],
    }
    for message, changed in cases.items():
        error = refusal(opened(changed, force=True))
        assert message in str(error)
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
    error = refusal(batch)
    assert getattr(error, "reason", None) is Reason.DIGEST_MISMATCH


def test_labels_are_those_that_were_signed(tmp_path: Path, opened: Opener) -> None:
    """Labels replaced after the batch was opened are never read from the folder."""
    lines = write_labelled(tmp_path / "labelled")
    batch = opened(lines)
    (tmp_path / "labelled" / "labels.csv").write_text("\n".join(lines).replace("counterfeit", "authentic"))
    assert getattr(refusal(batch), "reason", None) is Reason.DIGEST_MISMATCH


def test_an_undecodable_image_refuses_them_all(tmp_path: Path, opened: Opener) -> None:
    lines = write_labelled(tmp_path / "labelled")
    (tmp_path / "labelled" / "alder-1.tif").write_bytes(b"II*\0")
    assert getattr(refusal(opened(lines)), "reason", None) is Reason.UNREADABLE


def test_duplicate_pixels_are_refused(tmp_path: Path, opened: Opener) -> None:
    lines = write_labelled(tmp_path / "labelled")
    (tmp_path / "labelled" / "twin.tif").write_bytes((tmp_path / "labelled" / "alder-1.tif").read_bytes())
    error = refusal(opened([*lines, "twin.tif,counterfeit,other,calibrate"]))
    assert getattr(error, "reason", None) is AuditReason.DUPLICATE_PIXELS


def test_an_image_that_the_encoder_was_trained_with_gives_no_tolerance(tmp_path: Path, opened: Opener) -> None:
    batch = opened(write_labelled(tmp_path / "labelled"))
    first = enrol(batch, tiny_model(), ORDER, progress=no_progress)
    seen = tuple(example.pixel_digest for example in first.settings.examples[:1])
    model = tiny_model(seen=seen)
    assert enrol(batch, model, ORDER, progress=no_progress).settings.seen == seen
    error = refusal(batch, model, replace(ORDER, learning=ForestSettings(partitions=3, trees=5)))
    assert getattr(error, "reason", None) is AuditReason.SEEN_LABEL


def test_an_image_that_the_encoder_was_trained_with_calibrates_nothing(tmp_path: Path, opened: Opener) -> None:
    batch = opened(write_labelled(tmp_path / "labelled", 4, calibrate=2))
    first = enrol(batch, tiny_model(), ORDER, progress=no_progress)
    assert len(first.calibration().held_out) == 4
    seen = next(example.pixel_digest for example in first.settings.examples if example.calibrates)
    assert getattr(refusal(batch, tiny_model(seen=(seen,))), "reason", None) is AuditReason.SEEN_LABEL
    older = replace(first.settings, seen=(seen,))  # an older release did not refuse it
    assert len(calibrate(first.head, older).held_out) == 3
