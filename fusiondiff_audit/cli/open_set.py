"""The verb `kiln open-set`: the benchmark `bench/2` on a bundle."""

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering
from fusiondiff_audit.cli.bundle import open_bundle
from fusiondiff_audit.cli.options import PATH
from fusiondiff_audit.cli.progress import with_progress
from fusiondiff_audit.cli.text import count, short, table
from fusiondiff_audit.extras import require
from fusiondiff_audit.inputs.folders import make_folder

if TYPE_CHECKING:
    from fusiondiff_audit.evaluation.open_set_features import TaskFeatures
    from fusiondiff_audit.evaluation.open_set_task import OpenSetTask
    from fusiondiff_audit.model.classifier import DiffusionModel


@click.command("open-set")
@click.argument("bundle", metavar="MODEL")
@click.option("--cache", type=PATH, required=True, help="Keep the features of images here; a stopped run resumes.")
@click.option("--seeds", type=click.IntRange(1, 1000), default=12, show_default=True, help="Enrolments to repeat.")
@click.option("--kilns", "kilns_path", type=PATH, help="A folder of recipe files. Default: the kilns of bench/2.")
@click.option("--trust", "trust_path", type=PATH, help="The keys that may sign MODEL.")
@click.option("--out", type=PATH, help="Write the table and every answer as JSON to this file.")
@answering()
def command(
    bundle: str, cache: Path, seeds: int, kilns_path: Path | None, trust_path: Path | None, out: Path | None
) -> Answer:
    """Measure a bundle on makers that were never enrolled.

    Each seed enrols 25 specimens of a kiln and 25 copies, and asks how much of the kiln's own ware, of known copies, of
    workshops that were never enrolled, and of other kilns is AUTHENTIC, by one, two and five images of a specimen.
    MODEL is a bundle's folder, or the name of an embedded one; its own enrolment is not used.

    \b
    fusiondiff-audit kiln open-set fusion-diff-v1-ceramic --cache features
    """
    require("audit", "the benchmark")
    from fusiondiff_audit.evaluation.open_set import (
        EnrolmentCount,
        OpenSetAnswer,
        enrolments,
        judge_task,
        number_of_answers,
    )
    from fusiondiff_audit.evaluation.open_set_features import kept_features
    from fusiondiff_audit.evaluation.open_set_rule import rule_of_model
    from fusiondiff_audit.evaluation.open_set_table import OPEN_SET_HEADS, enrolment_sentence, open_set_rows
    from fusiondiff_audit.evaluation.open_set_task import OPEN_SET_VERSION, open_set_task
    from fusiondiff_audit.kiln import specimens
    from fusiondiff_audit.kiln.recipe_files import bench2_kilns, read_kilns

    if out is not None:
        signing.refuse_existing(out)
    kilns = bench2_kilns() if kilns_path is None else read_kilns(kilns_path)
    model = open_bundle(bundle, trust_path)
    make_folder(cache)
    tasks = [open_set_task(seed, model.digest, kilns) for seed in range(seeds)]
    counts: list[EnrolmentCount] = []
    tested: list[OpenSetAnswer] = []
    for task in tasks:
        where = f"seed {task.seed + 1} of {seeds}"
        features = kept_features(cache, task, partial(_embedded, model, task, f"{where}: images"))
        counts += [number for number, _ in enrolments(task, features.is_assessable)]
        answers = judge_task(task, features.is_assessable, rule_of_model(model, features.features, task.seed))
        tested += with_progress(answers, activity=f"{where}: answers", total=number_of_answers(task))
    rows = open_set_rows(tested)
    data = {
        "generator": specimens.KILN_VERSION,
        "benchmark": OPEN_SET_VERSION,
        "bundle": model.digest,
        "tasks": {task.seed: task.digest for task in tasks},
        "enrolments": list(map(asdict, counts)),
        "lines": list(map(asdict, rows)),
        "specimens": list(map(asdict, tested)),
    }
    if out is not None:
        signing.create(out, json.dumps(data, indent=1).encode())
    head = f"{specimens.KILN_VERSION}, {OPEN_SET_VERSION}, seed 0 is {short(tasks[0].digest)}; {model.title}\n\n"
    text = table([OPEN_SET_HEADS, *(row.cells() for row in rows)])
    return Answer("DONE", f"{count(seeds, 'seed')}; {enrolment_sentence(counts)}", head + text, data)


def _embedded(model: "DiffusionModel", task: "OpenSetTask", activity: str) -> "TaskFeatures":
    from fusiondiff_audit.evaluation.open_set_features import embed_task
    from fusiondiff_audit.kiln.parallel import available_cores

    return embed_task(
        model,
        task,
        workers=available_cores(),
        watch=lambda images, total: with_progress(images, activity=activity, total=total),
    )
