"""Which pictures are attacked: as many of either class, none that the model knows, and no more of each than asked."""

from pathlib import Path

import numpy as np
import pytest

from fusiondiff_audit.images import Guard
from fusiondiff_audit.labels import Label, read_labels
from fusiondiff_audit.stress.pictures import Chosen, choose
from signing import SigningError
from tests.model.tiny import SETTINGS, tiny_model
from tests.training.test_enrol import written

TILE = SETTINGS.architecture.tile


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("stress") / "pictures"
    (home.parent / "labels.csv").write_text("\n".join(written(home, 4)) + "\n")
    return home


def chosen(folder: Path, *, count: int = 4, side: int | None = None, seed: int = 0) -> Chosen:
    said: dict[str, Label] = read_labels(folder.parent / "labels.csv")
    with Guard() as guard:
        return choose(folder, said, tiny_model(), guard, count=count, seed=seed, watch=iter, side=side)


def test_either_class_is_drawn_by_seed(folder: Path) -> None:
    first, other = chosen(folder), chosen(folder, seed=5)
    assert [picture.authentic for picture in first.pictures].count(True) == 2
    assert len(first.pictures) == 4
    assert [p.digest for p in first.pictures] == [p.digest for p in chosen(folder).pictures]
    assert {p.name for p in first.pictures} != {p.name for p in other.pictures}


def test_of_larger_pictures_the_middle_is_taken_but_never_less_than_a_tile(folder: Path) -> None:
    whole = {picture.name: picture.plane for picture in chosen(folder).pictures}
    for side, expected in ((80, 80), (1, TILE), (500, 96)):
        for part in chosen(folder, side=side).pictures:
            assert part.plane.shape == (expected, expected)
            start = (96 - expected) // 2
            assert np.array_equal(part.plane, whole[part.name][start : start + expected, start : start + expected])


def test_too_few_of_a_class_are_refused_with_what_there_is(folder: Path) -> None:
    with pytest.raises(SigningError, match="10 pictures are asked for, 4 authentic and 4 counterfeit"):
        chosen(folder, count=10)
