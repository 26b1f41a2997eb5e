"""The verb `evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fusiondiff_audit.cli.answer import Answer, answering, say_some
from fusiondiff_audit.cli.bundle import open_bundle
from fusiondiff_audit.cli.options import PATH
from fusiondiff_audit.cli.progress import watched
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
@click.option("--model", "bundle", metavar="MODEL", help="A bundle: a folder, or the name of one that comes along.")
@click.option("--trust", "trust_path", type=PATH, help="Who may vouch for MODEL, unless it comes along.")
@click.option("--baseline", "baselines", type=click.Choice(_BASELINES), multiple=True, help="Default: both.")
@answering()
def command(
    folder: Path, labels: Path, bundle: str | None, trust_path: Path | None, baselines: tuple[str, ...]
) -> Answer:
    """Measure classifiers on a folder of labelled micrographs.

    It is for research, so the folder may be unsigned.

    Every specimen is asked once, by a classifier that learnt from others: five folds, split by specimen. Of a model the
    encoder is used, and forests are trained for each fold. Intervals come from drawing specimens. Name the specimens in
    the labels; without them each image counts as an object of its own, and two pictures of one object make any
    classifier look good.

    \b
    fusiondiff-audit evaluate micrographs --labels micrographs/labels.csv
    fusiondiff-audit evaluate micrographs --labels micrographs/labels.csv --model my-bundle --trust trust.json
    """
    require("kiln" if bundle is None else "audit", "measuring classifiers")
    from fusiondiff_audit.evaluation.baselines import BASELINES
    from fusiondiff_audit.evaluation.labelled_folder import extract_features

    said = read_labels(labels)
    model = None if bundle is None else open_bundle(bundle, trust_path)
    chosen = baselines or _BASELINES
    seen = extract_features(
        folder, said, chosen, model, watch=lambda names: watched(names, what="looking", total=len(said))
    )
    say_some(seen.lost, most=_SHOWN, word="REFUSED", where="; --json names all under `unread`")
    counterfeit, authentic = seen.specimens()
    found = {name: (BASELINES[name].title, seen.baseline(name)) for name in chosen}
    if model is not None:
        found["model"] = (_title(model), seen.model(model))
    heads = ("model", "right", "accuracy, %", "balanced, %", "F1, %", "AUROC, %")
    text = table([heads, *((title, *_cells(one)) for title, one in found.values())])
    data = {
        "images": len(seen.names),
        "specimens": {"authentic": authentic, "counterfeit": counterfeit},
        "unread": sorted(set(said) - set(seen.names)),
        "models": {name: _data(one) for name, (_, one) in found.items()},
    }
    images = f"{count(len(seen.names), 'image')} of {authentic} authentic and {counterfeit} counterfeit specimens"
    lost = f"; {count(len(seen.lost), 'file')} left out of every figure, named above" if seen.lost else ""
    return Answer("DONE", f"{images}, split by specimen; 95 % intervals from drawing specimens{lost}", text, data)


def _title(model: "DiffusionModel") -> str:
    return f"{model.title}, forests on its embeddings{'' if model.verified else ', UNVERIFIED'}"


def _cells(one: "CrossValidated") -> tuple[str, ...]:
    seen = one.measured
    f1, auroc = (f"{100 * value:.1f}" if value is not None else "-" for value in (seen.f1, seen.auroc))
    return f"{seen.right}/{seen.of}", str(one.accuracy), str(one.balanced), f1, auroc


def _data(one: "CrossValidated") -> dict[str, Any]:
    seen = one.measured
    return {
        "right": seen.right,
        "of": seen.of,
        "accuracy": [one.accuracy.mean, one.accuracy.low, one.accuracy.high],
        "balanced": [one.balanced.mean, one.balanced.low, one.balanced.high],
        "f1": seen.f1,
        "auroc": seen.auroc,
    }
