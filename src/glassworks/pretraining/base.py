"""Going on from a model that is there already: what a recipe takes over from it."""

import dataclasses
from pathlib import Path
from typing import Any

from torch import Tensor

from glassworks.core.runs import Run
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.io import load_model
from glassworks.optim.config import OptimizerConfig
from glassworks.pretraining.recipe import Recipe
from glassworks.pretraining.sources import base_of


def continued(recipe: Recipe) -> Recipe:
    """A recipe that starts from a model, with that model's own tokenizer and shape."""
    path = base_of(recipe)
    shape = load_model(path).config
    where = str(path.resolve())
    optimizer = recipe.optimizer
    return dataclasses.replace(
        recipe,
        start_from=where,
        tokenizer=where,
        model=dataclasses.replace(shape, n_ctx=min(shape.n_ctx, recipe.model.n_ctx)),
        optimizer=OptimizerConfig("adamw", lr=1e-4) if optimizer == OptimizerConfig() else optimizer,
    )


def lineage(recipe: Recipe) -> dict[str, Any]:
    """What run.json says of where a run starts: the run that the model is of and the step it stood at, or the model."""
    run = None if recipe.start_from is None else run_of(recipe.start_from)
    if run is not None:
        return {"parent": str(run.path), "parent_step": run.steps}
    return {"parent": recipe.start_from, "parent_step": None}


def run_of(model: str) -> Run | None:
    """The run that a model in a folder is of, or that the folder is, if there is one."""
    path = Path(model)
    folder = path.parent if path.name == "model" else path
    return Run(folder) if (folder / "run.json").is_file() else None


def weights_of(path: str, shape: GPTConfig) -> dict[str, Tensor]:
    """The weights of a model, cut to the shape's context; ValueError if the model has changed its shape since."""
    model = load_model(path)
    if dataclasses.replace(model.config, n_ctx=shape.n_ctx) != shape or model.config.n_ctx < shape.n_ctx:
        raise ValueError(f"{path} has another shape than when the run was begun: put it back, or start a new run")
    state: dict[str, Tensor] = model.state_dict()
    if "position.weight" in state:
        state["position.weight"] = state["position.weight"][: shape.n_ctx]
    return state
