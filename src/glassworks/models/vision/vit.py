"""A small vision transformer: an image cut into patches that attend to each other.

    patches, one linear layer for all · + fixed sines of where each lies
    x + attention(norm(x)), then + MLP(norm(x))     a block
    norm · mean over patches · linear

Every value worth looking at passes through a named `nn.Identity` (a *tap*), called as in our GPT. Attention runs fused
unless somebody hooks `attn.pattern`; then that call computes the pattern explicitly.

Sources: Dosovitskiy et al. 2020 (https://arxiv.org/abs/2010.11929); without its class token and with fixed positions as
in Beyer, Zhai & Kolesnikov 2022, "Better plain ViT baselines" (https://arxiv.org/abs/2205.01580), section 3.

Shape letters: B batch, T patches, C width, H heads, D head width.
"""

import math
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.models.vision.config import VisionConfig
from glassworks.models.vision.parts import Layers, first, last, named


class Patches(nn.Module):
    """(B, channels, rows, columns) to (B, T, C): one vector a patch, row by row, with its place added."""

    position: Tensor

    def __init__(self, channels: int, rows: int, columns: int, width: int, side: int) -> None:
        super().__init__()
        self.linear = nn.Conv2d(channels, width, side, stride=side)
        self.register_buffer("position", positions(rows // side, columns // side, width), persistent=False)

    def forward(self, x: Float[Tensor, "B channels rows columns"]) -> Float[Tensor, "B T C"]:
        """Cut, multiply, add positions."""
        cut: Tensor = self.linear(x)
        return cut.flatten(2).transpose(1, 2) + self.position


def positions(rows: int, columns: int, width: int) -> Float[Tensor, "T C"]:
    """Sines and cosines of a patch's row and column, a quarter of the width each, at frequencies from 1 to 1/10,000."""
    quarter = width // 4
    frequency = 10_000 ** (-torch.arange(quarter) / max(quarter - 1, 1))
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    angles = [place.reshape(-1, 1) * frequency for place in (x, y)]  # (T, C / 4) each
    return torch.cat([wave(angle) for angle in angles for wave in (torch.sin, torch.cos)], 1)


class Attention(nn.Module):
    """Self-attention over all patches. One matrix makes queries, keys and values; its rows are q, k and v heads."""

    point_axes: ClassVar = {"[qkvz]": "B T H D -> B T (H D)", "pattern": "B H T S -> B T (H S)"}
    """What the axes of its taps are: places to the left of a place's numbers."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.q, self.k, self.v = nn.Identity(), nn.Identity(), nn.Identity()  # (B, T, H, D)
        self.pattern = nn.Identity()  # (B, H, T, S)
        self.z = nn.Identity()  # (B, T, H, D)

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
        """Mix the values of all patches."""
        qkv = self.qkv(x).unflatten(2, (3, self.heads, -1)).unbind(2)  # three of (B, T, H, D)
        q, k, v = (tap(y).transpose(1, 2) for tap, y in zip((self.q, self.k, self.v), qkv, strict=True))
        is_hooked = self.pattern._forward_hooks or self.pattern._forward_pre_hooks
        attend = self.explicit if is_hooked else F.scaled_dot_product_attention
        z = self.z(attend(q, k, v).transpose(1, 2))
        out: Tensor = self.proj(z.flatten(2))
        return out

    def explicit(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """The same with the pattern (B, H, T, S) in the open; only looked at, it leaves the result to the last bit."""
        pattern = (q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))).softmax(-1)
        seen = self.pattern(pattern)
        if seen is pattern and not torch.is_grad_enabled():
            return F.scaled_dot_product_attention(q, k, v)
        out: Tensor = seen @ v
        return out


class Block(nn.Module):
    """x + attention(norm(x)), then + MLP(norm(x)); the MLP is four times as wide, with a GELU."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(width), Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = named({"up": nn.Linear(width, 4 * width), "gelu": nn.GELU(), "down": nn.Linear(4 * width, width)})
        self.resid_pre, self.resid_mid, self.resid_post = nn.Identity(), nn.Identity(), nn.Identity()  # (B, T, C)
        self.attn_out, self.mlp_out = nn.Identity(), nn.Identity()  # (B, T, C)

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
        """(B, T, C) to (B, T, C)."""
        x = self.resid_pre(x)
        x = self.resid_mid(x + self.attn_out(self.attn(self.norm1(x))))
        out: Tensor = self.resid_post(x + self.mlp_out(self.mlp(self.norm2(x))))
        return out


class Mean(nn.Module):
    """The mean over patches."""

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B C"]:
        """(B, T, C) to (B, C)."""
        return x.mean(1)


class ViT(nn.Sequential):
    """(B, channels, rows, columns) to (B, outputs)."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        width, heads = config.choice("width"), config.choice("n_head")
        channels, rows, columns = config.shape
        layers: Layers = first(config) | {
            "patches": Patches(channels, rows, columns, width, config.side_of_patch),
            "blocks": nn.Sequential(*(Block(width, heads) for _ in range(config.choice("depth")))),
            "norm": nn.LayerNorm(width),
            "mean": Mean(),
        }
        for name, layer in (layers | last(config, width)).items():
            self.add_module(name, layer)

    @torch.no_grad()
    def draw(self, generator: torch.Generator) -> None:
        """Draw the weights: Xavier's uniform ones in blocks, as in the paper's code; LeCun's for patches; head 0.01."""
        for name, layer in self.named_modules():
            if isinstance(layer, nn.Conv2d):
                layer.weight.normal_(0, layer.weight[0].numel() ** -0.5, generator=generator)
            elif isinstance(layer, nn.Linear) and name == "head":
                layer.weight.normal_(0, 0.01, generator=generator)
            elif isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight, generator=generator)
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
