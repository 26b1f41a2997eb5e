"""What an enrolment says of itself: ranks of its specimens, of makers that are left out, and likelihood ratios.

A maker that is left out stands for makers that nobody enrolled: every model is fitted again without its ware.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from fusiondiff_audit.model.cross_conformal import CrossConformal, can_fit
from fusiondiff_audit.model.findings import Class
from fusiondiff_audit.model.likelihood_ratio import EnrolledScore, cross_fitted_ratios, fit_calibrator, ratio_sample
from fusiondiff_audit.model.ratio_metrics import calibration_quality
from fusiondiff_audit.model.specimens import TiledSpecimen
from reports.verdict.enrolment_ranks import EnrolmentRanks, LeftOutMaker, RankPair
from reports.verdict.likelihood_ratio import Alternative, CalibrationQuality, RatioCalibrator

MakerProgress = Callable[[str], Callable[[int, int], None]]  # of the fit without a maker, by the maker's name
_SEED = b"left out"  # of the draw of tiles


@dataclass(frozen=True, slots=True)
class EnrolmentFigures:
    """What a bundle states of its own enrolment; each calibrator comes with its quality."""

    ranks: EnrolmentRanks | None = None  # None: too few specimens are enrolled
    ratios: tuple[RatioCalibrator, ...] = ()
    ratio_quality: tuple[CalibrationQuality, ...] = ()


def silent(maker: str) -> Callable[[int, int], None]:
    return lambda done, of: None


def measure_enrolment(
    conformal: CrossConformal, *, trees: int, seed: int, progress: MakerProgress = silent
) -> EnrolmentFigures:
    """Return ranks and calibrators of an enrolment; makers are left out where copies of others remain to fit to."""
    specimens = conformal.specimens
    scores = conformal.enrolled_scores()[:, Class.AUTHENTIC]
    enrolled_scores = [
        EnrolledScore(float(-score), specimen.authentic, specimen.maker)
        for score, specimen in zip(scores, specimens, strict=True)
    ]
    left_out_scores = [score for score in enrolled_scores if score.authentic]
    left_out = []
    for maker, own_copies, others in without_each_maker(specimens):
        projection = conformal.models[0].projection
        without = CrossConformal.fit(others, projection, trees=trees, seed=seed, progress=progress(maker))
        ranks = [without.ranks(specimen.images, specimen.name, _SEED) for specimen in own_copies]
        left_out_scores += [EnrolledScore(each.score, authentic=False, maker=maker) for each in ranks]
        left_out.append(LeftOutMaker(maker, tuple(RankPair(each.authentic, each.counterfeit) for each in ranks)))
    pairs = list(zip(specimens, conformal.enrolled_ranks(), strict=True))
    own, copies = (tuple(pair for specimen, pair in pairs if specimen.authentic is label) for label in (True, False))
    possible_samples = (
        ratio_sample(enrolled_scores, Alternative.ENROLLED_MAKERS),
        ratio_sample(left_out_scores, Alternative.ANOTHER_MAKER),
    )
    samples = [sample for sample in possible_samples if sample is not None]
    return EnrolmentFigures(
        EnrolmentRanks(own, copies, tuple(left_out)),
        tuple(fit_calibrator(sample) for sample in samples),
        tuple(calibration_quality(cross_fitted_ratios(sample)) for sample in samples),
    )


def without_each_maker(
    specimens: Sequence[TiledSpecimen],
) -> Iterator[tuple[str, list[TiledSpecimen], list[TiledSpecimen]]]:
    """Yield each maker of copies with its copies and all other specimens, where these suffice to fit models to."""
    for maker in sorted({specimen.maker for specimen in specimens if not specimen.authentic}):
        copies = [specimen for specimen in specimens if not specimen.authentic and specimen.maker == maker]
        others = [specimen for specimen in specimens if specimen.authentic or specimen.maker != maker]
        if can_fit(others):
            yield maker, copies, others
