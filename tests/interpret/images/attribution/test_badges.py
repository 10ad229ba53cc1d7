"""Badges: what must come out of maps that are right, of maps that know nothing, and of random ones."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from glassworks.interpret.images.attribution.badges import (
    area,
    cascading_randomisation,
    curves,
    infidelity,
    layers_called,
    order_of,
    unexplained,
)
from glassworks.interpret.images.attribution.gradients import saliency_map
from glassworks.interpret.images.attribution.judged import judged
from glassworks.interpret.images.attribution.likeness import edges

IMAGES = torch.rand(4, 1, 12, 12, generator=torch.Generator().manual_seed(0))
CLASSES = torch.tensor([0, 1, 0, 1])


def additive() -> nn.Module:
    """Two classes whose scores are weighted sums of pixels."""
    return nn.Sequential(nn.Flatten(), nn.Linear(144, 2, bias=False))


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(256, 2)
    )


def shares(model: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
    """What each pixel of an additive network adds to the score."""
    return saliency_map(model, images, classes) * images


def test_infidelity_is_the_mean_square_of_what_a_map_misses() -> None:
    attribution, taken = torch.tensor([[1.0, 2.0]]), torch.tensor([[[1.0, 0.0], [1.0, 1.0]]])
    # foretold 1 and 3, fell by 2 and 3
    assert infidelity(attribution, taken, torch.tensor([[2.0, 3.0]])).tolist() == [0.5]
    # scaled by (2 + 9) / (1 + 9) = 1.1: 1.1 and 3.3
    found = infidelity(attribution, taken, torch.tensor([[2.0, 3.0]]), scaled=True)
    assert found.item() == pytest.approx((0.9**2 + 0.3**2) / 2)


def test_a_map_of_what_pixels_add_foretells_all_that_taking_them_away_does() -> None:
    model = additive()
    maps = shares(model, IMAGES, CLASSES)[:, 0]
    noise = torch.rand(maps.shape, generator=torch.Generator().manual_seed(1))
    right, scaled, wrong = unexplained(
        model, IMAGES, CLASSES, [maps, 3 * maps, noise - 0.5], fill=torch.zeros_like(IMAGES)
    )
    assert right.max() < 1e-8
    assert scaled.max() < 1e-8
    assert wrong.min() > 0.2
    assert wrong.max() <= 1 + 1e-6


def test_an_order_runs_from_the_largest_to_the_smallest() -> None:
    assert order_of(torch.tensor([[[0.1, 5.0], [-2.0, 0.3]]])).tolist() == [[0.5, 0.0, 0.75, 0.25]]


def test_the_order_of_a_right_map_takes_the_probability_away_soonest() -> None:
    model, empty = additive(), torch.zeros_like(IMAGES)
    right = order_of(shares(model, IMAGES, CLASSES)[:, 0])
    away, back = curves(model, IMAGES, CLASSES, right, fill=empty, steps=10)
    for seed in range(3):
        drawn = torch.rand(4, 12, 12, generator=torch.Generator().manual_seed(seed))
        other_away, other_back = curves(model, IMAGES, CLASSES, order_of(drawn), fill=empty, steps=10)
        assert (area(away) < area(other_away)).all()
        assert (area(back) > area(other_back)).all()
    with torch.no_grad():
        whole, nothing = (model(x).softmax(1).gather(1, CLASSES[:, None])[:, 0] for x in (IMAGES, empty))
    assert torch.allclose(away[:, 0], whole)
    assert torch.allclose(away[:, -1], nothing)
    assert torch.allclose(back[:, 0], nothing)
    assert torch.allclose(back[:, -1], whole)


def test_the_area_of_a_line_is_its_mean_height() -> None:
    assert area(torch.linspace(0, 1, 11)).item() == pytest.approx(0.5)
    assert area(torch.full((2, 5), 0.3)).tolist() == pytest.approx([0.3, 0.3])


def test_layers_are_forgotten_from_the_last_one_called() -> None:
    assert layers_called(network(), IMAGES) == ["0", "1", "3", "6"]
    found = cascading_randomisation(network(), IMAGES, CLASSES, saliency_map)
    assert found.layers == ["6", "3", "1", "0"]
    assert found.maps.shape == (4, 4, 12, 12)
    few = cascading_randomisation(network(), IMAGES, CLASSES, saliency_map, depths=2)
    assert few.layers == ["6", "0"]


def test_a_map_of_the_picture_alone_stays_as_it_is_and_a_gradient_does_not() -> None:
    model = network()
    outline = cascading_randomisation(model, IMAGES, CLASSES, lambda _model, x, _classes: edges(x))
    assert (outline.spearman > 1 - 1e-9).all()
    assert (outline.ssim > 1 - 1e-6).all()
    gradient = cascading_randomisation(model, IMAGES, CLASSES, saliency_map)
    assert abs(gradient.spearman[-1].mean()) < 0.5
    assert gradient.spearman[-1].mean() < outline.spearman[-1].mean()


def test_the_model_forgets_nothing_itself() -> None:
    model = network().train()
    before = copy.deepcopy(model.state_dict())
    state = torch.get_rng_state()
    judged(model, IMAGES, saliency_map, 0)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(module.training for module in model.modules())


def test_the_same_seed_gives_the_same_badges() -> None:
    model = network()
    first, again = (judged(model, IMAGES, saliency_map, 0, seed=3) for _ in range(2))
    assert all((first.arrays[name] == again.arrays[name]).all() for name in ("likeness", "area", "unexplained"))
    other = judged(model, IMAGES, saliency_map, 0, seed=4)
    assert (first.arrays["likeness"] != other.arrays["likeness"]).any()


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^attribute returned a tensor of shape \(4,\): it must be like images"):
        judged(network(), IMAGES, lambda _model, x, _classes: x.sum((1, 2, 3)))
    with pytest.raises(ValueError, match=r"^the model has no parameters to draw anew"):
        judged(nn.Flatten(), IMAGES, lambda _model, x, _classes: x)
    with pytest.raises(ValueError, match=r"^depths \(=0\) must be at least 1$"):
        cascading_randomisation(network(), IMAGES, CLASSES, saliency_map, depths=0)


class WithOwn(nn.Module):
    """A network with a parameter of its own, as a vision transformer has its class token."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.first, self.last = nn.Parameter(torch.rand(4)), nn.Conv2d(1, 4, 3), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 2)."""
        scores: Tensor = self.last(self.first(x).relu().mean((2, 3)) * self.scale)
        return scores


