"""Attributions as traces, each map beside its badges; see `judged`, which makes one of any function's maps."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from jaxtyping import Float
from torch import Tensor, nn

from glassworks.interpret.access.arguments import public
from glassworks.interpret.images.attribution.cams import Rule, cam_map, guided_grad_cam_map, last_map
from glassworks.interpret.images.attribution.gradients import (
    guided_backprop_map,
    over_channels,
    saliency_map,
    smooth_grad_map,
)
from glassworks.interpret.images.attribution.integrated import baselines, integrated_gradients_map
from glassworks.interpret.images.attribution.judged import judged
from glassworks.interpret.images.legends.attribution import (
    CAMS,
    GUIDED_BACKPROP,
    GUIDED_GRAD_CAM,
    INTEGRATED_GRADIENTS,
    SALIENCY,
    SMOOTH_GRAD,
)
from glassworks.interpret.images.scores import MAX_BYTES, Targets, check_images, classes_of
from glassworks.trace.trace import Trace


@public
def saliency(
    model: nn.Module,
    images: Float[Tensor, "B C H W"],
    targets: Targets = None,
    *,
    classes: Sequence[str] | None = None,
    badges: bool = True,
    seed: int = 0,
    max_bytes: int = MAX_BYTES,
) -> Trace:
    """The largest size of the gradient among a pixel's channels; see `saliency_map`, and `judged` for the rest."""

    def attribute(of: nn.Module, x: Tensor, target: Tensor) -> Tensor:
        return over_channels(saliency_map(of, x, target, max_bytes=max_bytes), sizes=True)

    return judged(
        model, images, attribute, targets, legend=SALIENCY, method="saliency", classes=classes, badges=badges,
        seed=seed, max_bytes=max_bytes,
    )  # fmt: skip


@public
def smooth_grad(
    model: nn.Module,
    images: Float[Tensor, "B C H W"],
    targets: Targets = None,
    *,
    noise: float = 0.15,
    samples: int = 25,
    classes: Sequence[str] | None = None,
    badges: bool = True,
    seed: int = 0,
    max_bytes: int = MAX_BYTES,
) -> Trace:
    """The mean gradient of noisy copies, as sizes; see `gradients.smooth_grad_map`, and `judged` for the rest."""

    def attribute(of: nn.Module, x: Tensor, target: Tensor) -> Tensor:
        found = smooth_grad_map(of, x, target, noise=noise, samples=samples, seed=seed, max_bytes=max_bytes)
        return over_channels(found, sizes=True)

    trace = judged(
        model, images, attribute, targets, legend=SMOOTH_GRAD, method="smooth_grad", classes=classes, badges=badges,
        seed=seed, max_bytes=max_bytes,
    )  # fmt: skip
    return replace(trace, meta=trace.meta | {"noise": noise, "samples": samples})


@public
def guided_backprop(
    model: nn.Module,
    images: Float[Tensor, "B C H W"],
    targets: Targets = None,
    *,
    classes: Sequence[str] | None = None,
    badges: bool = True,
    seed: int = 0,
    max_bytes: int = MAX_BYTES,
) -> Trace:
    """The size of the guided gradient; see `gradients.guided_backprop_map`, and `judged` for the rest."""

    def attribute(of: nn.Module, x: Tensor, target: Tensor) -> Tensor:
        return over_channels(guided_backprop_map(of, x, target, max_bytes=max_bytes), sizes=True)

    return judged(
        model, images, attribute, targets, legend=GUIDED_BACKPROP, method="guided_backprop", classes=classes,
        badges=badges, seed=seed, max_bytes=max_bytes,
    )  # fmt: skip


@public
def integrated_gradients(
    model: nn.Module,
    images: Float[Tensor, "B C H W"],
    targets: Targets = None,
    *,
    baseline: Tensor | float = 0.0,
    steps: int = 50,
    classes: Sequence[str] | None = None,
    badges: bool = True,
    seed: int = 0,
    max_bytes: int = MAX_BYTES,
) -> Trace:
    """Each pixel's share in the change of the score, with what the shares fail to add up to.

    See `integrated.integrated_gradients_map`, and `judged` for the rest. The badges take pixels away by the baseline.

    Arrays besides:
        gap (example,): the sum of all shares less the change of the score from the baseline to the image.
        change (example,): that change.
    """
    images = check_images(images)
    chosen, ends = classes_of(model, images, targets, max_bytes), baselines(images, baseline)
    path = partial(integrated_gradients_map, baseline=baseline, steps=steps, max_bytes=max_bytes)
    shares, gap = path(model, images, chosen)
    trace = judged(
        model, images, lambda of, x, target: path(of, x, target)[0], chosen, legend=INTEGRATED_GRADIENTS,
        method="integrated_gradients", classes=classes, badges=badges, fill=ends, seed=seed, max_bytes=max_bytes,
    )  # fmt: skip
    change = shares.double().sum((1, 2, 3)) - gap
    more = {"gap": gap.cpu().numpy(), "change": change.cpu().numpy()}
    worst = int(gap.abs().argmax())
    return replace(
        trace,
        arrays=trace.arrays | more,
        axes=trace.axes | dict.fromkeys(more, ("example",)),
        meta=trace.meta | {"steps": steps, "largest_gap": float(gap[worst]), "its_change": float(change[worst])},
    )


@public
def class_activation(
    model: nn.Module,
    images: Float[Tensor, "B C H W"],
    targets: Targets = None,
    *,
    rule: Rule = "grad",
    point: str | None = None,
    classes: Sequence[str] | None = None,
    badges: bool = True,
    seed: int = 0,
    max_bytes: int = MAX_BYTES,
) -> Trace:
    """Grad-CAM, Grad-CAM++ (rule "grad++") or HiRes-CAM ("hires"); see `cams.cam_map`, and `judged` for the rest."""
    at = point or last_map(model, check_images(images))

    def attribute(of: nn.Module, x: Tensor, target: Tensor) -> Tensor:
        return cam_map(of, x, target, rule=rule, point=at, max_bytes=max_bytes)

    trace = judged(
        model, images, attribute, targets, legend=CAMS[rule], method=CAM_NAMES[rule], classes=classes, badges=badges,
        seed=seed, max_bytes=max_bytes,
    )  # fmt: skip
    return replace(trace, meta=trace.meta | {"point": at})


CAM_NAMES = {"grad": "grad_cam", "grad++": "grad_cam_plus_plus", "hires": "hires_cam"}


@public
def guided_grad_cam(
    model: nn.Module,
    images: Float[Tensor, "B C H W"],
    targets: Targets = None,
    *,
    point: str | None = None,
    classes: Sequence[str] | None = None,
    badges: bool = True,
    seed: int = 0,
    max_bytes: int = MAX_BYTES,
) -> Trace:
    """Guided backpropagation times Grad-CAM, as sizes; see `cams.guided_grad_cam_map`, and `judged` for the rest."""
    at = point or last_map(model, check_images(images))

    def attribute(of: nn.Module, x: Tensor, target: Tensor) -> Tensor:
        return over_channels(guided_grad_cam_map(of, x, target, point=at, max_bytes=max_bytes)[0], sizes=True)

    trace = judged(
        model, images, attribute, targets, legend=GUIDED_GRAD_CAM, method="guided_grad_cam", classes=classes,
        badges=badges, seed=seed, max_bytes=max_bytes,
    )  # fmt: skip
    return replace(trace, meta=trace.meta | {"point": at})
