"""SNES and xNES: the paper's updates written out, what they do not depend on, and that they come down."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from glassworks.optim.functions import FUNCTIONS
from glassworks.optim.gradient_free.evolution.gaussian import normal
from glassworks.optim.gradient_free.evolution.snes import SNES
from glassworks.optim.gradient_free.evolution.xnes import XNES

BOTH: list[Any] = [SNES, XNES]


def by_hand(losses: Tensor) -> list[float]:
    """Each candidate's utility (Wierstra et al. 2014, section 3.1)."""
    n = len(losses)
    raw = [max(0.0, math.log(n / 2 + 1) - math.log(k)) for k in range(1, n + 1)]
    return [raw[int((losses < loss).sum())] / sum(raw) - 1 / n for loss in losses]


def test_snes_is_the_papers_update() -> None:
    start = torch.linspace(-1, 1, 5, dtype=torch.float64)
    p = nn.Parameter(start.clone())
    search = SNES([p], population=6, sigma=0.2)
    mean, sigma = start.clone(), torch.full((5,), 0.2, dtype=torch.float64)
    for _ in range(4):
        s, losses = normal(search.key, range(6), start), FUNCTIONS["rosenbrock"](search.ask())
        u = by_hand(losses)
        rate = (3 + math.log(5)) / (5 * math.sqrt(5))
        mean = mean + sigma * sum(u_i * s_i for u_i, s_i in zip(u, s, strict=True))
        sigma = sigma * torch.exp(rate / 2 * sum(u_i * (s_i**2 - 1) for u_i, s_i in zip(u, s, strict=True)))
        search.tell(losses)
        torch.testing.assert_close(p.detach(), mean)
        torch.testing.assert_close(search.memory["sigma"], sigma)


@pytest.mark.parametrize("population", [4, 20])  # fewer than there are weights, and more
def test_xnes_is_the_papers_update_with_whole_matrices(population: int) -> None:
    D = 7
    start = torch.linspace(-1, 1, D, dtype=torch.float64)
    p = nn.Parameter(start.clone())
    search = XNES([p], population=population, sigma=0.2, sigma_lr=0.3)
    mean, sigma, B = start.clone(), 0.2, torch.eye(D, dtype=torch.float64)
    eye = torch.eye(D, dtype=torch.float64)
    for _ in range(6):
        s = normal(search.key, range(population), start)
        torch.testing.assert_close(search.ask(), torch.stack([mean + sigma * B @ s_i for s_i in s]))
        losses = FUNCTIONS["rosenbrock"](search.ask())
        u = by_hand(losses)
        along = sum(u_i * s_i for u_i, s_i in zip(u, s, strict=True))
        G = sum(u_i * (torch.outer(s_i, s_i) - eye) for u_i, s_i in zip(u, s, strict=True))
        trace = float(G.trace()) / D
        mean = mean + sigma * B @ along
        sigma = sigma * math.exp(0.3 / 2 * trace)
        B = B @ torch.linalg.matrix_exp(0.3 / 2 * (G - trace * eye))
        search.tell(losses)
        torch.testing.assert_close(p.detach(), mean)
        assert search.memory["sigma"] == pytest.approx(sigma)
        torch.testing.assert_close(search.memory["B"], B)
    assert torch.linalg.det(search.memory["B"]).item() == pytest.approx(1)
    assert (search.memory["B"] - torch.diag(search.memory["B"].diagonal())).abs().max() > 0.01  # not evosax's


@pytest.mark.parametrize("cls", BOTH)
def test_given_candidates_teach_what_the_same_ones_do_when_they_were_asked_for(cls: Any) -> None:
    p, q = (nn.Parameter(torch.linspace(-1, 1, 5, dtype=torch.float64)) for _ in range(2))
    one, other = (cls([x], population=12, sigma=0.3) for x in (p, q))
    for _ in range(10):
        losses = FUNCTIONS["rosenbrock"](one.ask())
        other.tell(losses, one.ask().clone())
        one.tell(losses)
        torch.testing.assert_close(p, q)


def covariance(search: Any) -> Tensor:
    """Of the candidates that it would draw."""
    sigma = search.memory["sigma"]
    return torch.diag(sigma**2) if isinstance(search, SNES) else sigma**2 * search.memory["B"] @ search.memory["B"].T


def turned_apart(cls: Any) -> float:
    """How far two searches' covariances come apart, of which one is told of the same points in turned coordinates."""
    turn = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64)).Q
    start = torch.linspace(-1, 1, 6, dtype=torch.float64)
    p, q = nn.Parameter(start.clone()), nn.Parameter(turn @ start)
    one, other = (cls([x], population=12, sigma=0.5) for x in (p, q))
    for _ in range(30):
        x = one.ask()
        losses = FUNCTIONS["ellipsoid"](x)
        other.tell(losses, x @ turn.T)
        one.tell(losses)
    apart = (turn @ covariance(one) @ turn.T - covariance(other)).abs().max() / covariance(one).abs().max()
    return float(apart + (turn @ p - q).detach().abs().max())


def test_xnes_does_not_know_the_axes_and_snes_does() -> None:
    assert turned_apart(XNES) < 1e-9
    assert turned_apart(SNES) > 0.1


@pytest.mark.parametrize("cls", BOTH)
def test_they_do_not_know_where_zero_is_nor_the_scale(cls: Any) -> None:
    start = torch.linspace(-1, 1, 6, dtype=torch.float64)
    ends = []
    for scale, shift in ((1.0, 0.0), (8.0, 0.0), (1.0, 64.0)):
        p = nn.Parameter(scale * start + shift)
        search = cls([p], population=12, sigma=0.5 * scale)
        for _ in range(20):
            search.tell(FUNCTIONS["rosenbrock"]((search.ask() - shift) / scale))
        ends.append((p.detach() - shift) / scale)
    torch.testing.assert_close(ends[1], ends[0])
    torch.testing.assert_close(ends[2], ends[0])


@pytest.mark.parametrize(
    ("cls", "name", "steps"),
    [
        (SNES, "sphere", 300),
        (SNES, "ellipsoid", 1500),
        (XNES, "sphere", 600),
        (XNES, "rosenbrock", 800),
        (XNES, "rotated_ellipsoid", 1000),
    ],
)
def test_they_come_down_to_the_last_digits(cls: Any, name: str, steps: int) -> None:
    p = nn.Parameter(torch.full((5,), 0.5, dtype=torch.float64))
    search = cls([p], sigma=0.5, population=20)
    for _ in range(steps):
        search.tell(FUNCTIONS[name](search.ask()))
    assert FUNCTIONS[name](p.detach()[None]).item() < 1e-12


@pytest.mark.parametrize("cls", BOTH)
def test_the_papers_population_and_rate_are_the_default(cls: Any) -> None:
    search = cls([nn.Parameter(torch.zeros(100))])
    assert search.settings["population"] == 4 + int(3 * math.log(100))
    rate = (3 + math.log(100)) / 50 if cls is SNES else (9 + 3 * math.log(100)) / 5000
    assert search.settings["sigma_lr"] == pytest.approx(rate)


@pytest.mark.parametrize("cls", BOTH)
def test_a_rate_below_0_is_refused(cls: Any) -> None:
    with pytest.raises(ValueError, match=r"sigma_lr \(=-1.0\) must be 0"):
        cls([nn.Parameter(torch.zeros(3))], sigma_lr=-1.0)
