"""The tool's own rule in the benchmark `bench/2`: cross-conformal ranks of specimens, as an audit decides by them.

That a microscope was not enrolled is no reason here: ware through another microscope is judged as under a policy that
only remarks it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from fusiondiff_audit.evaluation.open_set import FitRule, OpenSetSpecimen, SpecimenAnswer
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.cross_conformal import FOLD_TREES, CrossConformal
from fusiondiff_audit.model.specimens import TiledSpecimen, TileFeatures
from reports.arithmetic import Rank, least_specimens
from reports.verdict.verdicts import Evidence, Label, Verdict, VerdictRules, verdict

OPEN_SET_ALPHA = Fraction(1, 20)
_DRAW = b"bench/2"  # of the tiles of enrolled specimens; an audit draws it when the batch is sealed


@dataclass(frozen=True, slots=True, eq=False)
class CrossConformalRule:
    """The ranks of specimens of one enrolment; satisfies `open_set.FittedRule`."""

    conformal: CrossConformal
    features: Sequence[TileFeatures]  # of every item of the task

    def judge(self, specimen: OpenSetSpecimen) -> SpecimenAnswer:
        """Return the verdict, and the mean nonconformity as authentic over the models of all folds."""
        images = [self.features[place] for place in specimen.images]
        ranks = self.conformal.ranks(images, specimen.name, _DRAW)
        answer = rank_verdict(
            ranks.authentic, ranks.counterfeit, OPEN_SET_ALPHA, spread=ranks.spread, weakest=ranks.weakest
        )
        return SpecimenAnswer(answer, -ranks.score)


def cross_conformal_rule(
    features: Sequence[TileFeatures], projection: TileFeatures, *, trees: int, seed: int
) -> FitRule:
    """Return the rule for the items of a task, whose features are given; forests are trained with `seed`."""

    def fit(enrolled: Sequence[OpenSetSpecimen]) -> CrossConformalRule:
        tiled = [tiled_specimen(specimen, features) for specimen in enrolled]
        return CrossConformalRule(CrossConformal.fit(tiled, projection, trees=trees, seed=seed), features)

    return fit


def rule_of_model(model: DiffusionModel, features: Sequence[TileFeatures], seed: int) -> FitRule:
    """Return the rule with a model's projection."""
    return cross_conformal_rule(features, model.encoder.projection(), trees=FOLD_TREES, seed=seed)


def tiled_specimen(specimen: OpenSetSpecimen, features: Sequence[TileFeatures]) -> TiledSpecimen:
    """Return a specimen with the features of its assessable images."""
    images = tuple(features[place] for place in specimen.images)
    return TiledSpecimen(specimen.name, specimen.maker, specimen.authentic, images)


def rank_verdict(
    authentic: Rank, counterfeit: Rank, alpha: Fraction, *, spread: Rank | None = None, weakest: Rank | None = None
) -> Verdict:
    """Return the verdict of an audit that follows from a specimen's ranks alone."""
    is_calibrated = min(authentic.of, counterfeit.of) >= least_specimens(alpha)
    ranks = (authentic, counterfeit, spread, weakest) if is_calibrated else ()
    decided, _ = verdict(Evidence((Label.AUTHENTIC,), *ranks), VerdictRules(alpha))  # no rule asks for the label
    return decided
