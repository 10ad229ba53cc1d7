"""What the report shows of a network of images from the inside: traces, written into the run."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from glassworks.core.progress import tracked
from glassworks.core.runs import Run
from glassworks.data.labelled.changes import as_pixels
from glassworks.data.labelled.prepare import Labelled
from glassworks.data.labelled.store import Part
from glassworks.draw.scales import evenly
from glassworks.interpret.catalogue.image_subject import open_image_subject, saying
from glassworks.interpret.catalogue.images import grad_cam, strongest_examples
from glassworks.interpret.images.legends.mistakes import MISTAKES, PREDICTIONS
from glassworks.models.modes import evaluating
from glassworks.trace.legend import Legend
from glassworks.trace.trace import Trace
from glassworks.train.opening import open_run

SHOWN = 20
"""Predictions that are drawn."""


def trace_images(run: Run) -> None:
    """Write traces/{predictions,mistakes,grad_cam,first_maps,last_maps} of a run; mistakes are those of its evaluation.

    What a network refuses, as one without maps does, leaves a trace that says why.
    """
    subject = open_image_subject(run)
    folder = run.path / "traces"
    folder.mkdir(exist_ok=True)
    looks: dict[str, Callable[[], Trace]] = {
        "predictions": lambda: predictions(subject.model, open_run(run).data),
        "grad_cam": lambda: grad_cam(subject),
        "first_maps": lambda: strongest_examples(subject, 0),
        "last_maps": lambda: strongest_examples(subject),
    }
    score = run.read_eval("test")
    if score is not None:
        looks["mistakes"] = lambda: mistakes(open_run(run).data.test, score)
    with tracked("look inside", len(looks)) as report:
        for done, (name, look) in enumerate(looks.items(), 1):
            drawn(look).save(folder / name)
            report(done)


def drawn(look: Callable[[], Trace]) -> Trace:
    """What a look finds, or why there is nothing."""
    try:
        return look()
    except ValueError as error:
        return Trace("refused", {}, {}, legend=Legend(reading=f"Not drawn: {' '.join(str(error).split())}."))


@torch.no_grad()
def predictions(model: nn.Module, examples: Labelled) -> Trace:
    """What the model says of some test images, evenly spaced among all, right or wrong."""
    part = examples.test
    chosen = np.array(evenly(len(part), SHOWN), np.int64)
    pixels = as_pixels(part.inputs(chosen))
    with evaluating(model):
        found = model(pixels)
    pairs = zip(found, part.targets[chosen], strict=True)
    said = [saying(output, float(target), examples.classes) for output, target in pairs]
    return Trace(
        "predictions",
        {"image": pixels.numpy(), "said": np.array(said, dtype=np.str_)},
        {"image": ("prediction", "colour", "pixel_row", "pixel_column"), "said": ("prediction",)},
        meta={"num_images": len(part)},
        legend=PREDICTIONS,
    )


def mistakes(part: Part, score: Mapping[str, Any]) -> Trace:
    """The images of the mistakes that an evaluation found, the surest first."""
    rows = score["mistakes"]
    pixels = part.inputs(np.array([row["index"] for row in rows], np.int64))  # (N, C, H, W)
    said = [f"{told(row)} ({row['name']})" for row in rows]
    return Trace(
        "mistakes",
        {"image": pixels / 255.0, "said": np.array(said, dtype=np.str_)},
        {"image": ("mistake", "colour", "pixel_row", "pixel_column"), "said": ("mistake",)},
        legend=MISTAKES,
    )


def told(row: Mapping[str, Any]) -> str:
    """One mistake: a class with its probability, or a number, and what is true."""
    if "probability" in row:
        return f"{row['predicted']} {100 * row['probability']:.0f} %, in truth {row['true']}"
    return f"{row['predicted']:.4g}, in truth {row['true']:.4g}"
