"""The residual stream as a sum of what each component wrote: the embedding, every head, every MLP, every bias.

Each block only adds to the stream, so the last block's output is the sum of all writes, to rounding. How much of it a
component wrote does not say how much it matters: later layers read some directions and not others, and large writes
may cancel.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_room
from glassworks.interpret.access.finite import check_values, run_model
from glassworks.interpret.access.hooks import capture
from glassworks.interpret.tokens import check
from glassworks.interpret.transformer.legends.attribution import RESIDUAL_DECOMPOSITION
from glassworks.interpret.transformer.lens import blocks_of, output_weights, to_numpy, untrained
from glassworks.models.gpt.model import GPT
from glassworks.trace.legend import Dimension
from glassworks.trace.trace import Trace


class Parts(NamedTuple):
    """The last layer's residual stream as a sum, at some positions. N components, P positions, float32."""

    labels: list[str]
    """"embed", "position", then by layer "0.attn.2" (head 2 of layer 0), "0.attn.bias", "0.mlp", "0.mlp.bias"; those
    that the architecture has."""
    writes: Float[Tensor, "N P C"]
    stream: Float[Tensor, "P C"]
    """Their sum: the last block's output."""
    logits: Float[Tensor, "P V"]
    """The model's output."""
    hidden: dict[int, Float[Tensor, "P F"]]
    """By layer the MLP's neurons."""


@public
@torch.no_grad()
def decompose(model: GPT, tokens: Int[Tensor, " T"], positions: Sequence[int]) -> Parts:
    """Cut the last layer's residual stream into what each component wrote.

    A head's part is z_h W_O_h. The values' bias (gpt2) passes through the heads, since each one's weights sum to 1, and
    is in their parts; the biases of the output matrices are components of their own.
    """
    config, width = model.config, model.config.n_embd
    number = 2 + config.n_layer * (config.n_head + 3)
    check_room(3 * 4 * number * len(positions) * width, tokens.device, "give fewer positions")
    points = ["blocks.*.attn.z", "blocks.*.mlp.post", "blocks.*.mlp_out", "blocks.0.resid_pre"]
    with capture(model, [*points, f"blocks.{config.n_layer - 1}.resid_post"], positions=positions) as seen:
        logits = run_model(model, tokens[None])[0, list(positions)].float()
    check_values(seen)
    values = {name: value[0].float() for name, value in seen.items()}  # (P, ...)
    writes = {"embed": values["blocks.0.resid_pre"]}
    if config.architecture == "gpt2":
        where = torch.arange(len(tokens), device=tokens.device)[list(positions)]
        writes["position"] = model.position.weight[where].float()
        writes["embed"] = model.embed.weight[tokens[list(positions)]].float()
    for i, block in enumerate(blocks_of(model)):
        heads = torch.einsum("phd,chd->hpc", values[f"blocks.{i}.attn.z"], output_weights(model, i))
        writes |= {f"{i}.attn.{h}": write for h, write in enumerate(heads)}
        mlp = values[f"blocks.{i}.mlp_out"]
        if block.attn.proj.bias is not None:
            writes[f"{i}.attn.bias"] = block.attn.proj.bias.float().expand_as(mlp)
        writes[f"{i}.mlp"] = mlp if block.mlp.down.bias is None else mlp - block.mlp.down.bias.float()
        if block.mlp.down.bias is not None:
            writes[f"{i}.mlp.bias"] = block.mlp.down.bias.float().expand_as(mlp)
    stream = values[f"blocks.{config.n_layer - 1}.resid_post"]
    hidden = {i: values[f"blocks.{i}.mlp.post"] for i in range(config.n_layer)}
    return Parts(list(writes), torch.stack(list(writes.values())), stream, logits, hidden)


@public
@torch.no_grad()
def residual_decomposition(
    model: GPT, tokens: Int[Tensor, " T"], labels: Sequence[str], *, positions: Sequence[int] = (-1,), seed: int = 0
) -> Trace:
    """What each component wrote into the residual stream at some positions, in the model and in an untrained one.

    Arrays:
        write (component, position, width): the vectors; over components they sum to `stream`.
        stream (position, width): the last block's output.
        norm (network, component, position): length of each component's vector.
        cosine (network, component, position): of each component's vector with the stream. Two random directions
            have a cosine of about ±1/√width (meta `chance_cosine`).
        share (network, component, position): each component's share of the stream's squared length, write · stream /
            |stream|²; may be negative or above 1; sums to 1.

    Args:
        model: any GPT.
        tokens: one sequence.
        labels: one for each token.
        positions: where to look; negative ones count from the end.
        seed: of the untrained network.
    """
    check(model, tokens, labels)
    positions = places(positions, len(tokens))
    parts = decompose(model, tokens, positions)
    measures = [measure(parts), measure(decompose(untrained(model, seed), tokens, positions))]
    norm, cosine, share = (torch.stack(pair) for pair in zip(*measures, strict=True))
    axes = ("network", "component", "position")
    return Trace(
        method="residual_decomposition",
        legend=RESIDUAL_DECOMPOSITION.with_axes(component=component_axis(parts.labels)),
        arrays={
            "write": to_numpy(parts.writes),
            "stream": to_numpy(parts.stream),
            "norm": to_numpy(norm),
            "cosine": to_numpy(cosine),
            "share": to_numpy(share),
        },
        axes={
            "write": ("component", "position", "width"),
            "stream": ("position", "width"),
            "norm": axes,
            "cosine": axes,
            "share": axes,
        },
        labels={
            "network": ["model", "untrained"],
            "component": parts.labels,
            "position": [labels[i] for i in positions],
        },
        meta={
            "chance_cosine": 1 / math.sqrt(model.config.n_embd),
            "unexplained": float((parts.writes.sum(0) - parts.stream).abs().max()),
        },
    )


def measure(parts: Parts) -> tuple[Tensor, Tensor, Tensor]:
    """Norm, cosine with the stream, and share of it, (N, P) each."""
    norm, along = parts.writes.norm(dim=-1), (parts.writes * parts.stream).sum(-1)
    length = parts.stream.norm(dim=-1).clamp(min=1e-30)
    return norm, along / (norm * length).clamp(min=1e-30), along / length.square()


def component_axis(names: Sequence[str]) -> Dimension:
    """The axis of some components, in words.

    >>> component_axis(["embed", "0.attn.2", "0.attn.bias", "3.mlp", "norm.bias"]).ticks
    ('embed', 'layer 0, head 2', 'layer 0, attention’s bias', 'layer 3, MLP', 'norm.bias')
    """
    said = {"mlp": "MLP", "mlp.bias": "MLP’s bias", "attn.bias": "attention’s bias"}
    ticks = []
    for name in names:
        layer, _, part = name.partition(".")
        part = said.get(part, part.replace("attn.", "head "))
        ticks.append(f"layer {layer}, {part}" if layer.isdecimal() else name)
    return Dimension("class", "component", ticks=tuple(ticks))


def places(positions: Sequence[int], length: int) -> list[int]:
    """Positions as numbers from 0 on."""
    if not len(positions):
        raise ValueError("positions are empty: give one or more")
    for position in positions:
        if not -length <= position < length:
            raise ValueError(f"position (={position}) must be within the {length} tokens")
    return [position % length for position in positions]
