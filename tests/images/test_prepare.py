"""Preparation: what is cut, brought to scale, tiled and judged fit, and that all of it is said."""

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from fusiondiff_audit.images.claims import Claims, Scale, ScaleSource
from fusiondiff_audit.images.data_bar import data_bar_rows
from fusiondiff_audit.images.errors import ImageError
from fusiondiff_audit.images.formats.recognition import read_image_header
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.intensity import Intensity
from fusiondiff_audit.images.micrograph import LooseFile, LooseMicrograph, Micrograph, decode
from fusiondiff_audit.images.pixels import digest_pixels
from fusiondiff_audit.images.preparation import Geometry, prepare
from fusiondiff_audit.images.quality import Fault, measure_quality
from fusiondiff_audit.images.tiles import Aggregation, Tile, aggregate, tile_grid
from tests.images.synthetic import grains, written

RNG = np.random.default_rng(5)


def blurred(plane: np.ndarray[Any, Any], sigma: float) -> np.ndarray[Any, Any]:
    smooth: np.ndarray[Any, Any] = gaussian_filter(plane.astype(float), sigma, mode="wrap").astype(plane.dtype)
    return smooth


def micrograph(pixels: np.ndarray[Any, Any], claims: Claims | None = None) -> Micrograph:
    data = written(pixels, **({"photometric": "rgb"} if pixels.ndim == 3 else {}))
    pixels = pixels if pixels.ndim == 3 else pixels[:, :, None]
    header = read_image_header(data, "x.tif")
    return LooseMicrograph("x.tif", "", digest_pixels(pixels), pixels, header, "", claims or Claims(), ("a step",))


def scaled(nanometres: str, **more: Any) -> Claims:
    return Claims((Scale(Decimal(nanometres), ScaleSource.MANIFEST),), **more)


def test_a_plain_image_is_only_cut_into_tiles() -> None:
    plane = grains()
    prepared = prepare(micrograph(plane, scaled("10")), Geometry(tile=224))
    assert (prepared.plane == plane).all()
    assert prepared.steps == ("a step", "12 tiles of 224 pixels, 0 without structure left out")
    assert prepared.quality.faults == ()
    assert prepared.scale is not None
    assert prepare(micrograph(plane), Geometry()).scale is None


@pytest.mark.parametrize("top", [255, 65535])
def test_a_data_bar_is_found_by_its_greys_and_listed(top: int) -> None:
    plane = grains(top=top)
    plane[-40:] = 0
    plane[-30:-10, 100:200] = top
    plane[-25:-15, 300:310] = top // 2
    prepared = prepare(micrograph(plane), Geometry())
    assert prepared.plane.shape == (440, 640)
    assert prepared.guessed
    assert "40 rows of data bar cut off, by their look" in prepared.steps
    assert prepare(micrograph(plane), Geometry(guess_bar=False)).plane.shape == (480, 640)


def test_metadata_of_the_data_bar_takes_precedence() -> None:
    prepared = prepare(micrograph(grains(), Claims(rows=400)), Geometry())
    assert prepared.plane.shape == (400, 640)
    assert not prepared.guessed
    assert "80 rows of data bar cut off, by metadata" in prepared.steps


def test_rows_that_are_no_data_bar_are_kept() -> None:
    plain = grains()
    assert data_bar_rows(plain) == 0
    few = plain.copy()
    few[-5:] = 0
    assert data_bar_rows(few) == 0  # a frame, not a bar
    half = plain.copy()
    half[-240:] = 0
    assert data_bar_rows(half) == 0  # the specimen's edge
    above = plain.copy()
    above[-80:-40] = 0
    assert data_bar_rows(above) == 0  # not at the bottom
    assert data_bar_rows(np.where(plain > 128, 255, 0).astype(np.uint8)) == 0  # two greys everywhere


def test_resizing_keeps_full_depth_and_is_listed() -> None:
    plane = grains(top=65535)
    prepared = prepare(micrograph(plane, scaled("10")), Geometry(nanometres=Decimal(20), tile=64))
    assert prepared.plane.shape == (240, 320)
    assert prepared.plane.dtype == np.uint16
    assert len(np.unique(prepared.plane)) > 1000
    assert abs(float(prepared.plane.mean()) - float(plane.mean())) < 65535 / 200
    assert "brought from 10 nm (manifest) to 20 nm a pixel, 320 x 240 pixels, bilinear" in prepared.steps
    assert prepared.scale == Scale(Decimal(20), ScaleSource.MANIFEST)
    same = prepare(micrograph(plane, scaled("10.04")), Geometry(nanometres=Decimal(10)))
    assert (same.plane == plane).all()
    unknown = prepare(micrograph(plane), Geometry(nanometres=Decimal(10)))
    assert (unknown.plane == plane).all()
    assert unknown.scale is None
    with pytest.raises(ImageError, match="at most"):
        prepare(micrograph(plane, scaled("10000")), Geometry(nanometres=Decimal(1)))


def test_channels_that_differ_are_refused_unless_one_is_named() -> None:
    colour = np.dstack([grains(seed=1), grains(seed=2), grains(seed=3)])
    with pytest.raises(ImageError, match="3 channels that differ"):
        prepare(micrograph(colour), Geometry())
    prepared = prepare(micrograph(colour), Geometry(channel=2))
    assert (prepared.plane == colour[:, :, 2]).all()
    assert "channel 2 of 3 taken" in prepared.steps


