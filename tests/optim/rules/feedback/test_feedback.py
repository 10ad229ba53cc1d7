"""Feedback in the place of transposed weights: with these it is backpropagation; else a fixed function of the seed."""

import copy
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.optim.rules.made import accuracy, blobs, images, loss, mlp, resumed_like_whole, vision
from torch import Tensor, nn

from glassworks.models.vision.lenet5 import SparseConvolution
from glassworks.optim.rules.feedback.detour import Feedback, angle, matrices, through
from glassworks.optim.rules.feedback.direct_feedback_alignment import DirectFeedbackAlignment
from glassworks.optim.rules.feedback.feedback_alignment import FeedbackAlignment
from glassworks.optim.rules.feedback.sign_symmetric import SignSymmetric
from glassworks.train.fit import fit

RULES: list[Any] = [
    FeedbackAlignment,
    DirectFeedbackAlignment,
    SignSymmetric,
    partial(SignSymmetric, sizes="fixed"),
    partial(SignSymmetric, sizes="batch"),
]


def gradient_of(model: nn.Module, optimizer: Feedback, batch: tuple[Tensor, ...]) -> list[Tensor]:
    """What a step goes along."""
    before = [p.detach().clone() for p in model.parameters()]
    optimizer.settings.update(inner="sgd", momentum=0.0, lr=1.0)

    def closure() -> Tensor:
        optimizer.zero_grad()
        found = loss(model, batch)
        found.backward()
        return found

    optimizer.step(closure)
    return [old - p.detach() for old, p in zip(before, model.parameters(), strict=True)]


CONVOLUTIONS = [
    nn.Conv2d(4, 6, 3),
    nn.Conv2d(4, 6, 3, stride=2, padding=1),
    nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), groups=2, bias=False),
    nn.Conv2d(4, 6, 3, padding="same", dilation=2),
    nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"),
    nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2),
    SparseConvolution(((0, 1), (1, 2, 3), (0, 1, 2, 3)), 4),
]


def around(layer: nn.Module, size: int = 8) -> nn.Sequential:
    """A layer in the middle of a network of double precision."""
    torch.manual_seed(1)
    for p in layer.parameters():
        nn.init.normal_(p, std=0.3)
    below = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True)
    front = nn.Sequential(*below, layer, nn.ReLU(inplace=True), nn.Flatten()).double()
    width = front(torch.zeros(2, 1, size, size, dtype=torch.float64)).shape[1]
    return nn.Sequential(front, nn.Linear(width, 3).double())


@pytest.mark.parametrize("layer", [*CONVOLUTIONS, nn.Linear(8, 5)], ids=lambda layer: str(layer)[:60])
def test_with_its_own_weights_as_feedback_it_is_backpropagation(layer: nn.Module) -> None:
    model = around(layer)
    batch = torch.rand(5, 1, 8, 8, dtype=torch.float64), torch.tensor([0, 1, 2, 0, 1])
    loss(model, batch).backward()
    true = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    optimizer = FeedbackAlignment(model)
    for name, module in optimizer.layers.items():
        for parameter, weight in matrices(module):
            optimizer.memory[f"feedback.{name}.{parameter}"] = weight.detach()
    for ours, its in zip(gradient_of(model, optimizer, batch), true, strict=True):
        torch.testing.assert_close(ours, its, rtol=1e-9, atol=1e-12)


