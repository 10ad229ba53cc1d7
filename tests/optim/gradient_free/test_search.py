import copy
import json
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from glassworks.optim.functions import FUNCTIONS
from glassworks.optim.gradient_free.covariance.cma_es import CMAES
from glassworks.optim.gradient_free.evolution.openai_es import OpenAIES
from glassworks.optim.gradient_free.evolution.pgpe import PGPE
from glassworks.optim.gradient_free.evolution.snes import SNES
from glassworks.optim.gradient_free.evolution.xnes import XNES
from glassworks.optim.gradient_free.heuristics.random_search import RandomSearch
from glassworks.optim.gradient_free.mezo import MeZO
from glassworks.optim.gradient_free.search import Search
from glassworks.train.checkpoint import pack, unpack

ALL: list[type[Search]] = [OpenAIES, PGPE, SNES, XNES]
D = 6


def weights(dtype: torch.dtype = torch.float32) -> nn.Parameter:
    return nn.Parameter(torch.linspace(-1, 2, D, dtype=dtype))


def made(cls: type[Search], p: nn.Parameter, **settings: Any) -> Any:
    return cls([p], **{"population": 8, "sigma": 0.3, **settings})


def sphere(rows: Tensor) -> Tensor:
    return FUNCTIONS["sphere"](rows)


def stepped(cls: type[Search], steps: int = 5, **settings: Any) -> tuple[nn.Parameter, Any]:
    p = weights()
    search = made(cls, p, **settings)
    for _ in range(steps):
        search.step(lambda: sphere(p[None])[0])
    return p, search


def moved(search: Any) -> Search:
    """The same in another process: all that is known of it is its state, as a checkpoint writes it down."""
    tensors, numbers = pack(search.state_dict())
    p = nn.Parameter(torch.zeros(D))
    other = made(type(search), p)
    other.load_state_dict(unpack({name: x.clone() for name, x in tensors.items()}, json.loads(json.dumps(numbers))))
    return other


@pytest.mark.parametrize("cls", ALL)
def test_asking_and_telling_by_hand_is_what_a_step_does(cls: type[Search]) -> None:
    p, _ = stepped(cls)
    q = weights()
    search = made(cls, q)
    for _ in range(5):
        search.tell(sphere(search.ask()))
    assert torch.equal(p, q)


@pytest.mark.parametrize("cls", ALL)
def test_a_seed_decides_everything_and_another_one_otherwise(cls: type[Search]) -> None:
    assert torch.equal(stepped(cls)[0], stepped(cls)[0])
    assert not torch.equal(stepped(cls, seed=1)[0], stepped(cls)[0])


@pytest.mark.parametrize("cls", ALL)
def test_a_search_goes_on_to_the_same_bits_from_its_state(cls: type[Search]) -> None:
    whole, _ = stepped(cls, 9)
    _, search = stepped(cls, 4)
    other = moved(search)
    p = other.weights[0]
    for _ in range(5):
        other.step(lambda: sphere(p[None])[0])
    assert torch.equal(p, whole)


@pytest.mark.parametrize("cls", ALL)
def test_candidates_may_be_asked_for_here_and_told_of_elsewhere_in_any_order(cls: type[Search]) -> None:
    whole, _ = stepped(cls, 4)
    _, here = stepped(cls, 3)
    losses = sphere(here.ask())
    here.tell(losses[[5, 2]], rows=[5, 2])
    there = moved(here)
    assert torch.equal(there.ask(), here.ask())
    there.tell(losses[[0, 1, 3, 4]], rows=[0, 1, 3, 4])
    assert there.memory["generation"] == 3
    there.tell(losses[[7, 6]], rows=[7, 6])
    assert there.memory["generation"] == 4
    assert torch.equal(there.weights[0], whole)
    assert "told" not in there.memory


@pytest.mark.parametrize("cls", ALL)
def test_points_from_outside_can_be_told_of_first_and_are_learned_from(cls: type[Search]) -> None:
    p = weights()
    search = made(cls, p)
    points = p.detach() + 0.3 * torch.randn(20, D, generator=torch.Generator().manual_seed(0))
    before = sphere(p[None]).item()
    search.tell(sphere(points), points)
    assert sphere(p[None]).item() < before
    assert search.memory["generation"] == 1


