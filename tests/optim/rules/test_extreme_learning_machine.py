"""The last layer is what ridge regression gives of all that was seen; nothing else moves."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from tests.optim.rules.made import accuracy, blobs, images, loss, mlp, resumed_like_whole, vision
from torch import Tensor, nn

from glassworks.models.vision.build import make_model
from glassworks.models.vision.config import VisionConfig
from glassworks.objectives.labelled import number_loss
from glassworks.optim.rules.extreme_learning_machine import MOST, ExtremeLearningMachine, sharpness
from glassworks.train.fit import fit


def ridge(read: Tensor, targets: Tensor, share: float) -> Ridge:
    """scikit-learn's, with the penalty of so many examples of mean size."""
    penalty = share * float(read.double().square().mean())
    return Ridge(alpha=penalty).fit(read.double().numpy(), targets.double().numpy())


@pytest.mark.parametrize("share", [0.1, 30.0])
def test_classes_are_the_ridge_regression_of_all_examples_seen(share: float) -> None:
    model = nn.Sequential(mlp(width=24)[:4], nn.Dropout(0.5), nn.Linear(24, 3))
    before = [p.clone() for p in model[0].parameters()]
    optimizer = ExtremeLearningMachine(model, ridge=share)
    fit(model, blobs, loss, optimizer, steps=5)
    seen = [blobs(step) for step in range(5)]
    with torch.no_grad():
        read = model[0](torch.cat([x for x, _ in seen]))
    found = ridge(read, nn.functional.one_hot(torch.cat([y for _, y in seen])), share)
    weight, bias = (p.detach().numpy() / optimizer.memory["sharpness"] for p in model[2].parameters())
    np.testing.assert_allclose(weight, found.coef_, rtol=2e-3, atol=2e-5)
    np.testing.assert_allclose(bias, found.intercept_, rtol=2e-3, atol=2e-5)
    assert all(torch.equal(p, old) for p, old in zip(model[0].parameters(), before, strict=True))
    assert accuracy(model) > 0.95


def test_numbers_are_said_in_their_own_unit() -> None:
    """Through the rescaling that a network for numbers ends with."""
    config = VisionConfig("mlp", shape=(4,), outputs=1, task="number", width=32, depth=1)
    model = make_model(config, target_mean=100.0, target_std=20.0)

    def numbers(step: int) -> tuple[Tensor, Tensor]:
        x = torch.randn(64, 4, generator=torch.Generator().manual_seed(step))
        return x, 100 + 20 * x[:, 0] * x[:, 1].sign()

    fit(model, numbers, number_loss(std=20.0), ExtremeLearningMachine(model, ridge=1.0), steps=10)
    x, y = torch.cat([numbers(step)[0] for step in range(10)]), torch.cat([numbers(step)[1] for step in range(10)])
    with torch.no_grad():
        read, said = nn.Sequential(*list(model)[:-2])(x), model(x).squeeze(1)
    np.testing.assert_allclose(said.numpy(), ridge(read, y, 1.0).predict(read.double().numpy()), rtol=1e-4)
    assert (said - y).square().mean() < 0.5 * y.var()


def test_parts_of_a_batch_are_the_whole_and_an_order_is_none() -> None:
    found, shares = [], []
    for accumulate, order in ((1, [0, 1, 2]), (4, [0, 1, 2]), (4, [2, 1, 0])):
        model = mlp()
        optimizer = ExtremeLearningMachine(model)
        fit(
            model,
            lambda step, order=order: blobs(order[step]),
            loss,
            optimizer,
            steps=3,
            accumulate=accumulate,
        )
        found.append(model[4].weight.detach())
        shares.append(found[-1] / optimizer.memory["sharpness"])
    torch.testing.assert_close(found[0], found[1])
    torch.testing.assert_close(shares[0], shares[2])


@pytest.mark.parametrize("architecture", ["lenet5", "small_vgg", "mlp"])
def test_any_chain_learns_and_its_norms_and_dropout_stay_still(architecture: str) -> None:
    model = vision(architecture, **({"width": 8} if architecture == "small_vgg" else {}))
    before = {name: x.clone() for name, x in model.state_dict().items() if "head" not in name}
    fit(model, images, loss, ExtremeLearningMachine(model), steps=20)
    assert accuracy(model, images) > 0.6
    assert all(torch.equal(model.state_dict()[name], x) for name, x in before.items())


