"""ONNX files of our networks, for whoever runs them without torch: normalisation is part of the graph.

The input is (batch, *shape): pixels in [0, 1] (`pixel_values`) or a table's features (`features`); the output is
(batch, outputs): `logits` of classes, or `values`. The batch may be of any size. The file's metadata say what a user of
it needs to know, as JSON: `classes`, `preprocessing`, `task`.
"""

import copy
import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from glassworks.core.called import install
from glassworks.core.errors import GlassworksError
from glassworks.core.files import atomic_file
from glassworks.models.vision.build import Network

CLOSE = 1e-5
"""The most that outputs may differ from torch's, as a share of the largest of them."""
BATCHES = (1, 5)
"""Sizes of the batches that are compared."""


def export_onnx(model: Network, file: str | Path, *, classes: Sequence[str], preprocessing: Mapping[str, Any]) -> float:
    """Write an ONNX file, atomically, once onnxruntime has said with it what torch says.

    Args:
        model: one that `make_model` made; it stays as it is.
        file: replaced if it is there.
        classes: names of the outputs; () where it says a number.
        preprocessing: how an input comes of a file or a row, as JSON has it.

    Returns: the largest difference of outputs from torch's, on random inputs, as a share of the largest output.
    Raises: ValueError if packages for ONNX are missing; GlassworksError, and no file, if the outputs
    differ by more than 1e-5.
    """
    need_onnx()
    import onnx

    twin: Network = copy.deepcopy(model).to("cpu", memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    is_image, is_number = len(model.config.shape) == 3, model.config.task == "number"
    with quiet():
        program = torch.onnx.export(
            twin,
            (torch.rand(2, *model.config.shape),),
            input_names=["pixel_values" if is_image else "features"],
            output_names=["values" if is_number else "logits"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    metadata = {"task": model.config.task, "classes": list(classes), "preprocessing": dict(preprocessing)}
    onnx.helper.set_model_props(proto, {name: json.dumps(value) for name, value in metadata.items()})
    content = proto.SerializeToString()
    apart = difference(twin, content)
    if not apart <= CLOSE:  # nor NaN
        raise GlassworksError(
            f"onnxruntime's outputs differ from torch's by {apart:.1e} of the largest, more than {CLOSE}: {file} is "
            "not written; other versions of onnxruntime and onnxscript may do better"
        )
    with atomic_file(Path(file)) as temporary:
        temporary.write_bytes(content)
    return apart


def need_onnx() -> None:
    """ValueError with the remedy if the packages of the extra are missing."""
    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise ValueError(f"ONNX needs {' and '.join(missing)}: {install('onnx onnxscript onnxruntime')}")


@torch.no_grad()
def difference(model: Network, content: bytes) -> float:
    """The largest difference between what onnxruntime and torch say of random inputs, as a share of the largest."""
    import onnxruntime

    start = onnxruntime.InferenceSession  # type: ignore[attr-defined]
    session = start(content, providers=["CPUExecutionProvider"])
    generator, worst = torch.Generator().manual_seed(0), 0.0
    for number in BATCHES:
        x = torch.rand(number, *model.config.shape, generator=generator)
        ours, theirs = model(x), torch.from_numpy(session.run(None, {session.get_inputs()[0].name: x.numpy()})[0])
        worst = max(worst, ((ours - theirs).abs().max() / ours.abs().max()).item())
    return worst


@contextmanager
def quiet() -> Iterator[None]:
    """Let torch's exporter say nothing of packages that are not there, and of what it itself is to change."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logger.setLevel(level)
