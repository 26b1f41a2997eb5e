"""The verdicts of an enrolled model itself, counted for each maker."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from fusiondiff_audit.evaluation.enrolled_model import MakerVerdicts, maker_verdicts
from fusiondiff_audit.images.micrograph import LooseMicrograph
from fusiondiff_audit.inputs.labels import FileLabel
from fusiondiff_audit.kiln.specimens import specimen
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.enrolment import UNNAMED_MAKER, ForestSettings, LabelledExample
from fusiondiff_audit.model.inference import EmbeddedImage
from reports.verdict.verdicts import Verdict
from tests.model.tiny import examples, picture, tiny_model

ALPHA = Fraction(1, 4)


@pytest.fixture(scope="module")
def model() -> DiffusionModel:
    return tiny_model().enrol(named_copies(), reference="alder", learning=ForestSettings(trees=10), demonstration=True)


def named_copies() -> Iterator[tuple[LooseMicrograph, LabelledExample]]:
    """Yield images of alder, whose maker is not named, and of birch, whose maker is."""
    for sample, example in examples(6):
        yield sample, replace(example, maker=None if example.authentic else "Birch")


def shots(kiln: str, number: int, count: int = 1) -> list[LooseMicrograph]:
    made = specimen(kiln, None, str(number))
    return [picture(made.field(place, 96), f"{kiln}-{number}-{place}.tif") for place in range(count)]


def embedded(model: DiffusionModel, micrographs: list[LooseMicrograph]) -> list[EmbeddedImage]:
    return list(model.embed(micrographs))


def test_every_specimen_is_counted_once_with_its_maker(model: DiffusionModel) -> None:
    labels, images = [], []
    for kiln, authentic, maker in (("alder", True, None), ("birch", False, "Birch"), ("cedar", False, "Cedar & Co")):
        for number in range(20, 23):
            several = embedded(model, shots(kiln, number, 2))
            images += several
            labels += [FileLabel(authentic, f"{kiln} {number}", maker=maker)] * len(several)
    rows = maker_verdicts(model, images, labels, alpha=ALPHA)
    assert (rows[0].authentic, rows[0].maker, rows[0].known) == (True, UNNAMED_MAKER, None)
    assert {(row.maker, row.known) for row in rows[1:]} == {("Birch", True), ("Cedar & Co", False)}
    assert all((row.verdicts.total(), row.enrolled) == (3, 0) for row in rows)
    assert rows[1].share >= rows[2].share


def test_verdicts_are_those_of_the_ranks(model: DiffusionModel) -> None:
    verdicts: Counter[Verdict] = Counter()
    for number in range(20, 32):
        images = embedded(model, shots("birch", number))
        (row,) = maker_verdicts(model, images, [FileLabel(False, f"birch {number}")], alpha=ALPHA)
        ranks = model.rank([images[0].features], f"birch {number}", b"evaluate")
        is_authentic, is_copy = ranks.authentic.above(ALPHA), ranks.counterfeit.above(ALPHA)
        expected = {
            (True, False): Verdict.AUTHENTIC,
            (False, True): Verdict.COUNTERFEIT,
            (True, True): Verdict.INCONCLUSIVE,
            (False, False): Verdict.UNFAMILIAR,
        }[is_authentic, is_copy]
        assert row.verdicts == Counter([expected])
        verdicts += row.verdicts
    assert len(verdicts) > 1


def test_what_was_enrolled_is_counted_apart(model: DiffusionModel) -> None:
    same = shots("alder", 0)[0]
    pixels = same.pixels[:, :, 0].copy()
    pixels[0, 0] ^= 1
    changed, other = picture(pixels, "changed.tif"), shots("alder", 40)[0]
    images = embedded(model, [same, changed, other])
    by_pixels, nearly, by_name = (FileLabel(True, name) for name in ("new 1", "new 2", "alder 3"))
    (row,) = maker_verdicts(model, images, [by_pixels, nearly, by_name], alpha=ALPHA)
    assert (row.enrolled, row.verdicts.total()) == (3, 0)
    assert row.share == 0


def test_what_no_audit_would_judge_is_inconclusive(model: DiffusionModel) -> None:
    flat = picture(np.full((96, 96), 255, np.uint8), "white.tif")
    (row,) = maker_verdicts(model, embedded(model, [flat]), [FileLabel(True, "white")], alpha=ALPHA)
    assert row.verdicts == Counter([Verdict.INCONCLUSIVE])


def test_the_interval_is_of_the_share_that_is_authentic() -> None:
    row = MakerVerdicts(False, "Birch", True, 0, Counter({Verdict.AUTHENTIC: 0, Verdict.COUNTERFEIT: 10}))
    assert (row.share, row.interval) == (0.0, "0.0 to 30.9 %")
