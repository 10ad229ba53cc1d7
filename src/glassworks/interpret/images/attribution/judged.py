"""The maps of any attribution function, beside what can be computed of whether they explain the network."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.draw.image import Image, rgba
from glassworks.interpret.access.arguments import public
from glassworks.interpret.images.attribution import badges as badge
from glassworks.interpret.images.attribution.integrated import baselines
from glassworks.interpret.images.attribution.likeness import edges, rank_correlation
from glassworks.interpret.images.legends.attribution import JUDGED
from glassworks.interpret.images.pictures import as_picture
from glassworks.interpret.images.scores import MAX_BYTES, Attribute, Targets, check_images, classes_of
from glassworks.trace.legend import Legend
from glassworks.trace.trace import Trace

ORDERS = 5  # random ones, beside the map's own
STAYS = 0.5
"""Spearman's correlation with the maps of networks that forget, on average, above which a map is said not to change."""


@public
def judged(
    model: nn.Module,
    images: Float[Tensor, "B C H W"],
    attribute: Callable[..., Tensor],
    targets: Targets = None,
    *,
    legend: Legend = JUDGED,
    method: str = "attribution",
    classes: Sequence[str] | None = None,
    badges: bool = True,
    fill: Tensor | float | None = None,
    seed: int = 0,
    max_bytes: int = MAX_BYTES,
) -> Trace:
    """The maps of any attribution function, beside what can be computed of whether they explain the network.

    Args:
        model: any module whose outputs are scores (B, K).
        images: the images.
        attribute: from a module, images and their classes (B,) to maps (B, H, W), or (B, C, H, W), which are summed.
        targets: the class asked about: one, or one an image; None = as the model predicts.
        legend: what the page says.
        method: what the trace is called.
        classes: names of the model's classes.
        badges: whether to compute them: some dozens of passes of the attribution, some hundreds of the model.
        fill: what stands where pixels are taken away, as `baselines` takes it; None = each image's mean colour.
        seed: of whatever is random.
        max_bytes: what activations may take.

    Arrays:
        image (example, pixel_row, pixel_column, channel): the images.
        attribution (example, pixel_row, pixel_column): their maps.
        sheet (example, shown, pixel_row, pixel_column, channel): as they are drawn, as bytes, the image, its map, the
            map when all layers are drawn anew, and the picture's edges (Sobel); without badges the first two.
        forgotten (example, pixel_row, pixel_column): the maps when all layers are drawn anew.
        likeness (measure, layer), with likeness_error: how like the maps are to those of a network whose layers are
            drawn anew from the last one down to here, as Spearman's correlation and structural similarity.
        deletion, insertion (order, share), each with its error: the class's probability as pixels are taken away, or
            put into an empty image, in the order of the map, of the edges, and in random orders.
        area (curve, order), with area_error: the mean heights of these.
        unexplained (order,), with unexplained_error: how much of what taking patches away does to the score is not
            foretold by the map; 1 = all of it.
        Errors are standard errors over the images.
    """
    images = check_images(images)
    chosen = classes_of(model, images, targets, max_bytes)
    maps = badge.checked(images, lambda: attribute(model, images, chosen))
    arrays: dict[str, Any] = {"image": pictures(images), "attribution": maps}
    axes = {"image": ("example", "pixel_row", "pixel_column", "channel"), "attribution": ("example", *PIXELS)}
    labels = {"example": [f"image {i + 1}: {name_of(int(c), classes)}" for i, c in enumerate(chosen)]}
    meta: dict[str, str | float | int] = {"num_images": len(images), "seed": seed}
    columns = {"image": pictures(images), "map": maps}
    if badges:
        filled = images.mean((2, 3), keepdim=True).expand(images.shape) if fill is None else baselines(images, fill)
        for found in (
            of_randomisation(model, images, chosen, attribute, maps, seed),
            of_pixels(model, images, chosen, maps, filled, seed, max_bytes),
        ):
            arrays, axes, labels = arrays | found[0], axes | found[1], labels | found[2]
            meta |= found[3]
        columns |= {"forgotten": arrays["forgotten"], "edges": edges(images)}
    arrays = {"sheet": sheet(columns), **arrays}  # what is first is drawn first
    axes["sheet"], labels["shown"] = SHEET, list(columns)
    return Trace(
        method=method,
        legend=legend,
        arrays={name: np.asarray(x.cpu() if isinstance(x, Tensor) else x) for name, x in arrays.items()},
        axes=axes,
        labels=labels,
        meta=meta,
    )


PIXELS = ("pixel_row", "pixel_column")
SHEET = ("example", "shown", *PIXELS, "channel_or_opacity")
Found = tuple[dict[str, Any], dict[str, tuple[str, ...]], dict[str, list[str]], dict[str, str | float | int]]


