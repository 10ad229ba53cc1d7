"""What a kind of run has to say: its model, its data, its loss, what is looked at on the way and kept at the end."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from glassworks.objectives.losses import LossFn
from glassworks.train.fit import Every
from glassworks.train.pace import Often

EVALUATIONS, SAMPLES, CHECKPOINTS = 20, 4, 10
"""Of a run at most, if its recipe does not say after how many steps."""


@dataclass(frozen=True, eq=False)
class Work:
    """What there is to do. All else is the recipe's, and `train_run`'s."""

    build: Callable[[torch.device, torch.dtype], tuple[nn.Module, torch.optim.Optimizer]]
    """The model and its optimizer, as they are before the first step; the dtype is that of matrix products."""
    batches: Callable[[int], Any]
    """The batch of a step, a function of nothing else; under torchrun this rank's part of it."""
    loss_fn: LossFn
    watch: Callable[[nn.Module, Often], Every] | None = None
    """What else to do on the way, as `fit` takes it, given the model to judge (the averaged one, if there is one) and
    how often to evaluate."""
    sample: Callable[[int, nn.Module], Iterable[Mapping[str, Any]]] | None = None
    """After some step, what the model to judge makes: rows for samples.jsonl."""
    keep: Callable[[nn.Module], object] | None = None
    """Writes the finished model into the run's folder, as its kind is opened."""
    stored: Callable[[nn.Module], nn.Module] = lambda model: model
    """Of a model, what a checkpoint holds: all of it, or its adapter alone."""
    tokens_per_step: int | None = None
    """Tokens in a global batch, where a run is measured by them."""
    operations: Callable[[], float] = lambda: 0.0
    """Floating-point operations of a step, on which it depends whether compiling pays; 0 = too few for that."""
    width: int = 0
    """Of the model's matrices, on which it depends whether bfloat16 pays on a CPU; 0 = too narrow for that."""
    one_shape: bool = True
    """Whether all batches have one shape; others are never compiled: each shape would be anew."""
    evaluations: int = EVALUATIONS
    """Of a run, if its recipe does not say after how many steps."""
    checkpoints: int = CHECKPOINTS
    """Likewise."""
    log_every: int | None = None
    """Steps between rows of metrics; None = 100 rows in a run, and at least every tenth step."""
    done: Callable[[], str | None] | None = None
    """Asked after each step: why the run has come to its end sooner than planned, in words; None = it goes on. One more
    step then is its last, and all that is due after a last step is done."""
    max_rise: float | None = None
    """The run is stopped as diverged where its smoothed loss rises so far above its lowest; None = never."""
