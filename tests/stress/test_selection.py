"""Which images are attacked: as many of either class, one of a specimen, and of none that the model knows."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile

from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.micrograph import LooseFile, decode
from fusiondiff_audit.inputs.labels import FileLabel, read_labels
from fusiondiff_audit.kiln.specimens import specimen
from fusiondiff_audit.model.enrolment import ForestSettings, LabelledExample
from fusiondiff_audit.stress.selection import ExcludedSpecimen, ExclusionCause, Selection, select_images
from signing import SigningError
from tests.model.tiny import SETTINGS
from tests.training.test_enrol import write_labelled

Choose = Callable[..., Selection]
TILE = SETTINGS.architecture.tile


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("stress") / "images"
    (home.parent / "labels.csv").write_text("\n".join(write_labelled(home, 4)) + "\n")
    return home


@pytest.fixture(scope="module")
def guard() -> Iterator[Guard]:
    with Guard() as guard:
        yield guard


@pytest.fixture(scope="module")
def chosen(guard: Guard) -> Choose:
    """Return what chooses of a folder; further settings are those of a model that knows some of it."""

    def choose_from(
        folder: Path, *, count: int = 4, side: int | None = None, seed: int = 0, labels: str = "", **settings: Any
    ) -> Selection:
        names: dict[str, FileLabel] = read_labels(folder.parent / "labels.csv", labels.encode() or None)
        model: Any = SimpleNamespace(settings=replace(SETTINGS, **settings))
        return select_images(folder, names, model, guard, count=count, seed=seed, watch=iter, side=side)

    return choose_from


def enrolled(*examples: LabelledExample) -> dict[str, Any]:
    """Return the settings of a model that was enrolled with some images."""
    return {"examples": examples, "reference": "alder", "learning": ForestSettings()}


def pixels_of(path: Path, guard: Guard) -> str:
    return decode(LooseFile.read(path), guard=guard).pixel_digest


NEVER = LabelledExample("0" * 64, "another", authentic=True)  # an image that is not there


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a folder with three fields of each of four specimens of either class, and its labels."""
    folder, lines = tmp_path_factory.mktemp("fields"), ["file,label,specimen"]
    for kiln, label in (("alder", "authentic"), ("birch", "counterfeit")):
        for number in range(4):
            for field in range(3):
                name = f"{kiln}-{number}-{field}.tif"
                tifffile.imwrite(folder / name, specimen(kiln, None, str(number)).field(field, 96))
                lines.append(f"{name},{label},{kiln} {number}")
    return folder, "\n".join(lines)


def test_either_class_is_drawn_by_seed(chosen: Choose, folder: Path) -> None:
    first, other = chosen(folder), chosen(folder, seed=5)
    assert [image.authentic for image in first.images].count(True) == 2
    assert len(first.images) == 4
    assert [p.digest for p in first.images] == [p.digest for p in chosen(folder).images]
    assert {p.name for p in first.images} != {p.name for p in other.images}


def test_of_larger_images_the_middle_is_taken_but_never_less_than_a_tile(chosen: Choose, folder: Path) -> None:
    whole = {image.name: image.plane for image in chosen(folder).images}
    for side, expected in ((80, 80), (1, TILE), (500, 96)):
        for part in chosen(folder, side=side).images:
            assert part.plane.shape == (expected, expected)
            start = (96 - expected) // 2
            assert np.array_equal(part.plane, whole[part.name][start : start + expected, start : start + expected])


def test_too_few_of_a_class_are_refused_with_what_there_is(chosen: Choose, folder: Path) -> None:
    with pytest.raises(SigningError, match="10 images are needed, 4 authentic and 4 counterfeit"):
        chosen(folder, count=10)


def test_one_image_of_a_specimen_is_attacked(chosen: Choose, fields: tuple[Path, str]) -> None:
    folder, labels = fields
    selection = chosen(folder, labels=labels, count=8)
    assert sorted(image.specimen for image in selection.images) == sorted(
        f"{kiln} {number}" for kiln in ("alder", "birch") for number in range(4)
    )
    assert {(one.images, one.cause) for one in selection.excluded} == {(2, ExclusionCause.FURTHER)}
    assert selection.unnamed == 0
    (remark,) = selection.remarks
    assert remark == "set aside: 16 images, of a specimen of which another image is used (8 specimens)"


