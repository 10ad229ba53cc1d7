"""What every training has, whatever it is of: how long, in which portions, how precisely, and what is done on the way.

A kind of run has a recipe of its own that adds what is its alone, its data and its network:

    @dataclass(frozen=True)
    class Pictures:
        data: str = "pictures"
        model: VisionConfig = field(default_factory=VisionConfig)

    @dataclass(frozen=True)
    class PictureRecipe(Training, Pictures):
        ...

Fields of a base that stands further right come first, in flags, in files and in run.json.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from glassworks.core.config import check_types, from_dict
from glassworks.core.errors import FileDamaged
from glassworks.core.runs import Run
from glassworks.core.text import check_text
from glassworks.core.types import Precision
from glassworks.optim.catalogue import METHODS
from glassworks.optim.config import OptimizerConfig, ScheduleConfig

UTF8 = "give it in UTF-8, or rename what it names"
"""What to do about a text that is none."""


@dataclass(frozen=True)
class Training:
    """How to train, whatever on."""

    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    batch_size: int = 16
    """Examples in a step, over all ranks and parts together."""
    steps: int = 1000
    """Steps to take; where minutes are given, as many as there is time for."""
    minutes: float | None = None
    """Minutes to train for: steps are planned for them, and counted anew on the way if the machine becomes busier or
    freer; evaluation is not counted."""
    accumulate: int = 1
    """Parts a batch is computed in, to save memory; the gradient is the same."""
    clip: float | None = None
    """Largest norm of the gradient. None = off."""
    ema: float | None = None
    """Decay of a moving average of the weights, which then is what gets evaluated and saved. None = off."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    precision: Precision = "auto"
    """Of matrix products: auto = bfloat16 where the hardware multiplies in it and it pays."""
    compile: Literal["auto", "on", "off"] = "auto"
    """torch.compile. auto = on CUDA, and on a CPU in runs of ten minutes or more, where there is a compiler."""
    seed: int = 0
    """Of the weights, of the order of the batches, and of samples."""
    eval_every: int | None = None
    """Steps between evaluations on what is held out. None = 20 times in a run, evenly; fewer where they would
    take longer than the steps."""
    checkpoint_every: int | None = None
    """Steps between checkpoints. None = 10 times in a run, evenly."""
    sample_every: int | None = None
    """Steps between samples of what the model makes. None = 4 times in a run, evenly."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, naming the field, its value and the remedy."""
        check_types(self)
        check_text(self.device, "device", UTF8)
        for name in ("batch_size", "steps", "accumulate", "eval_every", "checkpoint_every", "sample_every"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} (={value}) must be at least 1")
        for name in ("minutes", "clip"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} (={value}) must be more than 0, and finite")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed (={self.seed}) must be at least 0 and below 2^63")
        if self.ema is not None and not 0 < self.ema < 1:
            raise ValueError(f"ema (={self.ema}) is a decay: give a number between 0 and 1, such as 0.99")
        if self.batch_size % self.accumulate:
            raise ValueError(f"batch_size (={self.batch_size}) must be a multiple of accumulate (={self.accumulate})")
        self.check_without_gradients()

    def check_without_gradients(self) -> None:
        """Refuse what is of gradients, where the optimizer has none."""
        name = self.optimizer.name
        if METHODS[name].kind == "gradient":
            return
        if self.clip is not None:
            raise ValueError(f"clip (={self.clip}) is of gradients, and {name} has none to clip: leave it out")
        if self.compile == "on":
            raise ValueError(f"compile (='on') is of a step with its gradient, and {name} takes none: leave it out")
        if self.precision == "bfloat16" and METHODS[name].kind == "rule":
            raise ValueError(f"precision (='bfloat16') is not for {name}, which computes in float32: leave it out")


R = TypeVar("R", bound=Training)


def recipe_from(values: Mapping[str, Any], kind: type[R], run: Run) -> R:
    """A recipe from what a run's run.json has of it; FileDamaged where that is none of this kind."""
    try:
        return from_dict(kind, dict(values))
    except (ValueError, TypeError) as error:
        raise FileDamaged(f"{run.path / 'run.json'}: {error}; restore it") from None


def recipe_in(run: Run, kind: type[R]) -> R:
    """The recipe in a run's run.json; FileDamaged where it is none of this kind."""
    return recipe_from(run.record.get("recipe", {}), kind, run)
