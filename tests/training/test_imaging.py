"""Facts about the imaging of enrolled specimens, and what is made of them."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from fusiondiff_audit.images.claims import Claims, Scale, ScaleSource
from fusiondiff_audit.images.header import Compression, TiffLayout
from fusiondiff_audit.model.enrolment import UNNAMED_MAKER, EnrolledEmbeddings, LabelledExample
from fusiondiff_audit.training.imaging import ImagedFile, check_imaging, imaged_specimens, imaging_facts
from tests.model.tiny import picture

PLAIN = picture(np.zeros((64, 96), np.uint8))


def example(number: int, **changes: object) -> LabelledExample:
    """Return an image of a specimen of its own: even ones are authentic; each maker has several."""
    authentic = number % 2 == 0
    maker = f"{'kiln' if authentic else 'workshop'} {number // 2 % 2}"
    plain = LabelledExample(f"{number:064x}", f"s{number}", authentic, maker, None, f"sem-{number // 4 % 2}")
    return replace(plain, **changes)  # type: ignore[arg-type]


def embedded(examples: list[LabelledExample]) -> EnrolledEmbeddings:
    rows = np.random.default_rng(0).normal(size=(len(examples), 4)).astype(np.float32)
    return EnrolledEmbeddings(tuple(examples), rows, rows, np.arange(len(examples)))


def test_facts_are_what_file_and_labels_state() -> None:
    layout = TiffLayout("<", Compression.LZW, predictor=False, tiled=False, rows=64, columns=96, pieces=((8, 10),))
    scales = Scale(Decimal("2.5"), ScaleSource.MANIFEST), Scale(Decimal("2.51"), ScaleSource.ZEISS)
    stated = replace(PLAIN, header=replace(PLAIN.header, layout=layout), claims=Claims(scales=scales, detector="BSD"))
    assert imaging_facts(stated, example(0, session="May")) == {
        "device": "sem-0",
        "imaging session": "May",
        "file format": "tiff",
        "compression": "LZW",
        "pixel type": "1 x 8 bits",
        "image size": "96 x 64 pixels",
        "pixel size": 2.5,
        "vendor metadata": "Zeiss",
        "detector": "BSD",
    }
    bare = imaging_facts(PLAIN, example(0, device=None))
    assert bare.keys() == {"file format", "compression", "pixel type", "image size"}
    assert bare["compression"] == "lossless"
    lossy = replace(PLAIN, header=replace(PLAIN.header, format="jpeg", lossy=True))
    assert imaging_facts(lossy, example(0))["compression"] == "lossy"


def test_a_specimen_has_the_facts_of_all_its_images() -> None:
    first = ImagedFile(example(0), {"device": "sem-2", "pixel size": 2.0, "detector": "BSD"})
    second = ImagedFile(example(0, pixel_digest="f" * 64), {"device": "sem-1", "pixel size": 5.0})
    enrolled = embedded([first.example, second.example])
    (specimen,) = imaged_specimens([first, second], enrolled)
    assert specimen.facts == {
        "number of images": 2.0,
        "device": "sem-1 and sem-2",
        "pixel size": 3.5,
        "detector": "BSD",
    }
    assert specimen.embedding is not None
    np.testing.assert_allclose(specimen.embedding, enrolled.embeddings.mean(0), rtol=1e-6)


def test_confounding_and_index_are_stated_together() -> None:
    examples = [example(number) for number in range(24)]
    files = [ImagedFile(each, {"device": each.device or "", "file format": "tiff"}) for each in examples]
    claim = check_imaging(files, embedded(examples))
    assert (claim.confounded, claim.index.reason) == (False, None)
    assert [association.fact for association in claim.check.associations] == ["device"]
    by_label = [replace(file, facts={"device": str(file.example.authentic)}) for file in files]
    assert check_imaging(by_label, embedded(examples)).confounded is True
    same = [replace(file, facts={"device": "sem-1"}) for file in files]
    assert check_imaging(same, embedded(examples)).confounded is None


@pytest.mark.parametrize("unnamed", [range(1), range(24)])
def test_without_the_makers_names_there_is_no_index(unnamed: range) -> None:
    examples = [example(number, **({"maker": None} if number in unnamed else {})) for number in range(24)]
    files = [ImagedFile(each, {"device": each.device or ""}) for each in examples]
    enrolled = embedded(examples)
    assert UNNAMED_MAKER in {specimen.maker for specimen in imaged_specimens(files, enrolled)}
    claim = check_imaging(files, enrolled)
    assert claim.confounded is False
    assert claim.index.reason == "not every specimen has a named maker"
