"""The verb `pretrain`."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering, say
from fusiondiff_audit.cli.options import PATH, open_model_key, passphrase_option
from fusiondiff_audit.cli.progress import Progress, watched
from fusiondiff_audit.cli.text import count, size, table
from fusiondiff_audit.extras import require

if TYPE_CHECKING:
    from fusiondiff_audit.training.diet import Diet, Picture, Pictures
    from fusiondiff_audit.training.recipe import Recipe
    from fusiondiff_audit.training.studio import Studio

MADE_UP = "kiln"
BESIDE = Answer("DONE", "trained beside the first process, which writes the bundle")


def studio_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb what all training asks for."""
    for option in reversed(
        (
            click.option("--out", type=PATH, required=True, help="The bundle to write: a new folder."),
            click.option("--key", type=PATH, help="The private key that signs it, P-256; without one, nobody does."),
            click.option("--work", type=PATH, help="Where the training keeps what it needs to go on.  [OUT.training]"),
            click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:N."),
            click.option(
                "--every",
                type=click.FloatRange(0),
                default=60.0,
                show_default=True,
                help="Seconds between checkpoints.",
            ),
            click.option("--mixed", is_flag=True, help="Compute in bfloat16 where that is safe."),
            passphrase_option,
        )
    ):
        function = option(function)
    return function


@click.command()
@click.argument("source", metavar="DIR|kiln")
@click.option("--config", type=PATH, help="A recipe in TOML; the default is the one of fusion-diff-v1-ceramic.")
@studio_options
@answering()
def command(
    source: str,
    config: Path | None,
    out: Path,
    key: Path | None,
    work: Path | None,
    device: str,
    every: float,
    mixed: bool,
    passphrase_files: tuple[Path, ...],
) -> Answer:
    """Teach a new model to see, without labels.

    It is for research, so the folder may be unsigned. DIR holds micrographs of as many objects as can be had, and two
    views of one object are to look alike; `kiln` makes them up, and asks what they are made of and what each tile looks
    like. An autoencoder, a denoiser, a DeiT and then paths and gate are trained one after another, as the recipe says;
    last, directions are found in which made-up pieces differ.
    The work folder holds what it takes to go on: after an interruption, give the same command again. It also holds a
    picture of each loss. Several processes train together under torchrun.

    \b
    fusiondiff-audit pretrain kiln --out my-model --key model.pem
    fusiondiff-audit pretrain micrographs --out my-model --config recipe.toml --device cuda --mixed
    torchrun --nproc-per-node 4 --no-python fusiondiff-audit pretrain kiln --out my-model --device cuda
    """
    require("audit", "training a model")
    from fusiondiff_audit.model.bundle import write_bundle
    from fusiondiff_audit.training.pretrain import identity, pretrain
    from fusiondiff_audit.training.recipe import CERAMIC, read_recipe
    from fusiondiff_audit.training.story import story

    signing.refuse_existing(out)
    signer = open_model_key(key, passphrase_files)
    read_from = config or CERAMIC
    recipe, text = read_recipe(read_from), read_from.read_text(encoding="utf-8")
    folder = work or out.with_name(f"{out.name}.training")
    with studio(folder, device, every, mixed=mixed) as room:
        room.claim(identity(recipe, source))
        found = _diet(source, recipe, room)
        settings, state, losses = pretrain(recipe, found, room, _making)
        if not room.here.first:
            return BESIDE
        told = story(text, source if source == MADE_UP else "DIR", found, losses, room.here)
        write_bundle(out, settings, state, None, key=signer, provenance=told)
    written = sum(path.stat().st_size for path in out.iterdir())
    parameters = sum(tensor.numel() for tensor in state.values())
    rows = [
        ("looked at", f"{len(found.squares):,} tiles of {count(len(found.members), 'object')}"),
        ("weights", f"{parameters:,}, {size(written)}"),
        ("curves", f"{folder}/*.png"),
        ("next", f"fusiondiff-audit enrol LABELLED --model {out} --reference TEXT ..."),
    ]
    data = {
        "bundle": str(out),
        "recipe": f"sha256:{recipe.digest}",
        "tiles": len(found.squares),
        "objects": len(found.members),
        "parameters": parameters,
        "bytes": written,
        "signed": signer is not None,
    }
    return Answer("DONE", f"{out} has learnt to see; it knows no label yet", table(rows), data)


@contextmanager
def studio(folder: Path, device: str, every: float, *, mixed: bool) -> "Iterator[Studio]":
    """Yield where a training runs and keeps its things, with its progress on the terminal."""
    from fusiondiff_audit.training.studio import Studio, place

    with place(device, mixed=mixed) as here, _Told(quiet=not here.first) as told:
        yield Studio(folder, here, told, say, every)


class _Told:
    """One line of progress for each stage, and one sentence when it ends."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._stack = ExitStack()
        self._shown: dict[str, Progress] = {}

    def __enter__(self) -> "_Told":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __call__(self, name: str, done: int, total: int, loss: float | None) -> None:
        if self._quiet:
            return
        if name not in self._shown:
            self._stack.close()
            self._shown[name] = self._stack.enter_context(Progress(f"{name}:"))
        self._shown[name](done, total)
        if done == total:
            self._stack.close()
            say(f"{name}: {total:,} {'tiles' if loss is None else f'steps, the last loss is {loss:.4f}'}")


def _making(pictures: "Pictures", total: int) -> "Iterator[Picture]":
    return watched(pictures, what="making", total=total)


def _diet(source: str, recipe: "Recipe", room: "Studio") -> "Diet":
    """Return the tiles of a folder, or of pictures that are made up."""
    from fusiondiff_audit.training import diet, meal

    cutting = diet.Cutting(recipe.geometry, recipe.intensity)

    def gather() -> "Iterator[Picture]":
        if source == MADE_UP:
            return _making(*meal.made(recipe.diet, cutting, recipe.seed))
        pictures, total = diet.read(Path(source), cutting, labels=None, lost=lambda what: say(what, word="REFUSED"))
        return watched(pictures, what="looking", total=total)

    return room.diet(gather, cutting.geometry.tile)
