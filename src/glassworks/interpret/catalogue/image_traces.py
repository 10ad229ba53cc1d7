"""What the report shows of a network of images from the inside: traces, written into the run."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from glassworks.core.progress import tracked
from glassworks.core.runs import Run
from glassworks.data.labelled.store import Part
from glassworks.interpret.catalogue.image_subject import open_image_subject
from glassworks.interpret.catalogue.images import grad_cam, strongest_examples
from glassworks.interpret.images.legends.mistakes import MISTAKES
from glassworks.trace.legend import Legend
from glassworks.trace.trace import Trace
from glassworks.train.opening import open_run


def trace_images(run: Run) -> None:
    """Write traces/{mistakes,grad_cam,first_maps,last_maps} of a run; the mistakes are those of its evaluation.

    What a network refuses, as one without maps does, leaves a trace that says why.
    """
    subject = open_image_subject(run)
    folder = run.path / "traces"
    folder.mkdir(exist_ok=True)
    looks: dict[str, Callable[[], Trace]] = {
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


def mistakes(part: Part, score: Mapping[str, Any]) -> Trace:
    """The images of the mistakes that an evaluation found, the surest first."""
    rows = score["mistakes"]
    pixels = part.inputs(np.array([row["index"] for row in rows], np.int64))  # (N, C, H, W)
    said = [
        f"{row['predicted']} {100 * row['probability']:.0f} %, in truth {row['true']} ({row['name']})" for row in rows
    ]
    return Trace(
        "mistakes",
        {"image": pixels / 255.0, "said": np.array(said, dtype=np.str_)},
        {"image": ("mistake", "colour", "pixel_row", "pixel_column"), "said": ("mistake",)},
        legend=MISTAKES,
    )
