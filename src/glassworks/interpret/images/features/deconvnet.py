"""Deconvnets: a unit's activation, and nothing else, taken back to the pixels that made it (Zeiler & Fergus 2013, 2.1).

All activations of a layer but one are set to 0. Then, layer by layer down to the image, what was pooled is put back
where the maximum was (the pool's switches), the signal is rectified where the network rectified its own, and goes
through the transposed filters; biases take no part. That is the gradient of the one activation, times its value, with
another rule at ReLUs, and so it is computed here: by one forward and one backward pass of any module, many at once.

    back through      a deconvnet                     its gradient
    convolution       transposed (flipped) filters    the same
    max pooling       unpooled at the switches        the same
    ReLU              max(signal, 0)                  `rectified(model, "deconvnet")`
    batch norm        times its scale (evaluation)    the same

Mean pooling and the sum of a residual block are linear, and transposed alike. What is not linear otherwise (layer and
group norms, attention) passes its gradient, of which the paper says nothing; GELU and its like are refused by name.

Letters: N pairs of an image and a unit, B images, U units, C H W channels, rows and columns.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from glassworks.draw.scales import short
from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_count, check_gradients
from glassworks.interpret.access.rectifiers import Rule, rectified
from glassworks.interpret.control import randomised
from glassworks.interpret.images.legends.features import PROJECTIONS
from glassworks.interpret.images.pictures import as_picture, signed_picture
from glassworks.interpret.images.units import Units, device_of, find_units, in_parts
from glassworks.trace.trace import Trace

STRONGEST = 6
"""Units that are shown where none are named."""


class Projected(NamedTuple):
    """What N units' activations project to."""

    pictures: Float[Tensor, "N C H W"]
    values: Float[Tensor, " N"]
    """The activations."""
    places: Int[Tensor, " N"]
    """Where in the map they are, row by row."""


def project(
    units: Units,
    images: Float[Tensor, "N C H W"],
    chosen: Int[Tensor, " N"],
    *,
    places: Int[Tensor, " N"] | None = None,
    start: float | None = None,
    rule: Rule = "deconvnet",
    batch_size: int = 32,
) -> Projected:
    """Each image's activation of its own unit, projected to the pixels.

    A negative activation, as before a ReLU, projects what makes it so: the signal begins with its sign.

    Args:
        units: of a point, from `find_units`.
        images: as the model takes them.
        chosen: a unit for each image.
        places: where in the map; None = at its largest activation.
        start: what each signal begins with; None = the activation itself, as in the paper.
        rule: "guided" also stops signals where the network's own ReLU did, "plain" is activation times its gradient.
        batch_size: images to a pass.
    """
    parts = []
    for first in range(0, len(images), batch_size):
        part = slice(first, first + batch_size)
        x = images[part].detach().to(device_of(units.model, images)).requires_grad_()
        unit = chosen[part].to(x.device)
        with torch.enable_grad(), rectified(units.model, rule):
            rows = units.read(x)
        a = rows[torch.arange(len(x), device=x.device), :, unit]  # (n, P)
        place = a.detach().argmax(1) if places is None else places[part].to(x.device)
        value = a.gather(1, place[:, None]).squeeze(1)
        begin = value.detach() if start is None else torch.full_like(value, start)
        (signal,) = torch.autograd.grad(value, x, begin)
        parts.append(Projected(signal, value.detach(), place))
    return Projected(*(torch.cat(of) for of in zip(*parts, strict=True)))


