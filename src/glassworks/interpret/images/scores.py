"""What attributions are of: images, the class that is asked about, its score; and how many images fit into memory."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from glassworks.interpret.access.checks import check_gradients
from glassworks.interpret.access.compiled import uncompiled
from glassworks.interpret.access.finite import check_weights, is_finite, logits_of, run_model, where_it_begins
from glassworks.interpret.access.points import of_this_thread
from glassworks.models.modes import evaluating

Targets = int | Sequence[int] | Tensor | None
"""The class that is asked about, for all images or one each; None = the one that the model predicts."""

Attribute = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""Attributions (B, C, H, W), or (B, H, W) without channels, of a model's scores of some images' classes."""

MANY = 16
"""Images of a pass on a CPU: with more of them it is no faster, for what layers hand on leaves the caches."""

SMALL = 2**14
"""Numbers of an image that is too small for another layout to pay, if it comes alone."""

MAX_BYTES = 128 * 2**20
"""Bytes that the activations of a pass may take where nobody says otherwise."""


@contextmanager
def prepared(model: nn.Module) -> Iterator[nn.Module]:
    """The model inside the block: in evaluation mode, uncompiled, hooks reached; afterwards as it was.

    It is given copies of images: its first module may work in place.
    """
    with uncompiled(model) as root, evaluating(root):
        if any(p.is_inference() for p in islice(root.parameters(), 1)):
            check_gradients(root)
        copies = of_this_thread(lambda _, args: tuple(x.clone() if isinstance(x, Tensor) else x for x in args))
        hook = root.register_forward_pre_hook(copies)
        try:
            yield root
        finally:
            hook.remove()


def check_images(images: Tensor, name: str = "images") -> Tensor:
    """Images (B, C, H, W) as finite floats, outside of any graph; or ValueError."""
    if images.ndim != 4 or not images.numel():
        raise ValueError(f"{name} (of shape {tuple(images.shape)}) must be images: (batch, channels, rows, columns)")
    if not images.is_floating_point():
        raise ValueError(f"{name} (of {images.dtype}) must be floats, pixels from 0 to 1: give images / 255")
    if images.dtype.itemsize < 4:
        raise ValueError(f"{name} (of {images.dtype}) must be float32 or float64: give {name}.float(), model.float()")
    if not is_finite(images):
        raise ValueError(f"{name} must be finite: there are NaN or infinities among the pixels")
    return images.detach()


@torch.no_grad()
def classes_of(
    model: nn.Module, images: Float[Tensor, "B C H W"], targets: Targets, max_bytes: int = MAX_BYTES
) -> Int[Tensor, " B"]:
    """The class asked about in each image, as given or as the model predicts it."""
    if targets is None:
        size = at_once(model, images, len(images), max_bytes)
        return torch.cat([two_axes(run_model(model, part.clone())).argmax(1) for part in torch.split(images, size)])
    found = torch.as_tensor(targets, device=images.device)
    if found.is_floating_point() or found.ndim > 1 or found.numel() not in (1, len(images)):
        raise ValueError(f"targets (={targets!r:.60}) must be a class, or one for each of the {len(images)} images")
    return found.long().expand(len(images))


def two_axes(outputs: Any) -> Float[Tensor, "B K"]:
    """A classifier's outputs, or an ecosystem's `.logits`, as (B, K); a single number an image is one class."""
    found = logits_of(outputs)
    found = found[:, None] if found.ndim == 1 else found
    if found.ndim != 2:
        raise ValueError(f"the model's output has shape {tuple(found.shape)}: attributions are of classifiers' (B, K)")
    return found


def scores_of(outputs: Any, classes: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
    """Each image's score of its class: the logit, as the model gives it; ValueError for a class it does not have."""
    found = two_axes(outputs)
    least, most = classes.aminmax()
    if least < 0 or most >= found.size(1):
        wrong = int(least if least < 0 else most)
        raise ValueError(f"targets (={wrong}) must be classes from 0 to {found.size(1) - 1}, as the model has them")
    return found.gather(1, classes[:, None]).squeeze(1)


@torch.no_grad()
def scores_at(model: nn.Module, images: Tensor, classes: Tensor, size: int) -> Float[Tensor, " B"]:
    """The scores of many images, so many at a time."""
    with prepared(model) as root:
        parts = zip(torch.split(images, size), torch.split(classes, size), strict=True)
        return torch.cat([scores_of(root(channels_last(x)), of) for x, of in parts])


def channels_last(images: Tensor) -> Tensor:
    """The same maps, laid as torch's convolutions and poolings work fastest on a CPU; what is no map stays."""
    return images.contiguous(memory_format=torch.channels_last) if images.ndim == 4 else images


def leaf(images: Tensor) -> Tensor:
    """A copy of the images that gradients are asked of; one that is small is not worth another layout."""
    layout = torch.channels_last if len(images) > 1 or images.numel() > SMALL else torch.contiguous_format
    return images.clone(memory_format=layout).requires_grad_()


def refuse_infinite(model: nn.Module, images: Tensor, found: Tensor) -> Tensor:
    """The attributions; or ValueError, with the place where what is no number begins."""
    if is_finite(found):
        return found
    check_weights(model)
    raise ValueError(
        f"the attributions hold NaN or infinities; in the model they begin at {where_it_begins(model, images)}"
    )


# ----------------------------------------------------------------------------------------------------------------------
# Memory


@torch.no_grad()
def bytes_of_pass(model: nn.Module, image: Float[Tensor, "1 C H W"]) -> int:
    """Bytes of all that a model's innermost modules return for one image, which a backward pass may need."""
    total = 0

    def count(_module: nn.Module, _args: Any, output: Any) -> None:
        nonlocal total
        total += output.nbytes if isinstance(output, Tensor) else 0

    with ExitStack() as stack:
        root = stack.enter_context(prepared(model))
        for module in root.modules():
            if not any(module.children()):
                stack.callback(module.register_forward_hook(of_this_thread(count)).remove)
        root(image)
    return total + image.nbytes


def at_once(model: nn.Module, images: Float[Tensor, "B C H W"], number: int, max_bytes: int) -> int:
    """How many of a number of images a forward and backward pass may take within a cap of memory; at least one."""
    if max_bytes < 1:
        raise ValueError(f"max_bytes (={max_bytes}) must be at least 1")
    if number <= 1:
        return 1
    one = 2 * bytes_of_pass(model, images[:1])  # values, and the gradients of those that are not yet let go
    most = number if images.device.type != "cpu" else min(number, MANY)
    return max(1, min(most, max_bytes // one))
