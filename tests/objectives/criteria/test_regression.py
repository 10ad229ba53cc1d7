"""What losses of numbers estimate, and what the survey has wrong of them."""

import pytest
import torch

from glassworks.objectives.catalogue.table import LOSSES
from glassworks.objectives.criteria.regression import gaussian_crps, huber, quantile

SKEWED = torch.distributions.LogNormal(0.0, 1.0).icdf(torch.linspace(0.001, 0.999, 999, dtype=torch.float64))


def best_number(name: str, targets: torch.Tensor, **settings: float) -> float:
    """The one number whose loss over all targets is the least."""
    candidates = torch.linspace(0, 6, 6001, dtype=torch.float64)
    losses = torch.stack([LOSSES[name].function(guess.expand_as(targets), targets, **settings) for guess in candidates])
    return candidates[losses.argmin()].item()


def test_each_estimates_what_its_record_says() -> None:
    mean, median = SKEWED.mean().item(), SKEWED.median().item()
    assert best_number("mse", SKEWED) == pytest.approx(mean, abs=2e-3)
    assert best_number("mae", SKEWED) == pytest.approx(median, abs=2e-3)
    assert best_number("poisson", SKEWED, log_input=False) == pytest.approx(mean, abs=2e-3)
    assert best_number("quantile", SKEWED, q=0.75) == pytest.approx(SKEWED.quantile(0.75).item(), abs=5e-3)
    assert median < best_number("huber", SKEWED) < mean
    assert median < best_number("log_cosh", SKEWED) < mean
    assert best_number("huber", SKEWED, delta=1e3) == pytest.approx(mean, abs=2e-3)


@pytest.mark.parametrize(("name", "pull"), [("mae", 1), ("huber", 1), ("log_cosh", 1), ("quantile", 0.5), ("mse", 2e6)])
def test_an_outlier_pulls_as_much_as_the_record_says(name: str, pull: float) -> None:
    guess = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    LOSSES[name].function(guess, torch.full((1,), 1e6, dtype=torch.float64)).backward()
    assert guess.grad is not None
    assert -guess.grad.item() == pytest.approx(pull)


def test_survey_huber_has_a_derivative_at_delta() -> None:
    """The survey says that it has none."""
    slopes = []
    for at in (1.5 - 1e-9, 1.5, 1.5 + 1e-9):
        guess = torch.tensor([0.0], dtype=torch.float64, requires_grad=True)
        huber(guess, torch.tensor([at], dtype=torch.float64), delta=1.5).backward()
        assert guess.grad is not None
        slopes.append(guess.grad.item())
    assert slopes == pytest.approx([-1.5] * 3, abs=1e-8)


def test_a_sharp_forecast_scores_as_its_absolute_error() -> None:
    at = torch.tensor([3.0], dtype=torch.float64)
    assert gaussian_crps(torch.zeros_like(at), at, torch.full_like(at, 1e-9)).item() == pytest.approx(3)


def test_what_is_no_quantile_is_refused() -> None:
    with pytest.raises(ValueError, match=r"q \(=1.0\)"):
        quantile(SKEWED, SKEWED, q=1.0)
    with pytest.raises(ValueError, match="deviations must be above 0"):
        gaussian_crps(SKEWED, SKEWED, 0 * SKEWED)
