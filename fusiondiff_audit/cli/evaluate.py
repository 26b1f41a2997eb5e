"""The verb `evaluate`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering, say
from fusiondiff_audit.cli.options import PATH
from fusiondiff_audit.cli.progress import watched
from fusiondiff_audit.cli.text import count, table
from fusiondiff_audit.extras import require
from fusiondiff_audit.labels import Label, read_labels

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from fusiondiff_audit.kiln.bench.folds import Judged

_BASELINES = ("grey", "texture")
_SHOWN = 5  # refusals


@click.command()
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--labels", type=PATH, required=True, help="CSV: file, label, and perhaps specimen and use.")
@click.option("--baseline", "baselines", type=click.Choice(_BASELINES), multiple=True, help="Default: both.")
@answering()
def command(folder: Path, labels: Path, baselines: tuple[str, ...]) -> Answer:
    """Measure classifiers on a folder of labelled micrographs.

    It is for research, so the folder may be unsigned.

    Every specimen is asked once, by a classifier that learnt from others: five folds, split by specimen. Intervals come
    from drawing specimens. Name the specimens in the labels; without them each image counts as an object of its own,
    and two pictures of one object make any classifier look good.

    \b
    fusiondiff-audit evaluate micrographs --labels micrographs/labels.csv
    """
    require("kiln", "measuring classifiers")
    import numpy as np

    from fusiondiff_audit.kiln.bench.baselines import BASELINES, OF_PIXELS
    from fusiondiff_audit.kiln.bench.folds import cross_validated
    from fusiondiff_audit.kiln.workers import cores

    said = read_labels(labels)
    chosen = baselines or _BASELINES
    names, planes = _planes(folder, said)
    truth = np.array([said[name].authentic for name in names])
    groups = np.array([said[name].specimen for name in names])
    specimens = {kind: len(set(groups[truth == kind])) for kind in (True, False)}
    if min(specimens.values()) < 2:
        what = f"{specimens[True]} authentic and {specimens[False]} counterfeit specimens that can be read"
        hint = "name at least two specimens of each class, one to learn from and one to ask"
        raise signing.SigningError(signing.Reason.BAD_REQUEST, what, hint=hint)
    found: dict[str, Judged] = {}
    for name in chosen:
        rows = np.stack(
            [OF_PIXELS[name](plane) for plane in watched(planes, what=f"describing ({name})", total=len(planes))]
        )

        def learner(
            known: "npt.NDArray[np.intp]",
            asked: "npt.NDArray[np.intp]",
            name: str = name,
            rows: "npt.NDArray[np.float64]" = rows,
        ) -> "npt.NDArray[np.float64]":
            return BASELINES[name].scores(rows[known], truth[known], rows[asked], seed=0, workers=cores())

        found[name] = cross_validated(truth, groups, learner)
    heads = ("model", "right", "accuracy, %", "balanced, %", "F1, %", "AUROC, %")
    text = table([heads, *((BASELINES[name].title, *_cells(one)) for name, one in found.items())])
    number = f"{count(len(names), 'image')} of {specimens[True]} authentic and {specimens[False]} counterfeit specimens"
    data = {
        "images": len(names),
        "specimens": {"authentic": specimens[True], "counterfeit": specimens[False]},
        "unread": sorted(set(said) - set(names)),
        "models": {name: _data(one) for name, one in found.items()},
    }
    return Answer("DONE", f"{number}, split by specimen; 95 % intervals from drawing specimens", text, data)


def _planes(folder: Path, said: dict[str, Label]) -> tuple[list[str], list[Any]]:
    """Decode the labelled files, without their data bars; one that cannot be read is named and left out."""
    from fusiondiff_audit.images import Guard, ImageError
    from fusiondiff_audit.images.prepare import Geometry, prepare

    names: list[str] = []
    planes: list[Any] = []
    lost: list[str] = []
    with Guard() as guard:
        for name in watched(sorted(said), what="decoding", total=len(said)):
            try:
                planes.append(prepare(_decoded(folder / name, guard), Geometry()).plane)
                names.append(name)
            except (ImageError, signing.SigningError) as e:
                lost.append(f"{name}: {e}")
    for sentence in _first(lost):
        say(sentence, word="REFUSED")
    return names, planes


def _decoded(path: Path, guard: Any) -> Any:
    from fusiondiff_audit.images import LooseFile, decode

    return decode(LooseFile.read(path), guard=guard)


def _first(lost: list[str]) -> Iterator[str]:
    yield from lost[:_SHOWN]
    if len(lost) > _SHOWN:
        yield f"and {count(len(lost) - _SHOWN, 'file')} more; --json names all under `unread`"


def _cells(one: "Judged") -> tuple[str, ...]:
    seen = one.measured
    f1, auroc = (f"{100 * value:.1f}" if value is not None else "-" for value in (seen.f1, seen.auroc))
    return f"{seen.right}/{seen.of}", str(one.accuracy), str(one.balanced), f1, auroc


def _data(one: "Judged") -> dict[str, Any]:
    seen = one.measured
    return {
        "right": seen.right,
        "of": seen.of,
        "accuracy": [one.accuracy.mean, one.accuracy.low, one.accuracy.high],
        "balanced": [one.balanced.mean, one.balanced.low, one.balanced.high],
        "f1": seen.f1,
        "auroc": seen.auroc,
    }
