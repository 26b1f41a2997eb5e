"""A recipe states every setting, or it is refused."""

from pathlib import Path

import pytest

from fusiondiff_audit.training.recipe import CERAMIC, read_recipe
from signing import Reason, SigningError
from tests.training.small_recipe import small_recipe, to_toml


def test_a_recipe_survives_a_round_trip_through_its_file(tmp_path: Path) -> None:
    recipe = small_recipe()
    assert read_recipe(to_toml(recipe, tmp_path / "recipe.toml")) == recipe
    assert recipe.digest != small_recipe(seed=2).digest


def test_the_shipped_recipe_trains_on_nothing_that_the_benchmark_tests() -> None:
    from fusiondiff_audit.evaluation.task import REFERENCE_KILNS
    from fusiondiff_audit.kiln.recipes import HELD_OUT_WORKSHOP

    dataset = read_recipe(CERAMIC).dataset
    assert not set(dataset.kilns) & set(REFERENCE_KILNS)
    assert HELD_OUT_WORKSHOP in dataset.held_out


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seed = 1", "seed = -1"),
        ("seed = 1", "seeds = 1"),
        ("seed = 1", "seed = 1\nmore = 2"),
        ('objective = "composition"', 'objective = "hope"'),
        ('"rowan"', '"atlantis"'),
        ("steps = 500", "steps = 0"),
        ("tile = 128", "tile = 512"),
        ("rate = 2e-3", "rate = 2"),
        ("seed = 1", "seed = 2026-11-21"),
        ("seed = 1", "seed = nan"),
        ("[dataset]", "[dataset"),
    ],
)
def test_a_malformed_recipe_is_refused(tmp_path: Path, old: str, new: str) -> None:
    text = CERAMIC.read_text()
    assert old in text
    bad = tmp_path / "bad.toml"
    bad.write_text(text.replace(old, new, 1))
    with pytest.raises(SigningError) as caught:
        read_recipe(bad)
    assert caught.value.reason is Reason.MALFORMED
