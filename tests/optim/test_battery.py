"""Every optimizer through one battery: what must hold of any way to train, whatever it does."""

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from glassworks.core.runs import Run
from glassworks.optim.catalogue import METHODS, method_class
from glassworks.optim.config import OptimizerConfig
from glassworks.optim.groups import make_optimizer
from glassworks.train.checkpoint import load_checkpoint, save_checkpoint
from glassworks.train.fit import Fit, fit

NAMES = sorted(METHODS)
SEARCHES = [name for name in NAMES if METHODS[name].kind == "search"]
DRAW_NOTHING = {
    *("muon", "adamw", "sgd", "nelder_mead", "cobyqa", "bobyqa"),
    *("sign_symmetric", "hebbian", "predictive_coding", "equilibrium_propagation", "extreme_learning_machine"),
}
"""Methods that do the same by any seed."""

DRAWN = torch.Generator().manual_seed(0)
X = torch.randn(48, 6, generator=DRAWN)
Y = (X @ torch.randn(6, 3, generator=DRAWN)).argmax(1)

Net = Callable[[], nn.Module]


def plain() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 3))


def deep() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))


def noisy() -> nn.Module:
    """Dropout, and buffers that change in forward."""
    return nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.2), nn.Linear(6, 3))


def tied() -> nn.Module:
    """A layer that is used twice."""
    layer = nn.Linear(6, 6)
    return nn.Sequential(layer, nn.Tanh(), layer, nn.Tanh(), nn.Linear(6, 3))


def loss_of(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return nn.functional.cross_entropy(model(batch[0]).float(), batch[1])


def made(
    name: str, net: Net = plain, *, seed: int = 0, dtype: torch.dtype = torch.float32, freeze: str = "", **said: Any
) -> tuple[nn.Module, torch.optim.Optimizer]:
    if name in ("cobyqa", "bobyqa"):
        said = {"population": 5, **said}
    torch.manual_seed(0)
    model = net().to(dtype)
    for key, p in model.named_parameters():
        p.requires_grad_(not freeze or not key.startswith(freeze))
    return model, make_optimizer(model, OptimizerConfig(name, **said), dtype=torch.float32, seed=seed)


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int, start: int = 0, loss: Any = loss_of) -> Fit:
    batch = X.to(model[0].weight.dtype), Y
    return fit(model, lambda step: batch, loss, optimizer, steps=steps, start=start, log_every=1)


def same(one: nn.Module, other: nn.Module) -> bool:
    state = other.state_dict()
    return all(torch.equal(value, state[name]) for name, value in one.state_dict().items())


REFUSED = {
    "plain": set[str](),
    "noisy": {"equilibrium_propagation", "predictive_coding", "target_propagation"},
    "tied": {"extreme_learning_machine", "forward_forward", "hebbian"},
}
"""By network, the methods that cannot train it, and say so."""


@contextmanager
def refused_for(name: str, net: Net) -> Iterator[None]:
    """The block is refused in a line, if the method is one that cannot train such a network."""
    if name not in REFUSED[net.__name__]:
        yield
        return
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        yield


@pytest.fixture(autouse=True)
def installed(request: pytest.FixtureRequest) -> None:
    if "bobyqa" in request.node.name:
        pytest.importorskip("pybobyqa")


@pytest.mark.parametrize("name", NAMES)
def test_it_starts_from_the_modules_own_weights(name: str) -> None:
    model, optimizer = made(name)
    expected = loss_of(model, (X, Y)).item()
    assert same(model, made("sgd")[0])
    assert train(model, optimizer, 1).rows[0]["loss"] == pytest.approx(expected, rel=1e-6)
    assert not same(model, made("sgd")[0])


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_says_all_that_it_draws(name: str) -> None:
    models = []
    for seed in (0, 0, 1):
        model, optimizer = made(name, deep, seed=seed)
        train(model, optimizer, 3)
        models.append(model)
    assert same(models[0], models[1])
    assert same(models[0], models[2]) == (name in DRAW_NOTHING)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_it_goes_on_from_its_state_to_the_bit(name: str, dtype: torch.dtype) -> None:
    if dtype == torch.bfloat16 and METHODS[name].kind == "rule":
        pytest.skip("rules compute in the weights' precision, and some of it is not there in bfloat16")
    whole, optimizer = made(name, dtype=dtype)
    train(whole, optimizer, 5)
    broken, optimizer = made(name, dtype=dtype)
    train(broken, optimizer, 2)
    state = copy.deepcopy((broken.state_dict(), optimizer.state_dict()))
    again, optimizer = made(name, dtype=dtype)
    again.load_state_dict(state[0])
    optimizer.load_state_dict(state[1])
    train(again, optimizer, 5, start=2)
    assert same(again, whole)


