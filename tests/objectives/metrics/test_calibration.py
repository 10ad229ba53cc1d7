import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.calibration import calibration_curve

from glassworks.objectives.metrics.calibration import (
    COLDEST,
    bin_edges,
    bin_of,
    ece_of_the_calibrated,
    fit_temperature,
    reliability,
)
from glassworks.objectives.metrics.classification import log_losses, log_softmax


def drawn(temperature: float, n: int = 2000, classes: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are `temperature` times as large as the truth, and targets."""
    generator = np.random.default_rng(seed)
    truth = generator.normal(0, 1.5, (n, classes))
    targets = (log_softmax(truth) + generator.gumbel(size=(n, classes))).argmax(1)
    return temperature * truth, targets


def test_the_error_by_hand() -> None:
    confidence = np.array([0.55, 0.6, 0.9, 1.0])
    found = reliability(confidence, np.array([True, False, True, True]), np.array([0, 0.5, 0.75, 1]))
    assert found.counts.tolist() == [0, 2, 2]
    np.testing.assert_allclose(found.confidence, [np.nan, 0.575, 0.95])
    np.testing.assert_allclose(found.accuracy, [np.nan, 0.5, 1])
    assert found.ece == pytest.approx((2 * 0.075 + 2 * 0.05) / 4)


@pytest.mark.parametrize(("bins", "strategy"), [("width", "uniform"), ("mass", "quantile")])
def test_bins_are_scikit_learns(bins: str, strategy: str) -> None:
    generator = np.random.default_rng(0)
    p = generator.random(1000)
    right = generator.random(1000) < p
    found = reliability(p, right, bin_edges(p, bins, 10))
    accuracy, confidence = calibration_curve(right, p, n_bins=10, strategy=strategy)
    np.testing.assert_allclose(found.accuracy, accuracy, atol=0.011 if bins == "mass" else 1e-12)  # quantiles between
    np.testing.assert_allclose(found.confidence, confidence, atol=0.011 if bins == "mass" else 1e-12)
    if bins == "mass":
        assert found.counts.tolist() == [100] * 10


def test_equal_confidences_stay_in_one_bin() -> None:
    p = np.array([0.5] * 50 + [1.0] * 50)
    edges = bin_edges(p, "mass", 15)
    assert edges.tolist() == [0, 0.5, 1]
    assert bin_of(p, edges).tolist() == [0] * 50 + [1] * 50
    assert bin_edges(np.ones(3), "mass").tolist() == [0, 1]
    assert bin_of(np.array([0.0, 1.0]), bin_edges(p)).tolist() == [0, 14]


def test_the_calibrated_are_within_their_bound_and_the_overconfident_are_not() -> None:
    for factor, within in ((1.0, True), (3.0, False)):
        logits, targets = drawn(factor, seed=1)
        p = np.exp(log_softmax(logits))
        confidence, edges = p.max(1), bin_edges(p.max(1))
        ece = reliability(confidence, p.argmax(1) == targets, edges).ece
        mean, bound = ece_of_the_calibrated(confidence, edges)
        assert 0 < mean < bound
        assert (ece < bound) == within


@pytest.mark.parametrize("factor", [0.2, 1.0, 3.0, 20.0])
def test_the_temperature_is_found_again(factor: float) -> None:
    logits, targets = drawn(factor, 20_000)
    found = fit_temperature(logits, targets)
    assert found == pytest.approx(factor, rel=0.03)
    best = minimize_scalar(
        lambda t: log_losses(log_softmax(logits / np.exp(t)), targets).mean(), bounds=(-4, 4), options={"xatol": 1e-9}
    )
    assert found == pytest.approx(np.exp(best.x), rel=1e-5)
    shifted = log_softmax(logits)
    assert fit_temperature(shifted, targets) == pytest.approx(found)  # logarithms of probabilities are logits


def test_two_examples_have_a_temperature_by_hand() -> None:
    # p = 2/3 is best where two of three are right: logits that differ by 1 must differ by ln 2
    logits = np.array([[1.0, 0.0]] * 3)
    assert fit_temperature(logits, np.array([0, 0, 1])) == pytest.approx(1 / np.log(2))


def test_where_no_temperature_is_best_it_says_so() -> None:
    logits = np.array([[2.0, 0.0], [0.0, 1.0]])
    with pytest.raises(ValueError, match="every example is predicted rightly"):
        fit_temperature(logits, np.array([0, 1]))
    with pytest.raises(ValueError, match="less of the targets than chance"):
        fit_temperature(logits, np.array([1, 0]))
    with pytest.raises(ValueError, match="empty"):
        fit_temperature(logits[:0], np.array([], np.int64))
    faint = np.array([[1e-4, 0.0]] * 3)
    assert fit_temperature(faint, np.array([0, 0, 1])) == COLDEST


def test_refuses_no_bins_and_no_examples() -> None:
    with pytest.raises(ValueError, match=r"number \(=0\)"):
        bin_edges(np.ones(3), "width", 0)
    with pytest.raises(ValueError, match="empty"):
        reliability(np.ones(0), np.ones(0, bool), np.array([0.0, 1.0]))
