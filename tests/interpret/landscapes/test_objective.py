"""The loss as a function of one vector: whatever is done with it, the network comes back as it was."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from tests.interpret.landscapes.networks import cross_entropy, disturbed, examples, same, state_of
from torch import Tensor, nn

from glassworks.interpret.landscapes.along_step import along_step
from glassworks.interpret.landscapes.covariate_shift import covariate_shift
from glassworks.interpret.landscapes.hessian import hessian
from glassworks.interpret.landscapes.objective import lent
from glassworks.interpret.landscapes.surface import loss_line, loss_surface
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.objectives.losses import next_token_loss
from glassworks.trace.trace import Trace

LOOKS: dict[str, Callable[..., Trace]] = {
    "along_step": lambda *of: along_step(*of, lr=0.1, sizes=(1.0, 2.0), draws=1),
    "covariate_shift": lambda *of: covariate_shift(*of, lr=0.1),
    "hessian": lambda *of: hessian(*of, top=2, products=6, probes=2, runs=1, steps=3),
    "loss_surface": lambda *of: loss_surface(*of, points=3),
    "loss_surface recomputed": lambda *of: loss_surface(*of, points=3, statistics="recomputed"),
    "loss_surface curvature": lambda *of: loss_surface(*of, points=3, directions="curvature"),
    "loss_line": lambda *of: loss_line(*of, points=3, draws=1),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_weights_buffers_modes_gradients_and_random_numbers_are_left_as_they_were(
    look: Callable[..., Trace], training: bool
) -> None:
    model, batch = disturbed().train(training), examples()
    model[3].train()  # a mode of its own
    cross_entropy(model, batch).backward()
    before = state_of(model)
    first = look(model, cross_entropy, batch)
    assert same(before, state_of(model))
    torch.rand(3)  # other random numbers
    again = look(model, cross_entropy, batch)
    for name, array in first.arrays.items():
        assert array.tobytes() == again.arrays[name].tobytes(), name


@pytest.mark.parametrize("last", [0, 1, 4])
@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_an_error_within_leaves_the_network_as_it_was(look: Callable[..., Trace], last: int) -> None:
    model, batch, calls = disturbed().train(), examples(), []

    def fails(net: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        calls.append(0)
        if len(calls) > (0 if look is LOOKS["hessian"] else last):  # the Hessian needs one loss of each network
            raise ZeroDivisionError
        return cross_entropy(net, batch)

    before = state_of(model)
    with pytest.raises(ZeroDivisionError):
        look(model, fails, batch)
    assert same(before, state_of(model))


@pytest.mark.parametrize("look", [LOOKS[name] for name in ("along_step", "covariate_shift", "hessian")])
@pytest.mark.parametrize("wrong", ["no examples", "not a number"])
def test_a_loss_that_is_no_number_is_refused_in_a_line(look: Callable[..., Trace], wrong: str) -> None:
    inputs, classes = examples()
    batch = (inputs[:0], classes[:0]) if wrong == "no examples" else (inputs * torch.nan, classes)
    with pytest.raises(ValueError, match="^the loss of this batch is nan: give examples, and weights, for which it is"):
        look(disturbed().eval(), cross_entropy, batch)


def exactly(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """The loss of the next token in float64."""
    return F.cross_entropy(model(batch[0]).flatten(0, 1), batch[1].flatten())


def test_products_with_the_hessian_of_a_gpt_are_differences_of_its_gradients() -> None:
    tokens = torch.randint(0, 11, (2, 8), generator=torch.Generator().manual_seed(0))
    for architecture in ("gpt2", "qwen3", "nanochat"):
        model = GPT(GPTConfig(architecture, 11, 8, 2, 2, 8), seed=1).double()
        with lent(model, exactly, (tokens[:, :-1], tokens[:, 1:])) as objective:
            v = torch.randn(len(objective.point), dtype=torch.float64) / len(objective.point) ** 0.5
            expected = objective.curvature()(v)
            ends = [objective.gradient(objective.point + h * v)[1] for h in (1e-5, -1e-5)]
        assert torch.allclose((ends[0] - ends[1]) / 2e-5, expected, rtol=1e-4, atol=1e-6 * float(expected.norm()))


def test_a_linear_loss_has_no_curvature() -> None:
    model = nn.Linear(3, 1)
    with lent(model, lambda net, x: net(x).mean(), torch.ones(2, 3)) as objective:
        assert not objective.curvature()(torch.ones(4)).any()


def test_a_summed_loss_is_its_mean_and_a_network_without_weights_is_refused() -> None:
    model = GPT(GPTConfig("gpt2", 11, 8, 1, 2, 8))
    tokens = torch.randint(0, 11, (2, 8))
    with lent(model, next_token_loss, (tokens, tokens)) as objective:
        assert objective.loss() == pytest.approx(next_token_loss(model, (tokens, tokens)).item(), abs=1e-6)
    with pytest.raises(ValueError, match="no weights to move"), lent(nn.ReLU(), cross_entropy, examples()):
        pass
    with torch.no_grad():
        model.embed.weight[0, 0] = torch.nan
    with pytest.raises(ValueError, match="NaN.*embed"), lent(model, next_token_loss, (tokens, tokens)):
        pass


def per_example(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1], reduction="none")


def as_a_float(model: nn.Module, batch: tuple[Tensor, Tensor]) -> float:
    return float(cross_entropy(model, batch).detach())


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
@pytest.mark.parametrize(
    ("loss_fn", "message"),
    [
        (as_a_float, r"^loss_fn gives a float: it must return the mean loss as a tensor"),
        (per_example, r"^loss_fn gives numbers of shape \(24,\): it must return one, their mean \(reduction='mean'\)$"),
    ],
)
def test_a_loss_that_is_no_mean_in_a_tensor_is_refused_in_a_line(
    look: Callable[..., Trace], loss_fn: Callable[..., object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        look(disturbed().eval(), loss_fn, examples())