@pytest.mark.parametrize("cls", ALL)
def test_what_was_asked_for_before_points_from_outside_has_lapsed(cls: type[Search]) -> None:
    p = weights()
    search = made(cls, p)
    asked = search.ask()
    search.tell(sphere(asked + 0.1), asked + 0.1)
    with pytest.raises(ValueError, match="asked for again"):
        search.tell(sphere(asked))
    search.tell(sphere(asked), asked)  # with its points, it is a generation like any other
    search.tell(sphere(search.ask()))
    assert search.memory["generation"] == 3


@pytest.mark.parametrize("cls", ALL)
def test_losses_that_are_no_numbers_rank_last_and_are_counted(cls: type[Search]) -> None:
    results = []
    for worst in (1e30, math.nan, math.inf, -math.inf):
        p = weights()
        search = made(cls, p)
        losses = sphere(search.ask())
        losses[[1, 6]] = worst
        search.tell(losses)
        results.append(p.detach().clone())
        assert search.numbers()["failed"] == (0 if worst == 1e30 else 2)
        assert search.numbers()["best"] == losses[losses.isfinite()].min()
    assert all(torch.equal(result, results[0]) for result in results[1:])


@pytest.mark.parametrize("cls", ALL)
def test_nothing_is_learned_where_no_loss_is_a_number(cls: type[Search]) -> None:
    p = weights()
    search = made(cls, p)
    known = {name: copy.deepcopy(value) for name, value in search.memory.items() if name != "generation"}
    search.tell(torch.full((8,), math.nan))
    for name, value in known.items():
        assert torch.equal(search.memory[name], value) if isinstance(value, Tensor) else search.memory[name] == value
    assert torch.equal(p, weights())
    assert search.memory["generation"] == 1
    assert search.numbers()["failed"] == 8


@pytest.mark.parametrize("cls", ALL)
def test_only_the_order_of_losses_matters(cls: type[Search]) -> None:
    results = []
    for monotone in (lambda x: x, lambda x: x**3, lambda x: (x / 10).exp(), lambda x: 1e-6 * x - 100):
        p = weights(torch.float64)
        search = made(cls, p)
        for _ in range(10):
            search.tell(monotone(sphere(search.ask())))
        results.append(p.detach().clone())
    assert all(torch.equal(result, results[0]) for result in results[1:])


@pytest.mark.parametrize("cls", ALL)
def test_float64_weights_are_searched_in_float64(cls: type[Search]) -> None:
    p = weights(torch.float64)
    search = made(cls, p)
    assert search.ask().dtype == torch.float64
    for _ in range(800):
        search.tell(sphere(search.ask() - 1 / 3))
    if cls in (SNES, XNES):
        assert sphere(p.detach()[None] - 1 / 3) < 1e-18  # a third, in float32, is 1e-8 off


@pytest.mark.parametrize("cls", ALL)
def test_half_precision_weights_are_known_in_full_and_written_in_half(cls: type[Search]) -> None:
    p = weights(torch.bfloat16)
    search = made(cls, p)
    search.step(lambda: sphere(p.float()[None])[0])
    assert search.memory["mean"].dtype == torch.float32
    assert torch.equal(p, search.memory["mean"].bfloat16())
    assert not torch.equal(p.float(), search.memory["mean"])


