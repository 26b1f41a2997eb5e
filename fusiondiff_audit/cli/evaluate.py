"""The verb `evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fusiondiff_audit.cli.answer import Answer, answering, say_some
from fusiondiff_audit.cli.bundle import open_bundle
from fusiondiff_audit.cli.options import PATH
from fusiondiff_audit.cli.progress import with_progress
from fusiondiff_audit.cli.text import count, table
from fusiondiff_audit.extras import require
from fusiondiff_audit.inputs.labels import read_labels

if TYPE_CHECKING:
    from fusiondiff_audit.evaluation.cross_validation import CrossValidated
    from fusiondiff_audit.model.classifier import DiffusionModel

_BASELINES = ("grey", "texture")
_SHOWN = 5  # refusals


@click.command()
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--labels", type=PATH, required=True, help="CSV: file, label, and perhaps specimen and use.")
@click.option("--model", "bundle", metavar="MODEL", help="A bundle: a folder, or the name of an embedded one.")
@click.option("--trust", "trust_path", type=PATH, help="The keys that may sign MODEL; an embedded one needs none.")
@click.option("--baseline", "baselines", type=click.Choice(_BASELINES), multiple=True, help="Default: both.")
@answering()
def command(
    folder: Path, labels: Path, bundle: str | None, trust_path: Path | None, baselines: tuple[str, ...]
) -> Answer:
    """Measure classifiers on a folder of labelled micrographs.

    It is for research, so the folder may be unsigned.

    Cross-validation in five folds, split by specimen. Of a model the encoder is used, and forests are trained for each
    fold. Intervals are a bootstrap over specimens. Name the specimens in the labels; without them each image counts as
    a specimen of its own, and two images of one specimen make any classifier look good.

    \b
    fusiondiff-audit evaluate micrographs --labels micrographs/labels.csv
    fusiondiff-audit evaluate micrographs --labels micrographs/labels.csv --model my-bundle --trust trust.json
    """
    require("kiln" if bundle is None else "audit", "measuring classifiers")
    from fusiondiff_audit.evaluation.baselines import BASELINES
    from fusiondiff_audit.evaluation.labelled_folder import extract_features

    by_file = read_labels(labels)
    model = None if bundle is None else open_bundle(bundle, trust_path)
    chosen = baselines or _BASELINES
    features = extract_features(
        folder, by_file, chosen, model, watch=lambda names: with_progress(names, activity="reading", total=len(by_file))
    )
    say_some(features.refused, most=_SHOWN, word="REFUSED", where="; --json names all under `unread`")
    counterfeit, authentic = features.specimens()
    results = {name: (BASELINES[name].title, features.baseline(name)) for name in chosen}
    if model is not None:
        results["model"] = (_title(model), features.model(model))
    heads = ("model", "right", "accuracy, %", "balanced, %", "F1, %", "AUROC, %")
    text = table([heads, *((title, *_cells(result)) for title, result in results.values())])
    data = {
        "images": len(features.names),
        "specimens": {"authentic": authentic, "counterfeit": counterfeit},
        "unread": sorted(set(by_file) - set(features.names)),
        "models": {name: _data(result) for name, (_, result) in results.items()},
    }
    images = f"{count(len(features.names), 'image')} of {authentic} authentic and {counterfeit} counterfeit specimens"
    lost = f"; {count(len(features.refused), 'file')} left out of every figure, named above" if features.refused else ""
    return Answer(
        "DONE", f"{images}, split by specimen; 95 % intervals from a bootstrap over specimens{lost}", text, data
    )


def _title(model: "DiffusionModel") -> str:
    return f"{model.title}, forests on its embeddings{'' if model.verified else ', UNVERIFIED'}"


def _cells(result: "CrossValidated") -> tuple[str, ...]:
    metrics = result.metrics
    f1, auroc = (f"{100 * value:.1f}" if value is not None else "-" for value in (metrics.f1, metrics.auroc))
    return f"{metrics.right}/{metrics.of}", str(result.accuracy), str(result.balanced), f1, auroc


def _data(result: "CrossValidated") -> dict[str, Any]:
    metrics = result.metrics
    return {
        "right": metrics.right,
        "of": metrics.of,
        "accuracy": [result.accuracy.mean, result.accuracy.low, result.accuracy.high],
        "balanced": [result.balanced.mean, result.balanced.low, result.balanced.high],
        "f1": metrics.f1,
        "auroc": metrics.auroc,
    }
