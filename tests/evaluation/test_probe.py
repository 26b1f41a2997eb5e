"""The probe: measurements of known bodies, regressions with known answers, and vectors that are kept."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import probe_vectors, regression
from benchmarks.cell_maps import lite0_input
from benchmarks.phase_measurements import measure, summary
from benchmarks.probe import BOUND, as_json, read, rows
from benchmarks.probe_vectors import VectorSource, bundle_source, kept_vectors, lite0_source, measured_vectors, targets
from benchmarks.regions import connected_regions
from benchmarks.regression import network_predictions, r_squared, ridge_predictions
from fusiondiff_audit.evaluation.open_set import IMAGES_OF_DESIGNS
from fusiondiff_audit.kiln.body import Body, Cracks, Grains, Inclusions, Layer, Pores
from fusiondiff_audit.kiln.microscope import Microscope
from fusiondiff_audit.kiln.phase_map import draw_phase_map
from fusiondiff_audit.kiln.specimens import Specimen
from fusiondiff_audit.model.specimens import Vectors, pool, whole
from tests.model.tiny import tiny_model

PIXEL = 0.2  # micrometres


def measured(body: Body) -> dict[str, float]:
    specimen = Specimen("plain", None, ("tests", "measured"), body, Microscope(electrons=1e5, focus=0.01), PIXEL)
    return summary([measure(draw_phase_map(specimen.layout(0, 256)), specimen.field(0, 256) / np.float32(255))])


def test_regions_have_the_axes_of_an_ellipse() -> None:
    rows_, columns = np.mgrid[:120, :160]
    along, across = (columns - 70 + rows_ - 50) / np.sqrt(2), (rows_ - 50 - columns + 70) / np.sqrt(2)
    ellipse = (along / 30) ** 2 + (across / 12) ** 2 <= 1
    corner = (rows_ > 110) & (columns > 150)
    found = connected_regions(ellipse | corner, np.ones_like(ellipse))
    assert found.whole.tolist() == [True, False]
    assert found.area[0] == pytest.approx(np.pi * 30 * 12, rel=0.01)
    assert [found.row[0], found.column[0]] == pytest.approx([50, 70], abs=0.1)
    assert [found.long[0], found.short[0]] == pytest.approx([60, 24], rel=0.02)
    assert found.angle[0] == pytest.approx(np.pi / 4, abs=0.02)
    assert found.outline[0] == pytest.approx(138.5, rel=0.1)
    assert found.beyond[0] < 0.02
    assert found.mean(rows_)[0] == pytest.approx(50, abs=0.1)


def test_measurements_follow_the_body() -> None:
    grains = Grains(size=8 * PIXEL, spread=0.1, channelling=0.05, glass=0.2)
    body = Body(grains, Pores(share=0.08, size=10 * PIXEL, spread=0.2, roundness=0.9, siting=0.0))
    plain = measured(body)
    assert np.exp(plain["porosity"]) == pytest.approx(0.08, abs=0.04)
    assert np.exp(plain["pore, 50 %"]) == pytest.approx(10 * np.sqrt(np.pi) / 2, rel=0.2)
    assert plain["layers"] == plain["cracks"] == 0
    assert np.isnan(plain["quartz size"])
    large = measured(replace(body, grains=replace(grains, size=24 * PIXEL, elongation=2.5)))
    assert large["grain"] - plain["grain"] == pytest.approx(np.log(3), abs=0.25)
    assert large["grain stretch"] == pytest.approx(np.log(2.5), abs=0.3)
    assert abs(plain["grain stretch"]) < 0.2
    pores = replace(body.pores, roundness=0.4, alignment=0.95, roughness=0.4, spread=0.8, siting=1.0)
    other = measured(replace(body, pores=pores))
    assert other["pore alignment"] > 0.9 > plain["pore alignment"]
    assert other["pore roundness"] < 0.6 < plain["pore roundness"]
    assert other["pore beyond its ellipse"] > 2 * plain["pore beyond its ellipse"]
    assert other["pore, deviation"] > 2 * plain["pore, deviation"]
    assert other["pore rank of boundary distance"] < 0.4 < 0.6 < plain["pore rank of boundary distance"]
    clustered = measured(replace(body, pores=replace(body.pores, size=4 * PIXEL, clustering=1.0)))
    scattered = measured(replace(body, pores=replace(body.pores, size=4 * PIXEL)))
    assert clustered["pore within 3.0"] > scattered["pore within 3.0"] + 0.3
    channelled = measured(replace(body, grains=replace(large_grains(), channelling=0.1)))
    assert channelled["channelling"] - measured(replace(body, grains=large_grains()))["channelling"] > np.log(2.5)


def large_grains() -> Grains:
    return Grains(size=20 * PIXEL, channelling=0.03, glass=0.2)


def test_phases_that_are_there_are_measured() -> None:
    phases = Inclusions(quartz=0.1, quartz_size=5, mullite=1.0, mullite_length=3.0, feldspar=0.2)
    body = Body(large_grains(), inclusions=phases, layers=(Layer(8.0),))
    through, between = (measured(replace(body, cracks=Cracks(5, 0.5, through=share))) for share in (1.0, 0.0))
    plain = measured(Body())
    assert list(through) == list(between) == list(plain)  # absent phases have the same names
    absent = {name for name, number in plain.items() if np.isnan(number)}
    assert {"needles length", "laths length", "quartz size", "quartz rim"} < absent
    assert {name for name, number in through.items() if np.isnan(number)} == set()
    assert through["crack rank of boundary distance"] > between["crack rank of boundary distance"] + 0.2
    assert through["layers"] == 1
    assert through["body"] < 0.9 < plain["body"] == 1
    assert through["quartz"] > plain["quartz"] + 2
    fewer = measured(replace(body, inclusions=replace(phases, feldspar=0.05)))
    assert through["laths density"] - fewer["laths density"] == pytest.approx(np.log(4), abs=0.7)  # 5 in the image


def test_a_covered_body_has_no_measurements() -> None:
    covered = measured(Body(layers=(Layer(99.0),)))
    assert covered["body"] == 0
    assert covered["layers"] == 1
    assert np.isnan(covered["grain"])


@pytest.fixture
def short_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regression, "_EPOCHS", 60)
    monkeypatch.setattr(regression, "_NETWORKS", 2)


def linear(count: int, noise: float) -> tuple[Vectors, Vectors]:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(count, 5))
    columns = (vectors @ [1, -2, 0, 0, 3], rng.normal(size=count), np.abs(vectors[:, 1]))
    made = np.column_stack(columns) + noise * rng.normal(size=(count, 3))
    made[::2, 0] = np.nan  # the first applies to every second specimen
    return vectors, made


@pytest.mark.usefixtures("short_training")
def test_regressions_find_what_is_there_and_no_more() -> None:
    vectors, made = linear(400, noise=0.1)
    vectors[::3, 3] = np.nan  # of no use, and not always measured
    ridge, network = (
        r_squared(predictions(vectors[:300], made[:300], vectors[300:]), made[300:])
        for predictions in (ridge_predictions, network_predictions)
    )
    assert ridge[0] > 0.99
    assert abs(ridge[1]) < 0.1 > abs(network[1])
    assert network[0] > 0.8
    assert ridge[2] < 0.1 < 0.8 < network[2]


def test_a_mark_tells_what_could_not_be_measured() -> None:
    rng = np.random.default_rng(1)
    present = rng.random(200) < 0.5
    vectors = np.where(present, 7.0, np.nan)[:, None]  # the same wherever it is
    made = present[:, None].astype(np.float64)
    assert r_squared(ridge_predictions(vectors[:100], made[:100], vectors[100:]), made[100:])[0] > 0.99


def test_r_squared() -> None:
    true = np.array([[0.0, 1, 5], [2, np.nan, 5], [4, np.nan, 5]])
    assert r_squared(true + np.array([[1], [0], [-1]]), true)[0] == 1 - 2 / 8
    assert np.isnan(r_squared(true, true)[1:]).all()  # one specimen, and no variation


def test_vectors_are_kept_and_computed_once(tmp_path: Path) -> None:
    asked: list[int] = []

    def compute(numbers: Sequence[int], workers: int) -> Iterator[Vectors]:
        for number in numbers:
            asked.append(number)
            yield np.full((3, 2), float(number))

    source = VectorSource("toy", "toy 1", compute)
    first = kept_vectors(tmp_path, source, range(3), 1)
    assert first[:, 0, 0].tolist() == [0, 1, 2]
    np.testing.assert_array_equal(kept_vectors(tmp_path, source, range(1, 5), 1)[:, 2, 1], [1, 2, 3, 4])
    assert asked == [0, 1, 2, 3, 4]
    kept_vectors(tmp_path, replace(source, content="toy 2"), range(2), 1)
    assert asked == [0, 1, 2, 3, 4, 0, 1]


def test_a_stopped_run_is_resumed(tmp_path: Path) -> None:
    def stopped(numbers: Sequence[int], workers: int) -> Iterator[Vectors]:
        yield np.zeros((3, 2))
        raise KeyboardInterrupt

    def rest(numbers: Sequence[int], workers: int) -> Iterator[Vectors]:
        yield from (np.ones((3, 2)) for _ in numbers)

    with pytest.raises(KeyboardInterrupt):
        kept_vectors(tmp_path, VectorSource("toy", "toy", stopped), range(3), 1)
    assert kept_vectors(tmp_path, VectorSource("toy", "toy", rest), range(3), 1)[:, 0, 0].tolist() == [0, 1, 1]


def test_vectors_of_a_bundle_are_pooled_features(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_vectors, "SIDE", 128)
    model = tiny_model()
    both = list(bundle_source(model).compute([0, 1], 1))
    assert [vectors.shape for vectors in both] == [(3, 2 * model.settings.architecture.feature_dim)] * 2
    fields = [probe_vectors.probe_micrograph((1, field)) for field in range(5)]
    features = [image.features for image in model.embed(fields)]
    for vector, count in zip(both[1], IMAGES_OF_DESIGNS, strict=True):
        np.testing.assert_array_equal(vector, pool(features[:count], whole(features[:count])))


def test_vectors_of_stages_are_those_of_all_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_vectors, "SIDE", 64)

    class Stages:
        def forward_intermediates(self, grey: torch.Tensor, *, intermediates_only: bool) -> list[torch.Tensor]:
            return [grey[:, :2], -grey[:, :1, ::2, ::2]]

    monkeypatch.setattr(probe_vectors, "load_lite0", lambda weights: Stages())
    model = tiny_model()
    (vectors,) = lite0_source(Path("weights"), model).compute([0], 1)
    planes = torch.cat([lite0_input(probe_vectors.probe_micrograph((0, field)), model) for field in range(5)])
    for vector, count in zip(vectors, IMAGES_OF_DESIGNS, strict=True):
        large, small = planes[:count, 0].double(), -planes[:count, 0, ::2, ::2].double()
        expected = [*(part.mean() for part in (large, large, small)), *(part.std() for part in (large, large, small))]
        np.testing.assert_allclose(vector, expected, rtol=1e-3)


def test_measured_vectors_have_a_row_for_each_number_of_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_vectors, "SIDE", 96)
    vectors = measured_vectors(0)
    assert vectors.shape[0] == len(IMAGES_OF_DESIGNS)
    names, true = targets(range(3))
    assert true.shape == (3, len(names))
    assert "porosity" in names


@pytest.mark.usefixtures("short_training")
def test_the_table_has_each_quantity_and_the_mean(capsys: pytest.CaptureFixture[str]) -> None:
    vectors, made = linear(120, noise=0.1)
    designs = np.stack([vectors] * 3, axis=1)
    shares = read({"bundle": designs[:, :, :1], BOUND: designs}, made, 40)
    assert list(shares) == ["bundle, ridge", "bundle, network", BOUND]
    assert (shares[BOUND][:, 0] > 0.9).all()
    assert (shares[BOUND][:, 0] > shares["bundle, ridge"][:, 0]).all()
    table = list(rows(("a", "b", "c"), (20, 40, 40), shares))
    assert [row[0] for row in table] == ["", "quantity", "a", "b", "c", "mean"]
    assert {len(row) for row in table} == {2 + 3 * 3}
    assert float(table[-1][-1]) == pytest.approx(float(shares[BOUND][2].mean()), abs=0.01)
    assert as_json(("a", "b", "c"), (20, 40, 40), shares)["asked"] == {"a": 20, "b": 40, "c": 40}
    assert "phase map, ridge: mean" in capsys.readouterr().err
