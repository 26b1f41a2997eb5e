"""Regression of many quantities from vectors: by ridge regression, and by a small network.

Targets are NaN where a quantity does not apply to a specimen. Vectors may have NaN, where something cannot be measured:
it is replaced by the mean, and marked in a further column.
"""

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold
from torch import nn

Vectors = npt.NDArray[np.float64]
_PENALTIES = np.logspace(-1, 6, 29)
_HIDDEN = 128
_DROPOUT = 0.3
_NETWORKS = 5  # each is stopped early by another part of the fitting specimens
_EPOCHS = 200
_BATCH = 64
_RATE, _DECAY = 2e-3, 0.05
_FEWEST = 3  # specimens that R² is computed of


def ridge_predictions(fit: Vectors, targets: Vectors, asked: Vectors) -> Vectors:
    """Return the predicted quantities of asked vectors; each quantity has its penalty by leave-one-out validation."""
    fit, asked = _standardised(fit, asked)
    predicted = np.full((len(asked), targets.shape[1]), np.nan)
    applies = np.isfinite(targets)
    for pattern in np.unique(applies, axis=1).T:  # quantities that apply to the same specimens
        columns = np.flatnonzero((applies == pattern[:, None]).all(0))
        if pattern.sum() >= _FEWEST:
            centred, centre, scale = _scaled(targets[np.ix_(pattern, columns)])
            ridge = RidgeCV(_PENALTIES, alpha_per_target=True).fit(fit[pattern], centred)
            predicted[:, columns] = ridge.predict(asked).reshape(len(asked), -1) * scale + centre
    return predicted


def network_predictions(fit: Vectors, targets: Vectors, asked: Vectors) -> Vectors:
    """Return the mean prediction of networks with one hidden layer."""
    fit, asked = _standardised(fit, asked)
    scaled, centre, scale = _scaled(targets)
    folds = KFold(_NETWORKS, shuffle=True, random_state=0)
    predicted = [
        _network(fit[learnt], scaled[learnt], fit[checked], scaled[checked], asked, seed)
        for seed, (learnt, checked) in enumerate(folds.split(fit))
    ]
    mean: Vectors = np.mean(predicted, axis=0) * scale + centre
    return mean


def r_squared(predicted: Vectors, targets: Vectors) -> Vectors:
    """Return R² of each quantity over the specimens to which it applies; NaN if there are too few."""
    shares = np.full(targets.shape[1], np.nan)
    for column in range(targets.shape[1]):
        applies = np.isfinite(targets[:, column])
        true, answer = targets[applies, column], predicted[applies, column]
        if applies.sum() >= _FEWEST and np.ptp(true) > 0:
            shares[column] = 1 - np.sum((answer - true) ** 2) / np.sum((true - true.mean()) ** 2)
    return shares


def _network(
    fit: Vectors, targets: Vectors, checked: Vectors, checked_targets: Vectors, asked: Vectors, seed: int
) -> Vectors:
    """Train a network, and return for each quantity the prediction at the epoch that was best on `checked`."""
    x, y, x_checked, y_checked, x_asked = (
        torch.from_numpy(array).float() for array in (fit, targets, checked, checked_targets, asked)
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Linear(x.shape[1], _HIDDEN), nn.ReLU(), nn.Dropout(_DROPOUT), nn.Linear(_HIDDEN, y.shape[1])
        )
        optimiser = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=_DECAY)
        best, kept = torch.full((y.shape[1],), torch.inf), torch.zeros(len(asked), y.shape[1])
        for _ in range(_EPOCHS):
            network.train()
            for rows in torch.randperm(len(x)).split(_BATCH):  # type: ignore[no-untyped-call]
                optimiser.zero_grad()
                # A NaN that is masked after the difference would still reach the gradient.
                known = y[rows].isfinite()
                residual = torch.where(known, network(x[rows]) - y[rows].nan_to_num(), 0)
                ((residual**2).sum() / known.sum()).backward()  # type: ignore[no-untyped-call]
                optimiser.step()
            network.eval()
            with torch.inference_mode():
                loss = torch.nanmean((network(x_checked) - y_checked) ** 2, 0)
                better = loss < best
                best = torch.where(better, loss, best)
                kept = torch.where(better, network(x_asked), kept)
    predicted: Vectors = kept.double().numpy()
    return predicted


def _standardised(fit: Vectors, asked: Vectors) -> tuple[Vectors, Vectors]:
    """Return vectors in units of the fitting part, with columns that mark what could not be measured."""
    unknown: npt.NDArray[np.bool_] = np.isnan(fit)
    measured: npt.NDArray[np.bool_] = ~np.all(unknown, axis=0)
    marked: npt.NDArray[np.bool_] = np.any(unknown[:, measured], axis=0)
    fit, asked = fit[:, measured], asked[:, measured]
    scaled, centre, scale = _scaled(fit)
    return _filled(scaled, marked), _filled((asked - centre) / scale, marked)


def _filled(scaled: Vectors, marked: npt.NDArray[np.bool_]) -> Vectors:
    return np.hstack([np.nan_to_num(scaled, nan=0.0), 2.0 * np.isnan(scaled[:, marked]) - 1])


def _scaled(values: Vectors) -> tuple[Vectors, Vectors, Vectors]:
    """Return columns with mean 0 and deviation 1 over what is known, with these means and deviations."""
    known = np.isfinite(values)
    counts = np.maximum(known.sum(0), 1)
    centre = np.where(known, values, 0).sum(0) / counts
    deviation = np.sqrt((np.where(known, values - centre, 0) ** 2).sum(0) / counts)
    scale = np.where(deviation > 1e-9, deviation, 1.0)
    return (values - centre) / scale, centre, scale
