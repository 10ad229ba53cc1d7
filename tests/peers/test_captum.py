"""Attributions equal captum's, and class activation maps follow pytorch-grad-cam's formulas.

`pip install -r benchmarks/requirements-vision.txt`, then pytest -m peer tests/peers/test_captum.py
"""

import sys
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from glassworks.interpret.images.attribution.badges import infidelity
from glassworks.interpret.images.attribution.cams import CAMS, cam_map, guided_grad_cam_map
from glassworks.interpret.images.attribution.gradients import (
    gradient_map,
    guided_backprop_map,
    saliency_map,
    smooth_grad_map,
)
from glassworks.interpret.images.attribution.integrated import integrated_gradients_map
from glassworks.interpret.images.occlusion.windows import occlusion_maps
from glassworks.interpret.images.scores import MAX_BYTES

pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]
IMAGES = torch.rand(3, 3, 24, 24, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
TARGETS = torch.tensor([1, 0, 4])


@pytest.fixture(scope="module")
def attr() -> Any:
    return pytest.importorskip("captum.attr")


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3), nn.ReLU(),
        nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(512, 5),
    ).double().eval()  # fmt: skip


def alike(ours: Tensor, theirs: Tensor, within: float = 1e-6) -> bool:
    """Whether differences are small beside the largest number."""
    return bool((ours - theirs.detach()).abs().max() <= within * theirs.abs().max())


def test_gradients(attr: Any) -> None:
    model = network()
    plain = attr.Saliency(model).attribute(IMAGES, target=TARGETS, abs=False)
    assert alike(saliency_map(model, IMAGES, TARGETS), plain)
    guided = attr.GuidedBackprop(model).attribute(IMAGES, target=TARGETS)
    assert alike(guided_backprop_map(model, IMAGES, TARGETS), guided)
    deconvnet = attr.Deconvolution(model).attribute(IMAGES, target=TARGETS)
    assert alike(gradient_map(model, IMAGES, TARGETS, "deconvnet", MAX_BYTES), deconvnet)
    smooth = attr.NoiseTunnel(attr.Saliency(model)).attribute(
        IMAGES, nt_samples=2, nt_type="smoothgrad", stdevs=0.0, target=TARGETS, abs=False
    )
    assert alike(smooth_grad_map(model, IMAGES, TARGETS, noise=0.0, samples=2), smooth)


def test_integrated_gradients_and_their_gap(attr: Any) -> None:
    model, baseline = network(), torch.full_like(IMAGES, 0.3)
    theirs, delta = attr.IntegratedGradients(model).attribute(
        IMAGES, baseline, target=TARGETS, n_steps=50, return_convergence_delta=True
    )
    ours, gap = integrated_gradients_map(model, IMAGES, TARGETS, baseline=0.3)
    assert alike(ours, theirs)
    assert torch.allclose(gap, delta, atol=1e-6)


@pytest.mark.parametrize("point", ["4", "6", "7"])
def test_grad_cam_and_guided_grad_cam(attr: Any, point: str) -> None:
    model = network()
    layer = model[int(point)]
    small = attr.LayerGradCam(model, layer).attribute(IMAGES, target=TARGETS, relu_attributions=True)
    large = attr.LayerAttribution.interpolate(small, (24, 24), "bilinear")[:, 0]
    assert alike(cam_map(model, IMAGES, TARGETS, point=point), large)
    guided = attr.GuidedGradCam(model, layer).attribute(IMAGES, target=TARGETS, interpolate_mode="bilinear")
    assert alike(guided_grad_cam_map(model, IMAGES, TARGETS, point=point)[0], guided)


def test_occlusion(attr: Any) -> None:
    model = network()
    theirs = attr.Occlusion(model).attribute(IMAGES, (3, 6, 6), strides=(3, 4, 4), target=TARGETS, baselines=0.5)
    assert alike(occlusion_maps(model, IMAGES, TARGETS, window=6, stride=4, fill=0.5), theirs[:, 0])


def test_infidelity() -> None:
    metrics = pytest.importorskip("captum.metrics")
    model, maps = network(), torch.rand(3, 3, 24, 24, dtype=torch.float64)
    taken = 0.1 * torch.rand(4, 3, 3, 24, 24, dtype=torch.float64)
    calls = iter(taken)

    def perturb(inputs: Tensor) -> tuple[Tensor, Tensor]:
        away = next(calls)
        return away, inputs - away

    for scaled in (False, True):
        calls = iter(taken)
        theirs = metrics.infidelity(
            model,
            perturb,
            IMAGES,
            maps,
            target=TARGETS,
            n_perturb_samples=4,
            max_examples_per_batch=3,
            normalize=scaled,
        )
        with torch.no_grad():
            score = lambda x: model(x).gather(1, TARGETS[:, None])[:, 0]  # noqa: E731
            fall = torch.stack([score(IMAGES) - score(IMAGES - away) for away in taken], 1)
        ours = infidelity(maps.flatten(1), taken.transpose(0, 1).flatten(2), fall, scaled=scaled)
        assert alike(ours, theirs)


@pytest.fixture
def grad_cam(monkeypatch: pytest.MonkeyPatch) -> Any:
    """pytorch-grad-cam, which imports torchvision for what is not used here."""
    for name in ("torchvision", "torchvision.transforms", "torchvision.transforms.functional"):
        if name not in sys.modules:
            stub: Any = ModuleType(name)
            stub.__getattr__ = lambda attribute: object
            monkeypatch.setitem(sys.modules, name, stub)
    return pytest.importorskip("pytorch_grad_cam")


def test_formulas_of_class_activation_maps(grad_cam: Any) -> None:
    model = network().float()
    images = IMAGES.float()
    classes = {"grad": grad_cam.GradCAM, "grad++": grad_cam.GradCAMPlusPlus, "hires": grad_cam.HiResCAM}
    targets = [grad_cam.utils.model_targets.ClassifierOutputTarget(int(target)) for target in TARGETS]
    for rule, of in classes.items():
        with of(model=model, target_layers=[model[6]]) as cam:
            cam(input_tensor=images, targets=targets)
            maps = cam.activations_and_grads
            # steep, since theirs adds 1e-6 to the denominator of Grad-CAM++, beside which small gradients do not count
            values, gradients = maps.activations[0], 1000 * maps.gradients[0]
            theirs = cam.get_cam_image(images, model[6], targets, values.numpy(), gradients.numpy(), False)
        ours = CAMS[rule](values, gradients)
        assert alike(ours, torch.from_numpy(theirs).clamp(min=0), 1e-5)
