import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from glassworks.optim.functions import FUNCTIONS
from glassworks.optim.gradient_free.evolution.gaussian import normal
from glassworks.optim.gradient_free.evolution.openai_es import OpenAIES
from glassworks.optim.schedules import set_lr


def search_at(start: Tensor, **settings: Any) -> tuple[nn.Parameter, OpenAIES]:
    p = nn.Parameter(start.clone())
    return p, OpenAIES([p], **settings)


def test_a_plain_step_is_the_papers_sum() -> None:
    """Written out: theta - lr / (n sigma) sum of u_i e_i, with u_i the rank of each loss between -1/2 and 1/2."""
    start = torch.linspace(-1, 1, 5, dtype=torch.float64)
    p, search = search_at(start, population=6, sigma=0.2, lr=0.7, inner="plain", seed=3)
    noise = normal(search.key, range(3), start)
    losses = FUNCTIONS["rosenbrock"](search.ask())
    expected = start.clone()
    for loss, e in zip(losses, [*noise, *-noise], strict=True):
        rank = sum(float(other < loss) for other in losses)
        expected -= 0.7 / (6 * 0.2) * (rank / 5 - 0.5) * e
    search.tell(losses)
    torch.testing.assert_close(p.detach(), expected)


def test_the_gradient_of_a_linear_loss_is_known() -> None:
    """A candidate's rank is Phi(z) - 1/2, z its noise along a: g is a / |a| times 1 / (2 sqrt(pi) sigma)."""
    a = torch.tensor([3.0, -4.0, 0.0, 12.0])
    p, search = search_at(torch.zeros(4), population=40_000, sigma=0.5, lr=1.0, inner="plain")
    search.tell(search.ask() @ a)
    expected = -a / 13 / (2 * math.sqrt(math.pi) * 0.5)
    assert (p - expected).abs().max() < 5 * 0.29 / 0.5 / math.sqrt(40_000)


@pytest.mark.parametrize("inner", ["adam", "momentum", "plain"])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_inner_steps_are_torchs_own(inner: str, weight_decay: float) -> None:
    start = torch.linspace(-1, 2, 7, dtype=torch.float64)
    p, search = search_at(start, population=10, sigma=0.3, lr=0.05, inner=inner, weight_decay=weight_decay)
    q, gradient_of = search_at(start, population=10, sigma=0.3, lr=1.0, inner="plain")
    reference = nn.Parameter(start.clone())
    if inner == "adam":
        optimizer: torch.optim.Optimizer = torch.optim.AdamW([reference], lr=0.05, weight_decay=weight_decay)
    else:
        optimizer = torch.optim.SGD([reference], lr=0.05, momentum=0.9 * (inner == "momentum"))
    for _ in range(20):
        losses = FUNCTIONS["ellipsoid"](search.ask())
        gradient_of.memory["mean"].copy_(p.detach())
        before = p.detach().clone()
        gradient_of.tell(losses, search.ask())
        reference.grad = before - q.detach()
        with torch.no_grad():
            reference.mul_(1 - 0.05 * weight_decay * (inner != "adam"))
        optimizer.step()
        search.tell(losses)
        torch.testing.assert_close(p, reference)


def test_sigma_decays_by_its_factor_each_generation() -> None:
    _, search = search_at(torch.zeros(3), sigma=0.4, sigma_decay=0.5, population=4)
    for expected in (0.4, 0.2, 0.1):
        noise = normal(search.key, range(2), search.memory["mean"])
        torch.testing.assert_close(search.ask()[:2] - search.memory["mean"], expected * noise)
        search.tell(search.ask().square().sum(1))
        assert search.numbers()["sigma"] == pytest.approx(expected)


def test_it_comes_down_a_bowl_as_lr_and_sigma_shrink() -> None:
    p, search = search_at(torch.full((20,), 2.0), sigma=0.1, sigma_decay=0.99)
    for i in range(600):
        set_lr(search, 10 * 0.99**i)
        search.tell(FUNCTIONS["sphere"](search.ask()))
    assert p.detach().abs().max() < 1e-2


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"inner": "sgd"}, r"inner \(='sgd'\) must be one of adam, momentum, plain"),
        ({"weight_decay": -1.0}, r"weight_decay \(=-1.0\) must be 0 or more"),
        ({"sigma_decay": 0.0}, r"sigma_decay \(=0.0\) must be above 0"),
        ({"sigma_decay": 1.1}, r"sigma_decay \(=1.1\) must be above 0, and at most 1"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_settings_that_it_does_not_have_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        search_at(torch.zeros(3), **settings)
