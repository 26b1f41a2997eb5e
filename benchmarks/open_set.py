"""Compare the tool's rule with other rules on the benchmark `bench/2`: the same images, labels, folds and ranks.

    python -P benchmarks/open_set.py CACHE [--bundle fusion-diff-v1-ceramic] [--lite0 WEIGHTS] [--json FILE]

CACHE is the folder of `kiln open-set --cache`; the answers of each rule and seed are kept there, too, so that a stopped
run can be resumed. WEIGHTS is the file of EfficientNet-Lite0's weights that `convert_efficientnet.py` writes;
without it the rules on EfficientNet-Lite0 are left out. `--small` asks few specimens of each seed, to try the program
out.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # -P keeps it out
from benchmarks.cell_maps import MapCells, encoder_cells, lite0_cells
from benchmarks.open_set_rules import RULES, Seed
from fusiondiff_audit.cli.progress import with_progress
from fusiondiff_audit.cli.text import table
from fusiondiff_audit.evaluation.open_set import Microscopes, OpenSetAnswer, judge_task, number_of_answers
from fusiondiff_audit.evaluation.open_set_features import TaskFeatures, embed_task, kept_features
from fusiondiff_audit.evaluation.open_set_table import OPEN_SET_HEADS, OpenSetRow, open_set_rows
from fusiondiff_audit.evaluation.open_set_task import OpenSetPart, OpenSetSizes, OpenSetTask, open_set_task
from fusiondiff_audit.kiln.parallel import available_cores
from fusiondiff_audit.kiln.recipe_files import bench2_kilns
from fusiondiff_audit.model.classifier import DiffusionModel
from reports.verdict.verdicts import Verdict

SMALL = OpenSetSizes(20, 4, 3, 1, 2, 1, 2, images=2, fewer_images=1)


def kept_answers(folder: Path, rule: str, seed: Seed) -> list[OpenSetAnswer]:
    """Return the answers of a rule from a folder; compute and keep them if they are not there."""
    path = folder / f"{seed.task.digest} {rule}.json"
    if not path.exists():
        started = time.monotonic()
        answers = judge_task(seed.task, seed.features.is_assessable, RULES[rule](seed))
        watched = with_progress(answers, activity=f"{rule}, seed {seed.task.seed}", total=number_of_answers(seed.task))
        part = path.with_suffix(".part")
        part.write_text(json.dumps(list(map(asdict, watched))), encoding="utf-8")
        part.rename(path)
        print(f"seed {seed.task.seed}, {rule}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return [_answer(fields) for fields in json.loads(path.read_text(encoding="utf-8"))]


def _answer(fields: dict[str, Any]) -> OpenSetAnswer:
    verdict = None if fields["verdict"] is None else Verdict(fields["verdict"])
    enums = {"enrolled": Microscopes(fields["enrolled"]), "part": OpenSetPart(fields["part"]), "verdict": verdict}
    return OpenSetAnswer(**(fields | enums))


def shown(rows: Sequence[OpenSetRow]) -> list[OpenSetRow]:
    """Return the row of each part, and that of the maker that is accepted most often."""
    makers_first = [after for row, after in pairwise(rows) if not row.maker]
    return [row for row in rows if not row.maker or row in makers_first]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cache", type=Path)
    parser.add_argument("--bundle", default="fusion-diff-v1-ceramic")
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--rule", choices=RULES, action="append", help="default: all")
    parser.add_argument("--lite0", type=Path)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    model = DiffusionModel.from_pretrained(arguments.bundle, unverified=True)
    maps: dict[str, MapCells] = {"encoder": encoder_cells(model)}
    if arguments.lite0:
        maps["lite0"] = lite0_cells(arguments.lite0, model)
    rules = [rule for rule in arguments.rule or RULES if arguments.lite0 or "lite0" not in rule]
    if not arguments.lite0:
        print("left out: rules on EfficientNet-Lite0; --lite0 names its weights", file=sys.stderr)
    arguments.cache.mkdir(parents=True, exist_ok=True)
    answers: dict[str, list[OpenSetAnswer]] = {rule: [] for rule in rules}
    for number in range(arguments.seeds):
        task = open_set_task(number, model.digest, bench2_kilns(), SMALL if arguments.small else None)
        features = kept_features(arguments.cache, task, partial(_embedded, model, task))
        seed = Seed(model, task, features, maps)
        for rule in rules:
            answers[rule] += kept_answers(arguments.cache, rule, seed)
    tables = {rule: open_set_rows(of_rule) for rule, of_rule in answers.items()}
    for rule, rows in tables.items():
        print(f"\n{rule}\n{table([OPEN_SET_HEADS, *(row.cells() for row in shown(rows))])}")
    if arguments.json:
        data = {rule: list(map(asdict, rows)) for rule, rows in tables.items()}
        arguments.json.write_text(json.dumps(data, indent=1), encoding="utf-8")


def _embedded(model: DiffusionModel, task: OpenSetTask) -> TaskFeatures:
    return embed_task(
        model,
        task,
        workers=available_cores(),
        watch=lambda images, total: with_progress(images, activity=f"seed {task.seed}: images", total=total),
    )


if __name__ == "__main__":
    main()
