"""Class activation maps: the maps of a layer, weighted by what the class score hangs on, laid over the image.

    Grad-CAM     ReLU(Σ_k w_k A_k), w_k the mean of the gradient dS/dA_k over places  Selvaraju et al. 2016, 1610.02391
    Grad-CAM++   w_k the sum of a ReLU(dS/dA_k) over places, a of equation 19         Chattopadhay et al., 1710.11063
    HiRes-CAM    ReLU(Σ_k dS/dA_k A_k), place by place                                Draelos & Carin 2020, 2011.08891

They say where in a coarse map the evidence lies, blurred to the size of pixels: an edge of the picture is no edge that
the network saw. Numbers are in score: of a network that is linear behind the layer, what HiRes-CAM takes the ReLU of
adds up to the score, but for a bias.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.hooks import never
from glassworks.interpret.access.points import of_this_thread, watching
from glassworks.interpret.access.rectifiers import rectified
from glassworks.interpret.images.attribution.one_pass import guide
from glassworks.interpret.images.scores import (
    MAX_BYTES,
    Targets,
    at_once,
    channels_last,
    check_images,
    classes_of,
    leaf,
    prepared,
    refuse_infinite,
    scores_of,
)

Rule = Literal["grad", "grad++", "hires"]


@public
def cam_map(
    model: nn.Module,
    images: Float[Tensor, "B C H W"],
    targets: Targets = None,
    *,
    rule: Rule = "grad",
    point: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> Float[Tensor, "B H W"]:
    """The class activation map of each image, bilinearly enlarged to its pixels.

    `point` is where the maps are read, as `capture` names points; None = `last_map`.

    Raises: ValueError for a rule that is none, and for a point where no maps (B, K, h, w) pass.
    """
    if rule not in get_args(Rule):
        raise ValueError(f"rule (={rule!r}) must be one of {', '.join(get_args(Rule))}")
    images = check_images(images)
    classes, point = classes_of(model, images, targets, max_bytes), point or last_map(model, images)
    size, found = at_once(model, images, len(images), max_bytes), []
    with prepared(model) as root, torch.enable_grad():
        for x, of in zip(torch.split(images, size), torch.split(classes, size), strict=True):
            with maps_at(root, point) as seen:
                scores = scores_of(root(channels_last(x).requires_grad_()), of)
            (gradient,) = torch.autograd.grad(scores.sum(), only(seen, point))
            found.append(enlarged(CAMS[rule](only(seen, point).detach(), gradient), x))
    return refuse_infinite(model, images, torch.cat(found))


@public
def guided_grad_cam_map(
    model: nn.Module,
    images: Float[Tensor, "B C H W"],
    targets: Targets = None,
    *,
    point: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> tuple[Float[Tensor, "B C H W"], Float[Tensor, "B H W"]]:
    """Guided backpropagation times Grad-CAM, and the Grad-CAM (Selvaraju et al. 2016, section 3.2).

    One forward pass serves both gradients, where `one_pass.guide` knows all of its graph. What guided backpropagation
    lacks, this lacks too, away from where Grad-CAM is 0: its fine lines are the image's more than the class's.
    """
    images = check_images(images)
    classes, point = classes_of(model, images, targets, max_bytes), point or last_map(model, images)
    size, found, cams = at_once(model, images, len(images), max_bytes), [], []
    with prepared(model) as root, torch.enable_grad():
        for part, of in zip(torch.split(images, size), torch.split(classes, size), strict=True):
            x = leaf(part)
            with maps_at(root, point) as seen:
                total = scores_of(root(x), of).sum()
            (gradient,) = torch.autograd.grad(total, only(seen, point), retain_graph=True)
            cams.append(enlarged(grad_cam(only(seen, point).detach(), gradient), x))
            if not guide(total):
                with rectified(root, "guided"):
                    total = scores_of(root(x), of).sum()
            (guided,) = torch.autograd.grad(total, x)
            found.append(guided * cams[-1][:, None])
    return refuse_infinite(model, images, torch.cat(found)), torch.cat(cams)


# ----------------------------------------------------------------------------------------------------------------------
# The formulas, of maps (B, K, h, w) and the gradients of the score there


def grad_cam(maps: Float[Tensor, "B K h w"], gradient: Float[Tensor, "B K h w"]) -> Float[Tensor, "B h w"]:
    """Each map by the mean of its gradient; equations 1 and 2 of the paper."""
    return (gradient.mean((2, 3), keepdim=True) * maps).sum(1).relu()


def grad_cam_plus_plus(maps: Float[Tensor, "B K h w"], gradient: Float[Tensor, "B K h w"]) -> Float[Tensor, "B h w"]:
    """Each map by the positive gradients, those of places that few share weighing more; equations 10 and 19.

    Numerator and denominator are divided by the gradient's square. pytorch-grad-cam adds 1e-6 to the denominator
    instead, which outweighs the rest where gradients are below about 0.001, as behind a mean over many places.
    """
    rising = gradient.relu()
    shares = 1 / (2 + maps.sum((2, 3), keepdim=True) * rising)
    weights = (rising * shares).nan_to_num(0, 0, 0).sum((2, 3), keepdim=True)
    return (weights * maps).sum(1).relu()


def hires_cam(maps: Float[Tensor, "B K h w"], gradient: Float[Tensor, "B K h w"]) -> Float[Tensor, "B h w"]:
    """Each place of each map by its own gradient; equation 3 of the paper."""
    return (gradient * maps).sum(1).relu()


CAMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "grad": grad_cam,
    "grad++": grad_cam_plus_plus,
    "hires": hires_cam,
}


def enlarged(cam: Float[Tensor, "B h w"], like: Tensor) -> Float[Tensor, "B H W"]:
    """A map at the size of the image's pixels."""
    return F.interpolate(cam[:, None], like.shape[2:], mode="bilinear", align_corners=False)[:, 0]


