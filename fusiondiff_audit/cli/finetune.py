"""The verb `finetune`."""

from dataclasses import replace
from pathlib import Path

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering, say
from fusiondiff_audit.cli.options import PATH, open_model_key
from fusiondiff_audit.cli.pretrain import BESIDE, MADE_UP, studio, studio_options
from fusiondiff_audit.cli.progress import watched
from fusiondiff_audit.cli.text import count, table
from fusiondiff_audit.extras import require
from fusiondiff_audit.inputs.labels import read_labels


@click.command()
@click.argument("source", metavar="DIR|kiln")
@click.option("--labels", type=PATH, help="CSV: file, label, and perhaps specimen; `kiln` knows its own.")
@click.option("--model", "bundle", metavar="MODEL", required=True, help="The bundle to begin with.")
@click.option("--trust", "trust_path", type=PATH, help="Who may vouch for MODEL, unless it comes along.")
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
@studio_options
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
    """Teach a model's paths and gate from labels.

    It is for research, so the folder may be unsigned. What they see of a specimen is to tell its label; turns, focus,
    noise and brightness are not to matter. The frozen parts stay as they are. The new bundle is not enrolled, and lists
    every picture whose label it saw: none of those can calibrate an enrolment, nor teach one
    where a tolerance of poisoning is asked for.

    \b
    fusiondiff-audit finetune micrographs --labels micrographs/labels.csv --model my-model --out my-second
    """
    require("audit", "training a model")
    from fusiondiff_audit.cli.bundle import open_unpacked
    from fusiondiff_audit.model.bundle import write_bundle
    from fusiondiff_audit.training import diet, meal
    from fusiondiff_audit.training.finetune import finetune
    from fusiondiff_audit.training.recipe import CERAMIC, Stage, read_recipe

    signing.refuse_existing(out)
    if (labels is None) != (source == MADE_UP):
        raise click.UsageError("a folder needs --labels, and `kiln` has its own")
    signer = open_model_key(key, passphrase_files)
    said = None if labels is None else read_labels(labels)
    if said is not None and len({label.authentic for label in said.values()}) < 2:
        raise signing.SigningError(signing.Reason.BAD_REQUEST, f"{labels}: all have the same label")
    known = open_unpacked(bundle, trust_path)
    cutting = diet.Cutting(known.settings.geometry, known.settings.intensity)
    folder = work or out.with_name(f"{out.name}.training")
    first, then = Stage(local_steps, batch, rate), Stage(steps, batch, rate)

    def gather() -> diet.Pictures:
        if said is None:
            makers = replace(read_recipe(CERAMIC).diet, strangers=0, studies=0, averaged=(1,))  # of makers alone
            pictures, total = meal.made(makers, cutting, seed)
            return watched(pictures, what="making", total=total)
        pictures, total = diet.read(Path(source), cutting, labels=said, lost=lambda what: say(what, word="REFUSED"))
        return watched(pictures, what="looking", total=total)

    with studio(folder, device, every, mixed=mixed) as room:
        room.claim(f"{known.digest} {first} {then} {seed} {source} {said}")
        found = room.diet(gather, cutting.geometry.tile)
        settings, state = finetune(known, found, first, then, seed, room)
        if not room.here.first:
            return BESIDE
        write_bundle(out, settings, state, None, key=signer, provenance=known.provenance)
    rows = [
        ("learnt from", f"{count(len(found.digests), 'picture')} of {count(len(found.members), 'specimen')}"),
        ("labels", ", ".join(sorted(set(found.makers)))),
        ("labels seen in all", f"{len(settings.seen):,}"),
        ("curves", f"{folder}/*.png"),
    ]
    data = {
        "bundle": str(out),
        "pictures": len(found.digests),
        "specimens": len(found.members),
        "seen": len(settings.seen),
        "signed": signer is not None,
    }
    return Answer("DONE", f"{out} has seen labels; it is not enrolled", table(rows), data)
