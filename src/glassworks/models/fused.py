"""The two parts of a transformer that torch runs slowly on a CPU, with fewer passes over memory.

The matrix products of a small model are less than half of its training time on a CPU; the rest is passes over
activations. Both functions give torch's own numbers, up to rounding.
"""

import functools
import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


def rms_norm(x: Float[Tensor, "*B C"], eps: float) -> Float[Tensor, "*B C"]:
    """X / sqrt(mean(x^2) + eps) over the last axis (Zhang and Sennrich 2019, eq. 4), without gains.

    Faster than `F.rms_norm` forwards and backwards on a CPU. It can be differentiated again and vmapped; it has no
    forward-mode derivative (`torch.func.jvp`).
    """
    y: Tensor = _RMSNorm.apply(x, eps)[0]  # type: ignore[no-untyped-call]
    return y


class _RMSNorm(torch.autograd.Function):
    """y = x r with r = 1 / sqrt(mean(x^2) + eps), returned together so that both have derivatives of their own."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, eps: float) -> tuple[Tensor, Tensor]:
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
        r = (length.square() / x.size(-1) + eps).rsqrt().to(x.dtype)
        return x * r, r

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float], output: tuple[Tensor, Tensor]) -> None:
        ctx.save_for_backward(*output)
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, dy: Tensor | None, dr: Tensor | None) -> tuple[Tensor | None, None]:
        # dr/dx = -y r^2 / C, and so dx = r (dy - y mean(y dy)) - dr y r^2 / C; dr comes from second derivatives alone.
        y, r = ctx.saved_tensors
        width = y.size(-1)
        dx = None
        if dy is not None:
            along = torch.linalg.vecdot(dy, y).unsqueeze(-1) / -width
            dx = torch.addcmul(dy, y, along) * r
        if dr is not None:
            more = y * (r * r * dr / -width)
            dx = more if dx is None else dx + more
        return dx, None


def short_attention(
    q: Float[Tensor, "B H T D"], k: Float[Tensor, "B K T D"], v: Float[Tensor, "B K T D"]
) -> Float[Tensor, "B H T D"]:
    """Causal attention as three batched operations, which hold the whole pattern (B, H, T, T) in memory.

    In bfloat16 on a CPU, forwards and backwards are several times faster than torch's fused kernel at 64 tokens; the
    advantage is gone at about 1,024.
    """
    B, H, T, D = q.shape
    if k.size(1) != H:
        k, v = (y.repeat_interleave(H // y.size(1), 1) for y in (k, v))
    q, k, v = (y.reshape(B * H, T, D) for y in (q, k, v))
    scores = torch.baddbmm(causal_bias(T, q.dtype), q, k.mT, alpha=1 / math.sqrt(D))
    return (scores.softmax(-1) @ v).view(B, H, T, D)


@functools.lru_cache(maxsize=8)
def causal_bias(T: int, dtype: torch.dtype) -> Float[Tensor, "T T"]:
    """0 where a query (row) sees a key (column), -inf where it does not."""
    return torch.full((T, T), -torch.inf, dtype=dtype).triu(1)
