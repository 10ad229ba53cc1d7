"""Forward-Forward: layers tell real labels from wrong ones; each by itself; and the module's own forward answers."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tests.optim.rules.made import accuracy, blobs, images, loss, mlp, resumed_like_whole, vision
from torch import nn

from glassworks.core.errors import RunError
from glassworks.optim.rules.forward_forward import ForwardForward, normalised
from glassworks.train.fit import fit


def taught(model: nn.Module, steps: int = 150, **settings: Any) -> ForwardForward:
    optimizer = ForwardForward(model, **settings)
    fit(model, blobs, loss, optimizer, steps=steps)
    return optimizer


def test_goodness_separates_right_from_wrong_labels_and_both_ways_of_answering_are_right() -> None:
    model = mlp(width=32)
    optimizer = taught(model, lr=5e-3)
    x, targets = blobs(10_000)
    goods = optimizer.goodness(x)
    assert goods.shape == (32, 3)
    assert (goods.argmax(1) == targets).float().mean() > 0.9
    assert accuracy(model) > 0.9
    assert optimizer.numbers()["separated_1"] > 0.9
    assert optimizer.numbers()["separated_2"] > 0.9


def test_the_gradient_of_a_layer_is_that_of_its_own_loss_written_down_again() -> None:
    """The equations of the file, by autograd on a copy; nothing comes from the layers above."""
    model = mlp()
    written = copy.deepcopy(model)
    optimizer = ForwardForward(model, threshold=1.5, slope=3.0)
    x, targets = blobs(0)
    wrong = (targets + 1) % 3
    optimizer.begin(x, targets)
    optimizer.teach_hidden(x, targets, wrong)
    size = 2 * x.abs().max()
    rows = []
    for labels in (targets, wrong):
        marked = x.clone()
        marked[:, :3] = F.one_hot(labels, 3) * size
        rows.append(marked)
    for i in (0, 2):
        good = [F.relu(written[i](row)).square().mean(1) for row in rows]
        local = torch.log1p(torch.exp(3 * (1.5 - good[0]))) + torch.log1p(torch.exp(3 * (good[1] - 1.5)))
        local.mean().backward()
        torch.testing.assert_close(model[i].weight.grad, written[i].weight.grad, rtol=1e-4, atol=1e-6)
        with torch.no_grad():
            rows = [F.relu(written[i](row)) for row in rows]
            rows = [row / row.square().mean(1, keepdim=True).sqrt() for row in rows]
    assert model[4].weight.grad is None


def test_the_last_layer_moves_down_the_loss_of_plain_inputs() -> None:
    model = mlp()
    copied = copy.deepcopy(model)
    loss(copied, blobs(0)).backward()
    taught(model, steps=1, lr=1e-3)
    moved = model[4].weight - copied[4].weight
    assert torch.equal(moved.sign(), -copied[4].weight.grad.sign())


def test_wrong_labels_are_never_right_and_hard_ones_come_often() -> None:
    model = mlp()
    optimizer = ForwardForward(model)
    outputs = torch.tensor([[5.0, 4.0, 0.0]]).repeat(300, 1)
    targets = torch.zeros(300, dtype=torch.int64)
    drawn = optimizer.wrong(outputs, targets)
    assert (drawn != targets).all()
    assert (drawn == 1).float().mean() == pytest.approx(0.982, abs=0.03)
    assert (optimizer.wrong(1000 * outputs, torch.ones_like(targets)) == 0).all()
    assert (optimizer.wrong(1000 * outputs, targets) == 1).all()
    optimizer.memory["steps"] = 1
    assert not torch.equal(optimizer.wrong(outputs * 0, targets), ForwardForward(mlp()).wrong(outputs * 0, targets))


def test_what_is_handed_on_tells_nothing_of_goodness() -> None:
    read = normalised(torch.tensor([[3.0, 4.0], [30.0, 40.0], [0.0, 0.0]]))
    torch.testing.assert_close(read[0], read[1])
    torch.testing.assert_close(read.square().mean(1), torch.tensor([1.0, 1.0, 0.0]))


def test_with_batch_norm_and_dropout_it_learns_and_statistics_are_those_of_plain_inputs() -> None:
    torch.manual_seed(0)
    layers = nn.Linear(12, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 32), nn.ReLU()
    model = nn.Sequential(*layers, nn.Linear(32, 3))
    before = copy.deepcopy(model)
    taught(model, steps=1)
    before(blobs(0)[0])
    assert torch.equal(model[1].running_mean, before[1].running_mean)
    assert model[1].num_batches_tracked == 1
    taught(model, lr=5e-3)
    assert accuracy(model) > 0.9


def test_images_of_our_mlp_are_learned() -> None:
    model = vision("mlp", width=64)
    fit(model, images, loss, ForwardForward(model, lr=5e-3), steps=150)
    assert accuracy(model, images) > 0.8


def test_frozen_layers_stay() -> None:
    for frozen in (0, 2, 4):
        model = mlp()
        model[frozen].requires_grad_(False)
        before = [p.clone() for p in model[frozen].parameters()]
        taught(model, steps=2)
        assert all(torch.equal(p, old) for p, old in zip(model[frozen].parameters(), before, strict=True))


def test_the_same_seed_trains_alike_and_a_resumed_training_is_the_whole_one(tmp_path: Path) -> None:
    models = [mlp(), mlp(), mlp()]
    for model, seed in zip(models, (1, 1, 2), strict=True):
        taught(model, steps=3, seed=seed)
    assert torch.equal(models[0][0].weight, models[1][0].weight)
    assert not torch.equal(models[0][0].weight, models[2][0].weight)
    resumed_like_whole(mlp, lambda model: ForwardForward(model, seed=5), blobs, tmp_path)


def test_a_batch_that_is_no_numbers_teaches_nothing() -> None:
    model = mlp()
    before = [p.clone() for p in model.parameters()]
    with pytest.raises(RunError):
        fit(model, lambda step: (blobs(step)[0] * torch.nan, blobs(step)[1]), loss, ForwardForward(model), steps=1)
    assert all(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))


@pytest.mark.parametrize(
    ("model", "settings", "says"),
    [
        (vision("lenet5"), {}, "c1 .Conv2d. sees a corner"),
        (vision("mlp", norm="layer"), {}, "LayerNorm behind linear1"),
        (nn.Sequential(nn.Linear(4, 2)), {}, "has none"),
        (mlp(), {"threshold": 0.0}, "threshold"),
        (mlp(), {"slope": -1.0}, "slope"),
    ],
)
def test_what_has_no_use_for_labels_or_goodness_is_refused_in_a_line(
    model: nn.Module, settings: Any, says: str
) -> None:
    with pytest.raises(ValueError, match=says) as error:
        ForwardForward(model, **settings)
    assert "\n" not in str(error.value)


def test_numbers_and_inputs_narrower_than_labels_are_refused_in_a_line() -> None:
    model = mlp()
    with pytest.raises(ValueError, match="targets are numbers"):
        fit(
            model,
            lambda step: (blobs(step)[0], torch.rand(32, 3)),
            lambda net, b: net(b[0]).mean(),
            ForwardForward(model),
            steps=1,
        )
    narrow = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3))
    with pytest.raises(ValueError, match="first 3 numbers"):
        fit(narrow, lambda step: blobs(step, width=2), loss, ForwardForward(narrow), steps=1)
    with pytest.raises(ValueError, match="not seen a batch"):
        ForwardForward(mlp()).goodness(torch.rand(2, 12))