def pictures(images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B H W c"]:
    """Images as they are drawn, channels last."""
    return as_picture(images).permute(0, 2, 3, 1)


def sheet(columns: Mapping[str, Tensor]) -> np.ndarray:
    """Pictures and maps of the same images beside each other, as bytes (B, columns, H, W, 4)."""
    drawn = [[rgba(Image(of)) for of in column.detach().cpu().numpy()] for column in columns.values()]
    return np.stack([np.stack(column) for column in drawn], 1)


def name_of(index: int, classes: Sequence[str] | None) -> str:
    """A class by its name."""
    return f"class {index}" if classes is None else classes[index]


def known_mean(values: Any, axis: int = -1) -> np.ndarray:
    """The mean of what is a number, NaN where nothing is: an empty map is like no other."""
    numbers = np.asarray(values)
    known = np.isfinite(numbers)
    count = known.sum(axis)
    return np.where(count > 0, np.where(known, numbers, 0.0).sum(axis) / np.maximum(count, 1), np.nan)


def of_randomisation(
    model: nn.Module, images: Tensor, chosen: Tensor, attribute: Attribute, maps: Tensor, seed: int
) -> Found:
    """How like the maps stay to themselves as the network forgets, and to the picture's edges."""
    found = badge.cascading_randomisation(model, images, chosen, attribute, seed=seed)
    outline = edges(images)
    measures = np.stack([found.spearman, found.ssim])
    left, of_edges = float(known_mean(found.spearman.ravel())), float(known_mean(rank_correlation(maps, outline)))
    return (
        {"forgotten": found.maps[-1], "likeness": known_mean(measures, 2), "likeness_error": error_of(measures, 2)},
        {
            "forgotten": ("example", *PIXELS),
            "likeness": ("measure", "layer"),
            "likeness_error": ("measure", "layer"),
        },
        {"measure": ["spearman", "ssim"], "layer": found.layers},
        {
            "likeness_left": left,
            "likeness_edges": of_edges,
            "randomisation": "fails: the map stays much the same" if left > STAYS else "passes: the map changes",
        },
    )


def of_pixels(
    model: nn.Module, images: Tensor, chosen: Tensor, maps: Tensor, fill: Tensor, seed: int, max_bytes: int
) -> Found:
    """What taking pixels away does, in the map's order and in others, and how much of it the map foretells."""
    generator = torch.Generator().manual_seed(seed)
    randoms = [torch.rand(maps.shape, generator=generator).to(maps) for _ in range(ORDERS)]
    outline = edges(images)
    run = partial(badge.curves, model, images, chosen, fill=fill, max_bytes=max_bytes)
    every = [torch.stack(run(badge.order_of(of))) for of in (maps, outline, *randoms)]  # each (2, B, S)
    curves = torch.stack([every[0], every[1], torch.stack(every[2:]).mean(0)], 1).cpu().numpy()  # (2, order, B, S)
    areas = np.trapezoid(curves, dx=1 / (curves.shape[-1] - 1), axis=-1)  # (2, order, B)
    lost = badge.unexplained(
        model, images, chosen, [maps, outline, *randoms], fill=fill, seed=seed, max_bytes=max_bytes
    )
    missed = torch.stack([lost[0], lost[1], torch.stack(lost[2:]).mean(0)]).cpu().numpy()  # (order, B)
    arrays, axes = dict[str, Any](), dict[str, tuple[str, ...]]()
    for name, values, of in (
        ("deletion", curves[0].swapaxes(1, 2), ("order", "share")),
        ("insertion", curves[1].swapaxes(1, 2), ("order", "share")),
        ("area", areas, ("curve", "order")),
        ("unexplained", missed, ("order",)),
    ):
        arrays |= {name: values.mean(-1), f"{name}_error": error_of(values, -1)}
        axes |= {name: of, f"{name}_error": of}
    shares = [f"{share:.3g}" for share in np.linspace(0, 1, curves.shape[-1])]
    labels = {"order": ["map", "edges", "random"], "share": shares, "curve": ["deletion", "insertion"]}
    return arrays, axes, labels, {"infidelity": float(missed[0].mean())}


def error_of(values: np.ndarray, axis: int) -> np.ndarray:
    """The standard error of the mean along an axis; NaN of a single number."""
    known = np.isfinite(values).sum(axis)
    apart = np.square(values - np.expand_dims(known_mean(values, axis), axis))
    return np.where(known > 1, np.sqrt(known_mean(apart, axis) / np.maximum(known - 1, 1)), np.nan)