# ----------------------------------------------------------------------------------------------------------------------
# Maps of a layer


@torch.no_grad()
def last_map(model: nn.Module, images: Float[Tensor, "B C H W"]) -> str:
    """The last of the innermost modules, in the order in which they are called, whose map has more than one place.

    What follows the last convolution with a map of fewer places, as a pooling, is passed over: the papers take the
    last convolution's maps, behind its nonlinearity.

    Raises: ValueError if there is none, as in a network of matrices or of patches.
    """
    last, called, places = "", dict[str, int](), 0

    def look(name: str, module: nn.Module, output: Any) -> None:
        nonlocal last, places
        called[name] = called.get(name, 0) + 1
        found = output.shape[2] * output.shape[3] if isinstance(output, Tensor) and output.ndim == 4 else 0
        if found > 1 and isinstance(module, nn.Conv2d):
            places = found
        if found > 1 and found >= places:
            last = f"{name}#{called[name] - 1}"

    with prepared(model) as root:
        hooks = [
            module.register_forward_hook(of_this_thread(lambda m, _, output, name=name: look(name, m, output)))
            for name, module in root.named_modules()
            if not any(module.children())
        ]
        try:
            root(images[:1])
        finally:
            for hook in hooks:
                hook.remove()
    if not last:
        raise ValueError("the model has no module that returns maps (B, K, h, w) with several places: name a point")
    name = last.partition("#")[0]
    return last if called[name] > 1 else name


@contextmanager
def maps_at(model: nn.Module, point: str) -> Iterator[list[Tensor]]:
    """The value at a point in the pass inside the block, as the graph has it, whatever is done in place behind it."""
    seen: list[Tensor] = []

    def visit(_place: Any, _call: Any, value: Tensor) -> Tensor:
        seen.append(value)
        return value.clone()

    module: nn.Module | None = model
    for name in point.split("."):
        module = None if module is None else module._modules.get(name)
    if module is None:
        with watching(model, [point], visit):
            yield seen
        return
    hook = module.register_forward_hook(of_this_thread(visit))  # what `watching` comes to, in a tenth of the time
    try:
        yield seen
    finally:
        hook.remove()


def only(seen: list[Tensor], point: str) -> Tensor:
    """The maps at a point; or ValueError for none, for several, and for what are no maps."""
    if not seen:
        raise ValueError(never(point).replace("names", "point", 1))
    if len(seen) > 1:
        raise ValueError(f"point (={point!r}) is passed {len(seen)} times in a forward pass: choose one, as {point}#0")
    if seen[0].ndim != 4:
        raise ValueError(f"point (={point!r}) has shape {tuple(seen[0].shape)}: choose one of maps (B, K, h, w)")
    return seen[0]
