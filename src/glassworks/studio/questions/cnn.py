"""A run's network on one image: every layer's values, at any step of which weights are left, and what a unit sees."""

import base64
import binascii
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from glassworks.classify.remembered import network_at, remembered_steps
from glassworks.core.errors import RunError
from glassworks.data.labelled.changes import as_pixels
from glassworks.data.labelled.images.image import apply_image
from glassworks.interpret.images.attribution.cams import cam_map
from glassworks.interpret.images.features.deconvnet import project
from glassworks.interpret.images.occlusion.windows import NOTHING, Score, centred_windows, occluded_scores
from glassworks.interpret.images.units import Units, find_units
from glassworks.studio.networks.network import network
from glassworks.studio.questions.digits import style_of
from glassworks.studio.studio import Studio, changed
from glassworks.train.opening import OpenedLabelled, open_run

OFFERED = 10
"""Examples to choose from at once."""


def about(studio: Studio, run: str) -> dict[str, Any]:
    """What a run's network reads and says, and the steps at which it can be looked at."""
    found = studio.whole(run)
    opened = images_of(studio, run)
    kept = found.record.get("kept", {}).get("step")
    return {
        "classes": list(opened.classes),
        "shape": list(opened.model.config.shape),
        "steps": remembered_steps(found),
        "last": found.steps,
        "kept": kept,
        "examples": len(opened.data.test),
        "style": style_of(opened.data.test),
    }


