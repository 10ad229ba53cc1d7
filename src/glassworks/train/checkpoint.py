"""Checkpoints: everything that decides the next step, in safetensors and JSON, complete or absent.

    checkpoints/step_000100/
      model.safetensors       model.state_dict()
      optimizer.safetensors   the optimizer's tensors, by "<parameter number>.<name>"
      state.json              the optimizer's numbers, RNG states are tensors in rng.safetensors
      average.safetensors     the moving average of the weights, if there is one
      meta.json               step, and every file's size and sha256; written last

The data cursor is the step itself, since a batch is a function of the step. Files do not depend on the number of ranks.
"""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from glassworks.core.errors import FileDamaged, RunError
from glassworks.core.files import atomic_folder, read_json, read_sealed_json, sha256, write_json, write_sealed_json
from glassworks.core.runs import Run
from glassworks.models.io import read_tensors, write_tensors

FORMAT = 1


def save_checkpoint(
    run: Run, step: int, modules: Mapping[str, nn.Module], optimizer: torch.optim.Optimizer, *, keep: int = 2
) -> Path:
    """Write checkpoints/step_<step>/; then delete all but the newest `keep`.

    `modules` are named state dicts: {"model": model}, perhaps {"average": ...} beside it.
    """
    folder = run.path / "checkpoints" / f"step_{step:06}"
    tensors, numbers = pack(optimizer.state_dict())
    with atomic_folder(folder) as temporary:
        for name, module in modules.items():
            write_tensors(module.state_dict(), temporary / f"{name}.safetensors")
        write_tensors(tensors, temporary / "optimizer.safetensors")
        write_tensors(random_state(), temporary / "rng.safetensors")
        write_json(temporary / "state.json", numbers)
        files = {p.name: {"bytes": p.stat().st_size, "sha256": sha256(p)} for p in sorted(temporary.iterdir())}
        write_sealed_json(temporary / "meta.json", {"format": FORMAT, "step": step, "files": files})
    for old in complete_checkpoints(run)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def load_checkpoint(
    folder: Path, modules: Mapping[str, nn.Module], optimizer: torch.optim.Optimizer | None = None, *, rng: bool = True
) -> int:
    """Put everything back as it was; return the step. FileDamaged if a file is not as it was written."""
    meta = verify(folder)
    for name, module in modules.items():
        saved = read_tensors(folder / f"{name}.safetensors")
        try:
            module.load_state_dict(saved)
        except RuntimeError as error:
            raise RunError(f"{folder / name}.safetensors does not fit this model: {reason(error)}") from error
    if optimizer is not None:
        optimizer.load_state_dict(
            unpack(read_tensors(folder / "optimizer.safetensors"), read_json(folder / "state.json"))
        )
        laid_out(optimizer)
    if rng:
        restore_random_state(read_tensors(folder / "rng.safetensors"))
    return int(meta["step"])


@torch.no_grad()
def laid_out(optimizer: torch.optim.Optimizer) -> None:
    """Lay an optimizer's tensors out as their weights are: channels last, perhaps, of which a file knows nothing.

    torch's fused kernels take both for arrays of one order.
    """
    for p, state in optimizer.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == p.shape and value.stride() != p.stride():
                state[name] = torch.empty_like(p, dtype=value.dtype).copy_(value)


def newest_checkpoint(run: Run) -> Path | None:
    """The newest complete checkpoint, or None."""
    found = complete_checkpoints(run)
    return found[-1] if found else None


def last_step(run: Run) -> int:
    """The step that a run goes on from: its newest checkpoint's; 0 where there is none."""
    return max(map(step_of, complete_checkpoints(run)), default=0)


def complete_checkpoints(run: Run) -> list[Path]:
    """All complete checkpoints, oldest first."""
    folders = (run.path / "checkpoints").glob("step_*")
    whole = [p for p in folders if re.fullmatch(r"step_\d+", p.name) and (p / "meta.json").is_file()]
    return sorted(whole, key=step_of)


def step_of(folder: Path) -> int:
    """The step that a checkpoint's folder is named after."""
    return int(folder.name.removeprefix("step_"))


def verify(folder: Path) -> dict[str, Any]:
    """The checkpoint's meta.json, once every file in it has been compared with it."""
    remedy = f"delete {folder} to resume from the checkpoint before it"
    meta = read_sealed_json(folder / "meta.json", remedy)
    if meta.get("format") != FORMAT:
        raise FileDamaged(f"{folder} has format {meta.get('format')!r}, this version reads {FORMAT}: {remedy}")
    for name, expected in meta["files"].items():
        path = folder / name
        if not path.is_file():
            raise FileDamaged(f"{path} is missing: {remedy}")
        if path.stat().st_size != expected["bytes"]:
            raise FileDamaged(f"{path} has {path.stat().st_size} bytes instead of {expected['bytes']}: {remedy}")
        if sha256(path) != expected["sha256"]:
            raise FileDamaged(f"{path} was altered since it was written (its checksum differs): {remedy}")
    return meta


# ----------------------------------------------------------------------------------------------------------------------
# Optimizer state: tensors here, numbers there


INSIDE = "inside"
"""Tensors that stand inside something else, such as a list: "inside.0" and so on; {"inside": 0} is in their place."""


def pack(state: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimizer's state dict as flat tensors "0.exp_avg" and a JSON object of the rest."""
    tensors, numbers, inside = dict[str, Tensor](), dict[str, Any](), list[Tensor]()

    def plain(value: Any) -> Any:
        if isinstance(value, Tensor):
            inside.append(value)
            return {INSIDE: len(inside) - 1}
        if isinstance(value, dict):
            if odd := [name for name in value if not isinstance(name, str) or name == INSIDE]:
                raise ValueError(f"the optimizer's state has {odd[0]!r} as a key, which a checkpoint cannot hold")
            return {name: plain(x) for name, x in value.items()}
        return [plain(x) for x in value] if isinstance(value, list | tuple) else value

    for index, values in state["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"{index}.{name}"] = value
            else:
                numbers[f"{index}.{name}"] = plain(value)
    groups = plain(state["param_groups"])
    return tensors | {f"{INSIDE}.{i}": x for i, x in enumerate(inside)}, {"state": numbers, "param_groups": groups}


def unpack(tensors: dict[str, Tensor], rest: dict[str, Any]) -> dict[str, Any]:
    """The reverse of `pack`."""

    def full(value: Any) -> Any:
        if isinstance(value, dict):
            known = {name: full(x) for name, x in value.items()}
            return tensors[f"{INSIDE}.{value[INSIDE]}"] if INSIDE in value else known
        return [full(x) for x in value] if isinstance(value, list) else value

    state: dict[int, dict[str, Any]] = {}
    for key, value in [*tensors.items(), *full(rest["state"]).items()]:
        index, name = key.split(".", 1)
        if index != INSIDE:
            state.setdefault(int(index), {})[name] = value
    return {"state": state, "param_groups": full(rest["param_groups"])}


def random_state() -> dict[str, Tensor]:
    """The state of torch's global generators (dropout and the like draw from them)."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def restore_random_state(states: dict[str, Tensor]) -> None:
    """The reverse of `random_state`; a device that is not here is left out."""
    torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])


def reason(error: BaseException) -> str:
    """The last line of torch's message about a state dict: which tensor does not fit."""
    return str(error).strip().split("\n")[-1].strip()
