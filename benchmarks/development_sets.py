"""The tasks of `development.toml`: which specimens are enrolled, and which are tested, in each draw."""

import csv
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fusiondiff_audit.evaluation.bundle import as_micrograph
from fusiondiff_audit.kiln.parallel import parallel_map
from fusiondiff_audit.kiln.recipes import KILNS
from fusiondiff_audit.kiln.specimens import specimen
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.inference import EmbeddedImage
from fusiondiff_audit.model.specimens import TiledSpecimen, TileFeatures

PLAN = Path(__file__).with_suffix("").parent / "development.toml"
LEAST_TESTED = 19  # authentic specimens; of fewer, each is left out in turn, and AUROC is measured
_SIDE = 512
_KILNS = ("alder", "birch", "cedar")
_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif")


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """One enrolment, and the specimens that are tested, by what they are."""

    seed: int
    authentic: Sequence[TiledSpecimen]
    copies: Sequence[TiledSpecimen]
    tested: Mapping[str, Sequence[TiledSpecimen]]  # own, copies, unseen, and more


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Draws of one task; `by_share` says that each has enough authentic specimens for a share."""

    name: str
    draws: tuple[Draw, ...]
    by_share: bool


def plan() -> dict[str, Any]:
    """Return `development.toml`."""
    return tomllib.loads(PLAN.read_text(encoding="utf-8"))


def real_tasks(folder: Path, model: DiffusionModel) -> Iterator[Task]:
    """Yield the tasks on real micrographs under a folder."""
    stated = plan()
    for chosen in stated["set"]:
        specimens = list(_specimens(folder / chosen["folder"], chosen, model))
        for task in (task for task in stated["task"] if task["set"] == chosen["name"]):
            own, copies, unseen = (
                [
                    replace(chosen_one, authentic=part == "authentic")
                    for chosen_one in specimens
                    if chosen_one.maker in task[part]
                ]
                for part in ("authentic", "copies", "unseen")
            )
            name = f"{chosen['name']}: {', '.join(task['authentic'])}; unseen {', '.join(task['unseen'])}"
            if len(own) - chosen.get("enrolled", 0) >= LEAST_TESTED and "draws" in chosen:
                yield Task(name, tuple(_drawn(own, copies, unseen, chosen)), by_share=True)
            else:
                yield Task(name, tuple(_left_out(own, copies, unseen)), by_share=False)


def _drawn(
    own: list[TiledSpecimen], copies: list[TiledSpecimen], unseen: list[TiledSpecimen], chosen: Mapping[str, Any]
) -> Iterator[Draw]:
    enrolled = chosen["enrolled"]
    for seed in range(chosen["draws"]):
        rng = np.random.default_rng(seed)
        ours, theirs = ([group[place] for place in rng.permutation(len(group))] for group in (own, copies))
        tested = {"own": ours[enrolled:], "copies": theirs[enrolled:], "unseen": unseen}
        yield Draw(seed, ours[:enrolled], theirs[:enrolled], tested)


def _left_out(own: list[TiledSpecimen], copies: list[TiledSpecimen], unseen: list[TiledSpecimen]) -> Iterator[Draw]:
    """Leave out each authentic specimen in turn, and copies of its name: they show the same place."""
    for place, chosen in enumerate(own):
        rest = own[:place] + own[place + 1 :]
        others = [copy for copy in copies if _place(copy) != _place(chosen)]
        yield Draw(place, rest, others, {"own": [chosen], "unseen": unseen})


def _specimens(folder: Path, chosen: Mapping[str, Any], model: DiffusionModel) -> Iterator[TiledSpecimen]:
    """Yield the specimens of a folder; images that no audit would judge are left out."""
    rows = _rows(folder, chosen)
    images = (as_micrograph(name, _greys(folder / name)) for name, _, _ in rows)
    by_specimen: dict[tuple[str, str], list[TileFeatures]] = {}
    for (_, kind, name), image in zip(rows, model.embed(images), strict=True):
        if _is_assessable(image):
            by_specimen.setdefault((kind, name), []).append(image.features)
    for (kind, name), tiles in by_specimen.items():
        yield TiledSpecimen(f"{kind}/{name}", kind, authentic=False, images=tuple(tiles))


def _is_assessable(image: EmbeddedImage) -> bool:
    """Say whether an audit would judge an image, and an enrolment take it."""
    return bool(len(image.features)) and not image.prepared.quality.faults


def _place(specimen_: TiledSpecimen) -> str:
    """Return the name of a specimen without its kind."""
    return specimen_.name.removeprefix(f"{specimen_.maker}/")


def _rows(folder: Path, chosen: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return file, kind and specimen of each image."""
    if "kinds" in chosen:  # no table: the kind is part of the name
        names = sorted(path.name for path in folder.iterdir() if path.suffix in _SUFFIXES)
        kinds = ((name, next((kind for kind in chosen["kinds"] if kind in name), None)) for name in names)
        by_spot = chosen.get("specimen") == "first word"
        return [(name, kind, name.split("_")[0] if by_spot else name) for name, kind in kinds if kind is not None]
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    columns = chosen["kind"].split("+")
    named = chosen.get("specimen", "file")
    return [(row["file"], " ".join(row[column] for column in columns), row[named] or row["file"]) for row in table]


