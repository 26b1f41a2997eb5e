"""The verbs of `kiln`: make synthetic micrographs, and run the benchmark on them."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import signing
from fusiondiff_audit.cli import open_set
from fusiondiff_audit.cli.answer import Answer, answering
from fusiondiff_audit.cli.bundle import open_bundle
from fusiondiff_audit.cli.kiln_table import COMPARISON_HEADS, HEADS, PRESS, comparison_cells, summary_cells
from fusiondiff_audit.cli.options import PATH
from fusiondiff_audit.cli.progress import with_progress
from fusiondiff_audit.cli.text import count, short, size, table
from fusiondiff_audit.extras import require
from fusiondiff_audit.inputs.folders import new_folder

if TYPE_CHECKING:
    from fusiondiff_audit.evaluation.benchmark import PartResult
    from fusiondiff_audit.kiln.folder import FolderSpec, SyntheticFile

_KILNS = ("alder", "birch", "cedar", "hazel", "maple", "rowan")
_MICROSCOPES = ("everyday", "other")
_DIFFICULTIES = ("easy", "medium", "hard")
_MODELS = ("grey", "texture", "file", "permuted")
_DEEP = ("resnet50", "deit-small", "sd-cnn")
_REFERENCE = "texture"  # the strongest baseline without a GPU; the others are compared with it
_COMPARED = ("grey", *_DEEP, "fusiondiff")
_NO_MODELS = "baselines alone: no bundle was tested"


@click.group()
def command() -> None:
    """Make synthetic micrographs, and measure classifiers on them.

    Kilns here are programs: each draws fired bodies from its own recipe, workshops copy a recipe with errors, and a
    simulated microscope images both. Figures on synthetic images say nothing about real ceramics.
    """


@command.command()
@click.argument("out", metavar="OUT", type=PATH)
@click.option("--kiln", type=click.Choice(_KILNS), default="alder", show_default=True, help="The kiln.")
@click.option("--specimens", type=click.IntRange(1, 100_000), default=12, show_default=True, help="Of each class.")
@click.option("--fields", type=click.IntRange(1, 100), default=2, show_default=True, help="Images of each specimen.")
@click.option("--side", type=click.IntRange(64, 4096), default=512, show_default=True, help="Pixels.")
@click.option(
    "--difficulty",
    type=click.Choice(_DIFFICULTIES),
    default="medium",
    show_default=True,
    help="How close copies are to the original.",
)
@click.option(
    "--microscope",
    type=click.Choice(_MICROSCOPES),
    default=_MICROSCOPES[0],
    show_default=True,
    help="The microscope.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed makes the same images."
)
@click.option("--makers", type=PATH, help="Write the maker of each image to this CSV, outside OUT.")
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

    OUT gets images in the formats of seven kinds of microscope, their sidecars, labels.csv with labels and makers, and
    entries.csv for `sign --entries`. Half of the specimens are by the kiln, half are copies by workshops; file names do
    not reveal the class. A specimen with an image that no audit would judge, such as a saturated one, is imaged again
    in another session, so that `enrol` takes every folder.

    \b
    fusiondiff-audit kiln make micrographs --kiln birch --specimens 50
    """
    require("kiln", "making micrographs")
    from fusiondiff_audit.kiln.folder import FolderSpec
    from fusiondiff_audit.kiln.recipes import KILNS, Difficulty

    if makers is not None and out.resolve() in makers.resolve().parents:
        raise click.UsageError("--makers names a file inside OUT, where it would give the answers away")
    spec = FolderSpec(kiln, specimens, fields, side, Difficulty[difficulty.upper()], microscope, seed)
    signing.refuse_existing(out, *((makers,) if makers else ()))
    files, octets = _write(spec, out, makers)
    images = sum(file.kind == "image" for file in files)
    rows = [
        ("kiln", f"{kiln}: {KILNS[kiln].ware}"),
        ("specimens", f"{specimens} by the kiln, {specimens} by {count(len(KILNS[kiln].workshops), 'workshop')}"),
        ("images", f"{images}, {side} pixels square, {spec.difficulty.name.lower()}"),
        ("sign it", f"fusiondiff-audit sign {out} --entries {out / 'entries.csv'} --key KEY.pem --device NAME"),
    ]
    data = {
        "out": str(out),
        "pictures": images,
        "files": len(files) + 2,
        "bytes": octets,
        "kiln": kiln,
        "seed": seed,
    }
    return Answer("DONE", f"{count(images, 'image')} ({size(octets)}) in {out}", table(rows), data)


def _write(spec: "FolderSpec", out: Path, makers: Path | None) -> tuple[list["SyntheticFile"], int]:
    """Write the folder under a temporary name, and rename it when it is complete."""
    from fusiondiff_audit.images.quality import is_assessable
    from fusiondiff_audit.kiln.folder import entries_csv, labels_csv, make_files, makers_csv
    from fusiondiff_audit.kiln.parallel import available_cores

    files: list[SyntheticFile] = []
    octets = 0
    with new_folder(out) as folder:
        drawn = make_files(spec, usable=is_assessable, workers=available_cores())
        for group in with_progress(drawn, activity="drawing", total=spec.images):
            for file in group:
                signing.create(folder / file.name, file.data)
                octets += len(file.data)
                files.append(dataclasses.replace(file, data=b""))
        files.sort(key=lambda file: file.name)
        signing.create(folder / "labels.csv", labels_csv(files).encode())
        signing.create(folder / "entries.csv", entries_csv(files).encode())
        if makers is not None:
            signing.create(makers, makers_csv(files).encode())
    return files, octets


