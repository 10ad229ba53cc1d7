"""A recipe of a tuning: everything that decides what it computes, as one frozen dataclass of plain values."""

import math
from dataclasses import dataclass, field
from typing import Literal

from glassworks.core.errors import RunError
from glassworks.core.runs import Run
from glassworks.core.text import RENAME, check_text
from glassworks.data.dialogues.rows import Learned
from glassworks.models.adapters.config import AdapterConfig
from glassworks.optim.config import OptimizerConfig, ScheduleConfig
from glassworks.train.training import UTF8, Training, recipe_in
from glassworks.tune.methods import method_named
from glassworks.tune.policy.settings import Completing


@dataclass(frozen=True)
class Examples:
    """Which model, and which examples."""

    start_from: str = ""
    """The model that is tuned: a run, a model folder or a GGUF file."""
    data: str | tuple[str, ...] = ""
    """The examples: rows (.jsonl, .json, .parquet) with text; prompt and completion; messages; prompt, chosen and
    rejected; prompt, completion and label; or prompt and ranked. Or choices (a run of them, .sqlite,
    postgresql://...); those that ship: arithmetic, forms, prompts:SOURCE; or files, folders or globs of plain text."""
    held_out: float | str | tuple[str, ...] = 0.1
    """The examples that are held out: a share of the prompts, or files of their own."""
    method: str = "sft"
    """How it learns from them: sft; from preferences: dpo, ipo, kto, orpo, simpo, reward; or from what it writes
    itself: grpo, dapo, dr_grpo, gspo, gmpo, cispo, sapo, rloo, reinforce_pp, ppo. The data must be of a form that it
    takes."""
    beta: float | None = None
    """What a nat from the model before costs. None = the method's own."""
    general: str | tuple[str, ...] | None = None
    """The text by which it is measured what the model forgets. None = what the run held out that it goes back to; for
    a model that is of no run, the sources of Python's standard library."""
    template: str | None = None
    """A file with the chat template, in Jinja, by which messages are written. None = the model's own; User: and
    Assistant: where it has none."""
    n_ctx: int | None = None
    """The longest example in tokens; longer ones are cut, and texts parted. None = the model's context, of no more
    than 512."""
    learned: Learned = "answers"
    """answers = of completions and conversations only what the assistant says; all = everything."""
    packing: bool = False
    """Fill every row of a batch with as many examples as fit; none sees another."""
    recompute: bool = False
    """Compute activations again in the backward pass instead of keeping them: less memory, slower."""


@dataclass(frozen=True)
class Adapted:
    """What of the model is trained."""

    adapter: AdapterConfig = field(default_factory=AdapterConfig)
    """The whole model, or an adapter; `--adapter lora` says the same as `--adapter.kind lora`."""


@dataclass(frozen=True)
class Preferring:
    """How it learns from preferences."""

    reference: str | None = None
    """The model that it is kept near to: a run, a folder or a GGUF file. None = the one that it starts from."""
    dpo: Literal["sigmoid", "hinge", "robust"] = "sigmoid"
    """dpo only: the loss of a difference; robust = unbiased where a share of the choices, smoothing, is wrong."""
    smoothing: float = 0.0
    """dpo only: the share of choices that are taken to be wrong."""
    ipo_by_token: bool = True
    """ipo only: compare log-probabilities a token, as its authors advise."""
    gamma: float = 1.0
    """simpo only: how far the chosen one is to be ahead."""
    also_sft: float = 0.0
    """Weight of the likelihood of what was chosen, beside the method's own loss."""

    members: int = 1
    """reward only: models of the ensemble; where they differ, it is not known what is better."""
    centre: float = 0.0
    """reward only: weight of (sum of both scores)², which keeps scores near 0; 0.01 is usual."""
    in_pairs: bool = False
    """reward only: learn a ranking as all of its pairs, and not as one order."""

    def check_preferring(self) -> None:
        """Refuse what cannot be, naming the field, its value and the remedy."""
        for name in ("smoothing", "also_sft", "gamma", "centre"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} (={getattr(self, name)}) must be 0 or more, and finite")
        if self.members < 1:
            raise ValueError(f"members (={self.members}) must be at least 1")
        if self.smoothing >= 0.5:
            raise ValueError(f"smoothing (={self.smoothing}) must be below 0.5: at half, choices say nothing")


@dataclass(frozen=True)
class TuneRecipe(Training, Adapted, Preferring, Completing, Examples):
    """What model to tune, on what examples, and how."""

    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig("adamw", betas=(0.9, 0.95)))
    """AdamW; a rate that is left out is the method's own."""
    schedule: ScheduleConfig = field(default_factory=lambda: ScheduleConfig("cosine", warmup=10, final=0.1))
    batch_size: int = 8
    """Examples in a step, over all ranks and parts together; rows, if they are packed."""
    steps: int = 200
    """Steps to take; where minutes are given, as many as there is time for."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, naming the field, its value and the remedy."""
        super().__post_init__()
        for name in ("start_from", "data", "held_out", "method", "general", "template"):
            value = getattr(self, name)
            for text in value if isinstance(value, tuple) else (value,):
                check_text(text if isinstance(text, str) else "", name, RENAME if name == "data" else UTF8)
        if isinstance(self.held_out, float) and not 0 < self.held_out < 1:
            raise ValueError(f"held_out (={self.held_out}) is a share of the prompts: give a number between 0 and 1")
        if self.beta is not None and not 0 <= self.beta < math.inf:
            raise ValueError(f"beta (={self.beta}) must be at least 0, and finite")
        if self.n_ctx is not None and self.n_ctx < 2:
            raise ValueError(f"n_ctx (={self.n_ctx}) must be at least 2")
        self.check_completing()
        self.check_preferring()
        method = method_named(self.method)
        if method.gain != "reward" and self.reward is not None:
            raise ValueError(f"reward (={self.reward!r}) is for methods such as grpo, and {self.method} has none")

    @property
    def sources(self) -> tuple[str, ...]:
        """What its data are, one or several."""
        return (self.data,) if isinstance(self.data, str) else self.data


def tune_recipe_of(run: Run) -> TuneRecipe:
    """The recipe of a tuned run; RunError for a run of another kind, FileDamaged where it is none."""
    if run.kind_name not in ("tuned", "reward"):
        raise RunError(f"{run.path} is {run.kind.what}: it has no recipe of a tuning")
    return recipe_in(run, TuneRecipe)