def test_a_resumed_training_is_the_whole_one(tmp_path: Path) -> None:
    resumed_like_whole(mlp, ExtremeLearningMachine, blobs, tmp_path)


def test_a_batch_that_is_no_numbers_is_told_by_its_loss_and_left_out() -> None:
    model = mlp()
    optimizer = ExtremeLearningMachine(model)
    fit(model, blobs, loss, optimizer, steps=2)
    kept = model[4].weight.clone()
    with pytest.raises(Exception, match="nan|NaN"):
        fit(model, lambda step: (blobs(step)[0] * torch.nan, blobs(step)[1]), loss, optimizer, steps=1)
    assert torch.equal(model[4].weight, kept)


TIED = mlp()
TIED[4] = nn.Linear(16, 16)
TIED[4].weight = TIED[2].weight


@pytest.mark.parametrize(
    ("model", "settings", "says"),
    [
        (nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2), nn.Softmax(1)), {}, "Softmax behind '2'"),
        (
            nn.Sequential(nn.Linear(4, 4), nn.Unflatten(1, (1, 2, 2)), nn.Conv2d(1, 1, 2)),
            {},
            "end it with an nn.Linear",
        ),
        (nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2).requires_grad_(False)), {}, "is frozen"),
        (mlp(), {"ridge": 0.0}, "ridge"),
        (TIED, {}, "2 and 4 have a weight in common"),
    ],
)
def test_what_cannot_be_solved_is_refused_in_a_line(model: nn.Module, settings: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says) as error:
        ExtremeLearningMachine(model, **settings)
    assert "\n" not in str(error.value)


def test_a_closure_without_batches_and_other_batches_are_refused_in_a_line() -> None:
    model = mlp()
    optimizer = ExtremeLearningMachine(model)
    with pytest.raises(ValueError, match="does not hold: step it by fit"):
        optimizer.step(lambda: loss(model, blobs(0)))
    with pytest.raises(ValueError, match=r"batches of \(inputs, targets\)"):
        fit(model, lambda step: {"x": blobs(step)[0]}, lambda net, batch: net(batch["x"]).mean(), optimizer, steps=1)
    with pytest.raises(ValueError, match="for outputs of"):
        fit(
            model,
            lambda step: (blobs(step)[0], torch.rand(32)),
            lambda net, batch: net(batch[0]).mean(),
            optimizer,
            steps=1,
        )


def overlapping(step: int) -> tuple[Tensor, Tensor]:
    """Blobs whose noise covers what tells them apart."""
    x, targets = blobs(step, rows=64)
    return x + 3 * torch.randn(x.shape, generator=torch.Generator().manual_seed(step)), targets


def test_what_it_says_of_classes_is_as_likely_as_it_is_often_right() -> None:
    model = mlp(width=48)
    optimizer = ExtremeLearningMachine(model)
    fit(model, overlapping, loss, optimizer, steps=60)
    x, targets = (torch.cat(parts) for parts in zip(*(overlapping(1000 + i) for i in range(20)), strict=True))
    with torch.no_grad():
        logits = model(x)
    right = (logits.argmax(1) == targets).double().mean()
    assert 0.7 < right < 0.97
    assert logits.softmax(1).max(1).values.mean() == pytest.approx(float(right), abs=0.05)
    shares = logits / optimizer.memory["sharpness"]
    assert shares.softmax(1).max(1).values.mean() < right - 0.2  # as they come of ridge regression
    assert nn.functional.cross_entropy(logits, targets) < 0.7 * nn.functional.cross_entropy(shares, targets)


def test_the_sharpness_of_a_batch_has_the_least_cross_entropy() -> None:
    generator = torch.Generator().manual_seed(0)
    shares = torch.rand(200, 4, generator=generator, dtype=torch.float64)
    targets = torch.multinomial((7 * shares).softmax(1), 1, generator=generator).squeeze(1)
    found = sharpness(shares, targets)
    least = nn.functional.cross_entropy(found * shares, targets)
    assert all(least < nn.functional.cross_entropy(found * s * shares, targets) for s in (0.9, 0.99, 1.01, 1.1))
    assert sharpness(0.2 * nn.functional.one_hot(targets, 4).double(), targets) == pytest.approx(MOST, rel=1e-4)
    assert sharpness(-shares, shares.argmax(1)) == pytest.approx(1.0, rel=1e-4)
