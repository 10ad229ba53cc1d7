"""A search seen at work: where it looks is where its optimizer evaluates, on a function and on a network's plane."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.autograd import forward_ad

from glassworks.interpret.landscapes.objective import lent
from glassworks.interpret.landscapes.population import (
    is_followed,
    population_on_function,
    population_on_network,
    strongest,
    tangent,
)
from glassworks.optim.functions import FUNCTIONS
from glassworks.trace.render import trace_figure


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))


def squared(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    return (model(batch[0]) - batch[1]).square().mean()


BATCH = (torch.randn(32, 3, generator=torch.Generator().manual_seed(0)), torch.ones(32, 1))


def test_it_ends_lower_than_a_random_search_and_never_rises() -> None:
    trace = population_on_function("sep_cma_es", "sphere", generations=25)
    assert trace.arrays["lowest"][-1] < 0.1 * trace.arrays["lowest_random"][-1]
    assert (np.diff(trace.arrays["lowest"]) <= 0).all()


def test_the_plane_is_the_function() -> None:
    trace = population_on_function("openai_es", "rosenbrock", generations=1)
    x = torch.tensor([[float(trace.labels["first"][10]), float(trace.labels["second"][40])]])
    assert trace.arrays["loss"][40, 10] == pytest.approx(float(FUNCTIONS["rosenbrock"](x)), rel=1e-2)


def test_the_first_generation_lies_around_the_start() -> None:
    trace = population_on_function("openai_es", "sphere", generations=2)
    middle = np.nanmean(trace.arrays["member_first"][0])
    assert middle == pytest.approx(trace.meta["start_first"], abs=1e-4)  # pairs of opposites


def test_a_network_is_left_as_it_was_and_its_plane_has_its_loss_in_the_middle() -> None:
    model = network()
    before = [p.clone() for p in model.parameters()]
    plane = torch.eye(sum(p.numel() for p in before))[:2]
    trace = population_on_network("snes", model, squared, BATCH, plane=plane, generations=3)
    assert all(torch.equal(p, b) for p, b in zip(model.parameters(), before, strict=True))
    first = model.get_parameter("0.weight")
    with torch.no_grad():
        first[0, 0] += float(trace.labels["first"][3])
        first[0, 1] += float(trace.labels["second"][5])
        assert trace.arrays["loss"][5, 3] == pytest.approx(float(squared(model, BATCH)), rel=2e-3)


def test_by_default_the_plane_is_of_the_strongest_curvature() -> None:
    model = network().double()
    batch = tuple(x.double() for x in BATCH)
    sizes = [p.numel() for p in model.parameters()]
    point = torch.cat([p.detach().flatten() for p in model.parameters()])

    def loss(vector: torch.Tensor) -> torch.Tensor:
        parts = [x.view_as(p) for x, p in zip(vector.split(sizes), model.parameters(), strict=True)]
        names = [name for name, _ in model.named_parameters()]
        output = torch.func.functional_call(model, dict(zip(names, parts, strict=True)), batch[0])
        return (output - batch[1]).square().mean()

    top = torch.linalg.eigh(torch.func.jacrev(torch.func.grad(loss))(point))[1][:, [-1, -2]].T
    with lent(model, squared, batch) as objective:
        plane = strongest(objective, 0)
    torch.testing.assert_close((plane @ top.T).abs(), torch.eye(2, dtype=point.dtype) * point.norm(), rtol=0, atol=1e-3)
    trace = population_on_network("snes", model, squared, batch, generations=2)
    given = population_on_network("snes", model, squared, batch, plane=plane, generations=2)
    assert np.array_equal(trace.arrays["loss"], given.arrays["loss"])


@pytest.mark.parametrize("method", ["forward_gradient", "mezo", "spsa", "sgd", "adamw"])
def test_a_method_of_slopes_goes_down_on_a_networks_plane(method: str) -> None:
    model = network()
    plane = torch.eye(sum(p.numel() for p in model.parameters()))[:2]
    trace = population_on_network(method, model, squared, BATCH, plane=plane, generations=60)
    losses = trace.arrays["lowest"]
    assert losses[-1] < losses[0]


def test_the_slope_on_a_networks_plane_is_the_losss() -> None:
    model = network().double()
    batch = tuple(x.double() for x in BATCH)
    generator = torch.Generator().manual_seed(0)
    with lent(model, squared, batch) as objective:
        way = torch.randn(len(objective.point), generator=generator, dtype=torch.float64)
        with forward_ad.dual_level(), torch.no_grad():
            at = forward_ad.make_dual(objective.point.clone(), way)
            assert is_followed(at)
            found = forward_ad.unpack_dual(tangent(objective, at))
        far = 1e-5 * way
        expected = (objective.loss(objective.point + far) - objective.loss(objective.point - far)) / 2e-5
        assert found.primal.item() == pytest.approx(objective.loss(objective.point))
        assert found.tangent.item() == pytest.approx(expected, rel=1e-6)
        assert not is_followed(objective.point)


def test_the_drawing_has_a_dot_for_each_candidate_of_the_last_generation() -> None:
    trace = population_on_function("openai_es", "ackley", generations=3)
    figure = str(trace_figure(trace))
    places = np.stack([trace.arrays["member_first"][-1], trace.arrays["member_second"][-1]])
    inside = (np.abs(places) <= float(trace.labels["first"][-1])).all(0).sum()
    assert figure.count('class="line line2 dots edged"') == inside > 0
    assert "Candidates of generation 3, the last." in figure


@pytest.mark.parametrize(("factor", "log"), [(1.0, False), (1e3, True)])
def test_losses_that_span_much_are_drawn_on_a_logarithmic_axis(factor: float, log: bool) -> None:
    model = network()

    def steep(net: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return 1 + factor * squared(net, batch).clamp(max=9)

    trace = population_on_network("snes", model, steep, BATCH, generations=30)
    found = np.concatenate([trace.arrays["lowest"], trace.arrays["lowest_random"]])
    assert bool(found.max() > 20 * found.min()) is log
    assert trace.legend.of("lowest").log is log


def test_a_function_that_is_none_and_too_few_generations_are_refused() -> None:
    with pytest.raises(ValueError, match="function .='bowl'. must be one of sphere"):
        population_on_function("snes", "bowl")
    with pytest.raises(ValueError, match="generations"):
        population_on_function("snes", generations=0)
    with pytest.raises(ValueError, match="optimizer"):
        population_on_function("gradient_descant")
