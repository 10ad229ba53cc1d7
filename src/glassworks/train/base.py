"""Going on from a model that is there already: what a recipe takes over from it."""

import dataclasses
from pathlib import Path

from torch import Tensor

from glassworks.core.gguf import find_gguf
from glassworks.core.runs import ROOT, Run
from glassworks.models.config import GPTConfig
from glassworks.models.io import load_model
from glassworks.optim.groups import OptimizerConfig
from glassworks.train.recipe import Recipe


def model_path(name: str) -> Path | None:
    """The model folder or GGUF file that a name means; None where it means a run, by path or name."""
    path = Path(name)
    if any((folder / "run.json").is_file() for folder in (path, ROOT / name)):
        return None
    return path if path.is_dir() or find_gguf(path) is not None else None


def is_model(path: Path) -> bool:
    """Whether a folder looks like a model in the Hugging Face layout, or a path is a GGUF file or holds one."""
    return (path / "config.json").is_file() or find_gguf(path) is not None


def continued(recipe: Recipe) -> Recipe:
    """A recipe that starts from a model, with that model's own tokenizer and shape."""
    path = Path(recipe.start_from or "")
    if model_path(str(path)) is None:
        path = Run.open(str(path)).path / "model"
    own = {"tokenizer": (recipe.tokenizer, Recipe.tokenizer)}
    for name, default in dataclasses.asdict(GPTConfig()).items():
        own[f"model.{name}"] = (getattr(recipe.model, name), default)
    for name, (value, default) in own.items():
        if value != default and name != "model.n_ctx":
            raise ValueError(f"{name} (={value}) is that of {path}, which training starts from: leave it out")
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


def weights_of(path: str, shape: GPTConfig) -> dict[str, Tensor]:
    """The weights of a model, cut to the shape's context; ValueError if the model has changed its shape since."""
    model = load_model(path)
    if dataclasses.replace(model.config, n_ctx=shape.n_ctx) != shape or model.config.n_ctx < shape.n_ctx:
        raise ValueError(f"{path} has another shape than when the run was begun: put it back, or start a new run")
    state: dict[str, Tensor] = model.state_dict()
    if "position.weight" in state:
        state["position.weight"] = state["position.weight"][: shape.n_ctx]
    return state
