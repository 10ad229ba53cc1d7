"""The badges of an attribution: what can be computed of whether it explains a network, for any attribution function.

    infidelity       how badly the map foretells what taking patches away does to the score
    randomisation    whether the map changes when the network forgets what it has learned, layer by layer from the top
    deletion         whether taking away the pixels that it names first destroys the score sooner than a random order
    insertion        whether they bring it back sooner
    edges            how like the map is to the picture's edges, which know nothing of the network

None of them proves a map right; each can show it wrong. All are seeded, and everything has its control beside it.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.interpret.access.checks import check_count
from glassworks.interpret.access.points import of_this_thread
from glassworks.interpret.control import reset_own
from glassworks.interpret.images.attribution.likeness import normalised, rank_correlation, ssim
from glassworks.interpret.images.scores import (
    MAX_BYTES,
    Attribute,
    at_once,
    channels_last,
    check_images,
    prepared,
    scores_at,
    two_axes,
)

# ----------------------------------------------------------------------------------------------------------------------
# Randomisation


@dataclass(frozen=True)
class Randomisation:
    """Maps of a network whose layers forget, from the last to the first, beside those of the network itself."""

    layers: list[str]
    """The module drawn anew at each depth; those of the depths before stay so."""
    maps: Float[Tensor, "D B H W"]
    spearman: Float[np.ndarray, "D B"]
    ssim: Float[np.ndarray, "D B"]


def cascading_randomisation(
    model: nn.Module,
    images: Float[Tensor, "B C H W"],
    classes: Tensor,
    attribute: Attribute,
    *,
    depths: int = 8,
    seed: int = 0,
) -> Randomisation:
    """Draw a model's layers anew, from the last one called to the first, and see how like its maps stay.

    Adebayo et al. 2018 (1810.03292), section 3.1: a map that stays the same does not depend on what was learned.
    Likeness is Spearman's correlation of the sizes of the maps' numbers, and the structural similarity of these as
    shares of the largest. Of more than `depths` layers, as many are looked at, evenly spaced, the last one among them;
    all are drawn. The model is copied and stays as it is.

    Raises: ValueError for a model without parameters, and, from the attribution, what that raises.
    """
    check_count("depths", depths, 1)
    names = layers_called(model, images)[::-1]
    looked = {names[round(i)] for i in np.linspace(0, len(names) - 1, min(depths, len(names)))}
    forgetful = copy.deepcopy(getattr(model, "_orig_mod", model))
    own = plain_map(attribute(model, images, classes))
    modules, layers, maps = dict(forgetful.named_modules()), [], []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name in names:
            with torch.no_grad():
                reset_own(modules[name], list(modules[name].parameters(recurse=False)))
            if name in looked:
                layers.append(name)
                state = torch.get_rng_state()  # what an attribution draws changes nothing of the next layer
                maps.append(plain_map(attribute(forgetful, images, classes)))
                torch.set_rng_state(state)
    return Randomisation(
        layers,
        torch.stack(maps),
        np.stack([rank_correlation(own, of) for of in maps]),
        np.stack([ssim(normalised(own), normalised(of)).cpu().numpy() for of in maps]),
    )


@torch.no_grad()
def layers_called(model: nn.Module, images: Tensor) -> list[str]:
    """Modules with parameters of their own in the order in which a pass first calls them, those not called before."""
    called: list[str] = []
    with prepared(model) as root:
        own = {name: m for name, m in root.named_modules() if any(True for _ in m.parameters(recurse=False))}
        hooks = [
            m.register_forward_hook(of_this_thread(lambda *_, name=name: called.append(name)))
            for name, m in own.items()
        ]
        try:
            root(images[:1])
        finally:
            for hook in hooks:
                hook.remove()
    if not own:
        raise ValueError("the model has no parameters to draw anew: give one that has learned something")
    return [*(name for name in own if name not in called), *dict.fromkeys(called)]


def plain_map(attribution: Tensor) -> Float[Tensor, "B H W"]:
    """One number a pixel: the sum over channels of what has any."""
    return attribution.detach().sum(1) if attribution.ndim == 4 else attribution.detach()


# ----------------------------------------------------------------------------------------------------------------------
# Deletion and insertion


def order_of(maps: Float[Tensor, "B H W"]) -> Float[Tensor, "B P"]:
    """Each pixel's place in the order of a map, from its largest number to its smallest, as a share from 0 to 1."""
    flat = maps.flatten(1)
    places = torch.empty_like(flat)
    steps = torch.arange(flat.size(1), dtype=flat.dtype, device=flat.device).expand_as(flat)
    places.scatter_(1, torch.sort(flat, dim=1, descending=True, stable=True).indices, steps)
    return places / flat.size(1)


