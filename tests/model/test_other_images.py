"""Photographs, test charts and noise are like nothing that was enrolled, and get no answer."""

from fractions import Fraction

import numpy as np
import pytest

from benchmarks.other_images import other_images
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.cross_conformal import FOLD_TREES, CrossConformal
from fusiondiff_audit.model.findings import Finding
from reports.arithmetic import least_specimens
from tests.model.tiny import picture

ALPHA = Fraction(1, 20)


@pytest.fixture(scope="module")
def model() -> DiffusionModel:
    return DiffusionModel.from_pretrained("fusion-diff-v1-ceramic")


@pytest.fixture(scope="module")
def findings(model: DiffusionModel) -> list[Finding]:
    named = other_images()
    return [finding for finding in model.judge(picture(pixels, name) for name, pixels in named) if finding.assessable]


def answered(conformal: CrossConformal, findings: list[Finding]) -> list[str]:
    """Return the images that are AUTHENTIC or COUNTERFEIT, or like both."""
    ranks = [(finding.name, conformal.ranks([finding.features], finding.name, b"seed")) for finding in findings]
    return [name for name, rank in ranks if rank.authentic.above(ALPHA) or rank.counterfeit.above(ALPHA)]


@pytest.mark.slow
def test_none_is_like_what_the_embedded_bundle_was_enrolled_with(
    model: DiffusionModel, findings: list[Finding]
) -> None:
    assert len(findings) >= 35  # of 60; the others have no structure, or too much white or black
    assert model.head.conformal is not None
    assert answered(model.head.conformal, findings) == []


@pytest.mark.slow
def test_none_is_like_the_fewest_specimens_that_can_answer(model: DiffusionModel, findings: list[Finding]) -> None:
    rng, few = np.random.default_rng(0), []
    for label in (True, False):
        of_class = [specimen for specimen in model.head.enrolled.specimens if specimen.authentic is label]
        few += [of_class[place] for place in rng.permutation(len(of_class))[: least_specimens(ALPHA)]]
    conformal = CrossConformal.fit(few, model.encoder.projection(), trees=FOLD_TREES, seed=0)
    assert answered(conformal, findings) == []
