"""Trials of attacks, in whole numbers and digests: the same seed gives the same trials, byte for byte."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

from attacks.images import Budget

# By the digest of an image that is misclassified without any attack: whether it is authentic.
Missed = Mapping[str, bool]


class Knowledge(StrEnum):
    """The part of the model that an attacker knows."""

    WHITE = "white box"
    GREY = "grey box"
    BLACK = "black box"


class End(StrEnum):
    """How an attack on one image ended."""

    HELD = "held"  # the label is right
    FOOLED = "fooled"  # the label is wrong
    SILENCED = "silenced"  # the pipeline gives no label: no success of the attack, and no right label either
    LATE = "late"  # the clock ran out
    FAILED = "failed"  # the attack, or the target, raised an error


class PlaneSource(StrEnum):
    """Where the plane that decides a trial comes from."""

    RETURNED = "handed in"  # the attack returned it
    ENLARGED = "stretched"  # the change that the attack returned, enlarged to the whole budget
    ON_THE_WAY = "on the way"  # the attack met it during its search, and did not return it


@dataclass(frozen=True, slots=True)
class Trial:
    """An attack on an image, as the full pipeline judged the changed plane from a saved file."""

    picture: str
    digest: str  # of the clean plane
    authentic: bool  # the true class
    end: End
    plane: str  # digest of the changed plane that was judged
    steps: int  # the largest change of a pixel, in greys of the image's depth
    size: str  # of the change, in the budget's norm, in units of full scale
    unchanged: bool
    found: PlaneSource
    claimed: bool  # the returned plane fooled the surrogate, or a query the pipeline, before rounding to whole greys
    nearest: str | None  # size, in the budget's norm, of the smallest change that fooled, however large
    start: str  # the image of the other class that the attack started from; empty if there is none
    queries: int
    passes: int

    @property
    def least(self) -> str:
        """The size of the smallest change that fooled; that of the judged plane where none did."""
        return self.size if self.nearest is None else min(self.size, self.nearest, key=float)


@dataclass(frozen=True, slots=True)
class AttackTrials:
    """An attack on all images that are classified rightly without it."""

    attack: str
    family: str
    knowledge: Knowledge
    budget: Budget
    trials: tuple[Trial, ...]
    problem: str | None = None  # why the attack did not run to its end

    def count(self, *ends: End) -> int:
        """Return how many trials have one of these ends."""
        return sum(trial.end in ends for trial in self.trials)

    @property
    def ran(self) -> bool:
        """Whether every image was attacked to the end."""
        return bool(self.trials) and self.problem is None and not self.count(End.LATE, End.FAILED)

    @property
    def name(self) -> str:
        return self.attack

    def held_images(self, missed: Missed) -> dict[str, bool]:
        """Return by digest whether an image's right label held; misclassified images do not hold."""
        return dict.fromkeys(missed, False) | {trial.digest: trial.end is End.HELD for trial in self.trials}

    @property
    def fooled(self) -> frozenset[str]:
        """The images that are labelled as the other class."""
        return frozenset(trial.picture for trial in self.trials if trial.end is End.FOOLED)

    @property
    def held(self) -> frozenset[str]:
        """The images that are labelled rightly."""
        return frozenset(trial.picture for trial in self.trials if trial.end is End.HELD)


def problem_of(error: Exception) -> str:
    """Return an error's type and message in one line of at most 300 characters."""
    return one_line(f"{type(error).__name__}: {error}")[:300].strip()


def one_line(text: str) -> str:
    """Return a text as one line of at most 1,000 printable ASCII characters, which a signed result can hold."""
    escaped = text.encode("ascii", "backslashreplace").decode()
    return " ".join("".join(c if c.isprintable() else " " for c in escaped).split())[:1000].strip()


def digest_of_results(results: tuple[AttackTrials, ...], missed: Missed, poison: Any = None) -> str:
    """Return the SHA-256 over all trials, and over `poison`, the record of the poison part of a stress test.

    Durations are no part of it; of a problem only the type is.
    """
    records = [asdict(result) | {"problem": (result.problem or "").partition(":")[0]} for result in results]
    content = [records, dict(missed)] if poison is None else [records, dict(missed), asdict(poison)]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()
