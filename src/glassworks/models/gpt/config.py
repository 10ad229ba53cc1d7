"""The shape of a GPT, checked before anything is built."""

import math
from dataclasses import dataclass, field
from typing import Literal, get_args

from glassworks.core.config import check_types

Architecture = Literal["gpt2", "llama", "qwen3", "nanochat"]
RopeType = Literal["default", "linear", "llama3"]


@dataclass(frozen=True)
class GPTConfig:
    """The shape of a GPT. Field names are the field's own."""

    architecture: Architecture = "nanochat"
    """Whose blocks: gpt2's (learned positions, LayerNorm, GELU), or RoPE and RMSNorm with SwiGLU (llama, qwen3) or
    ReLU² (nanochat)."""
    vocab_size: int = field(default=256, metadata={"default": "the tokenizer's"})
    """Tokens that it knows. Leave it out in training, where they are the tokenizer's."""
    n_ctx: int = 256
    """The longest context in tokens."""
    n_layer: int = 4
    """Blocks."""
    n_head: int = 4
    """Attention heads of a block."""
    n_embd: int = 128
    """Width of the residual stream."""
    n_kv_head: int | None = None
    """Key/value heads of grouped-query attention; None = n_head."""
    head_dim: int | None = None
    """Width of a head; None = n_embd / n_head."""
    n_inner: int | None = None
    """Width of the MLP; None = 4 n_embd (gpt2, nanochat), 3 n_embd (llama, qwen3), 0 = attention only (not gpt2)."""
    tied: bool | None = None
    """Whether the head shares the embedding's weights; None = as the architecture has it (only gpt2 ties)."""
    rope_theta: float = 10_000.0
    """Base of the rotary angles; larger for longer contexts."""
    norm_eps: float | None = None
    """Added to the variance in every norm; None = 1e-5 (gpt2) or 1e-6."""
    softcap: float | None = 15.0
    """nanochat only: logits become softcap · tanh(logits / softcap). None = off."""
    rope_type: RopeType = "default"
    """How rotary positions reach beyond the context of pre-training: not at all, linear = all angles shrink by
    rope_factor, llama3 = only the slow ones do, as in Llama 3.1."""
    rope_factor: float = 1.0
    """linear and llama3: by how much."""
    rope_low_freq_factor: float = 1.0
    """llama3: angles that turn less often than this in rope_original_n_ctx positions shrink by the whole factor."""
    rope_high_freq_factor: float = 4.0
    """llama3: angles that turn more often than this stay as they are."""
    rope_original_n_ctx: int | None = None
    """llama3: the context of pre-training; None = n_ctx."""

    def __post_init__(self) -> None:
        """Refuse shapes that cannot be built, naming the field, its value and the remedy."""
        for name, allowed in (("architecture", get_args(Architecture)), ("rope_type", get_args(RopeType))):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} (={getattr(self, name)!r}) must be one of {', '.join(allowed)}")
        check_types(self)
        for name in WHOLE:
            value, least = getattr(self, name), 0 if name == "n_inner" else 1
            if value is not None and value < least:
                raise ValueError(f"{name} (={value!r}) must be a whole number of at least {least}")
        self.check_heads()
        self.check_rope()

    def check_heads(self) -> None:
        """Refuse heads that do not fit each other or the architecture."""
        if self.head_dim is None and self.n_embd % self.n_head:
            raise ValueError(f"n_embd (={self.n_embd}) must be divisible by n_head (={self.n_head}), or give head_dim")
        if self.n_head % self.kv_heads:
            raise ValueError(f"n_head (={self.n_head}) must be divisible by n_kv_head (={self.n_kv_head})")
        if self.architecture != "gpt2" and self.width_of_head % 2:
            raise ValueError(f"head_dim (={self.width_of_head}) must be even for RoPE")
        if self.architecture == "gpt2" and (
            self.kv_heads != self.n_head or self.width_of_head * self.n_head != self.n_embd
        ):
            raise ValueError("gpt2 has neither n_kv_head nor head_dim: leave them out, or use llama or qwen3")
        if self.architecture == "gpt2" and self.n_inner == 0:  # transformers can build one, but not run it
            raise ValueError("n_inner (=0) is not possible in gpt2: for attention only, use another architecture")
        if self.architecture == "nanochat" and self.width_of_head * self.n_head != self.n_embd:
            raise ValueError("nanochat has no head_dim of its own: leave it out, or use llama or qwen3")
        if self.architecture == "llama" and self.n_embd % self.n_head:  # transformers refuses to build one
            raise ValueError(f"n_embd (={self.n_embd}) must be divisible by n_head (={self.n_head}) in llama")

    def check_rope(self) -> None:
        """Refuse rotary positions that mean nothing."""
        if self.architecture == "gpt2" and self.rope_type != "default":
            raise ValueError(
                f"rope_type (={self.rope_type!r}) is not of gpt2, which learns its positions: leave it out"
            )
        for name in ("rope_theta", "rope_factor", "rope_low_freq_factor", "rope_high_freq_factor"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} (={getattr(self, name)!r}) must be a positive number")
        if self.rope_type == "default" and self.rope_factor != 1:
            raise ValueError(f"rope_factor (={self.rope_factor}) needs a rope_type that uses it: linear or llama3")
        if self.rope_low_freq_factor >= self.rope_high_freq_factor:
            raise ValueError(
                f"rope_low_freq_factor (={self.rope_low_freq_factor}) must be below rope_high_freq_factor "
                f"(={self.rope_high_freq_factor})"
            )

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
        return (3 if self.is_gated else 4) * self.n_embd

    @property
    def is_gated(self) -> bool:
        """Whether the MLP is SwiGLU, with a matrix more: the gate."""
        return self.architecture in ("llama", "qwen3")

    @property
    def is_tied(self) -> bool:
        """Whether head and embedding are one matrix."""
        return self.architecture == "gpt2" if self.tied is None else self.tied

    @property
    def eps(self) -> float:
        """The norms' epsilon."""
        return self.norm_eps if self.norm_eps is not None else (1e-5 if self.architecture == "gpt2" else 1e-6)


WHOLE = (
    *("vocab_size", "n_ctx", "n_layer", "n_head", "n_embd"),
    *("n_kv_head", "head_dim", "n_inner", "rope_original_n_ctx"),
)
"""The fields that are whole numbers."""
