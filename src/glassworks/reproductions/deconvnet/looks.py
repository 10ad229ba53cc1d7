"""What is looked at of the trained networks, as traces."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.interpret.images.correspondence import correspondence
from glassworks.interpret.images.features.deconvnet import strongest_units
from glassworks.interpret.images.features.evolution import evolution
from glassworks.interpret.images.features.strongest import strongest_examples
from glassworks.interpret.images.pictures import signed_picture
from glassworks.interpret.images.removal import Variant, layer_removal
from glassworks.interpret.images.units import find_units
from glassworks.reproductions.deconvnet.creatures import CLASSES, creatures
from glassworks.reproductions.deconvnet.filters import Filters, measure
from glassworks.reproductions.deconvnet.legends import FILTERS, READING, UNTRAINED
from glassworks.reproductions.deconvnet.network import AS_BEGUN, FIRST, MENDED, NARROW, REMOVED, SIZE, WHOLE
from glassworks.trace.trace import Trace

SIDE = 11
"""Of a drawn filter; smaller ones have nothing around them."""
LINE = 12
MAPS = 5
UNITS = 4
"""Of a layer, whose strongest images and projections are shown: those that stand out most."""
CREATURES, CREATURE = 8, CLASSES.index("across, light")
"""As many pictures of one class as correspondence is looked for in."""
PUBLISHED_REMOVAL = {
    WHOLE: 0.181,
    "without fc7": 0.184,
    "without fc6, fc7": 0.224,
    "without conv3, conv4": 0.221,
    "without conv3, conv4, fc6, fc7": 0.501,
}
"""Their table 3: top-5 errors of 1,000 classes on ImageNet's validation examples."""


def first_layers(
    networks: Mapping[str, Sequence[nn.Sequential]],
    fresh: Mapping[str, nn.Sequential],
    images: Tensor,
    variants: Mapping[str, Variant],
) -> Trace:
    """The measures of every variant's first layers, the mean of its runs; and those of an untrained one.

    Arrays:
        dead, aliased, spread (network, variant): the share of dead filters, the median filter's share of aliased
            power, and the largest RMS over the median.
        wrong (variant): the share of test examples. dead_error, ...: standard errors over runs.
    """
    values = np.full((2, 3, len(networks)), np.nan)
    errors = np.full((2, 3, len(networks)), np.nan)
    for i, (name, models) in enumerate(networks.items()):
        found = np.array([figures(measure(model, images)) for model in models])
        values[0, :, i], values[1, :, i] = found.mean(0), figures(measure(fresh[name], images))
        if len(models) > 1:
            errors[0, :, i] = found.std(0, ddof=1) / len(models) ** 0.5
    names = ("dead", "aliased", "spread")
    arrays = {name: values[:, i] for i, name in enumerate(names)}
    arrays |= {f"{name}_error": errors[:, i] for i, name in enumerate(names)}
    axes: dict[str, tuple[str, ...]] = dict.fromkeys(arrays, ("network", "variant"))
    arrays["wrong"] = np.array([1 - variants[name].accuracy for name in networks])
    arrays["wrong_error"] = np.array([variants[name].error for name in networks])
    return Trace(
        "first_layers",
        arrays,
        {**axes, "wrong": ("variant",), "wrong_error": ("variant",)},
        {"network": ["trained", UNTRAINED], "variant": list(networks)},
        {"runs": len(next(iter(networks.values()))), "num_images": len(images)},
        legend=READING,
    )


def figures(found: Filters) -> tuple[float, float, float]:
    """The share of the dead, the median share of aliased power, and the spread."""
    return float(found.dead.mean()), float(np.median(found.aliased)), found.spread


