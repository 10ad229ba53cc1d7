import pytest
import torch
from torch import nn

from glassworks.optim.functions import FUNCTIONS
from glassworks.optim.gradient_free.evolution.pgpe import PGPE
from glassworks.optim.schedules import set_lr


def test_a_plain_step_is_the_papers_sums() -> None:
    """Sehnke et al. 2010, algorithm 2, written out: pairs (r+, r-), T, S; ranks are the rewards, r = -rank."""
    start = torch.linspace(-1, 1, 5, dtype=torch.float64)
    p = nn.Parameter(start.clone())
    search = PGPE([p], population=8, sigma=0.2, lr=0.7, sigma_lr=0.05, inner="plain")
    x = search.ask()
    losses = FUNCTIONS["rosenbrock"](x)
    r = -(losses.argsort().argsort().double() / 7 - 0.5)
    mean, sigma = start.clone(), torch.full((5,), 0.2, dtype=torch.float64)
    for plus, minus, e in zip(r[:4], r[4:], x[:4] - start, strict=True):
        mean += 0.7 * e * (plus - minus) / 2 / 4
        sigma += 0.05 * (e**2 - 0.2**2) / 0.2 * ((plus + minus) / 2 - r.mean()) / 4
    search.tell(losses)
    torch.testing.assert_close(p.detach(), mean)
    torch.testing.assert_close(search.memory["sigma"], sigma)


def test_sigma_shrinks_where_the_loss_is_steep_and_stays_where_it_is_flat() -> None:
    p = nn.Parameter(torch.zeros(2))
    search = PGPE([p], population=100, sigma=1.0, lr=0.0, sigma_lr=0.5)
    for _ in range(50):
        search.tell(100 * search.ask()[:, 0].square())
    steep, flat = search.memory["sigma"].tolist()
    assert steep < 0.1
    assert 0.5 < flat < 2


def test_sigma_changes_by_a_fifth_at_most_and_stays_above_0() -> None:
    p = nn.Parameter(torch.zeros(3))
    search = PGPE([p], population=20, sigma=1.0, sigma_lr=1000.0)
    for i in range(1, 6):
        search.tell(search.ask().square().sum(1))
        assert (search.memory["sigma"] >= 0.8**i * 0.999).all()
    for _ in range(1000):
        search.tell(search.ask().square().sum(1))
    assert (search.memory["sigma"] > 0).all()
    assert search.memory["sigma"].isfinite().all()
    assert p.isfinite().all()


def test_it_comes_down_a_bowl() -> None:
    p = nn.Parameter(torch.full((20,), 2.0))
    search = PGPE([p], lr=0.05, sigma=0.3)
    for i in range(600):
        set_lr(search, 0.99**i)
        search.tell(FUNCTIONS["sphere"](search.ask()))
    assert p.detach().abs().max() < 1e-2


def test_a_rate_below_0_is_refused() -> None:
    with pytest.raises(ValueError, match=r"sigma_lr \(=-1.0\) must be 0"):
        PGPE([nn.Parameter(torch.zeros(3))], sigma_lr=-1.0)
