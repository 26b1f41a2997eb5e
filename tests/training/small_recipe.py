"""A recipe that trains in seconds, and its TOML file."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from fusiondiff_audit.model.shapes import Autoencoder, Convolutions, Denoiser, Transformer
from fusiondiff_audit.training.recipe import CERAMIC, ProjectionData, Recipe, Stage, Stages, SyntheticData, read_recipe
from signing.records import write_record

STEPS = 4


def small_recipe(**changes: Any) -> Recipe:
    """Return the shipped recipe at a size for tests, with some settings changed."""
    recipe = read_recipe(CERAMIC)
    stage = Stage(STEPS, 4, 1e-3)
    architecture = replace(
        recipe.architecture,
        tile=64,
        width=16,
        directions=0,
        autoencoder=Autoencoder((8, 8, 16, 16), layers=1, groups=4, latent=4, scaling=1.0),
        denoiser=Denoiser((16, 16), (True, True), layers=1, heads=2, groups=4, context=8, tokens=2),
        convolutions=Convolutions(8, 1, 1, 0.0, (4, 8)),
        transformer=Transformer(16, 2, 2, 16, 64, 4),
    )
    sized = replace(
        recipe,
        name="small",
        dataset=SyntheticData(("hazel", "rowan"), ("aged",), 1, 0, 0, 2, 96, (1,)),
        architecture=architecture,
        threads=1,
        stages=Stages(*(stage,) * 8),
        projection=ProjectionData(
            SyntheticData(("hazel",), ("aged",), 2, 0, 0, 1, 128, (1,)), SyntheticData((), (), 0, 4, 4, 1, 128, (1,))
        ),
    )
    return replace(sized, **changes)


def to_toml(recipe: Recipe, path: Path) -> Path:
    """Write a recipe as a TOML file."""
    path.write_text("\n".join(_lines(write_record(recipe), "")))
    return path


def _lines(table: dict[str, Any], name: str) -> list[str]:
    flat = [f"{key} = {_value(value)}" for key, value in table.items() if not isinstance(value, dict)]
    inner = [_lines(value, f"{name}.{key}".strip(".")) for key, value in table.items() if isinstance(value, dict)]
    return [*([f"[{name}]"] if name else []), *flat, *(line for lines in inner for line in lines)]


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else repr(value)
