"""Ensemble Kalman inversion: Kalman's own rule for linear networks and normal noise, and a network of classes."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glassworks.core.runs import Run
from glassworks.objectives.losses import next_token_loss
from glassworks.optim.gradient_free import vector
from glassworks.optim.rules.ensemble_kalman import EnsembleKalman
from glassworks.train.checkpoint import load_checkpoint, save_checkpoint
from glassworks.train.fit import fit

GENERATOR = torch.Generator().manual_seed(1)
X = torch.randn(40, 3, generator=GENERATOR, dtype=torch.float64)
Y = X @ torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64) + 0.3 * torch.randn(40, generator=GENERATOR).double()
LABELS = (X[:, 0] > 0).long() + (X[:, 1] > 0).long()


def squared(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.mse_loss(model(batch[0]).squeeze(1), batch[1])


def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1])


def linear() -> nn.Linear:
    torch.manual_seed(2)
    return nn.Linear(3, 1, bias=False).double()


def network(*more: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 16), *more, nn.ReLU(), nn.Linear(16, 3)).double()


def posterior(start: Tensor, prior: Tensor, noise: float) -> tuple[Tensor, Tensor]:
    """Mean and covariance of the weights given all of Y, for a normal prior: ridge regression about `start`."""
    precision = prior.inverse() + X.T @ X / noise**2
    return start + torch.linalg.solve(precision, X.T @ (Y - X @ start)) / noise**2, precision.inverse()


def stepped(population: int, **more: float) -> tuple[EnsembleKalman, Tensor, Tensor, float]:
    model = linear()
    start = vector.read(list(model.parameters()))
    settings = {"sigma": 0.7, "noise": 0.5, "inflation": 0.0, **more}
    rule = EnsembleKalman(model, population=population, **settings)
    first = rule.deviations()
    fit(model, lambda _: (X, Y), squared, rule, steps=1)
    return rule, start, first, settings["noise"] * float(Y.std(correction=0))


def test_the_mean_is_kalmans_for_the_ensembles_own_covariance() -> None:
    rule, start, first, noise = stepped(20)
    mean, _ = posterior(start, torch.cov(first.T), noise)
    assert torch.allclose(vector.read(rule.weights), mean, atol=1e-10)


def test_many_members_are_the_ridge_posterior_of_the_prior_that_they_were_drawn_from() -> None:
    rule, start, _, noise = stepped(2000)
    mean, covariance = posterior(start, 0.7**2 * torch.eye(3).double(), noise)
    error = (vector.read(rule.weights) - mean).abs()
    assert (error < 0.05 * covariance.diagonal().sqrt()).all()
    spread = torch.cov(rule.memory["deviations"].T)
    assert torch.allclose(spread, covariance, atol=0.06 * float(covariance.diagonal().max()))


def test_without_inflation_members_stay_in_the_span_of_the_first() -> None:
    torch.manual_seed(0)
    model = network()
    rule = EnsembleKalman(model, population=5, sigma=0.1, inflation=0.0)
    start, first = vector.read(rule.weights), rule.deviations()
    fit(model, lambda _: (X, LABELS), loss, rule, steps=4)
    moved = vector.read(rule.weights) - start
    basis = torch.linalg.qr((first - first.mean(0)).T[:, :4])[0]
    assert (moved - basis @ (basis.T @ moved)).norm() < 1e-9 * moved.norm()


@pytest.mark.parametrize("inflation", [0.3, 1.0])
def test_it_learns_classes_and_resumes_to_the_bit(inflation: float, tmp_path: Path) -> None:
    def batch(step: int) -> tuple[Tensor, Tensor]:
        return X, LABELS

    whole, first, second = network(), network(), network()
    settings = {"population": 32, "sigma": 0.1, "noise": 1.0, "inflation": inflation, "seed": 4}
    made = fit(whole, batch, loss, EnsembleKalman(whole, **settings), steps=30, log_every=1)
    assert made.loss < 0.4 * made.rows[0]["loss"]
    rule, other = EnsembleKalman(first, **settings), EnsembleKalman(second, **settings)
    fit(first, batch, loss, rule, steps=13)
    folder = save_checkpoint(Run.create(tmp_path / "run", command=[]), 13, {"model": first}, rule)
    load_checkpoint(folder, {"model": second}, other)
    fit(second, batch, loss, other, steps=30, start=13)
    for a, b in zip(whole.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    assert other.numbers()["forwards"] == 30 * 33


def test_batch_norm_sees_one_forward_pass_a_step_and_dropout_is_the_same_for_all_members() -> None:
    model = network(nn.BatchNorm1d(16), nn.Dropout(0.5))
    rule = EnsembleKalman(model, population=4, sigma=1e-12)
    model.train()
    torch.manual_seed(5)
    mean = vector.read(rule.weights)
    before = model[1].running_mean.clone()
    with torch.no_grad():
        outputs = rule.outputs(X, mean, rule.deviations())
    assert torch.equal(model[1].running_mean, before)
    assert float((outputs - outputs[0]).abs().max()) < 1e-6
    fit(model, lambda _: (X, LABELS), loss, rule, steps=3)
    assert int(model[1].num_batches_tracked) == 3


def test_frozen_weights_stay_and_tied_ones_move_once() -> None:
    model = network()
    model[0].weight.requires_grad_(False)
    before = model[0].weight.clone()
    rule = EnsembleKalman(model, population=8)
    assert len(vector.read(rule.weights)) == 16 + 48 + 3
    fit(model, lambda _: (X, LABELS), loss, rule, steps=2)
    assert torch.equal(before, model[0].weight)


def test_members_whose_outputs_are_no_numbers_are_left_out_and_counted() -> None:
    class Fragile(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(3, 3).double()
            self.start = self.inner.bias[0].item()

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x) / (0.0 if self.inner.bias[0] > self.start + 1e-9 else 1.0)

    torch.manual_seed(0)
    model = Fragile()
    rule = EnsembleKalman(model, population=16)
    fit(model, lambda _: (X, LABELS), loss, rule, steps=1)
    assert 0 < rule.numbers()["failed"] < 16
    assert all(p.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(
    ("name", "value"), [("population", 1), ("sigma", 0.0), ("noise", 0.0), ("inflation", 1.5), ("lr", 0.0)]
)
def test_settings_that_cannot_be(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"{name} \(={value}\)"):
        EnsembleKalman(network(), **{name: value})


def test_targets_that_are_left_out_of_the_loss_teach_nothing() -> None:
    kept = torch.arange(40) % 3 > 0
    ends = []
    for x, labels in ((X, LABELS.where(kept, -1)), (X[kept], LABELS[kept])):
        model = network()
        batch = x[None], labels[None]
        rule = EnsembleKalman(model, population=8)
        fit(model, lambda _, batch=batch: batch, next_token_loss, rule, steps=2)
        ends.append(vector.read(list(model.parameters())))
    torch.testing.assert_close(ends[0], ends[1])
