"""Gradients as attributions: what is known by hand of linear and piecewise linear networks."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glassworks.interpret.images.attribution.gradients import (
    guided_backprop_map,
    over_channels,
    saliency_map,
    smooth_grad_map,
)
from glassworks.interpret.images.attribution.integrated import integrated_gradients_map

IMAGES = torch.rand(3, 2, 6, 5, generator=torch.Generator().manual_seed(0))


def linear() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(60, 4))


def network(**how: bool) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.ReLU(**how),
        nn.Conv2d(4, 4, 3),
        nn.ReLU(**how),
        nn.Flatten(),
        nn.Linear(48, 4),
    )


class Functional(nn.Module):
    """ReLUs by functions, one of them in place, and a convolution that is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.conv, self.out = nn.Conv2d(2, 4, 3), nn.Conv2d(4, 4, 3, padding=1), nn.Linear(48, 4)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 4)."""
        x = F.relu(self.first(x), inplace=True)
        x = F.relu(self.conv(F.relu(self.conv(x)))) + x
        return self.out(x.flatten(1))


class Skipping(nn.Module):
    """The image itself comes to the scores by the convolution's side."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 2)."""
        return (self.conv(x).relu() * x).sum((2, 3))


def test_of_a_linear_network_saliency_is_the_weights() -> None:
    model = linear()
    found = saliency_map(model, IMAGES, [1, 0, 3])
    assert torch.equal(found.flatten(1), model[1].weight[[1, 0, 3]].detach())  # type: ignore[index]
    assert torch.allclose(smooth_grad_map(model, IMAGES, [1, 0, 3]), found)
    assert torch.equal(guided_backprop_map(model, IMAGES, [1, 0, 3]), found)


def test_the_class_is_the_predicted_one_unless_another_is_asked_for() -> None:
    model = network()
    predicted = model(IMAGES).argmax(1)
    assert torch.equal(saliency_map(model, IMAGES), saliency_map(model, IMAGES, predicted))
    assert torch.equal(saliency_map(model, IMAGES, 2), saliency_map(model, IMAGES, [2, 2, 2]))


@pytest.mark.parametrize("make", [network, lambda: network(inplace=True), Functional, Skipping])
def test_integrated_gradients_are_the_gradients_on_the_way(make: object) -> None:
    model = make().double()  # type: ignore[operator]
    images, baseline = IMAGES.double(), torch.rand(2, 6, 5, dtype=torch.float64)
    shares, gap = integrated_gradients_map(model, images, 1, baseline=baseline, steps=30)
    places, weights = torch.from_numpy(__import__("numpy").polynomial.legendre.leggauss(30)[0]), None
    weights = torch.from_numpy(__import__("numpy").polynomial.legendre.leggauss(30)[1])
    total = torch.zeros_like(images)
    for place, weight in zip(places, weights, strict=True):
        x = (baseline + (place + 1) / 2 * (images - baseline)).requires_grad_()
        total += weight / 2 * torch.autograd.grad(model(x)[:, 1].sum(), x)[0]
    assert torch.allclose(shares, total * (images - baseline), rtol=0, atol=1e-12)
    change = model(images)[:, 1] - model(baseline[None])[:, 1]
    assert torch.allclose(gap, (shares.sum((1, 2, 3)) - change).detach(), atol=1e-12)


def test_integrated_gradients_of_a_linear_network_are_complete() -> None:
    model = linear()
    shares, gap = integrated_gradients_map(model, IMAGES, 2, steps=1)
    assert torch.allclose(shares.flatten(1), model[1].weight[2].detach() * IMAGES.flatten(1), atol=1e-6)  # type: ignore[index]
    assert gap.abs().max() < 1e-6


def test_the_gap_of_completeness_shrinks_with_more_steps() -> None:
    gaps = [integrated_gradients_map(network(), IMAGES, 0, baseline=-1.0, steps=n)[1].abs().max() for n in (2, 300)]
    assert gaps[1] < 0.2 * gaps[0]