def _greys(path: Path) -> Any:
    pixels = np.asarray(Image.open(path))
    if pixels.ndim == 3:
        pixels = pixels[:, :, :3].mean(2).round().astype(np.uint8)
    return pixels.astype(np.uint16) if pixels.dtype == np.int32 else pixels


def kiln_tasks(model: DiffusionModel, *, workers: int) -> Iterator[Task]:
    """Yield a task for each seed of the generator: each workshop is unseen once."""
    stated = plan()["kiln"]
    for seed in stated["seeds"]:
        reference = _KILNS[seed % len(_KILNS)]
        items = list(_kiln_items(seed, reference, stated))
        images = parallel_map(_drawn_image, items, workers)
        by_specimen: dict[tuple[str, str, int], list[TileFeatures]] = {}
        for item, image in zip(items, model.embed(images), strict=True):
            if _is_assessable(image):
                by_specimen.setdefault((item.part, item.kind, item.number), []).append(image.features)
        parts: dict[tuple[str, str], list[TiledSpecimen]] = {}
        for (part, kind, number), tiles in by_specimen.items():
            drawn = TiledSpecimen(f"{part}/{kind}/{number}", kind, authentic=kind == reference, images=tuple(tiles))
            parts.setdefault((part, kind), []).append(drawn)
        yield Task(f"kiln {seed}: {reference}", tuple(_kiln_draws(seed, reference, parts, stated)), by_share=True)


@dataclass(frozen=True, slots=True)
class _KilnItem:
    seed: int
    part: str
    kiln: str
    workshop: str | None
    instrument: str
    number: int
    field: int

    @property
    def kind(self) -> str:
        return f"{self.kiln} {self.workshop or ''}".strip()


def _kiln_items(seed: int, reference: str, stated: Mapping[str, Any]) -> Iterator[_KilnItem]:
    parts: list[tuple[str, str, str | None, str, int]] = [
        ("enrolled", reference, None, "everyday", stated["enrolled"]),
        ("tested", reference, None, "everyday", stated["authentic"]),
        ("microscope", reference, None, "other", stated["microscope"]),
    ]
    for workshop in KILNS[reference].workshops:
        parts.append(("enrolled", reference, workshop, "everyday", _most_of(stated, reference)))
        parts.append(("tested", reference, workshop, "everyday", stated["copies"]))
    parts += [("tested", kiln, None, "everyday", stated["other_kiln"]) for kiln in _KILNS if kiln != reference]
    for part, kiln, maker, instrument, specimens in parts:
        for number in range(specimens):
            for field in range(stated["images"]):
                yield _KilnItem(seed, part, kiln, maker, instrument, number, field)


def _most_of(stated: Mapping[str, Any], reference: str) -> int:
    """Return how many specimens of a workshop are enrolled at most, when one workshop is the unseen one."""
    most: int = math.ceil(stated["enrolled"] / (len(KILNS[reference].workshops) - 1))
    return most


def _drawn_image(item: _KilnItem) -> Any:
    words = ("development", str(item.seed), item.part, str(item.number))
    drawn = specimen(item.kiln, item.workshop, *words, instrument=item.instrument)
    return as_micrograph(f"{item.kind} {item.number}", drawn.field(item.field, _SIDE))


def _kiln_draws(
    seed: int, reference: str, parts: Mapping[tuple[str, str], list[TiledSpecimen]], stated: Mapping[str, Any]
) -> Iterator[Draw]:
    workshops = [f"{reference} {workshop}" for workshop in KILNS[reference].workshops]
    kilns = [kiln for kiln in _KILNS if kiln != reference]
    for place, unseen in enumerate(workshops):
        enrolled = [workshop for workshop in workshops if workshop != unseen]
        in_turn = [
            group for groups in zip(*(parts["enrolled", kind] for kind in enrolled), strict=True) for group in groups
        ]
        tested = {
            "own": parts["tested", reference],
            "copies": [specimen_ for kind in enrolled for specimen_ in parts["tested", kind]],
            "unseen": parts["tested", unseen],
            "other kiln": [specimen_ for kiln in kilns for specimen_ in parts["tested", kiln]],
            "microscope": parts["microscope", reference],
        }
        yield Draw(10 * seed + place, parts["enrolled", reference], in_turn[: stated["enrolled"]], tested)
