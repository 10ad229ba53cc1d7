"""Which adapter, checked before anything is built: plain values, without torch."""

import math
from dataclasses import dataclass
from typing import Literal

from glassworks.core.config import check_types

Adapter = Literal["none", "lora", "rslora", "dora"]


@dataclass(frozen=True)
class AdapterConfig:
    """What is trained beside a model whose own weights stay as they are."""

    kind: Adapter = "none"
    """none = the whole model is trained; lora = a product of two small matrices is added to each that is adapted;
    rslora = the same, scaled for large ranks; dora = the same, and the length of each row is learned."""
    r: int = 8
    """Rank of the product."""
    alpha: float = 16.0
    """The product is scaled by alpha / r, of rslora by alpha / sqrt(r)."""
    dropout: float = 0.0
    """The share of inputs that the product does not see in training."""
    targets: str | tuple[str, ...] = "all"
    """all = every linear layer but the head; or the ends of their names, such as attn.qkv and mlp.up."""

    def __post_init__(self) -> None:
        """Refuse what cannot be built, naming the field, its value and the remedy."""
        check_types(self)
        if self.r < 1:
            raise ValueError(f"r (={self.r}) must be at least 1")
        if not self.alpha > 0:
            raise ValueError(f"alpha (={self.alpha}) must be more than 0")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout (={self.dropout}) is a share: give a number from 0 to below 1")

    @property
    def scale(self) -> float:
        """What the product is multiplied by."""
        return self.alpha / (math.sqrt(self.r) if self.kind == "rslora" else self.r)