@pytest.mark.parametrize("max_bytes", [1, 20_000, 2**28])
def test_maps_do_not_hang_on_how_work_is_cut(max_bytes: int) -> None:
    model = network()
    for of in (
        saliency_map,
        smooth_grad_map,
        guided_backprop_map,
        lambda *a, **b: integrated_gradients_map(*a, **b)[0],
    ):
        assert torch.allclose(of(model, IMAGES, 1, max_bytes=max_bytes), of(model, IMAGES, 1), atol=1e-6)


def test_guided_backpropagation_drops_negative_signals_at_every_relu() -> None:
    for model in (network(), network(inplace=True)):
        plain = network()
        plain.load_state_dict(model.state_dict())
        first = plain[0](IMAGES)
        second = plain[2](first.relu())
        signal = plain[5].weight[1].view(1, 4, 4, 3).expand_as(second).clamp(min=0) * (second > 0)
        signal = F.conv_transpose2d(signal, plain[2].weight).clamp(min=0) * (first > 0)
        expected = F.conv_transpose2d(signal, plain[0].weight, padding=1)
        assert torch.allclose(guided_backprop_map(model, IMAGES, 1), expected, atol=1e-6)


def test_smooth_gradients_are_the_same_for_the_same_seed_alone() -> None:
    model = network()
    assert torch.equal(smooth_grad_map(model, IMAGES, 1, seed=3), smooth_grad_map(model, IMAGES, 1, seed=3))
    assert not torch.equal(smooth_grad_map(model, IMAGES, 1, seed=3), smooth_grad_map(model, IMAGES, 1, seed=4))
    assert torch.allclose(smooth_grad_map(model, IMAGES, 1, noise=0.0), saliency_map(model, IMAGES, 1), atol=1e-6)


def test_the_model_is_left_as_it_was() -> None:
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(), nn.Flatten(), nn.Linear(48, 4)
    )
    state = {name: value.clone() for name, value in model.train().state_dict().items()}
    for of in (saliency_map, smooth_grad_map, guided_backprop_map, integrated_gradients_map):
        of(model, IMAGES)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert all(module.training and not module._forward_hooks for module in model.modules())


def test_channels_become_one_number() -> None:
    x = torch.tensor([[[[1.0]], [[-3.0]]]])
    assert over_channels(x, sizes=True).item() == 3
    assert over_channels(x, sizes=False).item() == -2


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_is_refused() -> None:
    model = network()
    with pytest.raises(ValueError, match=r"^targets \(=4\) must be classes from 0 to 3, as the model has them$"):
        saliency_map(model, IMAGES, 4)
    with pytest.raises(ValueError, match=r"^targets \(=-1\) must be classes"):
        saliency_map(model, IMAGES, -1)
    with pytest.raises(ValueError, match=r"^targets \(=.*must be a class, or one for each of the 3 images$"):
        saliency_map(model, IMAGES, [1, 2])
    with pytest.raises(ValueError, match=r"^images \(of torch.uint8\) must be floats"):
        saliency_map(model, (IMAGES * 255).to(torch.uint8))
    with pytest.raises(ValueError, match=r"^images \(of shape \(2, 6, 5\)\) must be images"):
        saliency_map(model, IMAGES[0])
    with pytest.raises(ValueError, match=r"^baseline \(of shape \(3,\)\) must be a number or images"):
        integrated_gradients_map(model, IMAGES, baseline=torch.zeros(3))
    with pytest.raises(ValueError, match=r"^steps \(=0\) must be at least 1$"):
        integrated_gradients_map(model, IMAGES, steps=0)
    with pytest.raises(ValueError, match=r"^noise \(=-1\) must be a share"):
        smooth_grad_map(model, IMAGES, noise=-1)
    with pytest.raises(ValueError, match=r"^1 applies gelu, and rule \(='guided'\) is about ReLUs"):
        guided_backprop_map(
            nn.Sequential(nn.Conv2d(2, 4, 6, padding=3), nn.GELU(), nn.AdaptiveMaxPool2d(1), nn.Flatten()), IMAGES
        )
    with torch.no_grad():
        model[0].weight[0, 0, 0, 0] = float("nan")
    with pytest.raises(ValueError, match=r"^the model holds NaN, which begin at the weights of 0.weight"):
        saliency_map(model, IMAGES, 1)