@pytest.mark.parametrize("name", NAMES)
def test_float16_is_trained_or_refused_in_a_line(name: str) -> None:
    if METHODS[name].kind == "rule":
        with pytest.raises(ValueError, match=r"is torch\.float16, in which .* bring the model to float32[^\n]*$"):
            made(name, dtype=torch.float16)
        return
    model, optimizer = made(name, deep, dtype=torch.float16, freeze="0." if name == "cobyqa" else "")
    train(model, optimizer, 15)
    assert all(p.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("net", [plain, noisy])
@pytest.mark.parametrize("name", NAMES)
def test_a_run_goes_on_from_its_checkpoint_to_the_bit(name: str, net: Net, tmp_path: Path) -> None:
    with refused_for(name, net):
        whole, optimizer = made(name, net)
        rows = train(whole, optimizer, 5).rows
        broken, optimizer = made(name, net)
        train(broken, optimizer, 2)
        folder = save_checkpoint(Run.create(tmp_path / "run"), 2, {"model": broken}, optimizer)
        torch.manual_seed(99)
        again, optimizer = made(name, net)
        assert load_checkpoint(folder, {"model": again}, optimizer) == 2
        went_on = train(again, optimizer, 5, start=2).rows
        assert same(again, whole)
        assert [{**row, "seconds": 0} for row in went_on] == [{**row, "seconds": 0} for row in rows[2:]]
        assert all(value.isfinite().all() for value in whole.state_dict().values())


@pytest.mark.parametrize("name", NAMES)
def test_what_is_frozen_stays(name: str) -> None:
    model, optimizer = made(name, freeze="0.")
    train(model, optimizer, 3)
    first = made("sgd")[0].state_dict()
    moved = {key for key, value in model.state_dict().items() if not torch.equal(value, first[key])}
    assert moved
    assert not moved & {"0.weight", "0.bias"}


@pytest.mark.parametrize("name", NAMES)
def test_tied_weights_are_one(name: str) -> None:
    with refused_for(name, tied):
        model, optimizer = made(name, tied)
        assert sum(p.numel() for group in optimizer.param_groups for p in group["params"]) == 63
        train(model, optimizer, 3)
        assert model[0].weight is model[2].weight
        assert math.isfinite(loss_of(model, (X, Y)).item())


@pytest.mark.parametrize("name", SEARCHES)
def test_whole_numbers_are_no_weights(name: str) -> None:
    whole = nn.Parameter(torch.arange(3), requires_grad=False)
    with pytest.raises(ValueError, match=r"a parameter of shape \(3,\) is torch\.int64: give floating-point weights"):
        method_class(name)([whole])
    model, _ = made(name)
    model.register_parameter("whole", whole)
    train(model, make_optimizer(model, OptimizerConfig(name)), 2)
    assert model.whole.tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", sorted({*SEARCHES} - {"mezo", "forward_gradient"}))
def test_losses_that_are_no_numbers_are_counted_and_not_followed(name: str) -> None:
    if name in ("nelder_mead", "cobyqa", "bobyqa"):
        model, optimizer = made(name, freeze="0.", population=30)  # of the 21 weights that are left one after the other
    else:
        model, optimizer = made(name, population=100)
    edge = model[2].bias.detach().clone()

    def holed(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        """NaN where a bias is larger than it was, which is half of all directions."""
        return loss_of(model, batch) + torch.where(model[2].bias[0] > edge[0], torch.nan, 0.0)

    failed, step = 0.0, 0
    while (not failed and step < 100) or step < 3:
        step += 1
        failed += train(model, optimizer, step, step - 1, loss=holed).rows[-1]["failed"]
    assert failed
    assert all(p.isfinite().all() for p in model.parameters())
    assert holed(model, (X, Y)).isfinite()


def test_where_one_side_of_mezo_is_no_number_it_stays() -> None:
    model, optimizer = made("mezo")
    before, calls = copy.deepcopy(model), list[int]()

    def once(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        calls.append(0)
        return loss_of(model, batch) + (torch.nan if len(calls) == 2 else 0.0)

    assert train(model, optimizer, 1, loss=once).rows[-1]["failed"] == 1
    for p, was in zip(model.parameters(), before.parameters(), strict=True):
        torch.testing.assert_close(p, was)


STEPS = {"gradient": 100, "rule": 150}
FORWARDS, FEW = 2000, 201
"""Forward passes of a search, and of one that works by a model of the loss."""
TOLD: dict[str, dict[str, Any]] = {
    "mezo": {"lr": 0.03},  # one direction of 63: by its own rate it is patient
    "forward_gradient": {"lr": 0.03},
    "nelder_mead": {"sigma": 0.5},
    "cobyqa": {"population": 100},
    "bobyqa": {"population": 100},
}


@pytest.mark.parametrize("name", NAMES)
def test_it_learns(name: str) -> None:
    model, optimizer = made(name, **TOLD.get(name, {}))
    before, spent, step = loss_of(model, (X, Y)).item(), 0.0, 0
    if METHODS[name].kind != "search":
        train(model, optimizer, STEPS[METHODS[name].kind])
    while METHODS[name].kind == "search" and spent < (FEW if name in ("cobyqa", "bobyqa") else FORWARDS):
        step += 1
        spent = train(model, optimizer, step, step - 1).rows[-1]["forwards"]
    after = loss_of(model, (X, Y)).item()
    assert after < 0.85 * before, (before, after, step)
