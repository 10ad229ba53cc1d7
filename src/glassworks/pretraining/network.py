"""A GPT by its recipe, whatever its tokens are: the model, its optimizer, and what training it comes to."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from glassworks.core.machine.memory import keep_freed_memory
from glassworks.core.runs import Run
from glassworks.models.gpt.model import GPT
from glassworks.models.io import load_model
from glassworks.objectives.losses import LossFn
from glassworks.optim.groups import make_optimizer
from glassworks.pretraining.recipe import GPTTraining
from glassworks.train.run import load_newest
from glassworks.train.work import Work


def build(recipe: GPTTraining, device: torch.device, dtype: torch.dtype) -> tuple[GPT, torch.optim.Optimizer]:
    """The model and its optimizer, as they are before the first step; `dtype` is of matrix products."""
    if device.type == "cpu":
        keep_freed_memory()
    model = GPT(recipe.model, seed=recipe.seed).to(device)
    model.recompute = recipe.recompute
    return model, make_optimizer(model, recipe.optimizer, dtype=dtype, seed=recipe.seed)


def operations(recipe: GPTTraining) -> float:
    """Floating-point operations of a step."""
    with torch.device("meta"):
        return GPT(recipe.model).flops_per_token() * recipe.tokens_per_step


def gpt_work(recipe: GPTTraining, batches: Callable[[int], Any], loss_fn: LossFn, **more: Any) -> Work:
    """The work of training a GPT from random weights; `more` is what else the kind of run has to say."""
    return Work(
        build=partial(build, recipe),
        batches=batches,
        loss_fn=loss_fn,
        **{
            "tokens_per_step": recipe.tokens_per_step,
            "operations": partial(operations, recipe),
            "width": recipe.model.n_embd,
            "max_rise": 2.0,
            **more,
        },
    )


def gpt_of(run: Run, read: Callable[[], GPTTraining], device: torch.device) -> GPT:
    """A run's GPT: the finished one, or while there is none, the newest checkpoint's, for which the recipe is read."""
    if (run.path / "model" / "config.json").is_file():
        return load_model(run.path / "model", device=device)
    recipe = read()
    model = GPT(recipe.model)
    load_newest(run, recipe, model)
    return model.to(device)