@pytest.mark.parametrize("shape", [(224, 224), (225, 700), (1000, 300), (448, 449)])
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5])
def test_tiles_cover_everything_and_overlap(shape: tuple[int, int], overlap: float) -> None:
    tiles = tile_grid(*shape, 224, overlap)
    covered = np.zeros(shape, int)
    for tile in tiles:
        assert tile.top + 224 <= shape[0]
        assert tile.left + 224 <= shape[1]
        covered[tile.top : tile.top + 224, tile.left : tile.left + 224] += 1
    assert covered.min() >= 1
    for places in ({t.top for t in tiles}, {t.left for t in tiles}):
        steps = np.diff(sorted(places))
        assert (steps <= 224 * (1 - overlap) + 1).all()
    assert tile_grid(*shape, 224, overlap) == tiles
    assert tile_grid(223, 1000, 224, overlap) == ()


def test_tiles_without_structure_are_left_out() -> None:
    plane = grains(448, 448)
    plane[:224, :224] = 100
    prepared = prepare(micrograph(plane), Geometry(overlap=0.0))
    assert prepared.tiles == (Tile(0, 224), Tile(224, 0), Tile(224, 224))
    assert prepared.steps[-1] == "4 tiles of 224 pixels, 1 without structure left out"


def test_one_outlying_tile_does_not_decide_the_score() -> None:
    scores = np.array([0.1] * 9 + [1.0])
    assert aggregate(scores, Aggregation.MEDIAN) == pytest.approx(0.1)
    assert aggregate(scores, Aggregation.TRIMMED_MEAN) == pytest.approx(0.1)
    assert aggregate(np.array([0.2, 0.4]), Aggregation.TRIMMED_MEAN) == pytest.approx(0.3)
    with pytest.raises(ValueError, match="no tiles"):
        aggregate(np.array([]), Aggregation.MEDIAN)


def overexposed(plane: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.clip(plane.astype(float) * 2.2, 0, 255).astype(np.uint8)


def test_faults_are_named_with_their_measures() -> None:
    good = grains()
    assert measure_quality(good).faults == ()
    cases = {
        Fault.SATURATED: overexposed(good),
        Fault.EMPTY: np.full((480, 640), 120, np.uint8),
        Fault.OUT_OF_FOCUS: blurred(good, 10),
    }
    for fault, plane in cases.items():
        quality = measure_quality(plane)
        assert quality.faults == (fault,), quality
        assert f"not assessable ({fault}): white " in str(quality)
    dim = (RNG.random((480, 640)) * 2 + 120).astype(np.uint8)
    assert measure_quality(dim).faults == (Fault.EMPTY,)
    noisy = np.clip(blurred(good, 10) + 2 * RNG.standard_normal(good.shape), 0, 255).astype(np.uint8)
    assert measure_quality(noisy).faults == (Fault.OUT_OF_FOCUS,)  # noise is no detail
    small = prepare(micrograph(good[:100]), Geometry())
    assert small.quality.faults == (Fault.TOO_SMALL,)
    assert small.tiles == ()
    assert small.steps[-1] == "no tiles: 640 x 100 pixels, a tile has 224"


def test_depth_and_brightness_do_not_change_the_quality() -> None:
    wide = grains(top=65535)
    narrow = (wide >> 8).astype(np.uint8)
    assert measure_quality(wide).focus == pytest.approx(measure_quality(narrow).focus, rel=0.05)
    assert measure_quality((wide // 16).astype(np.uint16)).faults == ()  # twelve bits in sixteen


def test_intensity_is_mapped_by_percentiles_and_listed() -> None:
    plane = grains(top=65535)
    hot = plane.copy()
    hot[3, 3] = 65535
    unit = Intensity().apply(plane)
    assert unit.dtype == np.float32
    assert (unit.min(), unit.max()) == (0, 1)
    assert np.abs(unit - Intensity().apply(hot))[hot == plane].max() < 1e-3
    assert Intensity().steps() == ("per cent 0.1 to 99.9 mapped to 0 to 1",)
    assert len(np.unique(unit)) > 10_000


def test_a_constant_image_is_mapped_to_finite_numbers() -> None:
    assert np.isfinite(Intensity().apply(np.full((64, 64), 7, np.uint8))).all()


@pytest.mark.parametrize("nanometres", ["0", "-1", "1e-5000", "1e-999999", "1e9", "nan", "inf"])
def test_a_scale_that_no_microscope_has_is_refused(nanometres: str) -> None:
    with pytest.raises(ValueError, match="nanometres a pixel"):
        Geometry(nanometres=Decimal(nanometres))


@pytest.mark.parametrize("broken", [{"tile": 0}, {"overlap": 1.0}, {"overlap": -0.1}])
def test_geometry_out_of_range_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="tiles of"):
        Geometry(**broken)


def test_percentiles_out_of_order_are_refused() -> None:
    for broken in ({"low": 50.0, "high": 50.0}, {"low": -0.1}, {"high": 100.5}):
        with pytest.raises(ValueError, match="no mapping"):
            Intensity(**broken)


@pytest.mark.vectors
def test_real_micrographs_can_all_be_judged_and_blurred_ones_cannot() -> None:
    folder = Path(os.environ["FUSIONDIFF_VECTORS"]).parent / "data" / "nasa-micrographs"
    files = sorted(folder.rglob("*.png"))
    assert len(files) == 45
    with Guard() as guard:
        for file in files:
            image = decode(LooseFile.read(file), guard=guard)
            assert (
                image.pixels[:, :, 0] == imagecodecs.png_decode(file.read_bytes()).reshape(image.pixels.shape[:2])
            ).all()
            assert prepare(image, Geometry()).quality.faults == (), file
            assert data_bar_rows(image.pixels[:, :, 0]) == 0
            if file == files[0] or file == files[-1]:
                assert Fault.OUT_OF_FOCUS in measure_quality(blurred(image.pixels[:, :, 0], 4.5)).faults
