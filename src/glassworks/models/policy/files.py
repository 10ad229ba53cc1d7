"""Folders of policies: config.json with the shape and the environment, model.safetensors, checksums.json.

Only JSON and safetensors are opened: nothing in a stranger's folder can execute. Sizes that config.json claims are
compared with the tensors of the file before anything is allocated.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from glassworks.core.config import from_dict
from glassworks.core.errors import FileDamaged
from glassworks.core.files import atomic_folder, read_json, sha256, write_json
from glassworks.models.io import TensorFiles, read_tensors, verify, write_tensors
from glassworks.models.modes import refuse_meta
from glassworks.models.policy.config import PolicyConfig
from glassworks.models.policy.network import Policy, make_policy

MODEL_TYPE = "glassworks-policy"


def save_policy(policy: Policy, folder: str | Path, environment: Mapping[str, Any]) -> None:
    """Write a policy's folder, atomically; `environment` is what it acts in, plain JSON values."""
    refuse_meta(policy)
    values = {
        "model_type": MODEL_TYPE,
        "architectures": ["Policy"],
        "dtype": "float32",
        "glassworks": asdict(policy.config),
        "environment": dict(environment),
    }
    with atomic_folder(Path(folder)) as temporary:
        write_json(temporary / "config.json", values)
        write_tensors(policy.state_dict(), temporary / "model.safetensors")
        write_json(temporary / "checksums.json", {file.name: sha256(file) for file in sorted(temporary.iterdir())})


def is_policy(folder: Path) -> bool:
    """Whether a folder's config.json is that of a policy."""
    try:
        values = read_json(folder / "config.json")
    except (OSError, FileDamaged):
        return False
    return isinstance(values, dict) and values.get("model_type") == MODEL_TYPE


def load_policy(folder: str | Path, *, device: str | torch.device = "cpu") -> tuple[Policy, dict[str, Any]]:
    """Open a folder that `save_policy` wrote: the policy, and what it acts in.

    Raises: ValueError for a folder that is none, FileDamaged for files that are missing, not as they were written, or
    do not fit each other; in one line.
    """
    folder = Path(folder)
    file = folder / "config.json"
    if not file.is_file():
        raise ValueError(f"{folder} is no model folder: it has no config.json")
    verify(folder)
    values = read_json(file)
    try:
        config = from_dict(PolicyConfig, values["glassworks"])
        environment = dict(values["environment"])
        with torch.device("meta"):
            expected = {name: tuple(t.shape) for name, t in make_policy(config).state_dict().items()}
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise FileDamaged(f"{file}: {' '.join(str(error).split())}: restore it") from None
    weights = folder / "model.safetensors"
    with ExitStack() as stack:
        files = TensorFiles([weights], stack)
        found = {name: files.shape(name) for name in files.file_of}
    if found != expected:
        raise FileDamaged(f"{weights}: its tensors are not those of {file}: restore them")
    policy = make_policy(config)
    policy.load_state_dict(read_tensors(weights))
    return policy.to(device), environment
