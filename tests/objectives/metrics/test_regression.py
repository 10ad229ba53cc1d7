import numpy as np
import pytest
from sklearn import metrics

from glassworks.objectives.metrics.regression import conformal_offsets, mae, pinball_losses, r2, rmse


def test_as_scikit_learn_has_it() -> None:
    generator = np.random.default_rng(0)
    y = generator.normal(3, 2, 300)
    p = y + generator.normal(0.2, 1, 300)
    assert rmse(y, p) == pytest.approx(metrics.root_mean_squared_error(y, p))
    assert mae(y, p) == pytest.approx(metrics.mean_absolute_error(y, p))
    assert r2(y, p) == pytest.approx(metrics.r2_score(y, p))
    for q in (0.05, 0.5, 0.9):
        assert pinball_losses(y, p, q).mean() == pytest.approx(metrics.mean_pinball_loss(y, p, alpha=q))


def test_by_hand() -> None:
    y, p = np.array([1.0, 3.0]), np.array([2.0, 1.0])
    assert (rmse(y, p), mae(y, p), r2(y, p)) == (pytest.approx(np.sqrt(2.5)), 1.5, pytest.approx(-1.5))
    np.testing.assert_allclose(pinball_losses(y, p, 0.9), [0.1, 1.8])
    assert np.isnan(r2(np.ones(3), np.zeros(3)))


@pytest.mark.parametrize("q", [0.05, 0.5, 0.95])
def test_conformal_quantiles_hold_as_often_as_they_say(q: float) -> None:
    """On the mean over validation parts, whatever the distribution: it is skewed here, and n is small."""
    generator = np.random.default_rng(0)
    below = []
    for _ in range(3000):
        residuals = generator.exponential(1, 39) - 0.3
        offset = conformal_offsets(residuals, [q])[0]
        below.append((generator.exponential(1, 20) - 0.3 <= offset).mean())
    assert np.mean(below) == pytest.approx(q, abs=0.01)  # 40 q is whole: the guarantee is exact


def test_too_few_residuals_say_nothing_of_the_tails() -> None:
    assert conformal_offsets(np.arange(18.0), [0.05, 0.95]) == [-np.inf, np.inf]
    assert conformal_offsets(np.arange(19.0), [0.05, 0.95]) == [0, 18]
    assert conformal_offsets(np.array([]), [0.5]) == [np.inf]


def test_refuses_what_is_no_quantile() -> None:
    with pytest.raises(ValueError, match=r"quantile \(=1.0\)"):
        pinball_losses(np.ones(2), np.ones(2), 1.0)
