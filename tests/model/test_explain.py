"""Explanations agree with findings, and name the nearest specimens."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.enrolment import ForestSettings, forest_scores
from fusiondiff_audit.model.explain import _masks, _occlusion, explain_finding
from fusiondiff_audit.model.explain_figure import render_explanation
from tests.model.tiny import SETTINGS, enrolled_model, examples, picture, pictures


@pytest.fixture(scope="module")
def model() -> DiffusionModel:
    return enrolled_model()


def test_maps_agree_with_the_finding(model: DiffusionModel) -> None:
    (sample,) = pictures(1, side=130)
    explanation = explain_finding(model, sample)
    (finding,) = model.judge([sample])
    assert explanation.finding.score == finding.score
    assert explanation.plane.shape == explanation.score.shape == (130, 130)
    (corner,) = (tile for tile in finding.tiles if (tile.top, tile.left) == (0, 0))
    assert explanation.score[0, 0] == pytest.approx(corner.score)
    assert explanation.gate[0, 0] == pytest.approx(corner.gate)
    assert np.isfinite(explanation.occlusion).all()
    assert np.abs(explanation.occlusion).max() > 0
    assert explanation.residual is None


def test_hiding_a_flat_region_changes_nothing(model: DiffusionModel) -> None:
    flat = np.full((64, 64), 0.5, np.float32)
    score = float(forest_scores(model.head.forests, model.embed_tiles(torch.from_numpy(flat[None, None])))[:, 0].mean())
    broad = np.zeros(model.settings.architecture.width, np.float32)  # not used: the global path sees tiles
    assert np.abs(_occlusion(model, flat, broad, score)).max() == pytest.approx(0, abs=1e-6)
    assert _occlusion(model, flat, broad, score + 0.25).mean() == pytest.approx(0.25, abs=1e-6)


def test_masks_cover_every_pixel_and_hardly_overlap() -> None:
    masks = _masks(64)
    assert masks.shape == (16, 64, 64)
    assert masks.max(0).min() > 0.3
    assert (masks.argmax(0)[:16, :16] == 0).all()
    assert (masks.argmax(0)[:16, 16:32] == 1).all()


def test_an_enrolled_image_is_its_own_neighbour(model: DiffusionModel) -> None:
    sample, example = next(iter(examples(8)))
    first, *others = explain_finding(model, sample).nearest
    assert (first.specimen, first.authentic) == (example.specimen, example.authentic)
    assert first.distance == pytest.approx(0, abs=1e-4)
    assert [one.distance for one in others] == sorted(one.distance for one in others)
    assert others[0].distance > 0.01


def test_a_residual_has_a_panel_and_a_flat_image_has_no_maps() -> None:
    reading = replace(SETTINGS.architecture.reading, residual=(50,))
    settings = replace(SETTINGS, architecture=replace(SETTINGS.architecture, reading=reading))
    model = enrolled_model(2, settings=settings, learning=ForestSettings(trees=5))
    explanation = explain_finding(model, next(pictures(1)))
    assert explanation.residual is not None
    assert np.isfinite(explanation.residual).all()
    wide = Image.open(io.BytesIO(render_explanation(explanation)))
    flat = explain_finding(model, picture(np.full((96, 96), 40, np.uint8)))
    assert flat.finding.score is None
    assert flat.nearest == ()
    narrow = Image.open(io.BytesIO(render_explanation(flat)))
    assert wide.width > 2.5 * narrow.width
    assert wide.height > 1.5 * narrow.height
