"""The shape of a GPT, checked before anything is built."""

from dataclasses import dataclass
from typing import Literal

Architecture = Literal["gpt2", "qwen3", "nanochat"]


@dataclass(frozen=True)
class GPTConfig:
    """The shape of a GPT. Field names are the field's own; `n_ctx` is the longest context in tokens."""

    architecture: Architecture = "nanochat"
    vocab_size: int = 256
    n_ctx: int = 256
    n_layer: int = 4
    n_head: int = 4
    n_embd: int = 128
    n_kv_head: int | None = None
    """Key/value heads of grouped-query attention; None = n_head."""
    head_dim: int | None = None
    """Width of a head; None = n_embd / n_head."""
    n_inner: int | None = None
    """Width of the MLP; None = 4 n_embd (gpt2, nanochat), 3 n_embd (qwen3), 0 = attention only (not gpt2)."""
    tied: bool | None = None
    """Whether the head shares the embedding's weights; None = as the architecture has it (only gpt2 ties)."""
    rope_theta: float = 10_000.0
    norm_eps: float | None = None
    """Added to the variance in every norm; None = 1e-5 (gpt2) or 1e-6."""
    softcap: float | None = 15.0
    """nanochat only: logits become softcap · tanh(logits / softcap). None = off."""

    def __post_init__(self) -> None:
        """Refuse shapes that cannot be built, naming the field, its value and the remedy."""
        if self.architecture not in ("gpt2", "qwen3", "nanochat"):
            raise ValueError(f"architecture (={self.architecture!r}) must be gpt2, qwen3 or nanochat")
        for name in ("vocab_size", "n_ctx", "n_layer", "n_head", "n_embd", "n_kv_head", "head_dim", "n_inner"):
            value, least = getattr(self, name), 0 if name == "n_inner" else 1
            if value is not None and (not isinstance(value, int) or value < least):
                raise ValueError(f"{name} (={value!r}) must be a whole number of at least {least}")
        if self.head_dim is None and self.n_embd % self.n_head:
            raise ValueError(f"n_embd (={self.n_embd}) must be divisible by n_head (={self.n_head}), or give head_dim")
        if self.n_head % self.kv_heads:
            raise ValueError(f"n_head (={self.n_head}) must be divisible by n_kv_head (={self.n_kv_head})")
        if self.architecture != "gpt2" and self.width_of_head % 2:
            raise ValueError(f"head_dim (={self.width_of_head}) must be even for RoPE")
        if self.architecture == "gpt2" and (
            self.kv_heads != self.n_head or self.width_of_head * self.n_head != self.n_embd
        ):
            raise ValueError("gpt2 has neither n_kv_head nor head_dim: leave them out, or use qwen3")
        if self.architecture == "gpt2" and self.n_inner == 0:  # transformers can build one, but not run it
            raise ValueError("n_inner (=0) is not possible in gpt2: for attention only, use nanochat or qwen3")
        if self.architecture == "nanochat" and self.width_of_head * self.n_head != self.n_embd:
            raise ValueError("nanochat has no head_dim of its own: leave it out, or use qwen3")

    @property
    def kv_heads(self) -> int:
        """Number of key/value heads."""
        return self.n_kv_head or self.n_head

    @property
    def width_of_head(self) -> int:
        """D, the width of one head."""
        return self.head_dim or self.n_embd // self.n_head

    @property
    def width_of_mlp(self) -> int:
        """F, the width of the MLP's hidden layer."""
        if self.n_inner is not None:
            return self.n_inner
        return (3 if self.architecture == "qwen3" else 4) * self.n_embd

    @property
    def is_tied(self) -> bool:
        """Whether head and embedding are one matrix."""
        return self.architecture == "gpt2" if self.tied is None else self.tied

    @property
    def eps(self) -> float:
        """The norms' epsilon."""
        return self.norm_eps if self.norm_eps is not None else (1e-5 if self.architecture == "gpt2" else 1e-6)
