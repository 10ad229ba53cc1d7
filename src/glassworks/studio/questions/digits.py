"""A network that reads images, unit by unit: its stages, what they hold for a drawing, how one unit comes of others."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from glassworks.classify.history import file_of
from glassworks.classify.run import checkpoints_of
from glassworks.core.errors import GlassworksError, RunError
from glassworks.data.labelled.changes import as_pixels
from glassworks.data.labelled.store import Part
from glassworks.interpret.images.stages import Stage, receptive_fields, run_stages, stages_of, unit_of
from glassworks.models.modes import evaluating
from glassworks.studio.studio import Studio, changed
from glassworks.train.opening import OpenedLabelled, open_labelled_model

MOST_UNITS = 20_000
"""Of a network that is drawn."""
STYLE_OF = 256
"""Examples by which it is seen how the data's drawings lie in their images."""
INK = 64
"""By how much a pixel must differ from the paper."""
FORMULAS: dict[type[nn.Module], str] = {
    nn.ReLU: "max(0, x)",
    nn.Tanh: "tanh(x)",
    nn.Sigmoid: "1 / (1 + exp(−x))",
    nn.SiLU: "x / (1 + exp(−x))",
    nn.GELU: "x · Φ(x)",
}


@dataclass
class Drawn:
    """A run's network, as it is drawn."""

    opened: OpenedLabelled
    stages: list[Stage]
    part: Part | None
    """The held-out examples; None where the data are gone."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, rows, columns of an image."""
        channels, rows, columns = self.opened.model.config.shape
        return channels, rows, columns

    @cached_property
    def steps(self) -> list[int]:
        """Steps of the training at which the network is kept, its end the last; () where it cannot be made again."""
        run = self.opened.run
        if run is None or self.part is None or run.steps is None or "result" not in run.record:
            return []
        powers = [4**n for n in range(16)]
        return [0, *(step for step in powers if step < run.steps and file_of(run, step).is_file()), run.steps]


def network(studio: Studio, run: str) -> dict[str, Any]:
    """The stages of a run's network, in what part of the image each unit sees, and how the data's drawings lie."""
    drawn = opened(studio, run)
    with studio.computing(), evaluating(drawn.opened.model):
        fields = receptive_fields(drawn.stages, drawn.shape)
    part = drawn.part
    return {
        "run": run,
        "architecture": type(drawn.opened.model).__name__,
        "parameters": sum(p.numel() for p in drawn.opened.model.parameters()),
        "classes": list(drawn.opened.classes),
        "image": list(drawn.shape),
        "steps": drawn.steps,
        "examples": 0 if part is None else len(part),
        "style": style_of(None if part is None else drawn.opened.data.train),
        "stages": [about(stage, field) for stage, field in zip(drawn.stages, fields, strict=True)],
    }


def forward(
    studio: Studio,
    run: str,
    pixels: Sequence[Any] | None = None,
    example: int | None = None,
    step: int | None = None,
) -> dict[str, Any]:
    """What every unit holds for a drawing, its grey levels row by row; or for an example of the test split.

    Returns: `values`, of all stages one after another; `outputs` of the last, and their `probabilities`; of an example
    its `pixels` (C, H, W) and what it is, `truth`.
    """
    drawn = opened(studio, run)
    stages, image = stages_at(studio, drawn, step), image_of(drawn, pixels, example)
    with studio.computing(), evaluating(drawn.opened.model):
        values = run_stages(stages, as_pixels(image[None]))
    outputs = values[-1].flatten()
    found = {
        "values": torch.cat([value.flatten() for value in values]),
        "outputs": outputs,
        "probabilities": outputs.softmax(0) if drawn.opened.classes else None,
    }
    if example is None or drawn.part is None:
        return found
    (target,) = drawn.part.targets[[example]].tolist()
    return {**found, "pixels": image, "truth": target, "name": drawn.part.names([example])[0]}


def unit(
    studio: Studio,
    run: str,
    stage: int,
    unit: int,
    pixels: Sequence[Any] | None = None,
    example: int | None = None,
    step: int | None = None,
) -> dict[str, Any]:
    """How one unit comes of the stage before it, for a drawing or an example: see `interpret.images.stages.Unit`."""
    drawn = opened(studio, run)
    stages = stages_at(studio, drawn, step)
    if not isinstance(stage, int) or not isinstance(unit, int) or not 0 < stage < len(stages):
        raise ValueError(f"stage (={stage}) must be from 1 to {len(stages) - 1}")
    image = image_of(drawn, pixels, example)
    with studio.computing(), evaluating(drawn.opened.model):
        before = run_stages(stages[:stage], as_pixels(image[None]))[-1]
        found = unit_of(stages[stage], before, unit)
    return {
        "sources": found.sources,
        "slopes": found.slopes,
        "offset": found.offset,
        "isSum": found.is_sum,
        "values": found.values,
    }


# ----------------------------------------------------------------------------------------------------------------------


def opened(studio: Studio, run: str) -> Drawn:
    """A run's network, kept open."""
    drawn: Drawn = studio.keeps(("digits", run), changed(studio.whole(run)), lambda: open_drawn(studio, run))
    return drawn


