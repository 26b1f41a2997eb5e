"""A generated file, and the choice of what is changed in it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Protocol, TypeVar

ALONE = 3  # files in which a mutation is the only one, before files with mixed mutations begin


@dataclass(frozen=True, slots=True)
class Case:
    """A file, how to make it again, and what was changed in it."""

    name: str
    data: bytes
    mutations: tuple[str, ...]
    page: int | None = None  # the one that the policy names, of several


class Model(Protocol):
    """A file as its parts, before it is written."""

    named: int | None  # which page is to be read, of several

    def to_bytes(self) -> bytes: ...


M = TypeVar("M", bound=Model)
Mutations = Mapping[str, Callable[[M, Random], str | None]]


def generate(
    suffix: str, seed: int, base: Callable[[Random], M], mutations: Mapping[str, Callable[[M, Random], str | None]]
) -> Case:
    """Return the file of a seed: first every mutation by itself, several times, then some of them together.

    A mutation that does not apply to the base returns "-" and changes nothing; another base is drawn then.
    """
    rng = Random(f"{suffix} {seed}")
    names = list(mutations)
    if seed < ALONE * len(names):
        chosen = [names[seed % len(names)]]
    else:
        chosen = rng.sample(names, rng.choices([0, 1, 2, 3], [4, 30, 40, 26])[0])
    model = base(rng)
    applied = []
    for name in chosen:
        try:
            detail = mutations[name](model, rng)
        except (LookupError, ValueError):
            if not applied:
                raise
            detail = "-"  # what it would change is gone with the mutations before
        applied.append(f"{name} {detail}" if detail else name)
    return Case(f"{seed}{suffix}", model.to_bytes(), tuple(applied), model.named)