def examples(studio: Studio, run: str, page: int = 0) -> dict[str, Any]:
    """Some of the run's held-out examples, as different as there are: the first of each class, then the second, ..."""
    opened = images_of(studio, run)
    part = opened.data.test
    targets = np.asarray(part.targets)
    place = np.zeros(len(targets), np.int64)  # how many of its class come before it
    if opened.classes:
        for k in range(len(opened.classes)):
            place[targets == k] = np.arange((targets == k).sum())
    order = np.lexsort((targets, place)) if opened.classes else np.arange(len(targets))
    pages = max(1, -(-len(order) // OFFERED))
    chosen = order[page % pages * OFFERED :][:OFFERED]
    return {
        "numbers": chosen.tolist(),
        "truths": [truth_of(opened, target) for target in targets[chosen]],
        "pixels": part.inputs(chosen),
        "pages": pages,
    }


def forward(
    studio: Studio,
    run: str,
    step: int | None = None,
    example: int | None = None,
    image: str | None = None,
    pixels: Any = None,
) -> dict[str, Any]:
    """All that the network computes of a held-out example, by its number, of a file in base64, or of pixels."""
    opened, model = images_of(studio, run), model_of(studio, run, step)
    x, truth = input_of(opened, example, image, pixels)
    with studio.computing():
        return {**network(model, [x]), "truth": truth, "classes": list(opened.classes)}


def page(studio: Studio, run: str, **asked: Any) -> dict[str, Any]:
    """The network on the image (see `forward`) as one file that opens without the studio: {"html"}."""
    from glassworks.studio.offline import offline_page

    return {"html": offline_page(f"{run}, layer by layer", "cnn", forward(studio, run, **asked))}


def explain(
    studio: Studio,
    run: str,
    point: str,
    unit: int,
    step: int | None = None,
    example: int | None = None,
    image: str | None = None,
    pixels: Any = None,
    target: int = 0,
    place: int | None = None,
) -> dict[str, Any]:
    """What in the image a unit of a layer responds to: its deconvnet projection, and what covering each place takes.

    Grad-CAM, beside them, is of a class (`target`), at the layer's maps, or at the last ones where it has none. `place`
    is where in the unit's map the projection begins; None = at its largest activation.
    """
    opened, model = images_of(studio, run), model_of(studio, run, step)
    x, _ = input_of(opened, example, image, pixels)
    with studio.at_length(model) as (model,):
        return explained(model, x, point, unit, target, place)


# ----------------------------------------------------------------------------------------------------------------------
# What is asked about


def images_of(studio: Studio, run: str) -> OpenedLabelled:
    """The run, opened, if it reads images."""
    found = studio.whole(run)

    def make() -> OpenedLabelled:
        opened = open_run(found)
        if not isinstance(opened, OpenedLabelled) or opened.is_table:
            raise RunError(f"{run} has no network that reads images: choose another run")
        return opened

    opened: OpenedLabelled = studio.keeps(("images", run), changed(found), make)
    return opened


def model_of(studio: Studio, run: str, step: int | None) -> nn.Module:
    """The network at a step; None = as it is now."""
    if step is None:
        return images_of(studio, run).model
    found = studio.whole(run)
    model: nn.Module = studio.keeps(("network", run, step), changed(found), lambda: network_at(found, step))
    return model


def truth_of(opened: OpenedLabelled, target: Any) -> str:
    """What an example is, in words."""
    return opened.classes[int(target)] if opened.classes else f"{float(target):.4g}"


def input_of(opened: OpenedLabelled, example: int | None, image: str | None, pixels: Any) -> tuple[Tensor, str | None]:
    """The image (1, C, H, W), as the network takes it, and what it is, if that is known."""
    if image is not None:
        try:
            content = base64.b64decode(image.encode("ascii"), validate=True)
        except (binascii.Error, UnicodeEncodeError, AttributeError):
            raise ValueError("image must be a file's bytes in base64: choose the file again") from None
        return as_pixels(apply_image(opened.preprocessing, content, "this image")[None]), None
    if pixels is not None:
        shape = opened.model.config.shape
        wrong = not isinstance(pixels, list) or len(pixels) != math.prod(shape)
        if wrong or not all(type(x) is int and 0 <= x <= 255 for x in pixels):
            raise ValueError(f"pixels must be {math.prod(shape):,} whole numbers from 0 to 255: draw again")
        return as_pixels(np.array(pixels, np.uint8).reshape(1, *shape)), None
    part = opened.data.test
    number = 0 if example is None else example
    if not isinstance(number, int) or not 0 <= number < len(part):
        raise ValueError(f"example (={number!r}) must be from 0 to {len(part) - 1}, the run's held-out examples")
    return as_pixels(part.inputs([number])), truth_of(opened, part.targets[number])


# ----------------------------------------------------------------------------------------------------------------------
# What a unit sees


def explained(
    model: nn.Module, x: Tensor, point: str, unit: int, target: int = 0, place: int | None = None
) -> dict[str, Any]:
    """The same of any network and one image (1, C, H, W)."""
    units = find_units(model, x, point)
    units.check([unit])
    return {
        **projected(units, x, unit, place),
        "cam": cam_map(model, x, target, point=point if len(units.grid) == 2 and max(units.grid) > 1 else None)[0],
        **covered(model, units, x[0], unit),
    }


def projected(units: Units, x: Tensor, unit: int, place: int | None) -> dict[str, Any]:
    """A unit's activation taken back to the pixels; by the plain gradient where a nonlinearity is no ReLU."""
    places = None if place is None else torch.tensor([place])
    rule = "deconvnet"
    try:
        found = project(units, x, torch.tensor([unit]), places=places)
    except ValueError:
        rule, found = "plain", project(units, x, torch.tensor([unit]), places=places, rule="plain")
    return {
        "projection": found.pictures[0],
        "place": int(found.places[0]),
        "value": float(found.values[0]),
        "rule": rule,
    }


def covered(model: nn.Module, units: Units, image: Tensor, unit: int) -> dict[str, Any]:
    """What of the unit's total activation goes as a grey square covers each place."""
    window = max(1, round(min(image.shape[1:]) / 4))
    stride = max(1, window // 3)
    score: Score = lambda value: units.rows(value).sum(1)[:, unit]  # noqa: E731
    windows = torch.cat([NOTHING, centred_windows(image.shape, window, stride)])
    scores = occluded_scores(model, image, windows, score, points=(units.point,))
    grid = [-(-size // stride) for size in image.shape[1:]]
    return {"occlusion": (scores[0] - scores[1:]).view(*grid), "whole": float(scores[0]), "window": window}
