"""What is known of losses of numbers."""

import math
from typing import Any

import numpy as np
import torch
from sklearn.metrics import mean_absolute_error, mean_pinball_loss, mean_poisson_deviance, mean_squared_error
from tests.objectives.criteria.case import Case, f64
from torch import Generator, Tensor, nn


def pair(draw: Generator) -> tuple[Tensor, Tensor]:
    return 2 * torch.randn(6, generator=draw, dtype=torch.float64), torch.randn(6, generator=draw, dtype=torch.float64)


def equal(draw: Generator) -> tuple[Tensor, Tensor]:
    targets = torch.randn(6, generator=draw, dtype=torch.float64)
    return targets, targets


def spread(draw: Generator) -> tuple[Tensor, Tensor, Tensor]:
    return *pair(draw), 0.5 + torch.rand(6, generator=draw, dtype=torch.float64)


def counts(draw: Generator) -> tuple[Tensor, Tensor]:
    rates = torch.randn(6, generator=draw, dtype=torch.float64)
    return rates, torch.randint(0, 6, (6,), generator=draw).double()


def moved(predictions: Tensor, targets: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    return predictions + 3, targets + 3, *others


def mirrored(predictions: Tensor, targets: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    return -predictions, -targets, *others


def swapped(predictions: Tensor, targets: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    return targets, predictions, *others


EVEN: dict[str, Any] = {"a shift of both": moved, "a sign of both": mirrored, "exchange": swapped}


def normal_log_density(predictions: Tensor, targets: Tensor, variances: Tensor) -> Tensor:
    found = -torch.distributions.Normal(predictions, variances.sqrt()).log_prob(targets) - math.log(2 * math.pi) / 2
    return found.mean()


def crps_by_summing(predictions: Tensor, targets: Tensor, deviations: Tensor) -> Tensor:
    """The integral that the score is: of the squared distance of both distribution functions."""
    x = torch.linspace(-30, 30, 120_001, dtype=torch.float64)
    found = [
        torch.trapezoid((torch.distributions.Normal(m, s).cdf(x) - (x >= y).double()).square(), x)
        for m, y, s in zip(predictions.detach(), targets, deviations.detach(), strict=True)
    ]
    return torch.stack(found).mean().round(decimals=3)


def poisson_deviance(predictions: Tensor, targets: Tensor) -> Tensor:
    """scikit-learn's deviance is twice the loss, less what it is at perfect rates."""
    y = targets.numpy()
    perfect = np.mean(y - np.where(y > 0, y * np.log(np.where(y > 0, y, 1)), 0))
    return torch.tensor(mean_poisson_deviance(y, predictions.detach().exp().numpy()) / 2 + perfect)


CASES = {
    "mse": Case(
        pair,
        [((f64(1, 2), f64(1, 4)), {}, 2.0)],
        equal,
        peers=[({}, nn.MSELoss()), ({}, lambda p, t: mean_squared_error(t, p.detach()))],
        same=EVEN,
        weighs="elements",
    ),
    "mae": Case(
        pair,
        [((f64(1, 2), f64(1, 4)), {}, 1.0)],
        equal,
        peers=[({}, nn.L1Loss()), ({}, lambda p, t: mean_absolute_error(t, p.detach()))],
        same=EVEN,
        weighs="elements",
    ),
    "huber": Case(
        pair,
        [((f64(0, 0), f64(0.5, 3)), {}, (0.125 + 2.5) / 2), ((f64(0), f64(3)), {"delta": 2.0}, 4.0)],
        equal,
        peers=[({"delta": 0.7}, nn.HuberLoss(delta=0.7))],
        same=EVEN,
        weighs="elements",
    ),
    "log_cosh": Case(
        pair,
        [((f64(0), f64(1)), {}, math.log(math.cosh(1))), ((f64(0), f64(1000)), {}, 1000 - math.log(2))],
        equal,
        peers=[({}, lambda p, t: (t - p).cosh().log().mean())],
        same=EVEN,
        weighs="elements",
    ),
    "quantile": Case(
        pair,
        [((f64(0, 0), f64(1, -1)), {"q": 0.9}, 0.5), ((f64(0), f64(2)), {"q": 0.25}, 0.5)],
        equal,
        peers=[({"q": 0.8}, lambda p, t: mean_pinball_loss(t, p.detach(), alpha=0.8))],
        same={"a shift of both": moved},
        weighs="elements",
    ),
    "poisson": Case(
        counts,
        [((f64(0), f64(3)), {}, 1.0), ((f64(2), f64(3)), {"log_input": False}, 2 - 3 * math.log(2))],
        peers=[({}, nn.PoissonNLLLoss()), ({}, poisson_deviance)],
        weighs="elements",
    ),
    "gaussian_nll": Case(
        spread,
        [((f64(0), f64(2), f64(1)), {}, 2.0), ((f64(0), f64(0), f64(math.e)), {}, 0.5)],
        learned=3,
        peers=[({}, lambda p, t, v: nn.GaussianNLLLoss()(p, t, v)), ({}, normal_log_density)],
        same=EVEN,
        weighs="elements",
    ),
    "gaussian_crps": Case(
        spread,
        [((f64(0), f64(0), f64(1)), {}, (math.sqrt(2) - 1) / math.sqrt(math.pi)), ((f64(0), f64(5), f64(1e-6)), {}, 5)],
        learned=3,
        peers=[({}, crps_by_summing)],
        same=EVEN,
        weighs="elements",
    ),
}
