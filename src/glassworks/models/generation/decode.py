"""The next tokens of a few rows, fast, on a CPU: the forward pass of `GPT` with its weights folded.

Writing a token with a small model is a hundred operations of a few microseconds each, and in torch most of that is what
stands around them. `forward.Pass` computes them for some rows in one call of machine code. The weights are gathered
for it once, folded so that all architectures become the same few operations:

- writers into the residual stream are centred, so that its mean is zero and LayerNorm is RMSNorm;
- gains, shifts and constant factors move into the matrix that reads them, biases are its last row;
- the final norm moves into the head, the first into the embedding;
- matrices are transposed, so that a product is a sum of their rows.

It computes what `GPT.forward` computes with a cache, up to rounding, and knows when it may not be used
(`Decoder.applies`).

Shape letters: B rows, T time, V vocabulary, L layers.
"""

import math
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from itertools import chain
from operator import attrgetter, methodcaller
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from glassworks.models.generation.autotune import Autotune
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.fused import HAS_LOOPS, MKL_IS_SLOW
from glassworks.models.gpt.intact import intact
from glassworks.models.gpt.model import GPT, Cache
from glassworks.models.kernels.slots import Slots

if TYPE_CHECKING:
    from glassworks.models.generation.coded import CodedWeights
    from glassworks.models.kernels.forward import Weights  # numba loads slowly

COPIED = 2**26 if MKL_IS_SLOW else 2**27
"""Models of up to so many weights are copied. Larger ones would take too much memory twice, and torch's products are as
fast there if oneDNN does them. Those of a quantised file are copied in codes, see `models/generation/coded.py`."""

SMALL = 10**9
"""Operations, in floating point, that one core does in less than 10 ms, while torch would still be starting."""

LARGE = 10**11
"""Operations that take two cores a third of a second, in which ctrl-C has to wait. Torch stops between its calls."""

LONG = 256
"""Tokens of a prompt up to which its attention, which is computed query by query, takes less than its products."""

SHARE = 5 * 10**5
"""Operations that are worth a thread of their own."""

TUNED: dict[tuple[int, int, int, int], Autotune[tuple[int, bool]]] = {}
"""Of models of so many weights, so many rows, 1 new token or (0) several, and so many threads."""

ALONE = Autotune((1, False))

VALUES, VERSION = methodcaller("values"), attrgetter("_version")
"""What a dictionary holds; how often a tensor was written to."""


