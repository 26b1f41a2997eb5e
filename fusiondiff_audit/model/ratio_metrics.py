"""Metrics of likelihood ratios: Cllr and its parts, and the data of Tippett and PAV plots.

Cllr = (mean of log2(1 + 1 / LR) where the first proposition is true + mean of log2(1 + LR) where the second is) / 2
(Brummer and du Preez 2006). Cllr_min is the Cllr of the best ratios that keep the order: those of isotonic regression,
found by the pool-adjacent-violators algorithm (PAV), with equal ratios pooled first.
"""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt
from sklearn.isotonic import isotonic_regression

from reports.verdict.likelihood_ratio import CalibrationQuality

Floats = npt.NDArray[np.float64]
_DECIMALS = 4  # of a Cllr


@dataclass(frozen=True, slots=True, eq=False)
class LogRatios:
    """Natural logarithms of likelihood ratios, by which proposition is true; infinite ones are allowed."""

    reference: Floats
    others: Floats

    def __post_init__(self) -> None:
        """Refuse a proposition without a ratio, and ratios that are not numbers."""
        if not (self.reference.size and self.others.size):
            raise ValueError("each proposition needs a likelihood ratio")
        if np.isnan(self.reference).any() or np.isnan(self.others).any():
            raise ValueError("a likelihood ratio that is not a number")


@dataclass(frozen=True, slots=True, eq=False)
class PavCurve:
    """Decimal logarithms of each distinct ratio, and of what PAV makes of it, which may be infinite."""

    log_ratio: Floats
    pav: Floats


@dataclass(frozen=True, slots=True, eq=False)
class TippettCurves:
    """The share of ratios that are no smaller than each distinct ratio, of which it has the decimal logarithm."""

    log_ratio: Floats
    reference: Floats
    others: Floats


def cllr(ratios: LogRatios) -> float:
    """Return the cost of log likelihood ratios in bits; it is infinite where a ratio is infinitely wrong."""
    reference = np.logaddexp2(0, -ratios.reference / np.log(2)).mean()
    return float(reference + np.logaddexp2(0, ratios.others / np.log(2)).mean()) / 2


def pav(ratios: LogRatios) -> LogRatios:
    """Return the logarithms that PAV makes of these."""
    _, optimal, places = _pooled(ratios)
    of_each = optimal[places]
    return LogRatios(of_each[: ratios.reference.size], of_each[ratios.reference.size :])


def pav_curve(ratios: LogRatios) -> PavCurve:
    distinct, optimal, _ = _pooled(ratios)
    return PavCurve(distinct / np.log(10), optimal / np.log(10))


def _pooled(ratios: LogRatios) -> tuple[Floats, Floats, npt.NDArray[np.intp]]:
    """Return the distinct logarithms, what PAV makes of them, and the place of each ratio among them."""
    of_reference, of_others = ratios.reference.size, ratios.others.size
    distinct, places, counts = np.unique(
        np.concatenate((ratios.reference, ratios.others)), return_inverse=True, return_counts=True
    )
    truth = np.repeat((1.0, 0.0), (of_reference, of_others))
    shares = np.bincount(places, truth) / counts
    posterior = np.asarray(isotonic_regression(shares, sample_weight=counts.astype(float)))
    with np.errstate(divide="ignore"):  # a block of one class alone
        optimal = np.log(posterior) - np.log1p(-posterior) - np.log(of_reference / of_others)
    return distinct, optimal, places


def tippett_curves(ratios: LogRatios) -> TippettCurves:
    distinct = np.unique(np.concatenate((ratios.reference, ratios.others)))

    def share(logs: Floats) -> Floats:
        return 1 - np.searchsorted(np.sort(logs), distinct, side="left") / logs.size

    return TippettCurves(distinct / np.log(10), share(ratios.reference), share(ratios.others))


def calibration_quality(ratios: LogRatios) -> CalibrationQuality:
    """Return Cllr, its least value after PAV, and the counts; an infinite Cllr is refused."""
    cost = cllr(ratios)
    least = min(cllr(pav(ratios)), cost, 1.0)  # PAV is optimal: only rounding could put it above
    return CalibrationQuality(
        Decimal(f"{cost:.{_DECIMALS}f}"),
        Decimal(f"{least:.{_DECIMALS}f}"),
        ratios.reference.size,
        ratios.others.size,
        int((ratios.reference < 0).sum()),
        int((ratios.others > 0).sum()),
    )
