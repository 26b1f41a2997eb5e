"""A generated file, and the choice of what is changed in it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from random import Random
from typing import Protocol, TypeVar

ALONE = 3  # files in which a mutation is the only one


@dataclass(frozen=True, slots=True)
class Case:
    """A file, how to make it again, and what was changed in it."""

    name: str
    data: bytes
    mutations: tuple[str, ...]


class Model(Protocol):
    """A file as its parts, before it is written."""

    def to_bytes(self) -> bytes: ...


M = TypeVar("M", bound=Model)


def generate(
    suffix: str,
    seed: int,
    draw: Callable[[Random], M],
    mutations: Mapping[str, Callable[[M, Random], str | None]],
    mild: Collection[str],
) -> Case:
    """Return the file of a seed: for each mutation some in which it is alone, then files with several.

    Two of three of the latter have mild mutations only, which most readers take without a change of the image. A
    mutation that finds nothing to change says "-".
    """
    rng = Random(f"{suffix} {seed}")
    names = list(mutations)
    if seed < ALONE * len(names):
        chosen = [names[seed % len(names)]]
    elif seed % 3:
        chosen = rng.sample(sorted(mild), rng.randint(0, 4))
    else:
        chosen = rng.sample(names, rng.randint(1, 3))
    model = draw(rng)
    applied: list[str] = []
    for name in chosen:
        try:
            detail = mutations[name](model, rng)
        except (LookupError, ValueError):
            if not applied:
                raise
            detail = "-"  # what it would change is gone with the mutations before
        applied.append(f"{name} {detail}" if detail else name)
    return Case(f"{seed}{suffix}", model.to_bytes(), tuple(applied))
