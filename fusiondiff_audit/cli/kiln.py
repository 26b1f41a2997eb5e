"""The verbs of `kiln`: make micrographs, and measure classifiers on them."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering
from fusiondiff_audit.cli.bundle import open_bundle
from fusiondiff_audit.cli.kiln_table import COMPARISON_HEADS, HEADS, PRESS, comparison_cells, summary_cells
from fusiondiff_audit.cli.options import PATH
from fusiondiff_audit.cli.progress import watched
from fusiondiff_audit.cli.text import count, short, size, table
from fusiondiff_audit.extras import require
from fusiondiff_audit.inputs.folders import new_folder

if TYPE_CHECKING:
    from fusiondiff_audit.kiln.folder import FolderSpec, SyntheticFile

_KILNS = ("alder", "birch", "cedar", "hazel", "maple", "rowan")
_MICROSCOPES = ("everyday", "other")
_DIFFICULTIES = ("easy", "medium", "hard")
_MODELS = ("grey", "texture", "file", "permuted")
_DEEP = ("resnet50", "deit-small", "sd-cnn")
_RIVAL = "texture"  # the strongest that needs no GPU: the others are held against it
_AGAINST = ("grey", *_DEEP, "fusiondiff")
_NO_MODELS = "these are the rivals alone: no model of ours is in this table"


@click.group()
def command() -> None:
    """Make synthetic micrographs, and measure classifiers on them.

    Kilns here are programs: each draws fired bodies from its own recipe, workshops copy a recipe and miss it, and a
    simulated microscope looks at both. What is measured on such pictures says nothing yet of real ceramics.
    """


@command.command()
@click.argument("out", metavar="OUT", type=PATH)
@click.option("--kiln", type=click.Choice(_KILNS), default="alder", show_default=True, help="Whose ware.")
@click.option("--specimens", type=click.IntRange(1, 100_000), default=12, show_default=True, help="Of each class.")
@click.option("--fields", type=click.IntRange(1, 100), default=2, show_default=True, help="Pictures of each specimen.")
@click.option("--side", type=click.IntRange(64, 4096), default=512, show_default=True, help="Pixels.")
@click.option(
    "--difficulty",
    type=click.Choice(_DIFFICULTIES),
    default="medium",
    show_default=True,
    help="How well copies are made.",
)
@click.option(
    "--microscope", type=click.Choice(("everyday", "other")), default="everyday", show_default=True, help="Who looks."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed, the same pictures.")
@click.option("--makers", type=PATH, help="A CSV outside OUT that says who made which picture.")
@answering()
def make(
    out: Path,
    kiln: str,
    specimens: int,
    fields: int,
    side: int,
    difficulty: str,
    microscope: str,
    seed: int,
    makers: Path | None,
) -> Answer:
    """Make a folder of micrographs that is ready to be signed.

    OUT gets pictures in the files of seven kinds of microscope, the text that some write beside them, labels.csv, and
    entries.csv for `sign --entries`. Half of the specimens are by the kiln, half are copies by workshops; file names
    tell nothing.

    \b
    fusiondiff-audit kiln make micrographs --kiln birch --specimens 50
    """
    require("kiln", "making micrographs")
    from fusiondiff_audit.kiln.folder import FolderSpec
    from fusiondiff_audit.kiln.recipes import KILNS, Difficulty

    if makers is not None and out.resolve() in makers.resolve().parents:
        raise click.UsageError("--makers names a file inside OUT, where it would give the answers away")
    order = FolderSpec(kiln, specimens, fields, side, Difficulty[difficulty.upper()], microscope, seed)
    signing.refuse_existing(out, *((makers,) if makers else ()))
    made, octets = _write(order, out, makers)
    images = sum(one.kind == "image" for one in made)
    rows = [
        ("kiln", f"{kiln}: {KILNS[kiln].ware}"),
        ("specimens", f"{specimens} by the kiln, {specimens} by {count(len(KILNS[kiln].workshops), 'workshop')}"),
        ("pictures", f"{images}, {side} pixels square, {order.difficulty.name.lower()}"),
        ("sign it", f"fusiondiff-audit sign {out} --entries {out / 'entries.csv'} --key KEY.pem --device NAME"),
    ]
    data = {
        "out": str(out),
        "pictures": images,
        "files": len(made) + 2,
        "bytes": octets,
        "kiln": kiln,
        "seed": seed,
    }
    return Answer("DONE", f"{count(images, 'picture')} ({size(octets)}) in {out}", table(rows), data)


def _write(order: "FolderSpec", out: Path, makers: Path | None) -> tuple[list["SyntheticFile"], int]:
    """Write the folder under another name, which it loses when it is whole."""
    from fusiondiff_audit.kiln.folder import entries_csv, labels_csv, make_files, makers_csv
    from fusiondiff_audit.kiln.parallel import available_cores

    made: list[SyntheticFile] = []
    octets = 0
    with new_folder(out) as folder:
        for shot in watched(make_files(order, workers=available_cores()), what="firing", total=order.images):
            for file in shot:
                signing.create(folder / file.name, file.data)
                octets += len(file.data)
                made.append(dataclasses.replace(file, data=b""))
        made.sort(key=lambda one: one.name)
        signing.create(folder / "labels.csv", labels_csv(made).encode())
        signing.create(folder / "entries.csv", entries_csv(made).encode())
        if makers is not None:
            signing.create(makers, makers_csv(made).encode())
    return made, octets


@command.command()
@click.option("--seeds", type=click.IntRange(1, 1000), default=12, show_default=True, help="Enrolments to repeat.")
@click.option("--labels", "numbers", type=click.IntRange(4, 1000), multiple=True, help="Default: 10 20 50 200 1000.")
@click.option("--model", "models", type=click.Choice((*_MODELS, *_DEEP)), multiple=True, help="Default: all.")
@click.option("--bundle", metavar="MODEL", help="Also a bundle of ours: a folder, or the name of one that comes along.")
@click.option("--trust", "trust_path", type=PATH, help="Who may vouch for MODEL.")
@click.option("--out", type=PATH, help="Write the table and every cell as JSON to this file.")
@answering()
def bench(
    seeds: int,
    numbers: tuple[int, ...],
    models: tuple[str, ...],
    bundle: str | None,
    trust_path: Path | None,
    out: Path | None,
) -> Answer:
    """Measure classifiers on pictures that were made for nothing else.

    Each seed enrols one kiln with n labelled specimens, and asks for others by the same kiln and by workshops that copy
    it, by another microscope, by a workshop that was kept back, and by another kiln. Controls must find nothing.
    Pictures are made as they are needed; all of it takes some twenty minutes on two cores.

    \b
    fusiondiff-audit kiln bench
    fusiondiff-audit kiln bench --seeds 3 --labels 50 --model texture
    fusiondiff-audit kiln bench --bundle fusion-diff-v1-ceramic
    """
    require("kiln" if bundle is None else "audit", "the benchmark")
    from fusiondiff_audit.evaluation.benchmark import evaluate_baselines, true_labels
    from fusiondiff_audit.evaluation.deep_baseline import deep_baseline_results
    from fusiondiff_audit.evaluation.summary import paired_comparisons, summarise
    from fusiondiff_audit.evaluation.task import LABELS, VERSION, benchmark_task
    from fusiondiff_audit.kiln import specimens
    from fusiondiff_audit.kiln.parallel import available_cores

    if out is not None:
        signing.refuse_existing(out)
    chosen = models or (*_MODELS, *_DEEP)
    fresh = [model for model in chosen if model in _MODELS]
    asked = sorted(set(numbers)) or list(LABELS)
    ours = None if bundle is None else open_bundle(bundle, trust_path)
    cells = []
    tasks = [benchmark_task(seed) for seed in range(seeds)]
    for each in tasks:
        where = f"seed {each.seed + 1} of {seeds}"
        if fresh:
            cells += list(
                evaluate_baselines(each, asked, fresh, workers=available_cores(), watch=_watching(f"{where}: pictures"))
            )
        if ours is not None:
            from fusiondiff_audit.evaluation.bundle import evaluate_bundle

            cells += list(
                evaluate_bundle(ours, each, asked, workers=available_cores(), watch=_watching(f"{where}: our model"))
            )
        for model in chosen:
            if model in _DEEP:
                cells += [cell for cell in deep_baseline_results(model, each) if cell.labels in asked]
    order = (*chosen, "fusiondiff")
    cells.sort(key=lambda cell: order.index(cell.model))
    found = list(summarise(cells))
    fought = (
        list(paired_comparisons(cells, {each.seed: true_labels(each)["test"] for each in tasks}, _RIVAL))
        if _RIVAL in chosen
        else []
    )
    data = {
        "generator": specimens.VERSION,
        "benchmark": VERSION,
        "tasks": {each.seed: each.digest for each in tasks},
        "lines": [line.data() for line in found],
        "duels": [dataclasses.asdict(duel) for duel in fought],
        "cells": [cell.data() for cell in cells],
    }
    if out is not None:
        signing.create(out, json.dumps(data, indent=1).encode())
    text = table([HEADS, *(summary_cells(line) for line in found)]) + PRESS
    if against := [comparison_cells(duel) for duel in fought if duel.model in _AGAINST]:
        text += "\n\n" + table([COMPARISON_HEADS, *against])
    head = f"{specimens.VERSION}, {VERSION}, seed 0 is {short(tasks[0].digest)}\n\n"
    note = _NO_MODELS if ours is None else f"{ours.title}{'' if ours.verified else ', UNVERIFIED'}"
    return Answer("DONE", f"{count(seeds, 'seed')}; {note}", head + text, data)


def _watching(what: str) -> Any:
    """Return what shows progress through rows of which the number is known."""

    def watch(rows: Any, total: int) -> Any:
        return watched(rows, what=what, total=total)

    return watch