class Decoder:
    """A GPT with its weights folded when they are first needed; make it anew once `changed` says so."""

    def __init__(self, model: GPT) -> None:
        modules = list(model.modules())
        self.model = model
        self.size = sum(p.numel() for p in model.parameters())
        self.softcap = model.config.softcap if model.config.architecture == "nanochat" else None
        self.hooks = [nn.modules.module._global_forward_hooks, nn.modules.module._global_forward_pre_hooks]
        self.hooks += [h for module in modules for h in (module._forward_hooks, module._forward_pre_hooks)]
        self.intact = intact(model)
        ours = HAS_LOOPS and self.intact and foldable(model)
        self.coded = coded_weights(model) if ours and self.size > COPIED and model.config.is_gated else None
        self.plain = ours and (self.size <= COPIED or self.coded is not None)
        held = [held for module in modules for held in (module._parameters, module._buffers, module._modules)]
        self.held, self.free = [parts for parts in held if parts], [parts for parts in held if not parts]
        self.tensors = [*model.parameters(), *model.buffers()] if self.plain else []
        self.before = self.state()

    def state(self) -> list[int]:
        """What identifies the parts and the values of their tensors; an edit through `.data` is not seen."""
        parts = chain.from_iterable(map(VALUES, self.held))
        return [*map(id, parts), *map(VERSION, self.tensors)]

    def changed(self) -> bool:
        """Whether parts were exchanged or weights written since this decoder was made."""
        return any(self.free) or self.state() != self.before

    def applies(self, rows: int, time: int = 1) -> bool:
        """Whether this pass does as the model does, and sooner, for so many new tokens in each of some rows.

        It does if the model is intact, no module is hooked, and there is no autocast. It is sooner if there is little
        to do; or more, for as many rows as torch has threads. A single token is mostly waiting for the weights, and
        half as many rows will do. Weights in codes are few bytes, and much work for many tokens: they are for one token
        in each of a few rows.
        """
        work, threads = 2 * self.size * rows * time, torch.get_num_threads()
        wide = (2 * rows if time == 1 else rows) >= threads
        if self.coded is not None:
            sooner = time == 1 and rows <= 2 * threads
        else:
            sooner = time <= LONG and work <= (LARGE if wide else SMALL)
        return self.plain and sooner and not any(self.hooks) and not torch.is_autocast_enabled("cpu")

    def __call__(self, tokens: Int[Tensor, "B T"], cache: Cache) -> Float[Tensor, "B V"]:
        """Logits after T more tokens a row, which the cache takes in: those of `model(tokens, cache)` at the last one.

        The rows are shared out among as many threads as torch has, if that is worth it. Raises `ValueError` if the
        cache or the context is too small. The tokens are not checked; the last of a row must not be padding.
        """
        config, start = self.model.config, cache.length
        new, kv, (B, T) = tokens.to(torch.int64).contiguous().numpy(), cache.kv.numpy(), tokens.shape
        if start + T > (size := min(cache.size, config.n_ctx)):
            raise ValueError(f"{start + T} tokens do not fit the cache (size={size}): give fewer")
        padding = np.zeros(B, np.int64) if cache.padding is None else cache.padding.numpy()
        logits = np.empty((B, config.vocab_size), np.float32)
        tuning, began = self.tuning(B, T), perf_counter()
        if T == 1 or cache.padding is None:
            self.forward(new, Slots(kv, 0, start, padding), logits, *tuning.way)
        else:  # each row without the padding of its own
            for row in range(B):
                skip = max(0, int(padding[row]) - start)
                own = np.ascontiguousarray(new[row : row + 1, skip:])
                slots = Slots(kv, row, start + skip, padding[row : row + 1])
                self.forward(own, slots, logits[row : row + 1], *tuning.way)
        tuning.took(perf_counter() - began, T)
        cache.length = start + T
        if self.softcap is not None:
            np.tanh(logits, out=logits)
            logits *= self.softcap
        return torch.from_numpy(logits)

    def tuning(self, rows: int, time: int) -> Autotune[tuple[int, bool]]:
        """What says into how many shares, each done by a thread, so many new tokens are cut, and whether by rows.

        Threads that share every row wait for one another; those that have rows of their own do not.
        """
        threads = torch.get_num_threads()
        key = self.size, rows, time if time == 1 else 0, threads
        if self.coded is not None or threads == 1:
            return ALONE
        if key not in TUNED:
            shares = min(threads, 2 * self.size * rows * time // SHARE)
            ways = (min(shares, self.model.config.kv_heads), False), (min(shares, rows), True)
            TUNED[key] = Autotune(*(way for way in ways if way[0] > 1), (1, False))
        return TUNED[key]

    @cached_property
    def forward(self) -> Callable[..., None]:
        """The pass in machine code, with its weights."""
        if self.coded is not None:
            from glassworks.models.generation.coded import coded_forward

            return partial(coded_forward, self.coded, float(self.model.config.eps))
        from glassworks.models.kernels.forward import Pass

        return Pass(folded(self.model, self.softcap), self.model.config.eps)


# ----------------------------------------------------------------------------------------------------------------------
# Gathering the weights


def coded_weights(model: GPT) -> "CodedWeights | None":
    """The weights of a llama or qwen3 model in codes of a byte, if they are such numbers."""
    from glassworks.models.generation.coded import coded

    return coded(model)


def foldable(model: GPT) -> bool:
    """Whether the numbers of an intact model are such as the kernel takes: float32, in a CPU's memory, and counted.

    It norms queries and keys before it turns them, so nanochat's table of rotary positions must keep lengths.
    """
    tensors = [*model.parameters(), *model.buffers()]
    if model.config.architecture == "nanochat":
        cos, sin = (table.chunk(2, -1) for table in (model.rope_cos, model.rope_sin))
        turns = torch.equal(*cos) and torch.equal(sin[0], -sin[1])
        if not turns or not torch.allclose(cos[0] ** 2 + sin[0] ** 2, torch.ones_like(cos[0])):
            return False
    return all(
        t.device.type == "cpu"
        and t.dtype is torch.float32
        and t.layout is torch.strided
        and type(t) in (nn.Parameter, Tensor)
        and not t.is_inference()  # whose edits torch does not count
        for t in tensors
    )


@torch.no_grad()
def folded(model: GPT, softcap: float | None) -> "Weights":
    """A model's weights for `forward.Pass`. The logits come out over the softcap."""
    from glassworks.models.kernels.forward import Weights
    from glassworks.models.kernels.layers import CUBE

    config, gpt2 = model.config, model.config.architecture == "gpt2"
    attns: list[Any] = [block.attn for block in model.blocks]
    mlps: list[Any] = [block.mlp for block in model.blocks]
    before_attn: list[Any] = [block.norm1 for block in model.blocks]
    before_mlp: list[Any] = [block.norm2 for block in model.blocks]
    qkv = behind(before_attn, [attn.qkv for attn in attns])
    proj = writer([attn.proj for attn in attns], centre=gpt2)
    up = behind(before_mlp, [mlp.up for mlp in mlps], -CUBE if gpt2 else 1.0)
    down = writer([mlp.down for mlp in mlps], -1 / CUBE if gpt2 else 1.0, centre=gpt2)
    head = behind([model.norm], [model.head], 1 / (softcap or 1))[0]
    embed = model.embed.weight
    positions = cos = sin = embed.new_empty(0, 0)
    gains = gate = embed.new_empty(0, 0, 0)
    if gpt2:
        embed, positions = (table - table.mean(-1, keepdim=True) for table in (embed, model.position.weight))
    else:
        cos, sin = model.rope_cos, model.rope_sin
    if config.architecture == "nanochat":
        embed = F.rms_norm(embed, embed.shape[-1:], eps=config.eps)
    if config.is_gated:
        gate = behind(before_mlp, [mlp.gate for mlp in mlps])
    if config.architecture in ("qwen3", "nanochat"):
        gains = head_gains(config, attns)
    else:
        qkv[..., : config.n_head * config.width_of_head] /= math.sqrt(config.width_of_head)
    whole = embed, positions, cos, sin, qkv, gains, proj, up, gate, down, head
    return Weights(*(tensor.detach().contiguous().numpy() for tensor in whole))


def head_gains(config: GPTConfig, attns: Sequence[Any]) -> Float[Tensor, "L HK D"]:
    """What queries and keys are multiplied by after their norm, with attention's scale, 1 / sqrt(D)."""
    q = k = torch.ones(len(attns), config.width_of_head, dtype=torch.float32)
    if config.architecture == "qwen3":
        q, k = torch.stack([a.q_norm.weight for a in attns]), torch.stack([a.k_norm.weight for a in attns])
    k = k * math.sqrt(config.width_of_head)  # its norm's; that of q goes with attention's scale
    return torch.cat([q[:, None].expand(-1, config.n_head, -1), k[:, None].expand(-1, config.kv_heads, -1)], 1)


def behind(norms: Sequence[nn.Module], readers: Sequence[nn.Linear], factor: float = 1.0) -> Tensor:
    """Matrices that read a norm, times a factor, with the norm's gain, shift and sqrt(C) in it."""
    whole = gathered(readers)
    for layer, norm, reader in zip(whole, norms, readers, strict=True):
        gain, shift = (getattr(norm, name, None) for name in ("weight", "bias"))
        scale = factor * math.sqrt(reader.in_features)
        layer[:-1] *= scale if gain is None else scale * gain[:, None]
        if shift is not None:
            layer[-1] += reader.weight @ shift
        layer[-1] *= factor
    return whole


def writer(modules: Sequence[nn.Linear], factor: float = 1.0, *, centre: bool = False) -> Tensor:
    """Matrices that write to the residual stream, times a factor, centred if the norms would do so."""
    whole = gathered(modules)
    for layer in whole:
        if centre:
            layer -= layer.mean(-1, keepdim=True)
        if factor != 1:
            layer[:-1] *= factor
    return whole


def gathered(modules: Sequence[nn.Linear]) -> Float[Tensor, "L I O"]:
    """A copy of the weights (out, in) of a module of each layer as (in + 1, out), the bias below, or zeros."""
    out, width = modules[0].weight.shape
    whole = modules[0].weight.new_empty(len(modules), width + 1, out)
    for layer, module in zip(whole, modules, strict=True):
        layer[:-1] = module.weight.t()
        layer[-1] = 0.0 if module.bias is None else module.bias
    return whole
