"""SPSA, MeZO and forward gradients: each estimates the gradient, and nothing else."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.objectives.losses import Summed, next_token_loss
from glassworks.optim.gradient_free.forward_gradient import ForwardGradient, slope_of
from glassworks.optim.gradient_free.mezo import MeZO
from glassworks.optim.gradient_free.spsa import SPSA
from glassworks.train.fit import fit

GENERATOR = torch.Generator().manual_seed(0)
X, Y = torch.randn(32, 5, generator=GENERATOR), torch.randn(32, 2, generator=GENERATOR)


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2)).double()


def loss_of(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return nn.functional.mse_loss(model(batch[0].double()), batch[1].double())


def gradient(model: nn.Module) -> Tensor:
    loss_of(model, (X, Y)).backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def flat(model: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def moved(make: Callable[..., Any], **how: Any) -> Tensor:
    """How far one step moves the weights, by a learning rate of 1."""
    model = net()
    before = flat(model)
    make(model.parameters(), lr=1.0, steepest=None, **how).step(lambda: loss_of(model, (X, Y)))
    return before - flat(model)


@pytest.mark.parametrize(
    ("make", "how"), [(SPSA, {"population": 4000, "sigma": 1e-4}), (ForwardGradient, {"population": 2000})]
)
def test_the_mean_of_many_estimates_is_the_gradient(make: Callable[..., Any], how: dict[str, Any]) -> None:
    expected = gradient(net())
    found = moved(make, **how)
    error = (len(expected) / 2000) ** 0.5 * expected.norm()  # of 2,000 directions
    assert (found - expected).norm() < 1.5 * error
    assert torch.cosine_similarity(found, expected, 0) > 0.98


def test_a_step_of_mezo_is_along_its_noise_by_the_slope_there() -> None:
    model, expected = net(), gradient(net())
    optimizer = MeZO(model.parameters(), lr=1.0, sigma=1e-5, steepest=None)
    far = []
    for _ in range(400):
        before = flat(model)
        optimizer.step(lambda: loss_of(model, (X, Y)))
        step = before - flat(model)
        far.append(step)
        slope = optimizer.numbers()["slope"]
        torch.testing.assert_close(step @ expected / slope, torch.tensor(slope).double(), rtol=1e-4, atol=1e-6)
        model.load_state_dict(net().state_dict())
    mean = torch.stack(far).mean(0)
    assert torch.cosine_similarity(mean, expected, 0) > 0.9
    similar = torch.corrcoef(torch.stack(far)).abs() - torch.eye(400)
    assert similar.max() < 0.85  # no two steps have the same noise


def test_mezo_keeps_nothing_but_numbers_and_draws_any_weight_by_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    model = net()
    optimizer = MeZO(model.parameters())
    optimizer.step(lambda: loss_of(model, (X, Y)))
    (kept,) = optimizer.state_dict()["state"].values()
    assert kept == {"generation": 1, "forwards": 3}
    monkeypatch.setattr("glassworks.optim.gradient_free.mezo.CHUNK", 7)
    drawn: list[int] = []
    randn = torch.randn
    monkeypatch.setattr(
        torch, "randn", lambda shape, **how: drawn.append(torch.Size(shape).numel()) or randn(shape, **how)
    )
    optimizer.step(lambda: loss_of(model, (X, Y)))
    assert max(drawn) == 5  # a row of the first layer
    assert sum(drawn) == 3 * len(flat(model))


def test_mezo_decays_weights() -> None:
    plain, decayed = (moved(MeZO, sigma=1e-5, weight_decay=decay) for decay in (0.0, 0.5))
    torch.testing.assert_close(decayed, plain + 0.5 * (flat(net()) - plain))


def test_the_slope_is_the_gradients_part_to_the_last_digit_and_the_loss_the_loss() -> None:
    model, expected = net(), gradient(net())
    tangents = [torch.randn(p.shape, generator=GENERATOR).double() for p in model.parameters()]
    with torch.no_grad():
        loss, slope = slope_of(lambda: loss_of(model, (X, Y)), list(model.parameters()), tangents)
    torch.testing.assert_close(slope, expected @ torch.cat([t.flatten() for t in tangents]), rtol=1e-12, atol=0)
    assert loss == loss_of(model, (X, Y))
    assert torch.equal(flat(model), flat(net()))


@pytest.mark.parametrize("architecture", ["gpt2", "qwen3", "nanochat"])
def test_a_slope_goes_through_attention(architecture: Any) -> None:
    model = GPT(GPTConfig(architecture, vocab_size=16, n_ctx=8, n_layer=1, n_head=2, n_embd=16), seed=1)
    tokens = torch.randint(16, (2, 9), generator=GENERATOR)
    batch = (tokens[:, :-1], tokens[:, 1:])
    next_token_loss(model, batch).backward()
    tangents = [torch.randn(p.shape, generator=GENERATOR) for p in model.parameters()]
    expected = sum((p.grad * t).sum() for p, t in zip(model.parameters(), tangents, strict=True) if p.grad is not None)
    with torch.no_grad():
        _, slope = slope_of(lambda: next_token_loss(model, batch), list(model.parameters()), tangents)
    torch.testing.assert_close(slope, expected, rtol=1e-4, atol=1e-5)


class Rounded(nn.Module):
    """A layer without a forward-mode derivative."""

    def forward(self, x: Tensor) -> Tensor:
        return Straight.apply(x)


class Straight(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        return x.round()

    @staticmethod
    def backward(context: Any, grad: Tensor) -> Tensor:
        return grad


@pytest.mark.parametrize(
    ("closure", "said"),
    [
        (lambda model: lambda: float(loss_of(model, (X, Y))), "carries no tangent"),
        (lambda model: lambda: loss_of(model, (X, Y)).detach(), "carries no tangent"),
        (lambda model: lambda: Rounded()(loss_of(model, (X, Y))), "forward-mode derivatives of all layers"),
    ],
)
def test_a_loss_without_a_tangent_is_refused_and_the_weights_stay(closure: Any, said: str) -> None:
    model = net()
    with pytest.raises(ValueError, match=said):
        ForwardGradient(model.parameters()).step(closure(model))
    assert torch.equal(flat(model), flat(net()))


def summed(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Summed:
    loss = loss_of(model, batch)
    return Summed(loss * len(batch[0]), len(batch[0]), {"examples": float(len(batch[0])) ** 2})


@pytest.mark.parametrize("name", ["SPSA", "MeZO", "ForwardGradient"])
def test_a_batch_in_parts_is_the_whole_batch(name: str) -> None:
    make: Any = {"SPSA": SPSA, "MeZO": MeZO, "ForwardGradient": ForwardGradient}[name]
    ends = []
    for parts in (1, 4):
        model = net()
        ended = fit(
            model, lambda step: (X, Y), summed, make(model.parameters()), steps=4, accumulate=parts, log_every=1
        )
        assert ended.rows[-1]["forwards"] == {"SPSA": 68, "MeZO": 12, "ForwardGradient": 8}[name]
        assert ended.rows[0]["loss"] == pytest.approx(loss_of(net(), (X, Y)).item())
        assert "examples" in ended.rows[0]
        ends.append(flat(model))
    torch.testing.assert_close(ends[0], ends[1])


@pytest.mark.parametrize("make", [SPSA, MeZO, ForwardGradient])
def test_clipping_is_refused_where_there_is_no_gradient(make: Any) -> None:
    model = net()
    with pytest.raises(ValueError, match=rf"clip \(=1.0\) is of gradients, and {make.__name__} asked for none"):
        fit(model, lambda step: (X, Y), loss_of, make(model.parameters()), steps=1, clip=1.0)


@pytest.mark.parametrize(
    ("make", "settings", "said"),
    [
        (MeZO, {"lr": -1.0}, r"lr \(=-1.0\) must be 0 or more"),
        (MeZO, {"sigma": 0.0}, r"sigma \(=0.0\) must be above 0"),
        (ForwardGradient, {"lr": -1.0}, r"lr \(=-1.0\) must be 0 or more"),
        (SPSA, {"steepest": 0.0}, r"steepest \(=0.0\) must be above 0, or None"),
        (MeZO, {"steepest": -1.0}, r"steepest \(=-1.0\) must be above 0, or None"),
        (ForwardGradient, {"population": 0}, r"population \(=0\) must be at least 1"),
    ],
)
def test_settings_that_cannot_step_are_refused(make: Any, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make(net().parameters(), **settings)


@pytest.mark.parametrize("make", [SPSA, MeZO, ForwardGradient])
def test_weights_in_groups_are_refused_as_there_is_one_lr_for_all(make: Any) -> None:
    first, second = (nn.Parameter(torch.zeros(3)) for _ in range(2))
    with pytest.raises(ValueError, match=r"params \(of 2 groups\) must be one"):
        make([{"params": [first], "lr": 0.1}, {"params": [second], "lr": 0.2}])


@pytest.mark.parametrize("make", [SPSA, MeZO, ForwardGradient])
def test_what_the_module_draws_is_the_same_within_a_step_and_other_numbers_by_another_seed(make: Any) -> None:
    drawn: dict[int, list[Tensor]] = {}
    for seed in (0, 1):
        model = net()
        numbers = drawn.setdefault(seed, [])

        def closure(model: nn.Module = model, numbers: list[Tensor] = numbers) -> Tensor:
            numbers.append(torch.rand(3))
            return loss_of(model, (X, Y))

        make(model.parameters(), seed=seed).step(closure)
    assert all(torch.equal(numbers[0], other) for numbers in drawn.values() for other in numbers)
    assert not torch.equal(drawn[0][0], drawn[1][0])


@pytest.mark.parametrize("size", [1e-3, 0.1])
def test_spsa_takes_the_slope_of_given_pairs_whatever_their_size(size: float) -> None:
    gradient = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64)
    start = torch.tensor([0.5, 0.5, -1.0], dtype=torch.float64)
    p = nn.Parameter(start.clone())
    signs = torch.tensor([[1, 1, 1], [1, -1, 1], [-1, 1, 1], [1, 1, -1]], dtype=torch.float64)
    pairs = torch.cat([start + size * signs, start - size * signs])
    SPSA([p], lr=1.0, steepest=None).tell(pairs @ gradient, pairs)
    torch.testing.assert_close(start - p.detach(), (signs @ gradient) @ signs / 4)


@pytest.mark.parametrize("count", [5, 6])
def test_spsa_refuses_given_candidates_that_are_no_pairs(count: int) -> None:
    p = nn.Parameter(torch.ones(3))
    given = torch.randn(count, 3, generator=torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match=r"must be pairs about the weights, .* take snes or cma_es"):
        SPSA([p]).tell(given.square().sum(1), given)
    assert torch.equal(p, torch.ones(3))
