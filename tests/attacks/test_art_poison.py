"""Poisons and detectors of the toolbox on toy learners: they run within their budgets, and break no certificate."""

import numpy as np
import pytest
import torch
from art.defences.detector.evasion import BinaryInputDetector, SubsetScanningDetector
from art.defences.detector.poison import ActivationDefence, RONIDefense, SpectralSignatureDefense
from art.defences.transformer.poisoning import STRIP
from art.estimators.classification import PyTorchClassifier, SklearnClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.svm import SVC
from torch import nn

from attacks.poison.harness import PoisonPlan
from attacks.poison.threat import PoisonBudget
from attacks.poison_catalogue import POISONS
from tests.attacks.poison_toys import ToyLearner
from tests.attacks.test_poison import WIDE, trial_of

pytestmark = pytest.mark.slow
TOOLBOX = [name for name in POISONS if name.startswith("art-")]


def plan(name: str, specimens: int) -> PoisonPlan:
    return PoisonPlan(name, POISONS[name].poison, PoisonBudget(specimens, WIDE, 20))


@pytest.mark.parametrize("name", TOOLBOX)
def test_every_poison_of_the_toolbox_stays_within_its_budget_and_breaks_no_certificate(name: str) -> None:
    trial = trial_of(plan(name, 2), ToyLearner(5))
    assert trial.ran, trial.problem
    assert trial.specimens in (1, 2)
    assert trial.certified > 0
    assert trial.broken == ()


@pytest.mark.parametrize("name", ["art-hidden-trigger", "art-gradient-matching"])
def test_a_toolbox_poison_of_many_specimens_changes_a_label(name: str) -> None:
    trial = trial_of(plan(name, 12), ToyLearner(straight=name == "art-gradient-matching"))
    assert trial.ran, trial.problem
    assert trial.turned


def planted() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows of two classes, one-hot labels, and the flags of rows with wrong labels."""
    rng = np.random.default_rng(0)
    rows = np.concatenate(
        [rng.normal(-1, 0.3, (40, 6)), rng.normal(1, 0.3, (40, 6)), rng.normal((-1, 4), 0.1, (8, 2)) @ np.eye(2, 6)]
    )
    labels = np.repeat([0, 1, 1], [40, 40, 8])
    return rows.astype(np.float32), np.eye(2, dtype=np.float32)[labels], np.arange(88) >= 80


def network(rows: np.ndarray, labels: np.ndarray, *, shares: bool = False) -> PyTorchClassifier:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2), *([nn.Softmax(1)] if shares else []))
    classifier = PyTorchClassifier(
        model=model,
        loss=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=0.05),
        input_shape=(6,),
        nb_classes=2,
        device_type="cpu",
    )
    classifier.fit(rows, labels, nb_epochs=20)
    return classifier


@pytest.mark.parametrize("analysis", ["smaller", "distance", "silhouette-scores"])
@pytest.mark.parametrize("reduce", ["PCA", "FastICA"])
def test_activation_defence_runs(analysis: str, reduce: str) -> None:
    rows, labels, bad = planted()
    defence = ActivationDefence(network(rows, labels), rows, labels)
    _, clean = defence.detect_poison(nb_clusters=2, nb_dims=3, reduce=reduce, cluster_analysis=analysis)
    assert len(clean) == len(bad)


def test_spectral_signatures_run() -> None:
    rows, labels, bad = planted()
    defence = SpectralSignatureDefense(network(rows, labels), rows, labels, expected_pp_poison=0.1, batch_size=32)
    _, clean = defence.detect_poison()
    assert len(clean) == len(bad)
    assert 0 < clean.count(0) < len(bad)


def right(shares: np.ndarray, truth: np.ndarray) -> float:
    """Return the accuracy; the toolbox's own function compares labels with probabilities."""
    return float((shares.argmax(1) == truth.argmax(1)).mean())


def test_roni_runs_on_a_forest_with_our_accuracy_function() -> None:
    rows, labels, _ = planted()
    forest = SklearnClassifier(RandomForestClassifier(5, random_state=0))
    forest.fit(rows, labels)

    order = np.random.default_rng(1).permutation(len(rows))
    tested, trusted = order[:20], order[20:]
    defence = RONIDefense(
        forest, rows[tested], labels[tested], rows[trusted], labels[trusted], perf_func=right, eps=0.05
    )
    _, clean = defence.detect_poison()
    assert len(clean) == len(tested)


@pytest.mark.filterwarnings("ignore:The `probability` parameter:FutureWarning")  # the toolbox asks for shares
def test_roni_runs_on_support_vectors() -> None:
    rows, labels, _ = planted()
    machine = SklearnClassifier(SVC(kernel="linear", probability=True))
    machine.fit(rows, labels)
    order = np.random.default_rng(1).permutation(len(rows))
    tested, trusted = order[:20], order[20:]
    defence = RONIDefense(machine, rows[tested], labels[tested], rows[trusted], labels[trusted], perf_func=right)
    assert len(defence.detect_poison()[1]) == len(tested)


def test_strip_runs_on_probabilities() -> None:
    rows, labels, _ = planted()
    guard = STRIP(network(rows, labels, shares=True))(num_samples=10, false_acceptance_rate=0.05)
    guard.mitigate(rows[:40])
    assert guard.predict(rows[:8]).shape == (8, 2)


def test_detectors_of_altered_inputs_run() -> None:
    rows, labels, bad = planted()
    judge = network(rows, np.eye(2, dtype=np.float32)[bad.astype(int)])
    report, flags = BinaryInputDetector(judge).detect(rows)
    assert flags.sum() > 0
    assert set(report) == {"predictions"}
    scan = SubsetScanningDetector(network(rows, labels), rows[:40], 0)
    clean, altered, power = scan.scan(rows[40:60], 5 * rows[60:80])
    assert len(clean)
    assert len(altered)
    assert 0 <= power <= 1