def stages_at(studio: Studio, drawn: Drawn, step: int | None) -> list[Stage]:
    """The stages of the network after some step of its training; None = as it was kept in the end."""
    if step is None or (drawn.steps and step == drawn.steps[-1]):
        return drawn.stages
    if step not in drawn.steps:
        raise ValueError(f"step (={step}) must be one of {', '.join(map(str, drawn.steps))}")
    run = drawn.opened.run
    assert run is not None

    def read() -> dict[int, list[Stage]]:
        found = {}
        for past, model in checkpoints_of(run):
            with studio.computing():
                found[past] = stages_of(model.eval(), noise_like(drawn.shape))
        return found

    earlier: dict[int, list[Stage]] = studio.keeps(("digits at all steps", run.path), changed(run), read)
    return earlier[step]


def open_drawn(studio: Studio, run: str) -> Drawn:
    """The same, opened; ValueError for what cannot be drawn unit by unit."""
    network = open_labelled_model(studio.run(run))
    if network.is_table:
        raise RunError(f"{run} reads rows of a table, and here one draws images: choose a run of images")
    with studio.computing():
        stages = stages_of(network.model, noise_like(network.model.config.shape))
    units = sum(prod(stage.shape) for stage in stages)
    if units > MOST_UNITS:
        raise ValueError(
            f"{run} has {units:,} units, and at most {MOST_UNITS:,} are drawn here: choose a smaller network, as "
            "--model.architecture lenet5 is"
        )
    try:
        part = network.data.test
    except (GlassworksError, OSError):
        part = None
    return Drawn(network, stages, part if part is not None and len(part) else None)


def noise_like(shape: Sequence[int]) -> Float[Tensor, "2 C H W"]:
    """Two images of noise, by which a network's stages are found."""
    return torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))


def about(stage: Stage, field: Tensor) -> dict[str, Any]:
    """A stage in plain values."""
    return {
        "name": stage.name,
        "shape": list(stage.shape),
        "modules": [type(step.module).__name__ for step in stage.steps],
        "names": [step.name for step in stage.steps],
        "formulas": [formula_of(step.module) for step in stage.steps],
        "parameters": sum(p.numel() for step in stage.steps for p in step.module.parameters()),
        "field": field,
    }


def formula_of(module: nn.Module) -> str:
    """What a module does to a number x by itself."""
    said = getattr(module, "formula", None) or FORMULAS.get(type(module))
    return said if isinstance(said, str) else f"{type(module).__name__}(x)"


def image_of(drawn: Drawn, pixels: Sequence[Any] | None, example: int | None) -> UInt8[np.ndarray, "C H W"]:
    """The image that is asked for; one that is not drawn yet is paper."""
    channels, rows, columns = drawn.shape
    if example is not None:
        count = 0 if drawn.part is None else len(drawn.part)
        if not isinstance(example, int) or not 0 <= example < count:
            raise ValueError(f"example (={example}) must be below {count}, the examples of the test split")
        assert drawn.part is not None
        found: np.ndarray = drawn.part.inputs([example])[0]
        return found
    if pixels is None or len(pixels) != rows * columns:
        raise ValueError(f"pixels must be {rows} × {columns} grey levels, not {0 if pixels is None else len(pixels)}")
    try:
        grey = np.array(pixels, np.int64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("pixels must be whole numbers from 0 to 255") from None
    if grey.min() < 0 or grey.max() > 255:
        raise ValueError(f"pixels must be whole numbers from 0 to 255, not {grey.min()} to {grey.max()}")
    return np.repeat(grey.astype(np.uint8).reshape(1, rows, columns), channels, 0)


def style_of(part: Part | None) -> dict[str, float]:
    """How drawings lie in the data's images: light or dark paper, how large they are, and where their middle is.

    `size` is the longer side of what is drawn, as a share of the image's; `row` and `column` its centre of mass.
    Medians over some examples; as in MNIST where there are none.
    """
    if part is None or not len(part):
        return {"paper": 0.0, "size": 20 / 28, "row": 0.5, "column": 0.5}
    grey = part.inputs(np.arange(min(STYLE_OF, len(part)))).mean(1)  # (N, H, W)
    border = np.concatenate([grey[:, [0, -1]].ravel(), grey[:, :, [0, -1]].ravel()])
    paper = 0.0 if np.median(border) < 128 else 255.0
    ink = np.abs(grey - paper)
    ink = ink[(ink > INK).any((1, 2))]
    if not len(ink):
        return {"paper": paper, "size": 20 / 28, "row": 0.5, "column": 0.5}
    height, width = ink.shape[1:]
    sides = [extent((ink > INK).any(axis)) for axis in (2, 1)]
    mass = ink.sum((1, 2))
    row = (ink.sum(2) * (np.arange(height) + 0.5)).sum(1) / mass / height
    column = (ink.sum(1) * (np.arange(width) + 0.5)).sum(1) / mass / width
    return {
        "paper": paper,
        "size": float(np.median(np.maximum(*sides)) / max(height, width)),
        "row": float(np.median(row)),
        "column": float(np.median(column)),
    }


def extent(marked: np.ndarray) -> np.ndarray:
    """From the first to the last that is marked along the last axis, both counted."""
    count = marked.shape[-1]
    found: np.ndarray = count - marked[:, ::-1].argmax(1) - marked.argmax(1)
    return found
