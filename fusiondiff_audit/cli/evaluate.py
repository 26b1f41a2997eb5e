"""The verb `evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fusiondiff_audit.cli.answer import Answer, answering, say_some
from fusiondiff_audit.cli.bundle import open_bundle
from fusiondiff_audit.cli.options import PATH
from fusiondiff_audit.cli.progress import ProgressLine, with_progress
from fusiondiff_audit.cli.text import count, table
from fusiondiff_audit.extras import require
from fusiondiff_audit.inputs.labels import read_labels
from reports.verdict.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fusiondiff_audit.evaluation.cross_validation import CrossValidated
    from fusiondiff_audit.evaluation.enrolled_model import MakerVerdicts
    from fusiondiff_audit.evaluation.labelled_folder import FolderFeatures
    from fusiondiff_audit.model.classifier import DiffusionModel

_BASELINES = ("grey", "texture")
_SHOWN = 5  # refusals
_LABELS = {True: "authentic", False: "counterfeit"}
_KNOWN = {True: "yes", False: "no", None: "not stated"}
_VERDICTS = (Verdict.AUTHENTIC, Verdict.COUNTERFEIT, Verdict.UNFAMILIAR, Verdict.INCONCLUSIVE)


@click.command()
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--labels", type=PATH, required=True, help="CSV: file, label, and perhaps specimen and maker.")
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

    A model that ranks specimens also gives its own verdicts, as in an audit at an error rate of 0.05: a table counts
    them for each maker in the labels, and leaves out what the model was enrolled with.

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
    results = {}
    for name in chosen:
        with ProgressLine(f"cross-validating on {name}"):
            results[name] = BASELINES[name].title, features.baseline(name)
    if model is not None:
        with ProgressLine("cross-validating on embeddings"):
            results["model"] = _title(model), features.model(model)
    heads = ("model", "right", "accuracy, %", "balanced, %", "F1, %", "AUROC, %")
    text = table([heads, *((title, *_cells(result)) for title, result in results.values())])
    own = [] if model is None else _own_verdicts(model, features)
    if own:
        text += f"\n\n{_verdict_table(own)}"
    data = {
        "images": len(features.names),
        "specimens": {"authentic": authentic, "counterfeit": counterfeit},
        "unread": sorted(set(by_file) - set(features.names)),
        "models": {name: _data(result) for name, (_, result) in results.items()},
        "verdicts": [_verdict_data(row) for row in own],
    }
    images = f"{count(len(features.names), 'image')} of {authentic} authentic and {counterfeit} counterfeit specimens"
    lost = f"; {count(len(features.refused), 'file')} left out of every figure, named above" if features.refused else ""
    return Answer(
        "DONE", f"{images}, split by specimen; 95 % intervals from a bootstrap over specimens{lost}", text, data
    )


def _own_verdicts(model: "DiffusionModel", features: "FolderFeatures") -> "list[MakerVerdicts]":
    """Return the model's own verdicts for each maker; none of a model that ranks no specimens."""
    from fusiondiff_audit.evaluation.enrolled_model import maker_verdicts

    if model.settings.ranks is None:
        return []
    return maker_verdicts(
        model,
        features.images,
        features.labels,
        watch=lambda names: with_progress(names, activity="ranking", total=len(set(features.groups))),
    )


def _verdict_table(rows: "Sequence[MakerVerdicts]") -> str:
    heads = (
        "label",
        "maker",
        "known to the model",
        "AUTHENTIC, %",
        *(verdict.value for verdict in _VERDICTS),
        "enrolled",
    )
    cells = (
        (
            _LABELS[row.authentic],
            row.maker,
            _KNOWN[row.known],
            f"{100 * row.share:.1f} ({row.interval})" if row.verdicts else "-",
            *(str(row.verdicts[verdict]) for verdict in _VERDICTS),
            str(row.enrolled),
        )
        for row in rows
    )
    return table([heads, *cells])


def _verdict_data(row: "MakerVerdicts") -> dict[str, Any]:
    return {
        "label": _LABELS[row.authentic],
        "maker": row.maker,
        "known": row.known,
        "enrolled": row.enrolled,
        **{verdict.value: row.verdicts[verdict] for verdict in _VERDICTS},
    }


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