@torch.no_grad()
def first_filters(before: nn.Sequential, after: nn.Sequential, images: Tensor) -> Trace:
    """The filters of both first layers, the most aliased first, and what some make of an image.

    Arrays:
        filter (network, line, place, colour, row, column): as they are drawn, each scaled by itself.
        share (network, line, place): the share of each one's power that is aliased, as a text.
        map (network, shown, row, column, colour): the image, and its maps by the filters of the largest power, pixels
            as large as the layer's strides.
    """
    pictures, shares, maps = [], [], []
    for model in (before, after):
        conv = model.get_submodule("conv1")
        assert isinstance(conv, nn.Conv2d)
        found = measure(model, images)
        order = np.argsort(-np.where(found.dead, 2.0, found.aliased), kind="stable")
        around = (SIDE - conv.kernel_size[0]) // 2
        drawn = signed_picture(conv.weight[order])
        pictures.append(nn.functional.pad(drawn, [around] * 4, value=torch.nan))
        shares.append(["dead" if found.dead[i] else f"{found.aliased[i]:.0%}" for i in order])
        maps.append(drawn_maps(model, conv, images[0], order))
    lines = FIRST // LINE
    picture = torch.stack(pictures).view(2, lines, LINE, *pictures[0].shape[1:])
    arrays = {
        "map": torch.stack(maps).numpy(),
        "filter": picture.numpy(),
        "share": np.array(shares).reshape(2, lines, LINE),
    }
    axes = {
        "map": ("network", "shown", "pixel_row", "pixel_column"),
        "filter": ("network", "line", "place", "colour", "filter_row", "filter_column"),
        "share": ("network", "line", "place"),
    }
    labels = {
        "network": [AS_BEGUN, MENDED],
        "shown": ["image", *(f"map {i + 1}" for i in range(MAPS))],
        "line": [f"{i * LINE + 1} to {(i + 1) * LINE}" for i in range(lines)],
        "place": ["" for _ in range(LINE)],
    }
    return Trace("first_filters", arrays, axes, labels, {}, legend=FILTERS)


def drawn_maps(
    model: nn.Sequential, conv: nn.Conv2d, image: Float[Tensor, "C H W"], order: np.ndarray
) -> Float[Tensor, "M H W"]:
    """The image, and the maps of evenly chosen filters, each from -1 to 1, every place as wide as the stride."""
    rows = conv(model.get_submodule("normalise")(image[None]))[0]
    chosen = order[np.linspace(0, len(order) - 1, MAPS).astype(int)]
    rows = rows[chosen] - rows[chosen].mean((1, 2), keepdim=True)
    rows = rows / rows.abs().amax((1, 2), keepdim=True).clamp(min=1e-12)
    stride = conv.stride[0]
    large = rows.repeat_interleave(stride, 1).repeat_interleave(stride, 2)
    return torch.cat([2 * image.mean(0, keepdim=True) - 1, large[:, :SIZE, :SIZE]])


def strongest(model: nn.Sequential, fresh: nn.Sequential, images: Tensor, seed: int) -> Trace:
    """Some maps of the second layer: the nine images they respond to most, and the projections."""
    return strongest_examples(model, images, "relu2", outstanding(model, images, "relu2"), fresh=fresh, seed=seed)


def outstanding(model: nn.Sequential, images: Tensor, point: str) -> list[int]:
    """The maps of a layer whose largest activations stand out most from their others."""
    return strongest_units(find_units(model, images[:1], point), images, UNITS)


def evolving(networks: Sequence[tuple[str, nn.Sequential]], images: Tensor, point: str, seed: int) -> Trace:
    """Some maps of a layer at the checkpoints of a training."""
    return evolution(networks, images, point, outstanding(networks[-1][1], images, point), seed=seed)


def removal(variants: Mapping[str, Variant]) -> Trace:
    """The whole network beside those of `REMOVED`, with the paper's figures."""
    controls = [NARROW] if NARROW in REMOVED else []
    return layer_removal(variants, controls=controls, published=PUBLISHED_REMOVAL)


def parts_of_creatures(model: nn.Sequential, fresh: nn.Sequential, seed: int) -> Trace:
    """Eyes and nose of some creatures of one class, covered, and random places."""
    pictures, _, parts = creatures(CREATURES, (seed, 2), CREATURE)
    images = torch.from_numpy(pictures)[:, None].float() / 255
    windows = {name: torch.from_numpy(squares) for name, squares in parts.items()}
    return correspondence(model, images, windows, ["pool5", "relu7"], fresh=fresh, draws=40, seed=seed)
