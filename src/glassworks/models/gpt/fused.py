"""The parts of a transformer that torch runs slowly on a CPU, with fewer passes over memory or cheaper ones.

The matrix products of a small model are less than half of its training time on a CPU; the rest is passes over
activations. All functions give torch's own numbers, up to rounding.
"""

import math
import os
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


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
        wide = torch.promote_types(x.dtype, torch.float32)  # squares of a half-precision number may overflow
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=wide)
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


def gelu(x: Tensor) -> Tensor:
    """GELU in its tanh form (Hendrycks and Gimpel 2016, section 2), element by element.

    torch.compile makes of `F.gelu` on a CPU a loop around a slow tanh; (1 + tanh u) / 2 = sigmoid(2u) takes an
    exponential, which is vectorised well. Where tanh u rounds to -1, sigmoid(2u) would go on down to numbers that a
    CPU takes a hundred times longer to multiply, so its argument ends there.
    """
    if torch.compiler.is_compiling() and x.device.type == "cpu":
        two_u = math.sqrt(8 / math.pi) * x * (1 + 0.044715 * x * x)
        return x * torch.sigmoid(two_u.clamp(min=-18.0))
    looped = HAS_LOOPS and x.numel() >= LOOPED and is_plain(x) and x.dtype in (torch.float32, torch.bfloat16)
    if not looped:
        return F.gelu(x, approximate="tanh")
    y: Tensor = _Gelu.apply(x)  # type: ignore[no-untyped-call]
    return y


LOOPED = 2**12
"""Numbers from which the loops of `activation` make up for being called from Python."""

HAS_LOOPS = os.environ.get("NUMBA_DISABLE_JIT", "0") == "0"
"""Whether numba may compile loops; as Python they would take minutes."""


def is_plain(x: Tensor) -> bool:
    """Whether x is a plain tensor in a CPU's memory, and no transform or derivative forwards looks at what is done."""
    return (
        type(x) in (Tensor, nn.Parameter)
        and x.device.type == "cpu"
        and not torch._C._are_functorch_transforms_active()
        and not torch._C._functorch.is_legacy_batchedtensor(x)  # of autograd's own vmap, as in jacobian(vectorize=True)
        and torch.autograd.forward_ad._current_level < 0
    )


class _Gelu(torch.autograd.Function):
    """GELU by the loops of `activation`; the second derivative is torch's."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        from glassworks.models.kernels import activation

        ctx.save_for_backward(x)
        return activation.run(activation.FORWARD, x.detach().contiguous())

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Tensor:
        from glassworks.models.kernels import activation

        (x,) = ctx.saved_tensors
        if torch.is_grad_enabled() or not is_plain(dy):  # to be differentiated again, or for many dy at once
            dx: Tensor = torch.ops.aten.gelu_backward(dy, x, approximate="tanh")
            return dx
        return activation.run(activation.BACKWARD, x.detach().contiguous(), dy.contiguous())


def short_attention(
    q: Float[Tensor, "B H T D"], k: Float[Tensor, "B K T D"], v: Float[Tensor, "B K T D"]
) -> Float[Tensor, "B H T D"]:
    """Causal attention as three batched operations, which hold the whole pattern (B, H, T, T) in memory.

    Where it is faster than torch's fused kernel says `is_short`.
    """
    B, H, T, D = q.shape
    if k.size(1) != H:
        k, v = (y.repeat_interleave(H // y.size(1), 1) for y in (k, v))
    q, k, v = (y.reshape(B * H, T, D) for y in (q, k, v))
    scores = torch.baddbmm(causal_bias(T, q.dtype), q, k.mT, alpha=1 / math.sqrt(D))
    return (scores.softmax(-1) @ v).view(B, H, T, D)


def is_short(q: Float[Tensor, "B H T D"]) -> bool:
    """Whether `short_attention` of these queries is faster, forwards and backwards, than torch's fused kernel.

    In bfloat16 on a CPU several times at 64 tokens, and no longer at 1,024; in float32 up to 64 tokens if compiled.
    """
    if q.device.type != "cpu" or not q.requires_grad:
        return False
    return q.size(2) <= (512 if q.dtype is torch.bfloat16 else 64 if torch.compiler.is_compiling() else 0)


def causal_bias(T: int, dtype: torch.dtype) -> Float[Tensor, "T T"]:
    """0 where a query (row) sees a key (column), -inf where it does not."""
    return torch.full((T, T), -torch.inf, dtype=dtype).triu(1)


class Linear(nn.Linear):
    """`nn.Linear`, in float32 by oneDNN on CPUs where that is twice as fast as MKL, which is torch's choice."""

    def forward(self, x: Tensor) -> Tensor:
        """X W^T + b, (..., I) to (..., O)."""
        if not self.is_slow(x):
            return super().forward(x)
        y: Tensor = _Product.apply(x.reshape(-1, x.size(-1)), self.weight, self.bias)  # type: ignore[no-untyped-call]
        return y.view(*x.shape[:-1], -1)

    def is_slow(self, x: Tensor) -> bool:
        """Whether torch's own product would take longer: a large one, of float32 numbers, on such a CPU."""
        return (
            MKL_IS_SLOW
            and x.numel() * self.out_features >= WORTH
            and x.dtype is self.weight.dtype is torch.float32
            and not torch.is_autocast_enabled("cpu")
            and is_plain(x)
        )


WORTH = 2**20
"""Multiplications of a product from which oneDNN's start is made up for."""

FEATURES: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
"""What torch tells of this CPU: of the versions that we work with, the oldest tell nothing."""

MKL_IS_SLOW: bool = (
    torch.backends.cpu.get_cpu_capability() == "AVX512"
    and "AMD" in str(FEATURES.get("cpu_name"))
    and bool(FEATURES.get("avx_vnni"))
    and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
)
"""Whether this is AMD's CPU with AVX512 that is 512 bits wide, which MKL leaves unused: from Zen 5 on, as is AVX-VNNI.
On Zen 4, which does half of such an instruction at a time, oneDNN is no faster, and slower for small products."""


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """X W^T + b by oneDNN, (M, I) and (O, I) to (M, O), of float32 numbers in a CPU's memory; without a derivative."""
    y: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return y


# torch.compile knows the operation only with weights that are constant, so it is given one that it cannot look into.
opaque_product = torch.library.custom_op(
    "glassworks::product", product, mutates_args=(), schema="(Tensor x, Tensor weight, Tensor? bias) -> Tensor"
)
opaque_product.register_fake(lambda x, weight, bias: x.new_empty(x.size(0), weight.size(0)))


class _Product(torch.autograd.Function):
    """`product` with its derivatives, which are such products too, so that it can be differentiated again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        y: Tensor = (opaque_product if torch.compiler.is_compiling() else product)(x, weight, bias)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad
        dx = _Product.apply(dy, weight.t(), None) if needs_x else None  # type: ignore[no-untyped-call]
        dweight = _Product.apply(dy.t(), x.t(), None) if needs_weight else None  # type: ignore[no-untyped-call]
        return dx, dweight, dy.sum(0) if needs_bias else None