def test_feedback_by_hand() -> None:
    """Two linear layers and a tanh: the lower one moves by ((e B) (1 - h²))^T x, as the papers have it."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    batch = torch.rand(7, 4, dtype=torch.float64), torch.randint(3, (7,))
    hidden = model[:2](batch[0]).detach()
    outputs = model[2](hidden).detach()
    error = (outputs.softmax(1) - nn.functional.one_hot(batch[1], 3)) / 7
    signs = model[2].weight.detach().sign() / 3**0.5
    for made in RULES[:3]:
        copied = copy.deepcopy(model)
        optimizer = made(copied)
        moved = gradient_of(copied, optimizer, batch)
        key = "feedback.2" if made is DirectFeedbackAlignment else "feedback.2.weight"
        feedback = signs if made is SignSymmetric else optimizer.memory[key]
        torch.testing.assert_close(moved[0], ((error @ feedback) * (1 - hidden**2)).T @ batch[0])
        torch.testing.assert_close(moved[2], error.T @ hidden)


def test_direct_feedback_passes_over_the_layer_above() -> None:
    """Other weights in the middle leave the first layer's gradient as it is, where the outputs are the same."""
    found = []
    for scale in (1.0, -2.0):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 5), nn.Linear(5, 3)).double()
        nn.init.zeros_(model[2].weight)  # the outputs are the bias alone
        with torch.no_grad():
            model[1].weight *= scale
        batch = torch.linspace(0, 1, 28, dtype=torch.float64).view(7, 4), torch.tensor([0, 1, 2, 0, 1, 2, 0])
        found.append(gradient_of(model, DirectFeedbackAlignment(model), batch)[0])
    assert found[0].abs().sum() > 0
    torch.testing.assert_close(found[0], found[1])


def test_sign_symmetric_feedback_has_the_signs_of_the_weights_as_they_are_now() -> None:
    model = mlp()
    for sizes, same in (("uniform", True), ("fixed", True), ("batch", False)):
        optimizer = SignSymmetric(model, sizes=sizes)  # type: ignore[arg-type]
        weight = model[2].weight
        one = optimizer.feedback("2", "weight", weight)
        optimizer.memory["steps"] += 1
        other = optimizer.feedback("2", "weight", -weight)
        assert torch.equal(one.sign(), weight.sign())
        assert torch.equal(other.sign(), -weight.sign())
        assert torch.equal(one.abs(), other.abs()) is same


@pytest.mark.parametrize("made", RULES)
def test_it_learns_and_the_gradient_points_along_backpropagation(made: Any) -> None:
    model = mlp()
    optimizer = made(model, lr=3e-3, angle_every=1)
    told = fit(model, blobs, loss, optimizer, steps=150, every=[(1, lambda step, _: optimizer.numbers())])
    assert accuracy(model) > 0.95
    assert torch.tensor(told.history["angle"][-20:]).mean() < 80


@pytest.mark.parametrize("made", RULES[:3])
@pytest.mark.parametrize("architecture", ["lenet5", "small_vgg"])
def test_convolutions_learn(made: Any, architecture: str) -> None:
    model = vision(architecture, **({"width": 4} if architecture == "small_vgg" else {}))
    fit(model, images, loss, made(model, lr=3e-3), steps=60)
    assert accuracy(model, images) > 0.9


def test_the_angle_is_nought_where_feedback_is_the_weights_and_its_look_changes_nothing() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))
    other = copy.deepcopy(model)
    looked, blind = FeedbackAlignment(model, angle_every=2), FeedbackAlignment(other)
    looked.memory["feedback.4.weight"] = model[4].weight.detach()
    blind.memory["feedback.4.weight"] = other[4].weight.detach()
    for net, optimizer in ((model, looked), (other, blind)):
        torch.manual_seed(1)
        fit(net, blobs, loss, optimizer, steps=3)
    assert looked.numbers()["angle"] == pytest.approx(0.0, abs=0.1)
    assert blind.numbers() == {}
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True))
    assert angle([(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0]))]) == pytest.approx(90.0)


def test_a_step_leaves_the_module_a_plain_one() -> None:
    model = mlp()
    names = list(model.state_dict())
    fit(model, blobs, loss, FeedbackAlignment(model), steps=2)
    assert list(model.state_dict()) == names
    assert not any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in model.modules())
    x = torch.rand(2, 12)
    assert torch.equal(copy.deepcopy(model)(x), model(x))
    with pytest.raises(ZeroDivisionError):
        FeedbackAlignment(model).step(lambda: 1 / 0)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


