"""Measure what an encoder can read of synthetic specimens that no training saw, quantity by quantity.

    python -P benchmarks/probe.py CACHE [--bundle fusion-diff-v1-ceramic] [--features lite0 WEIGHTS] [--json FILE]

Specimens are randomised ones (`fusiondiff_audit/kiln/randomised.py`), the quantities those of their compositions
(`composition.py`). Ridge regression and a small network are fitted to most specimens, from 1, 2 and 5 images of 512 px,
and asked about the others; the table has R² on those that were asked. They read

- the vector by which a specimen is judged: mean and deviation of the features of all tiles, before the projection;
- with `--features`, mean and deviation of each channel of each stage of EfficientNet-Lite0, alone and beside it;
- measurements on the generator's own map of the phases in those images, of which the table has the better R² of ridge
  regression and network: about the most that can be read of the images.

CACHE keeps the vectors, so that a stopped run can be resumed, and another bundle finds the measurements. `--small`
takes few specimens, to try the program out.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # -P keeps it out
from benchmarks.probe_vectors import bundle_source, kept_vectors, lite0_source, measured_source, targets
from benchmarks.regression import network_predictions, r_squared, ridge_predictions
from fusiondiff_audit.cli.text import table
from fusiondiff_audit.evaluation.open_set import IMAGES_OF_DESIGNS
from fusiondiff_audit.kiln.parallel import available_cores
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.specimens import Vectors

SPECIMENS, ASKED = 700, 150
SMALL_SPECIMENS, SMALL_ASKED = 40, 12
BOUND = "phase map"
MODELS = {"ridge": ridge_predictions, "network": network_predictions}
Shares = Mapping[str, Vectors]  # by reader, R²: designs x quantities


def read(vectors: Mapping[str, Vectors], true: Vectors, asked: int) -> Shares:
    """Return R² of each reader on the last `asked` specimens, after fitting it to those before."""
    shares = {}
    for source, of_source in vectors.items():
        for model, predictions in MODELS.items():
            by_design = [
                r_squared(predictions(design[:-asked], true[:-asked], design[-asked:]), true[-asked:])
                for design in np.moveaxis(of_source, 1, 0)
            ]
            shares[f"{source}, {model}"] = np.array(by_design)
            print(
                f"{source}, {model}: mean R² {mean_shares(shares[f'{source}, {model}'])}", file=sys.stderr, flush=True
            )
    by_model = [shares.pop(f"{BOUND}, {model}") for model in MODELS]
    return shares | {BOUND: np.fmax.reduce(by_model)}


def mean_shares(shares: Vectors) -> list[float]:
    """Return the mean R² over quantities, by number of images."""
    return [round(float(mean), 3) for mean in np.nanmean(shares, axis=1)]


def rows(quantities: Sequence[str], applies: Sequence[int], shares: Shares) -> Iterator[list[str]]:
    """Yield the rows of the table: a quantity, the number of asked specimens that have it, and R²."""
    yield ["", "", *(word for reader in shares for word in [*reader.split(), ""])]  # as many words as designs
    yield ["quantity", "asked", *map(str, IMAGES_OF_DESIGNS * len(shares))]
    for place, quantity in enumerate(quantities):
        numbers = np.concatenate([of_reader[:, place] for of_reader in shares.values()])
        yield [quantity, str(applies[place]), *map(_cell, numbers)]
    yield ["mean", "", *map(_cell, np.concatenate([mean_shares(of_reader) for of_reader in shares.values()]))]


def _cell(share: float) -> str:
    return "-" if np.isnan(share) else f"{share:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cache", type=Path)
    parser.add_argument("--bundle", default="fusion-diff-v1-ceramic")
    parser.add_argument("--features", nargs=2, metavar=("lite0", "WEIGHTS"))
    parser.add_argument("--specimens", type=int, default=SPECIMENS)
    parser.add_argument("--asked", type=int, default=ASKED)
    parser.add_argument("--workers", type=int, default=available_cores())
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    count, asked = (SMALL_SPECIMENS, SMALL_ASKED) if arguments.small else (arguments.specimens, arguments.asked)
    model = DiffusionModel.from_pretrained(arguments.bundle, unverified=True)
    sources = [bundle_source(model)]
    if arguments.features:
        if arguments.features[0] != "lite0":
            parser.error(f"--features {arguments.features[0]!a}: takes lite0 and the file of its weights")
        sources.append(lite0_source(Path(arguments.features[1]), model))
    sources.append(measured_source())
    arguments.cache.mkdir(parents=True, exist_ok=True)
    numbers = range(count)
    vectors = {source.name: kept_vectors(arguments.cache, source, numbers, arguments.workers) for source in sources}
    tiled = np.flatnonzero(np.isfinite(vectors["bundle"]).all((1, 2)))
    quantities, true = targets(numbers)
    asked = int((tiled >= count - asked).sum())
    vectors, true = {name: of_source[tiled] for name, of_source in vectors.items()}, true[tiled]
    if "lite0" in vectors:
        joined = np.concatenate([vectors["bundle"], vectors["lite0"]], axis=2)
        vectors = {"bundle": vectors["bundle"], "lite0": vectors["lite0"], "both": joined, BOUND: vectors[BOUND]}
    shares = read(vectors, true, asked)
    applies = np.isfinite(true[-asked:]).sum(0).tolist()
    print(f"{len(true) - asked} specimens fitted, {asked} asked; {count - len(true)} left out, without tiles")
    print(table(rows(quantities, applies, shares)))
    if arguments.json:
        arguments.json.write_text(json.dumps(as_json(quantities, applies, shares), indent=1), encoding="utf-8")


def as_json(quantities: Sequence[str], applies: Sequence[int], shares: Shares) -> dict[str, object]:
    """Return R² by reader, quantity and number of images, None where it cannot be computed."""
    r2 = {
        reader: {
            quantity: {
                str(images): None if np.isnan(share) else float(share)
                for images, share in zip(IMAGES_OF_DESIGNS, of_reader[:, place], strict=True)
            }
            for place, quantity in enumerate(quantities)
        }
        for reader, of_reader in shares.items()
    }
    return {"asked": dict(zip(quantities, applies, strict=True)), "r2": r2}


if __name__ == "__main__":
    main()
