import pytest
import torch
from torch import Tensor, nn

from glassworks.optim.functions import FUNCTIONS
from glassworks.optim.gradient_free.heuristics.differential_evolution import DifferentialEvolution, different

STRATEGIES = ["rand", "current-to-best"]


def of(start: Tensor, **settings: object) -> DifferentialEvolution:
    return DifferentialEvolution([nn.Parameter(start)], **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_reaches_the_optimum_whatever_the_scales(strategy: str) -> None:
    search = of(torch.ones(3, dtype=torch.float64), strategy=strategy, noisy=False)
    for _ in range(150):
        search.tell(FUNCTIONS["ellipsoid"](search.ask()))
    assert FUNCTIONS["ellipsoid"](search.memory["mean"][None]) < 1e-8


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_nothing_depends_on_where_the_origin_is(strategy: str) -> None:
    start, far = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64), 64.0
    here, there = of(start, strategy=strategy), of(start + far, strategy=strategy)
    for _ in range(20):
        here.tell(here.ask().square().sum(1))
        there.tell((there.ask() - far).square().sum(1))
    assert torch.allclose(there.memory["mean"] - far, here.memory["mean"], atol=1e-10)


def test_a_trial_is_its_member_but_where_the_difference_was_taken() -> None:
    search = of(torch.arange(6.0), crossover=0.0, population=8)
    x = search.ask()
    assert x.shape == (16, 6)
    assert (x[8:] != x[:8]).sum(1).max() == 1
    assert (x[8:] != x[:8]).sum() > 4


def test_the_difference_is_that_of_two_others() -> None:
    search = of(torch.zeros(1), strategy="rand", crossover=1.0, lr=0.5, population=5)
    members = search.ask()[:5, 0]
    possible = [
        members[a] + 0.5 * (members[b] - members[c])
        for a in range(5)
        for b in range(5)
        for c in range(5)
        if len({a, b, c}) == 3
    ]
    for trial in search.ask()[5:, 0]:
        assert min(abs(trial - p) for p in possible) < 1e-6


def test_others_are_different_and_none_is_oneself() -> None:
    found = different(5, 4, torch.Generator().manual_seed(0))
    assert torch.equal(torch.cat([torch.arange(5)[None], found]).sort(0).values, torch.arange(5)[:, None].expand(5, 5))


def test_members_are_measured_again_only_where_losses_are_noisy() -> None:
    for noisy, counts in ((True, [16, 16, 16]), (False, [16, 8, 8])):
        search = of(torch.ones(3), population=8, noisy=noisy)
        asked = []
        for _ in range(3):
            asked.append(len(search.ask()))
            search.tell(search.ask().square().sum(1))
        assert asked == counts


def test_given_candidates_take_the_place_of_worse_members() -> None:
    search = of(torch.tensor([3.0, 4.0]), population=4, noisy=False)
    search.tell(torch.tensor([0.0]), torch.tensor([[1.0, 1.0]]))  # before there are members
    assert search.memory["mean"].tolist() == [1.0, 1.0]
    search.tell(search.ask().square().sum(1))
    worst = search.memory["losses"].max()
    search.tell(torch.tensor([0.0, worst + 1]), torch.tensor([[0.0, 0.0], [9.0, 9.0]]))
    assert search.memory["mean"].tolist() == [0.0, 0.0]
    assert search.memory["losses"].max() <= worst
    assert not (search.memory["members"] == 9.0).any()


@pytest.mark.parametrize(("strategy", "fewest"), [("rand", 4), ("current-to-best", 3)])
def test_fewer_members_than_a_trial_is_made_of_are_refused(strategy: str, fewest: int) -> None:
    with pytest.raises(ValueError, match=f"population \\(={fewest - 1}\\) must be at least {fewest}"):
        of(torch.ones(3), strategy=strategy, population=fewest - 1)
    search = of(torch.ones(3), strategy=strategy, population=fewest)
    for _ in range(5):
        search.tell(search.ask().square().sum(1))


def test_an_unknown_strategy_is_refused() -> None:
    with pytest.raises(ValueError, match="strategy \\(='best'\\) must be one of rand, current-to-best"):
        of(torch.ones(3), strategy="best")


@pytest.mark.parametrize("crossover", [-0.1, 1.5])
def test_a_share_of_the_difference_that_is_none_is_refused(crossover: float) -> None:
    with pytest.raises(ValueError, match=rf"crossover \(={crossover}\) is a share"):
        of(torch.ones(3), crossover=crossover)
