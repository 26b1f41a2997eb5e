"""The verb `pretrain`."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering, say
from fusiondiff_audit.cli.options import PATH, ComputeDevice, open_model_key, passphrase_option
from fusiondiff_audit.cli.progress import ProgressLine, with_progress
from fusiondiff_audit.cli.text import count, size, table
from fusiondiff_audit.extras import require

if TYPE_CHECKING:
    from fusiondiff_audit.inputs.labels import FileLabel
    from fusiondiff_audit.training.dataset import TileDataset, TiledImage, Tiling
    from fusiondiff_audit.training.pretrain_windows import PretrainedParts
    from fusiondiff_audit.training.recipe import Recipe
    from fusiondiff_audit.training.workspace import Workspace

SYNTHETIC = "kiln"
_Made = TypeVar("_Made")
NOT_FIRST = Answer("DONE", "trained beside the first process, which writes the bundle")


def training_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that both training verbs have."""
    for option in reversed(
        (
            click.option("--out", type=PATH, required=True, help="The bundle to write: a new folder."),
            click.option("--key", type=PATH, help="The private key that signs it, P-256; without one, it is unsigned."),
            click.option("--work", type=PATH, help="The folder that a training resumes from.  [OUT.training]"),
            click.option(
                "--device",
                type=ComputeDevice(),
                metavar="DEVICE",
                default="cpu",
                show_default=True,
                help="cpu, cuda or cuda:N.",
            ),
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
@click.option("--start", type=PATH, help="The bundle whose pixel CNN is trained on, if the recipe names one.")
@click.option("--cnn-weights", type=PATH, help="The safetensors file of the recipe's pretrained CNN, if it has one.")
@training_options
@answering()
def command(
    source: str,
    config: Path | None,
    start: Path | None,
    cnn_weights: Path | None,
    out: Path,
    key: Path | None,
    work: Path | None,
    device: str,
    every: float,
    mixed: bool,
    passphrase_files: tuple[Path, ...],
) -> Answer:
    """Pretrain a new model, without labels.

    It is for research, so the folder may be unsigned. DIR holds micrographs of as many specimens as can be had, and two
    views of one specimen are contrasted with all others; `kiln` synthesises specimens, and trains the model to predict
    their composition and the texture of each tile. An autoencoder, a denoiser, a DeiT and then paths and gate are
    trained one after another, as the recipe says; last, a projection is fitted on which synthetic specimens differ.
    The work folder holds all that a training resumes from: after an interruption, give the same command again. It also
    holds a plot of each loss. Several processes train together under torchrun.

    \b
    fusiondiff-audit pretrain kiln --out my-model --key model.pem
    fusiondiff-audit pretrain micrographs --out my-model --config recipe.toml --device cuda --mixed
    torchrun --nproc-per-node 4 --no-python fusiondiff-audit pretrain kiln --out my-model --device cuda
    """
    require("audit", "training a model")
    from fusiondiff_audit.model.bundle import write_bundle
    from fusiondiff_audit.training.history import training_history
    from fusiondiff_audit.training.pretrain import pretrain, run_identity
    from fusiondiff_audit.training.recipe import CERAMIC, read_recipe

    signing.refuse_existing(out)
    signer = open_model_key(key, passphrase_files)
    path = config or CERAMIC
    recipe, text = read_recipe(path), path.read_text(encoding="utf-8")
    parts = _parts(recipe, start, cnn_weights)
    folder = work or out.with_name(f"{out.name}.training")
    with open_workspace(folder, device, every, mixed=mixed) as workspace:
        workspace.claim(run_identity(recipe, source))
        dataset = _dataset(source, recipe, workspace)
        settings, state, losses = pretrain(
            recipe, dataset, workspace, with_making, field_progress=with_making, parts=parts
        )
        if not workspace.process.is_first:
            return NOT_FIRST
        shown_source = source if source == SYNTHETIC else "DIR"
        history = training_history(text, shown_source, dataset, losses, workspace.process)
        write_bundle(out, settings, state, None, key=signer, provenance=history)
    written = sum(path.stat().st_size for path in out.iterdir())
    parameters = sum(tensor.numel() for tensor in state.values())
    rows = [
        ("trained on", f"{len(dataset.tiles):,} tiles of {count(len(dataset.makers), 'specimen')}"),
        ("weights", f"{parameters:,}, {size(written)}"),
        ("curves", f"{folder}/*.png"),
        ("next", f"fusiondiff-audit enrol LABELLED --model {out} --reference TEXT ..."),
    ]
    data = {
        "bundle": str(out),
        "recipe": f"sha256:{recipe.digest}",
        "tiles": len(dataset.tiles),
        "objects": len(dataset.makers),
        "parameters": parameters,
        "bytes": written,
        "signed": signer is not None,
    }
    return Answer("DONE", f"{out} is pretrained; it is not enrolled", table(rows), data)


@contextmanager
def open_workspace(folder: Path, device: str, every: float, *, mixed: bool) -> "Iterator[Workspace]":
    """Yield the workspace of a training, with its progress on the terminal."""
    from fusiondiff_audit.training.workspace import Workspace, training_process

    with training_process(device, mixed=mixed) as process, _StageProgress(quiet=not process.is_first) as progress:
        yield Workspace(folder, process, progress, say, every)


class _StageProgress:
    """One line of progress for each stage, and one sentence when it ends."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._stack = ExitStack()
        self._shown: dict[str, ProgressLine] = {}

    def __enter__(self) -> "_StageProgress":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __call__(self, name: str, done: int, total: int, loss: float | None) -> None:
        if self._quiet:
            return
        if name not in self._shown:
            self._stack.close()
            self._shown[name] = self._stack.enter_context(ProgressLine(f"{name}:"))
        self._shown[name](done, total)
        if done == total:
            self._stack.close()
            say(f"{name}: {total:,} {'tiles' if loss is None else f'steps, the last loss is {loss:.4f}'}")


def with_making(images: "Iterable[_Made]", total: int) -> "Iterator[_Made]":
    """Yield synthetic images with their progress."""
    return with_progress(images, activity="making", total=total)


def _parts(recipe: "Recipe", start: Path | None, cnn_weights: Path | None) -> "PretrainedParts":
    """Return the bundle to start from and the pretrained CNN; those that are not the recipe's are refused."""
    from fusiondiff_audit.model.bundle import load_bundle
    from fusiondiff_audit.model.public_weights import DiffusionRelease, read_cnn
    from fusiondiff_audit.training.pretrain_windows import PretrainedParts, refuse_other_parts
    from fusiondiff_audit.weights.pins import CNNS, PINNED

    source = str(start) if start is not None and str(start) in PINNED else start
    trunk, wanted = None, recipe.architecture.trunk
    if cnn_weights is not None:
        names = [cnn.name for cnn in CNNS.values() if wanted is None or cnn.network == wanted.network]
        trunk = read_cnn(names[0], cnn_weights, DiffusionRelease())
    # The recipe holds the bundle's digest, so that nobody's signature has to be trusted.
    bundle = None if source is None else load_bundle(source, trust=None, unverified=not isinstance(source, str))
    parts = PretrainedParts(bundle, trunk)
    refuse_other_parts(recipe, parts)
    return parts


def read_folder(folder: Path, tiling: "Tiling", labels: "Mapping[str, FileLabel] | None") -> "Iterator[TiledImage]":
    """Yield the tiles of a folder's micrographs with progress; refused files are named on stderr."""
    from fusiondiff_audit.training.dataset import read_images

    micrographs, total = read_images(folder, tiling, labels=labels, skipped=lambda text: say(text, word="REFUSED"))
    return with_progress(micrographs, activity="reading", total=total)


def _dataset(source: str, recipe: "Recipe", workspace: "Workspace") -> "TileDataset":
    """Return the tiles of a folder, or of synthetic images."""
    from fusiondiff_audit.training.dataset import Tiling
    from fusiondiff_audit.training.synthetic import synthesise

    tiling = Tiling(recipe.geometry, recipe.intensity)

    def images() -> "Iterator[TiledImage]":
        if source == SYNTHETIC:
            return with_making(*synthesise(recipe.dataset, tiling, recipe.seed))
        return read_folder(Path(source), tiling, None)

    return workspace.dataset(images, tiling.geometry.tile)