@pytest.mark.parametrize("made", RULES)
@pytest.mark.parametrize("inner", ["adam", "sgd"])
def test_the_same_seed_trains_alike_and_a_resumed_training_is_the_whole_one(
    made: Any, inner: str, tmp_path: Path
) -> None:
    resumed_like_whole(mlp, lambda model: made(model, seed=5, inner=inner, weight_decay=0.01), blobs, tmp_path)
    first, second, third = mlp(), mlp(), mlp()
    for model, seed in ((first, 1), (second, 1), (third, 2)):
        fit(model, blobs, loss, made(model, seed=seed, inner=inner), steps=3)
    assert torch.equal(first[0].weight, second[0].weight)
    drawn = not (isinstance(made, type) and made is SignSymmetric)
    assert torch.equal(first[0].weight, third[0].weight) is not drawn


@pytest.mark.parametrize("made", RULES)
def test_channels_last_are_resumed_bit_for_bit(made: Any, tmp_path: Path) -> None:
    resumed_like_whole(
        lambda: vision("small_vgg", width=4, depth=1), lambda model: made(model, seed=5), images, tmp_path
    )


def test_parts_of_a_batch_are_the_whole() -> None:
    found = []
    for accumulate in (1, 4):
        model = mlp()
        fit(model, blobs, loss, DirectFeedbackAlignment(model, inner="sgd"), steps=3, accumulate=accumulate)
        found.append(model[0].weight.detach())
    torch.testing.assert_close(found[0], found[1])


def test_frozen_weights_stay_and_tied_ones_move_together() -> None:
    model = mlp()
    model[4] = nn.Sequential(model[2], nn.ReLU(), nn.Linear(16, 3))  # the second layer once more
    model[0].weight.requires_grad_(False)
    before = model[0].weight.clone()
    fit(model, blobs, loss, FeedbackAlignment(model), steps=3)
    assert torch.equal(model[0].weight, before)
    assert model[4][0].weight is model[2].weight
    assert model[2].weight.grad is not None


@pytest.mark.parametrize(
    ("model", "settings", "says"),
    [
        (nn.Linear(3, 2), {}, "two or more"),
        (mlp(), {"lr": 0.0}, "lr"),
        (mlp(), {"inner": "muon"}, "inner"),
        (mlp(), {"momentum": 1.0}, "momentum"),
        (mlp(), {"angle_every": 0}, "angle_every"),
        (nn.Sequential(nn.Linear(3, 3).requires_grad_(False)), {}, "no weights to train"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_trained_so_is_refused_in_a_line(model: nn.Module, settings: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says) as error:
        FeedbackAlignment(model, **settings)
    assert "\n" not in str(error.value)


def test_direct_feedback_refuses_outputs_that_are_no_rows() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(ValueError, match="one nn.Linear"):
        fit(model, images, loss, DirectFeedbackAlignment(model), steps=1)


@pytest.mark.usefixtures("unchecked")
def test_a_variant_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"sizes \(='all'\) must be"):
        SignSymmetric(mlp(), sizes="all")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "layer",
    [
        nn.Linear(40, 60),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.Conv2d(16, 16, 3, padding=1, groups=16),
        nn.ConvTranspose2d(16, 32, 3, padding=1),
        nn.ConvTranspose2d(16, 32, 3, padding=1, groups=4),
    ],
    ids=lambda layer: str(layer)[:60],
)
def test_drawn_feedback_brings_errors_down_at_about_their_size(layer: nn.Module) -> None:
    torch.manual_seed(0)
    given = torch.randn(64, 40) if isinstance(layer, nn.Linear) else torch.randn(4, 16, 24, 24)
    error = torch.randn_like(layer(given))
    optimizer = FeedbackAlignment(nn.Sequential(layer, nn.Linear(24, 3)))
    reached = through(layer, given, error, {"weight": optimizer.feedback("0", "weight", layer.weight)})
    assert float(reached.square().mean().sqrt()) == pytest.approx(1.0, rel=0.15)
