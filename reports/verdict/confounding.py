"""Whether facts about the imaging of specimens predict their labels, as a bundle states it.

Whoever enrols checks it (`fusiondiff_audit.training.confounding` has the statistics). A bundle keeps the result, so
that whoever has the bundle reads which facts predict the label, what was tested, and what could not be.

    >>> device = FactAssociation("device", Rank(0, 9_999), "'SEM 2'", authentic=20, counterfeit=5)
    >>> check = ConfoundingCheck(
    ...     Decimal("0.05"), (25, 25), (2, 1), PermutationUnit.SPECIMEN, 9_999, (device,), left_out=()
    ... )
    >>> ImagingClaim(check, RobustnessIndex("all specimens were imaged by one device", 5, 50)).confounded
    True
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from reports.arithmetic import Rank
from signing.strict import is_plain

MOST_FACTS = 32  # of a check
MOST_PERMUTATIONS = 10_000_000
_LONGEST_TEXT = 500  # characters of a rule or a reason: three values of a hundred, and the words between


class ConfoundingState(StrEnum):
    """Whether the data allow an answer."""

    CHECKED = "checked"
    NOT_CHECKED = "not checked"


class PermutationUnit(StrEnum):
    """Whose labels are permuted."""

    SPECIMEN = "specimen"
    MAKER = "maker"


@dataclass(frozen=True, slots=True)
class FactAssociation:
    """A fact, its adjusted rank, the rule that fits the labels best, and the specimens for which the rule holds."""

    fact: str
    rank: Rank  # of its association with the labels, among those of permuted labels
    rule: str | None  # such as "'SEM 2'" or "at least 1,024"; None if no value is more frequent for authentic ones
    authentic: int
    counterfeit: int

    @property
    def p(self) -> Fraction:
        """The p-value, adjusted for the number of facts."""
        return self.rank.p


@dataclass(frozen=True, slots=True)
class ConfoundingCheck:
    """Which facts about imaging predict the label; `associations` are of all tested facts, strongest first."""

    alpha: Decimal
    specimens: tuple[int, ...]  # counterfeit, authentic
    makers: tuple[int, ...]  # counterfeit, authentic
    unit: PermutationUnit
    permutations: int
    associations: tuple[FactAssociation, ...]
    left_out: tuple[tuple[str, ...], ...]  # facts, each with the reason

    def __post_init__(self) -> None:
        """Refuse a level, counts and texts that contradict each other, or that nobody could read."""
        if not (self.alpha.is_finite() and 0 < self.alpha < 1 and 0 < self.permutations <= MOST_PERMUTATIONS):
            raise ValueError(f"{self.permutations} permutations at a level of {self.alpha}")
        if len(self.specimens) != len(self.makers) or len(self.makers) != 2 or min(*self.specimens, *self.makers) < 0:
            raise ValueError("a check of other numbers than those of two labels")
        facts = [association.fact for association in self.associations] + [pair[0] for pair in self.left_out if pair]
        if len(facts) > MOST_FACTS or len(set(facts)) < len(facts) or any(len(pair) != 2 for pair in self.left_out):
            raise ValueError(f"a check of {len(facts)} facts, or of one twice")
        texts = [*facts, *(pair[1] for pair in self.left_out)]
        rules = [association.rule for association in self.associations if association.rule is not None]
        if not (all(texts) and all(len(text) <= _LONGEST_TEXT and is_plain(text) for text in (*texts, *rules))):
            raise ValueError("a fact, a rule or a reason that is empty, too long, or has what people cannot see")
        ranks = [association.rank for association in self.associations]
        if any(rank.of != self.permutations for rank in ranks) or ranks != sorted(
            ranks, key=lambda rank: rank.at_least
        ):
            raise ValueError("facts that are not in the order of their p-values")
        for association in self.associations:
            counts = association.counterfeit, association.authentic
            if not all(0 <= count <= of for count, of in zip(counts, self.specimens, strict=True)):
                raise ValueError(f"a rule that holds for {counts} of {self.specimens} specimens")

    @property
    def state(self) -> ConfoundingState:
        return ConfoundingState.CHECKED if self.associations else ConfoundingState.NOT_CHECKED

    @property
    def p(self) -> Fraction | None:
        """The p-value of the strongest association, which is that of all facts together."""
        return self.associations[0].p if self.associations else None

    @property
    def predictors(self) -> tuple[FactAssociation, ...]:
        """The facts that predict the label."""
        return tuple(each for each in self.associations if not each.rank.above(Fraction(self.alpha)))

    def sentences(self) -> list[str]:
        """Return what was found, by how many permutations, and what was left out and why."""
        reasons = sorted({reason for _, reason in self.left_out})
        left_out = [f"left out, because {reason}: {', '.join(self._left_out_for(reason))}" for reason in reasons]
        if self.p is None:
            return [f"whether imaging predicts the label: not checked, because {self._reason()}", *left_out]
        counterfeit, authentic = self.specimens
        predicting = [
            f"the {a.fact} predicts the label (p = {float(a.p):.4g}): it is {a.rule} for {a.authentic} of {authentic} "
            f"authentic specimens, and for {a.counterfeit} of {counterfeit} counterfeit ones"
            for a in self.predictors
        ]
        none = f"no fact about imaging was found to predict the label (p = {float(self.p):.4g})"
        facts = ", ".join(association.fact for association in self.associations)
        tested = f"tested: {facts}; by {self.permutations:,} permutations of the labels of {self.unit}s"
        return [*(predicting or [none]), tested, *self._caveat(), *left_out]

    def _left_out_for(self, why: str) -> list[str]:
        return [fact for fact, reason in self.left_out if reason == why]

    def _reason(self) -> str:
        if not all(self.specimens):
            return "not both labels are present"
        return "no fact about imaging varies enough" if self.left_out else "no facts about imaging are stated"

    def _caveat(self) -> list[str]:
        if self.unit is PermutationUnit.MAKER or self.makers == self.specimens:
            return []
        counterfeit, authentic = self.makers
        few = f"labels of makers ({authentic} authentic, {counterfeit} counterfeit) cannot be permuted"
        return [f"{few}: a fact that goes with the maker may predict the label by chance"]


@dataclass(frozen=True, slots=True)
class RobustnessIndex:
    """Ordered pairs of specimens, and those of them of which the second is among the first one's nearest neighbours."""

    reason: str | None  # why the index is undefined; None if it is defined
    neighbours: int  # of each specimen
    specimens: int
    same_maker: int = 0  # neighbours of the same maker and another device
    same_device: int = 0  # neighbours of the same device and another maker
    same_maker_pairs: int = 0
    same_device_pairs: int = 0

    def __post_init__(self) -> None:
        """Refuse counts that contradict each other."""
        pairs = (self.same_maker, self.same_maker_pairs), (self.same_device, self.same_device_pairs)
        ordered = all(0 <= near <= of <= self.specimens**2 for near, of in pairs) and self.neighbours > 0
        if not ordered or self.specimens < 0 or (self.reason is None and not all(of for _, of in pairs)):
            raise ValueError(f"a robustness index of {pairs} pairs of {self.specimens} specimens")
        if self.reason is not None and not (0 < len(self.reason) <= _LONGEST_TEXT and is_plain(self.reason)):
            raise ValueError("a robustness index with a reason that nobody can read")

    @property
    def state(self) -> ConfoundingState:
        return ConfoundingState.NOT_CHECKED if self.reason else ConfoundingState.CHECKED

    @property
    def value(self) -> Fraction | None:
        """The index; None if it is undefined, and where no neighbour is of the same device and another maker."""
        if self.reason or not self.same_device:
            return None
        return Fraction(self.same_maker * self.same_device_pairs, self.same_device * self.same_maker_pairs)

    @property
    def by_maker(self) -> bool:
        """Whether the index is defined and above 1."""
        return self.same_maker * self.same_device_pairs > self.same_device * self.same_maker_pairs

    def sentence(self) -> str:
        if self.reason:
            return f"whether embeddings cluster by maker or by device: not checked, because {self.reason}"
        result = (
            "cluster by maker rather than by device" if self.by_maker else "do not cluster more by maker than by device"
        )
        index = "" if self.value is None else f" (robustness index {float(self.value):.2f})"
        return (
            f"embeddings {result}{index}: among the {self.neighbours} nearest neighbours of each of {self.specimens} "
            f"specimens, {self.same_maker} of {self.same_maker_pairs} pairs of one maker and two devices, "
            f"and {self.same_device} of {self.same_device_pairs} pairs of one device and two makers"
        )


@dataclass(frozen=True, slots=True)
class ImagingClaim:
    """What a bundle states of the imaging of its enrolled specimens."""

    check: ConfoundingCheck
    index: RobustnessIndex

    @property
    def confounded(self) -> bool | None:
        """Whether a fact about imaging predicts the label; None if that was not checked."""
        return None if self.check.state is ConfoundingState.NOT_CHECKED else bool(self.check.predictors)

    def sentences(self) -> list[str]:
        """Return what was found of facts about imaging, and of what embeddings cluster by."""
        return [*self.check.sentences(), self.index.sentence()]