@public
def projections(
    model: nn.Module,
    images: Float[Tensor, "B C H W"],
    point: str,
    units: Sequence[int] | None = None,
    *,
    rule: Rule = "deconvnet",
    fresh: nn.Module | None = None,
    seed: int = 0,
) -> Trace:
    """What single units of a layer respond to in some images: their largest activations, projected to the pixels.

    Args:
        model: any module that takes images (B, C, H, W); pools and ReLUs may be modules or functions.
        images: as the model takes them.
        point: as `capture` takes it: a convolution's map, a ReLU behind it, a pool, or a vector.
        units: channels of the map, or numbers of the vector; None = those with the largest activations in the images.
        rule: what passes ReLUs on the way back; see `project`.
        fresh: the control: an untrained network of the same shape. None = `randomised` by `seed`.
        seed: draws the control, and which other unit each is compared with.

    Raises: ValueError for images, points and units that are none, and for nonlinearities on the way that are no ReLU.

    Arrays:
        picture (example, network, shown, channel, row, column): the image, then each unit's projection, as drawn.
        projection, projection_untrained (example, unit, channel, row, column): the projections themselves.
        activation, activation_untrained (example, unit): the activations that they begin with.
        place (example, unit): where in the map, row by row.
        likeness (comparison, example, unit): the cosine of the projection with that of a random other unit from the
            same place of the same image, and with that of the untrained network's unit from there.
    """
    check_gradients(model)
    here = find_units(model, images, point)
    chosen = strongest_units(here, images) if units is None else list(units)
    here.check(chosen)
    there = find_units(randomised(model, seed=seed) if fresh is None else fresh, images, point)
    B, U, shape = len(images), len(chosen), images.shape[1:]
    each, unit = images.repeat_interleave(U, 0), torch.tensor(chosen).repeat(B)  # N = B · U, images first
    found, control = (project(units_of, each, unit, rule=rule) for units_of in (here, there))
    projection, untrained = (one.pictures.view(B, U, *shape).cpu() for one in (found, control))
    values, fresh_values = (one.values.view(B, U).cpu() for one in (found, control))
    image = as_picture(images.cpu())[:, None]  # (B, 1, C, H, W)
    pictures = [torch.cat([image, signed_picture(x)], 1) for x in (projection, untrained)]
    captions = [[["", *map(short, row)] for row in rows] for rows in torch.stack([values, fresh_values], 1).tolist()]
    likeness = [
        cosine(found.pictures, project(units_of, each, which, places=found.places, start=1.0, rule=rule).pictures)
        for units_of, which in ((here, another(unit, here.count, seed)), (there, unit))
    ]
    arrays: dict[str, np.ndarray] = {
        "picture": torch.stack(pictures, 1).numpy(),
        "caption": np.array(captions),
        "likeness": torch.stack(likeness).view(2, B, U).cpu().numpy(),
        "projection": projection.numpy(),
        "projection_untrained": untrained.numpy(),
        "activation": values.numpy(),
        "activation_untrained": fresh_values.numpy(),
        "place": found.places.view(B, U).cpu().numpy(),
    }
    return Trace(
        "projections",
        arrays,
        {name: AXES.get(name, ("example", "unit")) for name in arrays},
        {
            "network": ["trained", "untrained"],
            "shown": ["image", *(f"unit {unit}" for unit in chosen)],
            "unit": [str(unit) for unit in chosen],
            "comparison": ["another unit’s", "an untrained network’s"],
        },
        {"point": point, "rule": rule, "seed": seed},
        legend=PROJECTIONS,
    )


PIXELS = ("channel", "pixel_row", "pixel_column")
AXES: dict[str, tuple[str, ...]] = {
    "picture": ("example", "network", "shown", "colour", "pixel_row", "pixel_column"),
    "caption": ("example", "network", "shown"),
    "likeness": ("comparison", "example", "unit"),
    "projection": ("example", "unit", *PIXELS),
    "projection_untrained": ("example", "unit", *PIXELS),
}


@torch.no_grad()
def strongest_units(units: Units, images: Tensor, count: int = STRONGEST) -> list[int]:
    """The units of the largest activations in some images, compared with each unit's mean over all places."""
    check_count("count", count, 1)
    rows = torch.cat([units.read(x) for x in in_parts(images.to(device_of(units.model, images)), 32)])
    mean, deviation = rows.mean((0, 1)), rows.std((0, 1), correction=0)
    height = (rows.amax((0, 1)) - mean) / deviation.clamp(min=1e-12)
    return sorted(height.topk(min(count, units.count)).indices.tolist())


def another(units: Int[Tensor, " N"], count: int, seed: int) -> Int[Tensor, " N"]:
    """For each unit a random other one of so many; itself where there is only one."""
    shift = torch.randint(1, max(count, 2), units.shape, generator=torch.Generator().manual_seed(seed))
    return (units + shift) % count


def cosine(a: Float[Tensor, "N C H W"], b: Float[Tensor, "N C H W"]) -> Float[Tensor, " N"]:
    """Of each picture with another; 0 where one is empty."""
    return torch.cosine_similarity(a.flatten(1), b.flatten(1))
