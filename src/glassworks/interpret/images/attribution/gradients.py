"""Gradients as attributions: which pixels a class score is most sensitive to, and where its value comes from.

Every function takes any `nn.Module` whose forward makes scores (B, K) of images (B, C, H, W), runs it in evaluation
mode, and leaves it as it was: modes, hooks, parameters' `.grad` and running statistics. Work is cut so that activations
stay within `max_bytes`. Maps are signed and have the images' shape; what is made of channels is up to who draws.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_count
from glassworks.interpret.access.rectifiers import Rule, rectified
from glassworks.interpret.images.attribution.one_pass import guide
from glassworks.interpret.images.scores import (
    MAX_BYTES,
    Targets,
    at_once,
    check_images,
    classes_of,
    leaf,
    prepared,
    refuse_infinite,
    scores_of,
)


@public
def saliency_map(
    model: nn.Module, images: Float[Tensor, "B C H W"], targets: Targets = None, *, max_bytes: int = MAX_BYTES
) -> Float[Tensor, "B C H W"]:
    """The gradient of each image's class score with respect to its pixels, in score per unit of a pixel.

    Simonyan, Vedaldi & Zisserman 2013 (1312.6034), section 3, who draw the largest size among the channels. It says how
    the score would change with small changes, not what it is made of.
    """
    return gradient_map(model, images, targets, "plain", max_bytes)


@public
def guided_backprop_map(
    model: nn.Module, images: Float[Tensor, "B C H W"], targets: Targets = None, *, max_bytes: int = MAX_BYTES
) -> Float[Tensor, "B C H W"]:
    """The gradient where negative signals are dropped at every ReLU (Springenberg et al. 2014, 1412.6806, equation 1).

    It restores the image rather than explaining the score: it changes little when the upper layers' weights are drawn
    anew (Adebayo et al. 2018, 1810.03292; Nie et al. 2018, 1805.07039).

    Raises: ValueError for nonlinearities that are no ReLU, by the name of the module.
    """
    return gradient_map(model, images, targets, "guided", max_bytes)


def gradient_map(model: nn.Module, images: Tensor, targets: Targets, rule: Rule, max_bytes: int) -> Tensor:
    """Gradients of class scores, with ReLUs passed by a rule: "deconvnet" is Zeiler & Fergus's, from the score down."""
    images = check_images(images)
    classes = classes_of(model, images, targets, max_bytes)
    size = at_once(model, images, len(images), max_bytes)
    with prepared(model) as root, torch.enable_grad():
        parts = [
            input_gradient(root, x, of, rule)
            for x, of in zip(torch.split(images, size), torch.split(classes, size), strict=True)
        ]
    return refuse_infinite(model, images, torch.cat(parts))


def input_gradient(model: nn.Module, images: Tensor, classes: Tensor, rule: Rule = "plain") -> Tensor:
    """The gradient of one pass; no parameter's is computed."""
    x = leaf(images)
    score = scores_of(model(x), classes).sum()
    if rule != "plain" and not guide(score, rule):
        with rectified(model, rule):
            score = scores_of(model(x), classes).sum()
    (gradient,) = torch.autograd.grad(score, x)
    return gradient


@public
def smooth_grad_map(
    model: nn.Module,
    images: Float[Tensor, "B C H W"],
    targets: Targets = None,
    *,
    noise: float = 0.15,
    samples: int = 25,
    seed: int = 0,
    max_bytes: int = MAX_BYTES,
) -> Float[Tensor, "B C H W"]:
    """The mean gradient over copies of each image with noise added (Smilkov et al. 2017, 1706.03825).

    `noise` is its standard deviation as a share of the image's range from darkest to brightest; the paper finds 0.1 to
    0.2 best. The same images, seed and samples give the same map, however work is cut.
    """
    images = check_images(images)
    check_count("samples", samples, 1)
    if not noise >= 0:
        raise ValueError(f"noise (={noise}) must be a share of the image's range, 0 or more")
    classes = classes_of(model, images, targets, max_bytes)
    size = at_once(model, images, samples, max_bytes)
    generator = torch.Generator().manual_seed(seed)
    found = []
    with prepared(model) as root, torch.enable_grad():
        for image, of in zip(images, classes, strict=True):
            spread = noise * (image.max() - image.min())
            total = torch.zeros_like(image)
            for begin in range(0, samples, size):
                count = min(size, samples - begin)
                drawn = torch.stack([torch.randn(image.shape, generator=generator) for _ in range(count)])
                total += input_gradient(root, image + spread * drawn.to(image), of.expand(count)).sum(0)
            found.append(total / samples)
    return refuse_infinite(model, images, torch.stack(found))


def over_channels(attribution: Float[Tensor, "B C H W"], *, sizes: bool) -> Float[Tensor, "B H W"]:
    """One number a pixel: the largest size among its channels, or their sum, which keeps signs and totals."""
    return attribution.abs().amax(1) if sizes else attribution.sum(1)
