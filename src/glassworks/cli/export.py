"""`glassworks export`: a network as an ONNX file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from glassworks.cli.arguments.parse import Arguments


@dataclass(frozen=True)
class Export:
    """Write a network for images or tables as an ONNX file, and check that onnxruntime says with it what torch says.

    The file normalises by itself: it takes a batch of any size of pixels from 0 to 1, or of a table's features, and
    carries the classes and the preprocessing among its metadata.
    """

    model: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN_OR_FOLDER")]
    """A run of images or of a table, or the folder of such a model."""
    out: Path | None = None
    """The file to write. None = model.onnx in the run's folder, or in the model's."""


def run(arguments: Arguments) -> None:
    """Parse, write, compare."""
    args = arguments.parse(Export, "export")
    from glassworks.core.files import at_home, refuse_unwritable
    from glassworks.core.places import run_named
    from glassworks.core.progress import going_on, say

    named = run_named(args.model, "export")  # what is neither is refused before torch is loaded
    file = at_home(args.out) if args.out else (at_home(args.model) if named is None else named.path) / "model.onnx"
    refuse_unwritable(file)
    from glassworks.models.vision.onnx import export_onnx, need_onnx
    from glassworks.train.opening import open_labelled_model

    need_onnx()
    opened = open_labelled_model(args.model, use="export")
    with going_on("trace the network"):
        apart = export_onnx(opened.model, file, classes=opened.classes, preprocessing=opened.preprocessing)
    say(f"onnxruntime's outputs differ from torch's by at most {apart:.0e} of the largest")
    print(file)
