"""A recipe says everything, or it is refused."""

from pathlib import Path

import pytest

from fusiondiff_audit.training.recipe import CERAMIC, read_recipe
from signing import Reason, SigningError
from tests.training.small import small, to_toml


def test_a_recipe_survives_the_way_to_a_file_and_back(tmp_path: Path) -> None:
    recipe = small()
    assert read_recipe(to_toml(recipe, tmp_path / "recipe.toml")) == recipe
    assert recipe.digest != small(seed=2).digest


def test_the_shipped_recipe_never_looks_at_what_the_benchmark_tests() -> None:
    from fusiondiff_audit.evaluation.task import REFERENCE_KILNS
    from fusiondiff_audit.kiln.recipes import HELD_OUT_WORKSHOP

    diet = read_recipe(CERAMIC).diet
    assert not set(diet.kilns) & set(REFERENCE_KILNS)
    assert HELD_OUT_WORKSHOP in diet.without


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seed = 1", "seed = -1"),
        ("seed = 1", "seeds = 1"),
        ("seed = 1", "seed = 1\nmore = 2"),
        ('objective = "makeup"', 'objective = "hope"'),
        ('"rowan"', '"atlantis"'),
        ("steps = 500", "steps = 0"),
        ("tile = 128", "tile = 512"),
        ("rate = 2e-3", "rate = 2"),
        ("seed = 1", "seed = 2026-11-21"),
        ("seed = 1", "seed = nan"),
        ("[diet]", "[diet"),
    ],
)
def test_a_recipe_that_means_nothing_is_refused(tmp_path: Path, old: str, new: str) -> None:
    text = CERAMIC.read_text()
    assert old in text
    bad = tmp_path / "bad.toml"
    bad.write_text(text.replace(old, new, 1))
    with pytest.raises(SigningError) as caught:
        read_recipe(bad)
    assert caught.value.reason is Reason.MALFORMED
