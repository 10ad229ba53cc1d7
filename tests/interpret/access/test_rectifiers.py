"""What passes backward through ReLUs, by hand, however they are called."""

import warnings
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glassworks.interpret.access.rectifiers import rectified

X = torch.tensor([[-1.0, 2.0, -3.0, 4.0]])
SIGNAL = torch.tensor([[1.0, -1.0, -1.0, 1.0]])
PASSED = {
    "plain": torch.tensor([[0.0, -1.0, 0.0, 1.0]]),
    "deconvnet": torch.tensor([[1.0, 0.0, 0.0, 1.0]]),
    "guided": torch.tensor([[0.0, 0.0, 0.0, 1.0]]),
}


class Of(nn.Module):
    """A module of one function."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x * 1)


def statement(x: Tensor) -> Tensor:
    """In place, without using what is returned."""
    x.relu_()
    return x


RELUS: dict[str, Callable[[Tensor], Tensor]] = {
    "F.relu": F.relu,
    "F.relu in place": lambda x: F.relu(x, inplace=True),
    "F.relu_": F.relu_,
    "torch.relu": torch.relu,
    "torch.relu_": torch.relu_,
    "Tensor.relu": lambda x: x.relu(),
    "a statement": statement,
    "Tensor.clamp": lambda x: x.clamp(min=0),
    "Tensor.clamp, by place": lambda x: x.clamp(0),
    "Tensor.clamp_": lambda x: x.clamp_(min=0.0),
    "torch.clamp": lambda x: torch.clamp(x, min=0),
    "torch.clip": lambda x: torch.clip(x, 0, None),
    "torch.clamp_min": lambda x: torch.clamp_min(x, 0),
    "F.threshold": lambda x: F.threshold(x, 0, 0),
    "torch.maximum": lambda x: torch.maximum(x, torch.zeros(())),
    "torch.max, the other way round": lambda x: torch.max(torch.zeros_like(x), x),
    "nn.ReLU": nn.ReLU(),
    "nn.ReLU in place": nn.ReLU(inplace=True),
    "nn.ReLU6": nn.ReLU6(),
    "F.hardtanh": lambda x: F.hardtanh(x, 0, 5),
    "clamp with a ceiling": lambda x: x.clamp(0, 5),
}


def passed(model: nn.Module, rule: str, x: Tensor = X) -> tuple[Tensor, Tensor]:
    """The model's output, and what comes of SIGNAL at its input."""
    x = x.clone().requires_grad_()
    with rectified(model, rule):  # type: ignore[arg-type]
        y = model(x)
    (signal,) = torch.autograd.grad(y, x, SIGNAL)
    return y, signal


@pytest.mark.parametrize("name", RELUS)
@pytest.mark.parametrize("rule", PASSED)
def test_every_way_to_call_a_relu_follows_the_rule(name: str, rule: str) -> None:
    function = RELUS[name]
    y, signal = passed(Of(function), rule)
    assert torch.equal(y, X.relu())
    assert torch.equal(signal, PASSED[rule])


def test_a_ceiling_stops_what_is_guided_and_not_what_a_deconvnet_passes() -> None:
    x = torch.tensor([[-1.0, 2.0, 7.0, 8.0]])
    assert passed(nn.ReLU6(), "guided", x)[1].tolist() == [[0, 0, 0, 0]]
    assert passed(nn.ReLU6(), "deconvnet", x)[1].tolist() == [[1, 0, 0, 1]]
    assert passed(Of(lambda x: x.clamp(0, 9)), "guided", x)[1].tolist() == [[0, 0, 0, 1]]


@pytest.mark.parametrize(
    "function",
    [
        F.hardtanh,
        lambda x: x.clamp(min=-9),
        lambda x: x.clamp(max=9),
        lambda x: x.clamp(-9, 9),
        lambda x: F.threshold(x, -9, 0),
        lambda x: torch.maximum(x, x - 1),
        lambda x: torch.maximum(x, torch.full((4,), -9.0)),
    ],
)
def test_what_is_no_relu_keeps_its_gradient(function: Callable[[Tensor], Tensor]) -> None:
    for rule in PASSED:
        assert torch.equal(passed(Of(function), rule)[1], passed(Of(function), "plain")[1])


def test_a_module_that_is_used_twice_and_in_place_follows_it_both_times() -> None:
    relu, less = nn.ReLU(inplace=True), Of(lambda x: x - 3)
    model = nn.Sequential(less, relu, less, relu)  # X - 6 is above 0 nowhere, X - 3 in the last place
    assert passed(model, "plain")[1].tolist() == [[0, 0, 0, 0]]
    assert passed(model, "deconvnet")[1].tolist() == [[1, 0, 0, 1]]
    assert passed(nn.Sequential(less, relu, relu), "guided")[1].tolist() == [[0, 0, 0, 1]]


def test_relus_outside_of_the_model_and_of_the_block_are_plain() -> None:
    model = nn.Identity()
    x = X.clone().requires_grad_()
    with rectified(model, "deconvnet"):
        y = model(x).relu()
    assert torch.equal(torch.autograd.grad(y, x, SIGNAL)[0], PASSED["plain"])
    relu = nn.ReLU()
    with rectified(relu, "deconvnet"):
        pass
    assert torch.equal(torch.autograd.grad(relu(x), x, SIGNAL)[0], PASSED["plain"])
    assert not relu._forward_hooks
    assert not relu._forward_pre_hooks


def test_an_error_on_the_way_leaves_the_model_as_it_was() -> None:
    model = nn.Sequential(nn.ReLU(), nn.Linear(3, 3)).train()
    with pytest.raises(RuntimeError), rectified(model, "guided"):
        model(X.clone().requires_grad_())
    assert model.training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_another_nonlinearity_is_refused_by_name_where_a_signal_meets_it() -> None:
    model = nn.Sequential()
    model.add_module("relu", nn.ReLU())
    model.add_module("smooth", nn.GELU())
    x = X.clone().requires_grad_()
    with rectified(model, "guided"):
        y = model(x)
    with pytest.raises(ValueError, match=r"^smooth applies gelu, and rule \(='guided'\) is about ReLUs"):
        torch.autograd.grad(y.sum(), x)
    kept: list[Tensor] = []
    model.relu.register_forward_hook(lambda _m, _a, output: kept.append(output))  # type: ignore[union-attr]
    with rectified(model, "guided"):
        model(x)
    assert torch.equal(torch.autograd.grad(kept[0], x, SIGNAL)[0], PASSED["guided"])  # below it, points work
    for function in (F.silu, F.elu_, F.softshrink):
        with pytest.raises(ValueError, match="the model applies (silu|elu|softshrink)"):
            passed(Of(function), "deconvnet")
    assert torch.isfinite(passed(model, "plain")[1]).all()


@pytest.mark.usefixtures("unchecked")
def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^rule \(='relu'\) must be one of plain, deconvnet, guided$"):
        passed(nn.ReLU(), "relu")


def test_what_was_traced_hides_its_relus_and_is_refused_by_name() -> None:
    model = nn.Sequential()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that tracing is of the past
        model.add_module("traced", torch.jit.trace(nn.ReLU(), X))
    with pytest.raises(ValueError, match=r"^traced is traced to TorchScript, which hides its ReLUs: give its source$"):
        passed(model, "deconvnet")