def test_a_module_forgets_its_own_parameters_and_not_those_of_the_modules_inside_it() -> None:
    seen: list[dict[str, Tensor]] = []

    def attribute(of: nn.Module, images: Tensor, _: Tensor) -> Tensor:
        seen.append(copy.deepcopy(of.state_dict()))
        return images

    found = cascading_randomisation(WithOwn(), IMAGES, CLASSES, attribute)
    changed = [{name for name, value in state.items() if not torch.equal(value, seen[0][name])} for state in seen[1:]]
    assert found.layers == ["", "last", "first"]
    assert changed == [{"scale"}, {"scale", "last.weight", "last.bias"}, set(seen[0])]


def test_of_a_score_that_no_patch_changes_nothing_can_be_foretold() -> None:
    model = additive()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    (found,) = unexplained(model, IMAGES, CLASSES, [IMAGES[:, 0]], fill=torch.zeros_like(IMAGES))
    assert found.isnan().all()


def test_however_many_images_there_are_only_one_is_cut_up_at_a_time() -> None:
    model, sizes = additive(), list[int]()
    model.register_forward_hook(lambda _, args, __: sizes.append(len(args[0])))
    curves(model, IMAGES, CLASSES, order_of(IMAGES[:, 0]), fill=torch.zeros_like(IMAGES), steps=10, max_bytes=2**30)
    assert {22, 44, 66, 88} <= set(np.cumsum(sizes[1:]).tolist())  # no pass holds parts of two images