@pytest.mark.parametrize("cls", ALL)
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"population": 0}, r"population \(=0\) must be at least 1"),
        ({"sigma": 0.0}, r"sigma \(=0.0\) must be above 0"),
        ({"sigma": math.nan}, r"sigma \(=nan\) must be above 0"),
        ({"lr": -1.0}, r"lr \(=-1.0\) must be 0 or more"),
    ],
)
def test_settings_that_cannot_search_are_refused(cls: type[Search], settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        made(cls, weights(), **settings)


@pytest.mark.parametrize("cls", [OpenAIES, PGPE])
def test_pairs_want_an_even_population(cls: type[Search]) -> None:
    with pytest.raises(ValueError, match=r"population \(=7\) must be even"):
        made(cls, weights(), population=7)


def test_weights_that_cannot_be_searched_are_refused() -> None:
    p = weights()
    with pytest.raises(ValueError, match="several devices"):
        OpenAIES([p, nn.Parameter(torch.zeros(2, device="meta"))])
    with pytest.raises(ValueError, match=r"torch\.int64"):
        OpenAIES([nn.Parameter(torch.arange(3), requires_grad=False)])
    with pytest.raises(ValueError, match="of 2 groups"):
        OpenAIES([{"params": [p]}, {"params": [weights()]}])


def test_losses_and_states_of_other_shapes_are_refused() -> None:
    search = made(OpenAIES, weights())
    with pytest.raises(ValueError, match="one for each of 8 candidates"):
        search.tell(torch.zeros(7))
    with pytest.raises(ValueError, match="one for each of 2 candidates"):
        search.tell(torch.zeros(7), rows=[0, 1])
    with pytest.raises(ValueError, match=r"rows \(with 8\) must be of the population: from 0 to 7"):
        search.tell(torch.zeros(2), rows=[0, 8])
    with pytest.raises(ValueError, match=r"\(P, 6\)"):
        search.tell(torch.zeros(2), torch.zeros(2, 5))
    with pytest.raises(ValueError, match="closure"):
        search.step()
    with pytest.raises(ValueError, match="of 6 weights, and the module has 3"):
        OpenAIES([nn.Parameter(torch.zeros(3))]).load_state_dict(search.state_dict())


@pytest.mark.parametrize("cls", [*ALL, CMAES])
def test_what_the_module_draws_is_not_what_candidates_are_made_of(cls: type[Search]) -> None:
    """A closure that draws normal numbers, as dropout does, must not meet its own candidate's noise among them."""
    p = nn.Parameter(torch.zeros(2000))
    search = made(cls, p, sigma=1.0) if cls is not XNES else XNES([p], population=8, sigma=1.0)
    noise, drawn = search.ask().flatten(), list[Tensor]()

    def closure() -> Tensor:
        drawn.append(torch.randn(8 * 2000))
        return sphere(p[None])[0]

    search.step(closure)
    for numbers in drawn:
        assert torch.corrcoef(torch.stack([noise, numbers]))[0, 1].abs() < 5 / len(noise) ** 0.5


def test_losses_may_be_plain_numbers() -> None:
    p, q = weights(), weights()
    one, other = made(SNES, p), made(SNES, q)
    one.tell(sphere(one.ask()))
    other.tell(sphere(other.ask()).tolist())
    assert torch.equal(p, q)


def test_tied_weights_are_moved_once_and_frozen_ones_not_at_all() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    net[1].weight = net[0].weight
    net[1].bias.requires_grad_(False)
    before = net[1].bias.clone()
    search = OpenAIES([p for p in net.parameters() if p.requires_grad])
    assert len(search.memory["mean"]) == 9 + 3
    search.step(lambda: net(torch.ones(2, 3)).square().mean())
    assert torch.equal(net[1].bias, before)
    assert net[1].weight is net[0].weight


@pytest.mark.parametrize("first_is_mean", [False, True])
def test_a_closure_of_ones_own_is_called_once_for_each_candidate_and_once_for_the_weights(first_is_mean: bool) -> None:
    net, calls = nn.Linear(3, 2), list[int]()
    made: Any = RandomSearch if first_is_mean else OpenAIES
    search = made(net.parameters(), population=8)

    def closure() -> Tensor:
        calls.append(0)
        return net(torch.ones(4, 3)).square().mean()

    search.step(closure)  # in which ways of evaluating are measured
    for _ in range(2):
        calls.clear()
        before = search.memory["forwards"]
        search.step(closure)
        assert len(calls) == search.memory["forwards"] - before == 9


@pytest.mark.parametrize("params", [[], [nn.Parameter(torch.zeros(0))]])
def test_nothing_to_move_is_refused_with_what_to_give(params: list[nn.Parameter]) -> None:
    for cls in (OpenAIES, RandomSearch, MeZO):
        with pytest.raises(ValueError, match="has no weights to move: give a module that has some"):
            cls(iter(params))
