"""Folders of image and table networks, laid out as Hugging Face's are: config, preprocessing and weights apart.

    config.json                the network's shape (every field of VisionConfig) and its classes: id2label, label2id
    preprocessor_config.json   how an input comes of a file or a row
    model.safetensors          weights, under the names of the modules; the statistics that normalise are among them
    checksums.json             SHA-256 of the other three

Only JSON and safetensors are opened: nothing in a stranger's folder can execute. Sizes that config.json claims are
compared with the tensors of the file before anything is allocated.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from glassworks.core.config import check_shape, from_dict
from glassworks.core.errors import FileDamaged
from glassworks.core.files import atomic_folder, read_json, sha256, write_json
from glassworks.models.io import TensorFiles, read_tensors, verify, write_tensors
from glassworks.models.modes import refuse_meta
from glassworks.models.vision.build import CLASSES, Network, make_model, network
from glassworks.models.vision.config import VisionConfig
from glassworks.models.vision.layout import MODEL_TYPE

SHAPE: dict[str, Any] = {"glassworks": {}, "id2label": {}}
"""What is read of config.json, as `check_shape` takes it."""


@dataclass(frozen=True, eq=False)
class VisionModel:
    """A network with what belongs to it."""

    model: Network
    config: VisionConfig
    classes: tuple[str, ...]
    """Names of its outputs, in their order; () where it says a number."""
    preprocessing: dict[str, Any]
    """How an input comes of a file or a row: as the source of its data had it."""


def save_vision(
    model: nn.Module, folder: str | Path, *, classes: Sequence[str], preprocessing: Mapping[str, Any]
) -> None:
    """Write a model folder, atomically.

    Args:
        model: one that `make_model` made, compiled or not.
        folder: replaced if it is there.
        classes: names of the outputs, in their order; () where it says a number.
        preprocessing: how an input comes of a file or a row, plain JSON values.

    Raises: ValueError for another model, or classes that are not as many as its outputs.
    """
    inner = getattr(model, "_orig_mod", model)
    if not isinstance(inner, Network):
        raise ValueError(f"model (={type(inner).__name__}) must be one of ours, of make_model")
    refuse_meta(inner)
    config = inner.config
    if len(classes) != (config.outputs if config.task == "classes" else 0):
        raise ValueError(f"classes ({len(classes)}) must be as many as the model's outputs (={config.outputs})")
    with atomic_folder(Path(folder)) as temporary:
        write_json(temporary / "config.json", config_json(config, classes))
        write_json(temporary / "preprocessor_config.json", preprocessor_json(config, preprocessing))
        write_tensors(inner.state_dict(), temporary / "model.safetensors")
        write_json(temporary / "checksums.json", {file.name: sha256(file) for file in sorted(temporary.iterdir())})


def config_json(config: VisionConfig, classes: Sequence[str]) -> dict[str, Any]:
    """What config.json holds."""
    assert config.architecture is not None
    return {
        "model_type": MODEL_TYPE,
        "architectures": [CLASSES[config.architecture].__name__],
        "problem_type": "single_label_classification" if config.task == "classes" else "regression",
        "id2label": {str(i): name for i, name in enumerate(classes)},
        "label2id": {name: i for i, name in enumerate(classes)},
        "dtype": "float32",
        "glassworks": asdict(config),
    }


def preprocessor_json(config: VisionConfig, preprocessing: Mapping[str, Any]) -> dict[str, Any]:
    """What preprocessor_config.json holds; the network itself normalises, so nobody else is to."""
    ours = {"glassworks": dict(preprocessing)}
    if len(config.shape) == 1:
        return {"feature_size": config.shape[0], "do_normalize": False, **ours}
    channels, rows, columns = config.shape
    return {
        "do_resize": True,
        "size": {"height": rows, "width": columns},
        "do_convert_rgb": channels == 3,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": False,
        **ours,
    }


def load_vision(folder: str | Path, *, device: str | torch.device = "cpu") -> VisionModel:
    """Open a folder that `save_vision` wrote.

    Raises: ValueError for a folder that is none, FileDamaged for files that are missing, not as they were written, or
    do not fit each other; in one line that names the file and the field or tensor.
    """
    folder = Path(folder)
    file = folder / "config.json"
    if not file.is_file():
        raise ValueError(f"{folder} is no model folder: it has no config.json")
    verify(folder)
    config, classes = read_config(file)
    check_tensors(config, folder)
    model = make_model(config)
    model.load_state_dict(read_tensors(folder / "model.safetensors"))
    return VisionModel(model.to(device), config, classes, read_preprocessing(folder / "preprocessor_config.json"))


def read_config(file: Path) -> tuple[VisionConfig, tuple[str, ...]]:
    """The shape of the network, and its classes."""
    values = read_json(file)
    try:
        check_shape(values, SHAPE, "config")
        config = from_dict(VisionConfig, values["glassworks"])
    except (ValueError, TypeError) as error:
        raise FileDamaged(f"{file}: {error}: restore it") from None
    labels = values["id2label"]
    number = config.outputs if config.task == "classes" else 0
    if list(labels) != [str(i) for i in range(number)] or not all(isinstance(name, str) for name in labels.values()):
        raise FileDamaged(f"{file}: id2label must name the outputs 0 to {number - 1} in their order: restore it")
    return config, tuple(labels.values())


def check_tensors(config: VisionConfig, folder: Path) -> None:
    """FileDamaged for weights that are not those of the config, before anything of their size is built."""
    file = folder / "model.safetensors"
    with ExitStack() as stack:
        files = TensorFiles([file], stack)
        found = {name: files.shape(name) for name in files.file_of}
    where = folder / "config.json"
    if config.depth is not None and config.depth > len(found):  # before a loop over a claimed number of layers
        raise FileDamaged(f"{where} has a depth of {config.depth}, {file} only {len(found)} tensors: restore them")
    try:
        with torch.device("meta"):
            expected = {name: tuple(t.shape) for name, t in network(config).state_dict().items()}
    except (ValueError, RuntimeError) as error:  # not decided; or sizes that no memory could hold
        raise FileDamaged(f"{where}: {' '.join(str(error).split())}: restore it") from None
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise FileDamaged(
                f"{file}: tensor {name} has shape {found.get(name, 'none: it is missing')}, and by {where} "
                f"{expected.get(name, 'no place')}: restore them"
            )


def read_preprocessing(file: Path) -> dict[str, Any]:
    """How an input comes of a file or a row."""
    if not file.is_file():
        raise FileDamaged(f"{file} is missing: restore it")
    values = read_json(file)
    if not isinstance(values, dict) or not isinstance(values.get("glassworks"), dict):
        raise FileDamaged(f"{file} must hold an object under 'glassworks': restore it")
    preprocessing: dict[str, Any] = values["glassworks"]
    return preprocessing