def test_too_few_specimens_are_refused_however_many_images_there_are(chosen: Choose, fields: tuple[Path, str]) -> None:
    folder, labels = fields
    with pytest.raises(SigningError) as caught:
        chosen(folder, labels=labels, count=13)
    assert "13 images are needed, 4 authentic and 4 counterfeit ones can be used, one of each" in str(caught.value)
    assert "3 more authentic and 2 more counterfeit specimens are needed" in str(caught.value)
    assert "set aside: 16 images, of a specimen of which another" in str(caught.value)


@pytest.mark.parametrize("field", [0, 2])
def test_what_the_encoder_was_trained_with_is_set_aside_with_its_specimen(
    guard: Guard, chosen: Choose, field: int, fields: tuple[Path, str]
) -> None:
    folder, labels = fields
    seen = tuple(pixels_of(folder / f"{kiln}-1-{field}.tif", guard) for kiln in ("alder", "birch"))
    draws = [chosen(folder, labels=labels, count=6, seed=seed, seen=seen) for seed in range(4)]
    for selection in draws:
        assert {image.specimen for image in selection.images}.isdisjoint({"alder 1", "birch 1"})
    trained = {one for selection in draws for one in selection.excluded if one.cause is ExclusionCause.TRAINED}
    assert trained == {ExcludedSpecimen(f"{kiln} 1", 3, ExclusionCause.TRAINED) for kiln in ("alder", "birch")}
    with pytest.raises(SigningError, match="1 more authentic and 1 more counterfeit specimens are needed"):
        chosen(folder, labels=labels, count=8, seen=seen)


def test_everything_seen_leaves_nothing(guard: Guard, chosen: Choose, folder: Path) -> None:
    seen = tuple(pixels_of(path, guard) for path in sorted(folder.glob("*.tif")))
    with pytest.raises(SigningError, match="0 authentic and 0 counterfeit ones can be used") as caught:
        chosen(folder, count=8, seen=seen)
    assert "set aside: 8 images, of a specimen that the encoder was trained with, by label" in str(caught.value)


def test_another_image_of_an_enrolled_specimen_is_set_aside_by_its_name(
    chosen: Choose, fields: tuple[Path, str]
) -> None:
    folder, labels = fields
    settings = enrolled(replace(NEVER, specimen="alder 2"))
    selection = chosen(folder, labels=labels, count=6, **settings)
    assert "alder 2" not in {image.specimen for image in selection.images}
    assert ExcludedSpecimen("alder 2", 3, ExclusionCause.ENROLLED) in selection.excluded
    with pytest.raises(SigningError, match="1 more authentic specimens are needed"):
        chosen(folder, labels=labels, count=8, **settings)


def test_under_another_name_by_the_pixels_of_any_of_its_images(
    guard: Guard, chosen: Choose, fields: tuple[Path, str]
) -> None:
    folder, labels = fields
    digest = pixels_of(folder / "birch-3-2.tif", guard)
    other = LabelledExample(digest, "as it was called then", authentic=False)
    settings = enrolled(NEVER, other)
    draws = [chosen(folder, labels=labels, count=6, seed=seed, **settings) for seed in range(4)]
    assert not any(image.specimen == "birch 3" for selection in draws for image in selection.images)
    assert any(ExcludedSpecimen("birch 3", 3, ExclusionCause.ENROLLED) in selection.excluded for selection in draws)


def test_where_no_specimen_is_named_each_image_is_one_and_that_is_said(chosen: Choose, folder: Path) -> None:
    labels = "file,label\n" + "\n".join(
        f"{path.name},{'authentic' if path.name.startswith('alder') else 'counterfeit'}"
        for path in folder.glob("*.tif")
    )
    selection = chosen(folder, labels=labels, count=8)
    assert selection.remarks == (
        "8 of 8 images are of no specimen that the labels name; each counts as a specimen of its own",
    )
    settings = enrolled(replace(NEVER, specimen="file alder-0.tif"))  # of another folder, which named none either
    assert len(chosen(folder, labels=labels, count=8, **settings).images) == 8


def test_one_image_under_the_names_of_two_specimens_is_one_object(
    chosen: Choose, fields: tuple[Path, str], tmp_path: Path
) -> None:
    """Also where another image of the second specimen would have been attacked."""
    folder, labels = tmp_path / "fields", fields[1]
    shutil.copytree(fields[0], folder)
    shutil.copy(folder / "alder-0-1.tif", folder / "alder-1-2.tif")
    selection = chosen(folder, labels=labels, count=6)
    assert len({"alder 0", "alder 1"} & {image.specimen for image in selection.images}) == 1
    with pytest.raises(SigningError, match="1 more authentic specimens are needed"):
        chosen(folder, labels=labels, count=8)
