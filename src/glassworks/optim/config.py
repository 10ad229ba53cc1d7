"""The optimizer and the schedule of a run, checked before anything is built: plain values, without torch."""

from dataclasses import dataclass
from typing import Literal

from glassworks.core.config import check_types

Iterations = Literal[3, 4, 5]


@dataclass(frozen=True)
class OptimizerConfig:
    """Which optimizer, and its learning rates. The rates of a schedule are shares of these."""

    name: Literal["muon", "adamw"] = "muon"
    """muon = Muon for hidden matrices and AdamW for the rest; adamw = AdamW for all, at `lr`."""
    lr: float | None = None
    """Of hidden matrices (muon), or of all weights (adamw). None = 0.02 (muon) or 0.001 (adamw)."""
    embedding_lr: float = 0.3
    """muon only: AdamW's rate of embeddings, for a width of 768; of narrower ones it is higher, as 1 / sqrt(width)."""
    head_lr: float = 0.008
    """muon only: AdamW's rate of the output layer, and of an embedding tied to it; scaled by width likewise."""
    vector_lr: float = 0.01
    """muon only: AdamW's rate of gains and biases."""
    weight_decay: float = 0.0
    """Decoupled, times the learning rate; of matrices alone (muon), of everything but vectors (adamw)."""
    betas: tuple[float, float] = (0.8, 0.95)
    """AdamW's decay of the first and second moment."""
    momentum: float = 0.95
    """Muon's."""
    iterations: Iterations = 5
    """Newton-Schulz iterations of Muon. On a CPU 3 take less of the step than they lose in loss."""

    def __post_init__(self) -> None:
        """Refuse values that cannot train, naming the field, its value and the remedy."""
        if self.name not in ("muon", "adamw"):
            raise ValueError(f"optimizer name (={self.name!r}) must be muon or adamw")
        check_types(self)
        for name in ("lr", "embedding_lr", "head_lr", "vector_lr", "weight_decay"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ValueError(f"{name} (={value}) must be 0 or more")
        for name, share in (("momentum", self.momentum), ("betas", self.betas[0]), ("betas", self.betas[1])):
            if not 0 <= share < 1:
                raise ValueError(f"{name} (={getattr(self, name)}) must be at least 0 and below 1")


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
