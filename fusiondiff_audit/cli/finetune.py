"""The verb `finetune`."""

from dataclasses import replace
from pathlib import Path

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering
from fusiondiff_audit.cli.options import PATH, open_model_key
from fusiondiff_audit.cli.pretrain import NOT_FIRST, SYNTHETIC, open_workspace, read_folder, training_options
from fusiondiff_audit.cli.progress import with_progress
from fusiondiff_audit.cli.text import count, table
from fusiondiff_audit.extras import require
from fusiondiff_audit.inputs.labels import read_labels


@click.command()
@click.argument("source", metavar="DIR|kiln")
@click.option("--labels", type=PATH, help="CSV: file, label, and perhaps specimen; `kiln` has its own.")
@click.option("--model", "bundle", metavar="MODEL", required=True, help="The bundle to begin with.")
@click.option("--trust", "trust_path", type=PATH, help="The trust store that vouches for MODEL, unless it is embedded.")
@click.option("--steps", type=click.IntRange(1, 10_000_000), default=400, show_default=True, help="Of training.")
@click.option(
    "--local-steps", type=click.IntRange(1), default=2000, show_default=True, help="Of the local path, first."
)
@click.option("--batch", type=click.IntRange(2, 65536), default=64, show_default=True, help="Pairs of tiles a step.")
@click.option(
    "--rate",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=5e-4,
    show_default=True,
    help="The highest.",
)
@click.option("--seed", type=click.IntRange(0, 2**31), default=1, show_default=True, help="Of all that is drawn.")
@training_options
@answering()
def command(
    source: str,
    labels: Path | None,
    bundle: str,
    trust_path: Path | None,
    steps: int,
    local_steps: int,
    batch: int,
    rate: float,
    seed: int,
    out: Path,
    key: Path | None,
    work: Path | None,
    device: str,
    every: float,
    mixed: bool,
    passphrase_files: tuple[Path, ...],
) -> Answer:
    """Fine-tune a model's encoder with labels.

    It is for research, so the folder may be unsigned. Embeddings are trained to tell a specimen's label, whatever the
    orientation, focus, noise and brightness. The frozen parts stay as they are. The new bundle is not enrolled, and
    lists every image whose label it was trained with: no such image can be enrolled.

    \b
    fusiondiff-audit finetune micrographs --labels micrographs/labels.csv --model my-model --out my-second
    """
    require("audit", "training a model")
    from fusiondiff_audit.cli.bundle import open_unpacked
    from fusiondiff_audit.model.bundle import write_bundle
    from fusiondiff_audit.training.dataset import TiledImages, Tiling
    from fusiondiff_audit.training.finetune import finetune
    from fusiondiff_audit.training.recipe import CERAMIC, Stage, read_recipe
    from fusiondiff_audit.training.synthetic import synthesise

    signing.refuse_existing(out)
    if (labels is None) != (source == SYNTHETIC):
        raise click.UsageError("a folder needs --labels, and `kiln` has its own")
    signer = open_model_key(key, passphrase_files)
    labelled = None if labels is None else read_labels(labels)
    if labelled is not None and len({label.authentic for label in labelled.values()}) < 2:
        raise signing.SigningError(signing.Reason.BAD_REQUEST, f"{labels}: all have the same label")
    base = open_unpacked(bundle, trust_path)
    tiling = Tiling(base.settings.geometry, base.settings.intensity)
    folder = work or out.with_name(f"{out.name}.training")
    local, joint = Stage(local_steps, batch, rate), Stage(steps, batch, rate)

    def images() -> TiledImages:
        if labelled is None:
            makers = replace(read_recipe(CERAMIC).dataset, randomised=0, textures=0, downsampling=(1,))
            synthetic, total = synthesise(makers, tiling, seed)
            return with_progress(synthetic, activity="making", total=total)
        return read_folder(Path(source), tiling, labelled)

    with open_workspace(folder, device, every, mixed=mixed) as workspace:
        workspace.claim(f"{base.digest} {local} {joint} {seed} {source} {labelled}")
        dataset = workspace.dataset(images, tiling.geometry.tile)
        settings, state = finetune(base, dataset, local, joint, seed, workspace)
        if not workspace.process.is_first:
            return NOT_FIRST
        write_bundle(out, settings, state, None, key=signer, provenance=base.provenance)
    rows = [
        ("trained on", f"{count(len(dataset.digests), 'image')} of {count(len(dataset.makers), 'specimen')}"),
        ("labels", ", ".join(sorted(set(dataset.makers)))),
        ("labels seen in all", f"{len(settings.seen):,}"),
        ("curves", f"{folder}/*.png"),
    ]
    data = {
        "bundle": str(out),
        "pictures": len(dataset.digests),
        "specimens": len(dataset.makers),
        "seen": len(settings.seen),
        "signed": signer is not None,
    }
    return Answer("DONE", f"{out} is fine-tuned; it is not enrolled", table(rows), data)
