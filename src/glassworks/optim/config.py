"""The optimizer and the schedule of a run, checked before anything is built: plain values, without torch."""

from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any, Literal

from glassworks.core.called import command
from glassworks.core.config import check_types
from glassworks.optim.catalogue import METHODS, signature

Iterations = Literal[3, 4, 5]

OWN: dict[str, dict[str, Any]] = {
    "muon": {"lr": 0.02, "momentum": 0.95},
    "adamw": {"lr": 0.001},
    "sgd": {"lr": 0.05, "momentum": 0.95},
}
"""What each method of gradients has where nothing is said, and others have otherwise."""
TAKEN = {
    "muon": ("lr", "embedding_lr", "head_lr", "vector_lr", "weight_decay", "betas", "momentum", "iterations"),
    "adamw": ("lr", "weight_decay", "betas"),
    "sgd": ("lr", "weight_decay", "momentum"),
}
"""What each of them can be told."""


@dataclass(frozen=True)
class OptimizerConfig:
    """Which optimizer, and its learning rates. The rates of a schedule are shares of these."""

    name: str = "muon"
    """muon = Muon for hidden matrices and AdamW for the rest; adamw = AdamW for all, at `lr`; or any other that
    `glassworks optimizers` lists, such as sgd or cma-es. `--optimizer NAME` says the same."""
    lr: float | None = None
    """Of hidden matrices (muon), or of all weights. None = the method's own: 0.02 (muon), 0.001 (adamw)."""
    population: int | None = None
    """Of searches: candidates tried in a step. None = the method's own."""
    sigma: float | None = None
    """Of searches: how far candidates lie from the weights, as a standard deviation. None = the method's own."""
    embedding_lr: float = 0.3
    """muon only: AdamW's rate of embeddings, for a width of 768; of narrower ones it is higher, as 1 / sqrt(width)."""
    head_lr: float = 0.008
    """muon only: AdamW's rate of the output layer, and of an embedding tied to it; scaled by width likewise."""
    vector_lr: float = 0.01
    """muon only: AdamW's rate of gains and biases."""
    weight_decay: float = 0.0
    """Decoupled, times the learning rate; of matrices alone (muon), of everything but vectors (adamw; sgd, where it is
    a penalty whose gradient is added)."""
    betas: tuple[float, float] = (0.8, 0.95)
    """AdamW's decay of the first and second moment."""
    momentum: float | None = None
    """Of the steps of muon and sgd, where it is Nesterov's, or of a rule. None = the method's own: 0.95 (muon, sgd)."""
    iterations: Iterations = 5
    """Newton-Schulz iterations of Muon. On a CPU 3 take less of the step than they lose in loss."""

    def __post_init__(self) -> None:
        """Refuse values that cannot train, naming the field, its value and the remedy."""
        check_types(self)
        object.__setattr__(self, "name", self.name.replace("-", "_"))
        if self.name not in METHODS:
            near = get_close_matches(self.name, METHODS, 1)
            hint = f"did you mean {near[0]}?" if near else f"{command('optimizers')} lists them"
            raise ValueError(f"optimizer.name (={self.name!r}) is no optimizer: {hint}")
        if self.population is not None and self.population < 1:
            raise ValueError(f"population (={self.population}) must be at least 1")
        if self.sigma is not None and not self.sigma > 0:
            raise ValueError(f"sigma (={self.sigma}) must be more than 0")
        for name in ("lr", "embedding_lr", "head_lr", "vector_lr", "weight_decay"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ValueError(f"{name} (={value}) must be 0 or more")
        for name, share in (("momentum", self.momentum or 0.0), ("betas", self.betas[0]), ("betas", self.betas[1])):
            if not 0 <= share < 1:
                raise ValueError(f"{name} (={getattr(self, name)}) must be at least 0 and below 1")

    def given(self) -> dict[str, Any]:
        """What is said of the method beside its name: all that is not as it is where nothing is given."""
        said = {field.name: (getattr(self, field.name), field.default) for field in fields(self)[1:]}
        return {name: value for name, (value, default) in said.items() if value != default}

    def check_taken(self) -> None:
        """Refuse what the method does not take, by name."""
        taken = settings_of(self.name)
        for name, value in self.given().items():
            if name not in taken:
                takes = [setting for setting in taken if setting in OptimizerConfig.__dataclass_fields__]
                what = f"it takes {', '.join(takes)}" if takes else "it takes nothing of the kind"
                raise ValueError(f"{name} (={value}) is nothing that {self.name} takes: leave it out ({what})")


def settings_of(name: str) -> dict[str, Any]:
    """What a method can be told, and what it is where nothing is said. Imports no torch.

    >>> settings_of("sgd")
    {'lr': 0.05, 'weight_decay': 0.0, 'momentum': 0.95}
    """
    if name not in TAKEN:
        return signature(name)
    return {setting: getattr(OptimizerConfig, setting) for setting in TAKEN[name]} | OWN[name]


@dataclass(frozen=True)
class ScheduleConfig:
    """How the learning rate moves over a run."""

    name: Literal["wsd", "cosine", "constant"] = "wsd"
    """wsd = warm-up, stable, linear decay; cosine = warm-up, half a cosine; constant = warm-up, then flat."""
    warmup: int = 0
    """Steps of linear warm-up from 0."""
    decay: float = 0.65
    """wsd only: the share of all steps that the decay takes."""
    final: float = 0.05
    """The factor that the decay ends on."""

    def __post_init__(self) -> None:
        """Refuse values that give no schedule, naming the field, its value and the remedy."""
        if self.name not in ("wsd", "cosine", "constant"):
            raise ValueError(f"schedule name (={self.name!r}) must be wsd, cosine or constant")
        check_types(self)
        if self.warmup < 0:
            raise ValueError(f"warmup (={self.warmup}) must be a number of steps, 0 or more")
        for name in ("decay", "final"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} (={getattr(self, name)}) is a share: give a number from 0 to 1")
