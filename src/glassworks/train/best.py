"""The best weights on the way, by what is held out: a network that goes on learning its own examples gets worse.

    runs/<name>/best/step_000026.safetensors     the judged weights at the step that was best so far

Which step that is, metrics.jsonl says: a run that is killed and resumed looks again, and ends with the same weights.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from glassworks.core.files import atomic_file
from glassworks.core.runs import Run
from glassworks.models.io import read_tensors, write_tensors
from glassworks.train.fit import Every

Evaluate = Callable[[int, nn.Module], Mapping[str, float | int]]

JUDGED_BY = {"val_loss": 1, "val_rmse": 1, "val_return": -1}
"""What a network is judged by, of classes, of numbers and of an agent; -1 where more is better."""


def keeping_best(run: Run, judged: nn.Module, every: Every) -> Every:
    """The same evaluations, after which the weights are kept if they are the best so far."""

    def look(evaluate: Evaluate, step: int, model: nn.Module) -> Mapping[str, float | int]:
        row = evaluate(step, model) or {}
        if score_of(row) < best_of(run, below=step)[0]:
            with atomic_file(file_of(run, step)) as temporary:
                write_tensors(judged.state_dict(), temporary)
            for file in (run.path / "best").glob("step_*.safetensors"):
                if file != file_of(run, step):
                    file.unlink(missing_ok=True)
        return row

    return [(n, partial(look, evaluate)) for n, evaluate in every]


def take_best(run: Run, judged: nn.Module) -> tuple[int, float] | None:
    """Let the network have its best weights; the step they are of, and their score, negative where more is better.

    None = it was never judged.
    """
    score, step = best_of(run)
    file = file_of(run, step)
    if not math.isfinite(score) or not file.is_file():
        return None
    judged.load_state_dict(read_tensors(file))
    return step, score


def file_of(run: Run, step: int) -> Path:
    """Where the weights after some step are."""
    return run.path / "best" / f"step_{step:06}.safetensors"


def best_of(run: Run, below: int | None = None) -> tuple[float, int]:
    """The best score, the lowest, among the rows logged of steps below some, and the first step that has it."""
    rows = [row for row in run.rows("metrics") if below is None or row["step"] < below]
    return min(((score_of(row), int(row["step"])) for row in rows), default=(math.inf, 0))


def score_of(row: Mapping[str, Any]) -> float:
    """What a row is judged by, lower where it is better; infinite where it has no number of it."""
    scores = [sign * row[name] for name, sign in JUDGED_BY.items() if isinstance(row.get(name), int | float)]
    return float(scores[0]) if scores and math.isfinite(scores[0]) else math.inf
