"""Class activation maps: the papers' formulas by hand, and the point where they are read."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glassworks.interpret.images.attribution.cams import (
    cam_map,
    grad_cam,
    grad_cam_plus_plus,
    guided_grad_cam_map,
    hires_cam,
    last_map,
)
from glassworks.interpret.images.attribution.gradients import guided_backprop_map

IMAGES = torch.rand(3, 2, 8, 8, generator=torch.Generator().manual_seed(0))
MAPS = torch.tensor([[[[1.0, 2.0], [0.0, 3.0]], [[2.0, 0.0], [1.0, 1.0]]]])
GRADIENT = torch.tensor([[[[1.0, 1.0], [-1.0, 3.0]], [[0.0, -2.0], [-2.0, 0.0]]]])


def network(**how: bool) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(**how), nn.MaxPool2d(2), nn.Conv2d(4, 5, 3), nn.ReLU(**how),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 4),
    )  # fmt: skip


def test_grad_cam_weighs_maps_by_their_mean_gradient() -> None:
    # means: 1 and -1; 1·1 - 2, 2 - 0, 0 - 1, 3 - 1
    assert grad_cam(MAPS, GRADIENT).tolist() == [[[0, 2], [0, 2]]]


def test_hires_cam_weighs_each_place_by_its_own_gradient() -> None:
    # 1·1 + 2·0, 2·1 - 0·2, 0·-1 - 1·2, 3·3 + 1·0
    assert hires_cam(MAPS, GRADIENT).tolist() == [[[1, 2], [0, 9]]]


def test_grad_cam_plus_plus_weighs_positive_gradients_by_how_few_places_have_them() -> None:
    # the first map sums to 6: shares 1/(2 + 6), 1/(2 + 6), and of gradient 3: 9/(18 + 6·27) = 1/20; the second has none
    weight = 1 / 8 + 1 / 8 + 3 / 20
    assert torch.allclose(grad_cam_plus_plus(MAPS, GRADIENT), weight * MAPS[:, 0], atol=1e-5)


def test_the_shares_of_grad_cam_plus_plus_hold_for_small_gradients_too() -> None:
    scale = 1e-4  # as behind a mean over 100 x 100 places
    shares = [1 / (2 + 6 * scale), 1 / (2 + 6 * scale), 1 / (2 + 18 * scale)]
    weight = scale * (shares[0] + shares[1] + 3 * shares[2])
    assert torch.allclose(grad_cam_plus_plus(MAPS, scale * GRADIENT), weight * MAPS[:, 0], rtol=1e-5)


def test_what_pools_the_last_convolution_is_passed_over() -> None:
    model = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(), nn.Flatten())
    assert last_map(model, IMAGES) == "1"
    assert last_map(nn.Sequential(nn.MaxPool2d(2), nn.ReLU(), nn.Flatten()), IMAGES) == "1"


def test_maps_are_read_at_the_last_point_that_has_several_places() -> None:
    assert last_map(network(), IMAGES) == "4"
    assert last_map(network()[:4], IMAGES) == "3"
    with pytest.raises(ValueError, match=r"^the model has no module that returns maps"):
        last_map(nn.Sequential(nn.Flatten(), nn.Linear(128, 3)), IMAGES)


def test_a_module_that_is_used_twice_is_read_at_its_last_call() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.out = nn.Conv2d(2, 2, 3), nn.Linear(2, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.conv(self.conv(x).relu()).mean((2, 3)))

    model = Twice()
    assert last_map(model, IMAGES) == "conv#1"
    assert cam_map(model, IMAGES, 0).shape == (3, 8, 8)
    with pytest.raises(
        ValueError, match=r"^point \(='conv'\) is passed 2 times in a forward pass: choose one, as conv#0"
    ):
        cam_map(model, IMAGES, 0, point="conv")


@pytest.mark.parametrize("how", [{}, {"inplace": True}])
def test_the_map_is_made_of_what_passes_the_point(how: dict[str, bool]) -> None:
    model = network(**how)
    for point, until in (("3", 4), ("4", 5), ("0", 1)):
        plain = network()
        plain.load_state_dict(model.state_dict())
        maps = plain[:until](IMAGES).detach().requires_grad_()
        (gradient,) = torch.autograd.grad(plain[until:](maps)[:, 2].sum(), maps)
        expected = F.interpolate(grad_cam(maps.detach(), gradient)[:, None], (8, 8), mode="bilinear")[:, 0]
        assert torch.allclose(cam_map(model, IMAGES, 2, point=point), expected, atol=1e-6)
        for rule, formula in (("grad++", grad_cam_plus_plus), ("hires", hires_cam)):
            small = formula(maps.detach(), gradient)[:, None]
            found = cam_map(model, IMAGES, 2, rule=rule, point=point)  # type: ignore[arg-type]
            assert torch.allclose(found, F.interpolate(small, (8, 8), mode="bilinear")[:, 0], atol=1e-6)


def test_hires_cam_adds_up_to_the_score_where_all_behind_it_is_linear() -> None:
    model = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 3, bias=False))
    with torch.no_grad():
        model[3].weight.abs_()
    assert torch.allclose(
        cam_map(model, IMAGES, 1, rule="hires", point="1").sum((1, 2)), model(IMAGES)[:, 1], atol=1e-4
    )


@pytest.mark.parametrize("how", [{}, {"inplace": True}])
def test_one_pass_gives_guided_backpropagation_and_grad_cam(how: dict[str, bool]) -> None:
    model = network(**how)
    for point in ("0", "3", "4"):
        guided, cam = guided_grad_cam_map(model, IMAGES, 2, point=point)
        assert torch.allclose(cam, cam_map(model, IMAGES, 2, point=point), atol=1e-6)
        assert torch.allclose(guided, guided_backprop_map(model, IMAGES, 2) * cam[:, None], atol=1e-6)


def test_maps_do_not_hang_on_how_work_is_cut() -> None:
    model = network()
    assert torch.allclose(cam_map(model, IMAGES, max_bytes=1), cam_map(model, IMAGES), atol=1e-6)
    assert torch.allclose(
        guided_grad_cam_map(model, IMAGES, max_bytes=1)[0], guided_grad_cam_map(model, IMAGES)[0], atol=1e-6
    )


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^rule \(='score'\) must be one of grad, grad\+\+, hires$"):
        cam_map(network(), IMAGES, rule="score")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^point \(='7'\) has shape \(3, 4\): choose one of maps"):
        cam_map(network(), IMAGES, point="7")
    with pytest.raises(ValueError, match=r"^names \(='9'\) match no module"):
        cam_map(network(), IMAGES, point="9")