@torch.no_grad()
def curves(
    model: nn.Module,
    images: Float[Tensor, "B C H W"],
    classes: Tensor,
    order: Float[Tensor, "B P"],
    *,
    fill: Float[Tensor, "B C H W"],
    steps: int = 20,
    max_bytes: int = MAX_BYTES,
) -> tuple[Float[Tensor, "B S"], Float[Tensor, "B S"]]:
    """The class's probability as pixels are taken away in an order, and as they are put into an empty picture.

    Petsiuk, Das & Saenko 2018 (1806.07421), section 3.2; `fill` is what stands where a pixel is missing. Both have
    steps + 1 places, from nothing done to all.
    """
    shares = torch.linspace(0, 1, steps + 1, dtype=order.dtype, device=order.device)
    size = at_once(model, images, 2 * len(shares), max_bytes)
    found = []
    with prepared(model) as root:
        for image, nothing, own, of in zip(images, fill, order, classes.tolist(), strict=True):
            taken = (own < shares[:, None]).view(-1, 1, *image.shape[1:])  # (S, 1, H, W)
            mixed = torch.cat([torch.where(taken, nothing, image), torch.where(taken, image, nothing)])
            parts = [two_axes(root(channels_last(x))).softmax(1)[:, of] for x in torch.split(mixed, size)]
            found.append(torch.cat(parts).view(2, -1))
    away, back = torch.stack(found, 1)
    return away, back


def area(curve: Float[Tensor, "... S"]) -> Float[Tensor, "..."]:
    """The mean height of a curve over shares from 0 to 1, by trapezoids."""
    return torch.trapezoid(curve, dx=1 / (curve.size(-1) - 1), dim=-1)


# ----------------------------------------------------------------------------------------------------------------------
# Infidelity


def infidelity(
    attribution: Float[Tensor, "B N"],
    taken: Float[Tensor, "B K N"],
    fall: Float[Tensor, "B K"],
    *,
    scaled: bool = False,
) -> Float[Tensor, " B"]:
    """The mean square by which Σ taken · attribution misses what taking it away does to the score.

    Yeh et al. 2019 (1901.09392), definition 2.1: E[(IᵀΦ - (f(x) - f(x - I)))²], over K perturbations I of N pixels. A
    map without the score's unit is `scaled` first by the factor that serves it best (their section 2.1 and appendix).
    """
    foretold = (taken * attribution[:, None]).sum(2)
    if scaled:
        best = (foretold * fall).mean(1, keepdim=True) / foretold.square().mean(1, keepdim=True).clamp(min=1e-30)
        foretold = best * foretold
    return (foretold - fall).square().mean(1)


@torch.no_grad()
def unexplained(
    model: nn.Module,
    images: Float[Tensor, "B C H W"],
    classes: Tensor,
    maps: Sequence[Tensor],
    *,
    fill: Float[Tensor, "B C H W"],
    patches: int = 64,
    seed: int = 0,
    max_bytes: int = MAX_BYTES,
) -> list[Float[Tensor, " B"]]:
    """For each of some maps (B, H, W), its infidelity, scaled, as a share of the mean square of the falls: 0 to 1.

    A perturbation takes a square patch away, of a quarter of the shorter side, at a random place (the paper's square
    removal); what it takes of a pixel is 1, whatever the pixel held, since maps are of pixels. 1 = the map foretells
    nothing of what taking patches away does, 0 = all of it; NaN where taking them away does nothing.
    """
    generator = torch.Generator().manual_seed(seed)
    high, wide = images.shape[2:]
    side = max(1, min(high, wide) // 4)
    size, whole = at_once(model, images, patches, max_bytes), scores_at(model, images, classes, 1)
    found: list[list[Tensor]] = [[] for _ in maps]
    for i, image in enumerate(images):
        taken = torch.zeros(patches, high, wide)
        for patch in taken:
            row, column = (int(torch.randint(n - side + 1, (1,), generator=generator)) for n in (high, wide))
            patch[row : row + side, column : column + side] = 1
        taken = taken.to(images.device)
        without = torch.where(taken[:, None] > 0, fill[i], image)
        fall = (whole[i] - scores_at(model, without, classes[i].expand(patches), size)).to(taken)[None]
        for shares, of in zip(found, maps, strict=True):
            missed = infidelity(of[i].flatten()[None].to(taken), taken.flatten(1)[None], fall, scaled=True)
            shares.append(missed / fall.square().mean(1))  # of no fall nothing can be foretold: NaN
    return [torch.cat(shares) for shares in found]


def checked(images: Tensor, attribute: Callable[[], Tensor]) -> Tensor:
    """An attribution's map (B, H, W); ValueError for one of another shape."""
    check_images(images)
    found = attribute()
    if found.shape not in (images.shape, (len(images), *images.shape[2:])):
        raise ValueError(
            f"attribute returned a tensor of shape {tuple(found.shape)}: it must be like images {tuple(images.shape)}"
        )
    return plain_map(found)
