"""The network of a run as it was at any step of which weights are left: in its history, its checkpoints, at its end."""

import torch
from torch import nn

from glassworks.classify.examples import examples_of_run
from glassworks.classify.history import file_of
from glassworks.classify.recipe import labelled_recipe_of
from glassworks.classify.run import build, opened
from glassworks.core.errors import FileDamaged
from glassworks.core.runs import Run
from glassworks.models.io import read_tensors
from glassworks.train.checkpoint import complete_checkpoints, load_checkpoint, step_of


def remembered_steps(run: Run) -> list[int]:
    """The steps of which the weights are left, in order; 0 is before the first. The finished network is not among them.

    Where that is the network after the last step, and not the best of all, the last step is left out.
    """
    history = (int(file.stem.removeprefix("step_")) for file in (run.path / "history").glob("step_*.safetensors"))
    found = {0, *history, *map(step_of, complete_checkpoints(run))}
    if (run.path / "model" / "config.json").is_file() and "kept" not in run.record:
        found.discard(run.steps or 0)
    return sorted(found)


def network_at(run: Run, step: int | None = None) -> nn.Module:
    """The network after some step of `remembered_steps`, averaged as it is judged; None = as it is now, on the CPU.

    Raises: ValueError for a step of which nothing is left; FileDamaged for a file without the network's weights.
    """
    cpu = torch.device("cpu")
    if step is None:
        return opened(run, cpu).model
    steps = remembered_steps(run)
    if step not in steps:
        raise ValueError(f"step (={step}) is none of which weights are left: take one of {', '.join(map(str, steps))}")
    recipe = labelled_recipe_of(run)
    model, _ = build(recipe, examples_of_run(run), cpu, torch.float32)
    folder, file = run.path / "checkpoints" / f"step_{step:06}", file_of(run, step)
    if (folder / "meta.json").is_file():
        load_checkpoint(folder, {"model" if recipe.ema is None else "average": model}, rng=False)
    elif step:
        try:
            model.load_state_dict(read_tensors(file))
        except RuntimeError as error:
            raise FileDamaged(f"{file} does not hold this network's weights: delete it") from error
    return model