@command.command()
@click.option("--seeds", type=click.IntRange(1, 1000), default=12, show_default=True, help="Enrolments to repeat.")
@click.option("--labels", "numbers", type=click.IntRange(4, 1000), multiple=True, help="Default: 10 20 50 200 1000.")
@click.option("--model", "models", type=click.Choice((*_MODELS, *_DEEP)), multiple=True, help="Default: all.")
@click.option("--bundle", metavar="MODEL", help="Also test a bundle: a folder, or the name of an embedded one.")
@click.option("--trust", "trust_path", type=PATH, help="The keys that may sign MODEL.")
@click.option("--out", type=PATH, help="Write the table and every result as JSON to this file.")
@answering()
def bench(
    seeds: int,
    numbers: tuple[int, ...],
    models: tuple[str, ...],
    bundle: str | None,
    trust_path: Path | None,
    out: Path | None,
) -> Answer:
    """Measure classifiers on synthetic images.

    Each seed enrols one kiln with n labelled specimens, and tests on other specimens by the same kiln and by workshops
    that copy it, on another microscope, on a held-out workshop, and on another kiln. Controls must stay at chance.
    Images are drawn as they are needed; all of it takes some twenty minutes on two cores.

    \b
    fusiondiff-audit kiln bench
    fusiondiff-audit kiln bench --seeds 3 --labels 50 --model texture
    fusiondiff-audit kiln bench --bundle fusion-diff-v1-ceramic
    """
    require("kiln" if bundle is None else "audit", "the benchmark")
    from fusiondiff_audit.evaluation.benchmark import evaluate_baselines, true_labels
    from fusiondiff_audit.evaluation.deep_baseline import deep_baseline_results
    from fusiondiff_audit.evaluation.summary import paired_comparisons, summarise
    from fusiondiff_audit.evaluation.task import BENCHMARK_VERSION, LABELS, benchmark_task
    from fusiondiff_audit.kiln import specimens
    from fusiondiff_audit.kiln.parallel import available_cores

    if out is not None:
        signing.refuse_existing(out)
    chosen = models or (*_MODELS, *_DEEP)
    trained = [model for model in chosen if model in _MODELS]
    label_counts = sorted(set(numbers)) or list(LABELS)
    ours = None if bundle is None else open_bundle(bundle, trust_path)
    results: list[PartResult] = []
    tasks = [benchmark_task(seed) for seed in range(seeds)]
    cores = available_cores()
    for task in tasks:
        where = f"seed {task.seed + 1} of {seeds}"
        if trained:
            watch = _watching(f"{where}: images")
            results += evaluate_baselines(task, label_counts, trained, workers=cores, watch=watch)
        if ours is not None:
            from fusiondiff_audit.evaluation.bundle import evaluate_bundle

            watch = _watching(f"{where}: our model")
            results += evaluate_bundle(ours, task, label_counts, workers=cores, watch=watch)
        for model in chosen:
            if model in _DEEP:
                results += [result for result in deep_baseline_results(model, task) if result.labels in label_counts]
    order = (*chosen, "fusiondiff")
    results.sort(key=lambda result: order.index(result.model))
    rows = list(summarise(results))
    truth = {task.seed: true_labels(task)["test"] for task in tasks}
    comparisons = list(paired_comparisons(results, truth, _REFERENCE)) if _REFERENCE in chosen else []
    data = {
        "generator": specimens.KILN_VERSION,
        "benchmark": BENCHMARK_VERSION,
        "tasks": {task.seed: task.digest for task in tasks},
        "lines": [dataclasses.asdict(row) for row in rows],
        "duels": [dataclasses.asdict(comparison) for comparison in comparisons],
        "cells": [result.data() for result in results],
    }
    if out is not None:
        signing.create(out, json.dumps(data, indent=1).encode())
    text = table([HEADS, *(summary_cells(row) for row in rows)]) + PRESS
    if against := [comparison_cells(pair) for pair in comparisons if pair.model in _COMPARED]:
        text += "\n\n" + table([COMPARISON_HEADS, *against])
    head = f"{specimens.KILN_VERSION}, {BENCHMARK_VERSION}, seed 0 is {short(tasks[0].digest)}\n\n"
    note = _NO_MODELS if ours is None else f"{ours.title}{'' if ours.verified else ', UNVERIFIED'}"
    return Answer("DONE", f"{count(seeds, 'seed')}; {note}", head + text, data)


def _watching(activity: str) -> Any:
    """Return a progress function for rows of a known number."""
    return lambda rows, total: with_progress(rows, activity=activity, total=total)


command.add_command(open_set.command)
