"""Confounding: whether facts about the imaging of specimens predict their labels.

A model that is enrolled with authentic specimens of one microscope and counterfeit ones of another learns the
microscope. Facts about imaging are the device, the imaging session, the format and size of files, and the like.

The associations of all facts with the label are standardised by their permutation distributions, and p-values are
adjusted for the number of facts by the step-down maximum of Westfall and Young (1993): if no fact depends on the label,
some fact stands out at a level of 5 % in at most 5 % of enrolments. A fact that cannot reach the level whatever the
labels is left out and named, so that too few data are not taken for good data.

What is permuted: the labels of makers, if each maker has one label and each label has at least ten makers; otherwise
the labels of specimens. The latter is valid only if each specimen was imaged independently of others of its maker.
Where makers were imaged one after another, facts such as the imaging session stand out more often than the level says:
they do predict the label among these specimens, perhaps by chance, and a sentence says so. Fewer makers are not
permuted, because too many devices that predict the label would escape (of 25 + 25 specimens, one that imaged 80 % of
authentic and 20 % of counterfeit ones is found in 98 of 100 enrolments by labels of specimens, in 97 by those of ten
makers a label, in 83 by those of five). Only more makers, or imaging in random order, can tell.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.model.enrolment import Embeddings, Indices
from fusiondiff_audit.training.fact_association import FactValue, Labels, NumberFact, TextFact, fact_of
from reports.arithmetic import Rank
from reports.verdict.confounding import ConfoundingCheck, FactAssociation, PermutationUnit

PERMUTATIONS = 9_999
LEAST_MAKERS = 10  # of each label, where labels of makers are permuted; fewer have too little power
_CHUNK = 1 << 22  # permuted labels that are held in memory at once
_DIGITS = 9  # sums in another order differ by less, and have to count as equal
_Statistics = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ImagedSpecimen:
    """An enrolled specimen with the facts about its imaging; a fact that its mapping lacks is not stated."""

    name: str
    authentic: bool
    maker: str
    facts: Mapping[str, FactValue]
    embedding: Embeddings | None = None


def check_confounding(
    specimens: Sequence[ImagedSpecimen], *, alpha: Decimal, seed: int, permutations: int = PERMUTATIONS
) -> ConfoundingCheck:
    """Test whether facts about imaging predict the label; the order of specimens does not matter.

    ValueError: a specimen occurs twice, a fact has texts and numbers, or so few permutations cannot reach the level.
    """
    if not 0 < alpha < 1 or (1 + permutations) * alpha < 1:
        raise ValueError(f"{permutations} permutations at a level of {alpha}")
    specimens = sorted(specimens, key=lambda specimen: specimen.name)
    if len({specimen.name for specimen in specimens}) < len(specimens):
        raise ValueError("a specimen occurs twice")
    labels = np.array([specimen.authentic for specimen in specimens], dtype=bool)
    names = sorted({name for specimen in specimens for name in specimen.facts})
    facts = {name: fact_of(name, [specimen.facts.get(name) for specimen in specimens]) for name in names}
    makers, unit = _makers(specimens)
    associations, left_out = [], []
    if facts and labels.any() and not labels.all():
        members = [s.maker if unit is PermutationUnit.MAKER else s.name for s in specimens]
        _, firsts, owners = np.unique(members, return_index=True, return_inverse=True)
        labellings = (chunk[:, owners] for chunk in _labellings(labels[firsts], permutations, seed))
        statistics = _statistics(list(facts.values()), labellings)
        attained = (statistics == statistics.max(0)).mean(0)  # how often the greatest association is reached
        tested = {name: column for column, name in enumerate(names) if attained[column] <= float(alpha)}
        left_out = [(name, _why_left_out(facts[name], owners, unit)) for name in names if name not in tested]
        for name, exceedances in _adjusted(list(tested), statistics[:, list(tested.values())]):
            rule, holds = facts[name].rule(labels)
            counts = int((holds & labels).sum()), int((holds & ~labels).sum())
            associations.append(FactAssociation(name, Rank(exceedances, permutations), rule or None, *counts))
    numbers = (int((~labels).sum()), int(labels.sum()))
    return ConfoundingCheck(alpha, numbers, makers, unit, permutations, tuple(associations), tuple(left_out))


def _makers(specimens: Sequence[ImagedSpecimen]) -> tuple[tuple[int, int], PermutationUnit]:
    """Return the numbers of counterfeit and authentic makers, and whose labels are permuted."""
    counterfeit, authentic = (
        {specimen.maker for specimen in specimens if specimen.authentic is label} for label in (False, True)
    )
    enough = min(len(counterfeit), len(authentic)) >= LEAST_MAKERS and not counterfeit & authentic
    several = len(specimens) > len(counterfeit | authentic)  # specimens of a maker
    unit = PermutationUnit.MAKER if enough and several else PermutationUnit.SPECIMEN
    return (len(counterfeit), len(authentic)), unit


def _labellings(labels: Labels, permutations: int, seed: int) -> Iterator[Labels]:
    """Yield the labels as they are, and permuted; the raw stream of PCG64 is the same in all versions of numpy."""
    yield labels[None]
    generator, rows = np.random.PCG64(seed), max(1, _CHUNK // len(labels))
    for start in range(0, permutations, rows):
        keys = generator.random_raw((min(rows, permutations - start), len(labels)))
        yield labels[keys.argsort(axis=1, kind="stable")]


def _statistics(facts: Sequence[TextFact | NumberFact], labellings: Iterator[Labels]) -> _Statistics:
    """Return the association of each fact (columns) with each labelling (rows)."""
    chunks = [np.stack([fact.associations(chunk) for fact in facts], 1) for chunk in labellings]
    return np.concatenate(chunks).round(_DIGITS)


def _adjusted(names: Sequence[str], statistics: _Statistics) -> list[tuple[str, int]]:
    """Return the facts, strongest first, by the step-down maximum of Westfall and Young.

    Each comes with the number of permuted labels for which it, or a weaker fact, is associated as strongly as it is.
    """
    standardised = ((statistics - statistics.mean(0)) / statistics.std(0)).round(_DIGITS)
    order = np.argsort(-standardised[0], kind="stable")
    maxima = np.maximum.accumulate(standardised[:, order[::-1]], axis=1)[:, ::-1]  # over a fact and all weaker ones
    exceedances = np.maximum.accumulate((maxima[1:] >= maxima[0]).sum(0))
    return [(names[i], int(count)) for i, count in zip(order, exceedances, strict=True)]


def _why_left_out(fact: TextFact | NumberFact, owners: Indices, unit: PermutationUnit) -> str:
    if len(fact.values) == 1:
        return "it does not vary"
    if len({*zip(fact.codes.tolist(), owners.tolist(), strict=True)}) == len(fact.values):
        return f"no two {unit}s have the same value"
    return f"too few {unit}s differ in it"
