"""What attacks did, in whole numbers and digests: the same seed gives the same outcome, byte for byte."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

from attacks.images import Budget

# By the digest of an image that was judged wrongly before any attack: whether it is authentic.
Missed = Mapping[str, bool]


class Knowledge(StrEnum):
    """What an attacker knows."""

    WHITE = "white box"
    GREY = "grey box"
    BLACK = "black box"


class End(StrEnum):
    """How an attack on one image ended."""

    HELD = "held"  # the right answer still
    FOOLED = "fooled"  # the other class
    SILENCED = "silenced"  # no answer any more, which is no success, and no right answer either
    LATE = "late"  # the clock ran out before
    FAILED = "failed"  # the attack broke down


class Found(StrEnum):
    """Where the plane that was judged last comes from."""

    HANDED_IN = "handed in"
    STRETCHED = "stretched"  # the change that was handed in, enlarged to the whole budget
    ON_THE_WAY = "on the way"  # met while it searched, and given up again


@dataclass(frozen=True, slots=True)
class Trial:
    """One attack on one image, as the full pipeline judged it from a saved file."""

    picture: str
    digest: str  # of the clean plane
    authentic: bool  # the truth
    end: End
    plane: str  # digest of the changed plane that was judged
    steps: int  # the largest change of a pixel, in greys of the image's depth
    size: str  # of the change, in the budget's norm, in units of full scale
    unchanged: bool
    found: Found
    claimed: bool  # what was handed in would have been a success, had it not to be whole greys
    nearest: str | None  # size, in the budget's norm, of the smallest change that fooled it, however large
    start: str  # the image of the other class that it set out from, if it did
    queries: int
    passes: int

    @property
    def least(self) -> str:
        """Return the size of the smallest change that fooled, if one did."""
        return self.size if self.nearest is None else min(self.size, self.nearest, key=float)


@dataclass(frozen=True, slots=True)
class AttackTrials:
    """One attack on all images that were judged rightly before."""

    attack: str
    family: str
    knowledge: Knowledge
    budget: Budget
    trials: tuple[Trial, ...]
    problem: str | None = None  # it did not run to its end

    def count(self, *ends: End) -> int:
        """Return how many trials ended so."""
        return sum(trial.end in ends for trial in self.trials)

    @property
    def ran(self) -> bool:
        """Say whether every image was attacked to the end."""
        return bool(self.trials) and self.problem is None and not self.count(End.LATE, End.FAILED)

    @property
    def name(self) -> str:
        return self.attack

    def held_images(self, missed: Missed) -> dict[str, bool]:
        """Return for each image's digest whether its right answer held; one that never had it does not hold."""
        return dict.fromkeys(missed, False) | {trial.digest: trial.end is End.HELD for trial in self.trials}

    @property
    def fooled(self) -> frozenset[str]:
        """Return which images were taken for the other class."""
        return frozenset(trial.picture for trial in self.trials if trial.end is End.FOOLED)

    @property
    def held(self) -> frozenset[str]:
        """Return which images are still judged rightly."""
        return frozenset(trial.picture for trial in self.trials if trial.end is End.HELD)


def problem_of(error: Exception) -> str:
    """Return what an error says, in one line that every format can hold."""
    text = f"{type(error).__name__}: {error}"
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:300]


def digest_of_results(results: tuple[AttackTrials, ...], missed: Mapping[str, bool], more: Any = None) -> str:
    """Return the SHA-256 over what came of every image, and of `more`, a record of what else was tried.

    Clocks have no part in it, and of a problem only its kind.
    """
    records = [asdict(result) | {"problem": (result.problem or "").partition(":")[0]} for result in results]
    whole = [records, dict(missed)] if more is None else [records, dict(missed), asdict(more)]
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()
