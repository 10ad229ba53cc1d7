"""A neuron by its weights: the direction it reads from the residual stream, and the one it writes into it.

Both are read in the vocabulary. What it writes goes through the final norm's gains and the head (the logit lens of one
direction): the tokens it promotes and suppresses. What it reads is compared with the tokens' embeddings. Nothing is
run, so this says what a neuron can do directly: later layers may read its direction and do something else, and early
layers rarely write for the head. Random directions say which numbers are no more than the width of the stream gives.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.interpret.access.arguments import public
from glassworks.interpret.neurons.legends import LATENT_DIRECTIONS, NEURON_DIRECTIONS
from glassworks.interpret.neurons.sae import SAE
from glassworks.interpret.text_labels import texts_of
from glassworks.models.gpt.model import GPT, Block
from glassworks.trace.legend import Legend
from glassworks.trace.trace import Trace

RANDOM = 64
WHOLE = 512  # vocabularies up to this size are kept whole
CHUNK = 256


@public
@torch.no_grad()
def neuron_directions(
    model: GPT,
    layer: int,
    *,
    neurons: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
    k: int = 10,
    probe: Float[Tensor, "P C"] | None = None,
    probe_names: Sequence[str] | None = None,
    seed: int = 0,
) -> Trace:
    """Read the directions of an MLP's neurons.

    Args:
        model: one of our GPTs.
        layer: whose MLP.
        neurons: which; None = all. Their numbers become the labels of the axis neuron.
        names: of the tokens, by id.
        k: tokens to keep at either end.
        probe: directions to compare with, as a linear probe's weights for "square B4 is mine" and so on.
        probe_names: what they stand for.
        seed: draws the random directions.

    Arrays, where side is "input" and "output", and for SwiGLU's two readings "gate", "input" and "output":
        promoted_ids, suppressed_ids (neuron, top): the tokens whose logits it raises and lowers most.
        promoted, suppressed (neuron, top): by how much, for an activation of 1 and a stream of root mean square 1, less
            the mean over the vocabulary, which changes no probability.
        promoted_control (top): the mean of the same for 64 random directions as long as the median neuron's.
        nearest_ids, nearest (side, neuron, top): tokens whose embedding is nearest to the direction, and the cosine.
        nearest_control (top): the mean of the same for 64 random directions.
        length (side, neuron): of the direction, with the norms' gains in it.
        in_out_cosine (neuron): above 0 it writes what it reads, below 0 it erases it.
        logit_effect (neuron, vocabulary): as `promoted`, for every token; only for up to 512 tokens.
        probe_cosine (side, neuron, probe): only if a probe is given.
        probe_control (side): the largest size of the same for 64 random directions: what chance gives.
    """
    config = model.config
    if not 0 <= layer < config.n_layer:
        raise ValueError(f"layer (={layer}) must be between 0 and {config.n_layer - 1}")
    if not 1 <= k <= config.vocab_size:
        raise ValueError(f"k (={k}) must be between 1 and the vocabulary's {config.vocab_size} tokens")
    for name, found, size in (
        ("names", names, config.vocab_size),
        ("probe_names", probe_names, 0 if probe is None else len(probe)),
    ):
        if found is not None and len(found) != size:
            raise ValueError(f"{name} (of {len(found)}) must name {size}")
    sides = directions(model, layer, neurons)
    out, chance = sides["output"], random_directions(sides["output"], seed)
    arrays = readings(model, sides, chance, k)
    labels = {"side": list(sides), "neuron": numbered(out, neurons)}
    if config.vocab_size <= WHOLE:
        arrays["logit_effect"] = LogitEffects(model)(out)
        labels |= {} if names is None else {"vocabulary": list(names)}
    if probe is not None:
        if probe.size(1) != config.n_embd:
            raise ValueError(f"probe {tuple(probe.shape)} must have directions as wide as the stream ({config.n_embd})")
        arrays["probe_cosine"] = torch.stack([cosines(d, probe.to(d)) for d in sides.values()])
        arrays["probe_control"] = cosines(chance, probe.to(chance)).abs().max().expand(len(sides))
        labels |= {} if probe_names is None else {"probe": list(probe_names)}
    return to_trace(arrays, labels, names, {"layer": layer, "num_random": RANDOM, "seed": seed})


@public
@torch.no_grad()
def latent_directions(
    model: GPT,
    sae: SAE,
    *,
    latents: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
    k: int = 10,
    seed: int = 0,
) -> Trace:
    """The same of the latents of an autoencoder of the residual stream: what each reads is its row of the encoder.

    What it writes is its direction of the decoder, of length 1 where the stream's places lie about 1 a coordinate from
    their mean. Axis neuron is the latents; sides are "input" and "output".
    """
    if sae.width != model.config.n_embd:
        raise ValueError(f"sae (of {sae.width} numbers) must be of the residual stream of width {model.config.n_embd}")
    which = list(range(sae.config.latents)) if latents is None else list(latents)
    if not which or not all(0 <= i < sae.config.latents for i in which):
        raise ValueError(f"latents (={which[:5]}, ...) must be numbers below {sae.config.latents}")
    sides = {"input": sae.encoder[which].float(), "output": sae.decoder[which].float()}
    arrays = readings(model, sides, random_directions(sides["output"], seed), k)
    labels = {"side": list(sides), "neuron": [str(i) for i in which]}
    return to_trace(arrays, labels, names, {"unit": "latent", "num_random": RANDOM, "seed": seed}, LATENT_DIRECTIONS)


def random_directions(like: Float[Tensor, "F C"], seed: int) -> Float[Tensor, "R C"]:
    """As many random directions as the controls are of, on the device of some others."""
    return torch.randn(RANDOM, like.size(1), generator=torch.Generator().manual_seed(seed)).to(like)


def readings(model: GPT, sides: Mapping[str, Tensor], chance: Tensor, k: int) -> dict[str, Tensor]:
    """What directions (F, C) say in the vocabulary, and what random ones do."""
    out, effects, words = sides["output"], LogitEffects(model), embeddings(model)
    random_effects = effects(chance / chance.norm(dim=1, keepdim=True) * out.norm(dim=1).median())
    promoted, suppressed = extremes(effects, out, k)
    near = [nearest(d, words, k) for d in sides.values()]
    return {
        "promoted": promoted[0],
        "promoted_ids": promoted[1],
        "promoted_control": random_effects.topk(k).values.mean(0),
        "suppressed": suppressed[0],
        "suppressed_ids": suppressed[1],
        "nearest_control": cosines(chance, words).topk(k).values.mean(0),
        "length": torch.stack([d.norm(dim=1) for d in sides.values()]),
        "in_out_cosine": nn.functional.cosine_similarity(sides["input"], out),
        "nearest": torch.stack([x for x, _ in near]),
        "nearest_ids": torch.stack([ids for _, ids in near]),
    }


def to_trace(
    arrays: Mapping[str, Tensor],
    labels: dict[str, list[str]],
    names: Sequence[str] | None,
    meta: dict[str, str | float | int],
    legend: Legend = NEURON_DIRECTIONS,
) -> Trace:
    """The trace of some directions."""
    return Trace(
        method="neuron_directions",
        legend=legend,
        arrays={name: to_numpy(x) for name, x in arrays.items()},
        axes={name: AXES[name] for name in arrays},
        labels=labels,
        tokens={} if names is None else texts_of(torch.cat([arrays[name].flatten() for name in IDS]), names),
        meta=meta,
    )


IDS = ("promoted_ids", "suppressed_ids", "nearest_ids")
AXES: dict[str, tuple[str, ...]] = {
    "promoted": ("neuron", "top"),
    "promoted_ids": ("neuron", "top"),
    "promoted_control": ("top",),
    "suppressed": ("neuron", "top"),
    "suppressed_ids": ("neuron", "top"),
    "nearest": ("side", "neuron", "top"),
    "nearest_ids": ("side", "neuron", "top"),
    "nearest_control": ("top",),
    "length": ("side", "neuron"),
    "in_out_cosine": ("neuron",),
    "logit_effect": ("neuron", "vocabulary"),
    "probe_cosine": ("side", "neuron", "probe"),
    "probe_control": ("side",),
}


def directions(model: GPT, layer: int, neurons: Sequence[int] | None) -> dict[str, Float[Tensor, "F C"]]:
    """Side to one direction a neuron, in the residual stream's own coordinates.

    Reading goes through the block's norm: gains multiply the weights, and where the norm takes the mean off, so does
    the direction. Biases say how strongly, not where, and are left out.
    """
    block = model.blocks[layer]
    assert isinstance(block, Block)
    gains = getattr(block.norm2, "weight", None)
    which = slice(None) if neurons is None else torch.tensor(list(neurons), device=model.embed.weight.device)
    if neurons is not None and (not len(neurons) or not all(0 <= i < model.config.width_of_mlp for i in neurons)):
        raise ValueError(f"neurons (={list(neurons)[:5]}, ...) must be numbers below {model.config.width_of_mlp}")
    read = {"gate": block.mlp.gate} if model.config.is_gated else {}
    vectors = {}
    for side, linear in (read | {"input": block.mlp.up}).items():
        weight = linear.weight[which].float()
        vectors[side] = centred(weight if gains is None else weight * gains.float(), model)
    return vectors | {"output": block.mlp.down.weight[:, which].float().T}


def centred(x: Tensor, model: GPT) -> Tensor:
    """Less its mean over the stream, if the architecture's norm takes that off."""
    return x - x.mean(-1, keepdim=True) if model.config.architecture == "gpt2" else x


class LogitEffects:
    """What directions (F, C) add to the logits (F, V), at a root mean square of 1 before the final norm."""

    def __init__(self, model: GPT) -> None:
        self.model = model
        gains = getattr(model.norm, "weight", None)
        self.head = model.head.weight.float() if gains is None else model.head.weight.float() * gains.float()

    def __call__(self, x: Float[Tensor, "F C"]) -> Float[Tensor, "F V"]:
        """Logits less their mean over the vocabulary."""
        logits = centred(x, self.model) @ self.head.T
        return logits - logits.mean(-1, keepdim=True)


def extremes(effects: LogitEffects, out: Tensor, k: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """The k most promoted and the k most suppressed tokens, with values and ids (F, k) each."""
    high, low = [], []
    for rows in in_chunks(out):
        logits = effects(rows)
        high.append(logits.topk(k))
        low.append(logits.topk(k, largest=False))
    return joined(high), joined(low)


def in_chunks(x: Tensor) -> list[Tensor]:
    """Some rows at a time: a large vocabulary's logits of all neurons would be large."""
    return [x[i : i + CHUNK] for i in range(0, len(x), CHUNK)]


def joined(parts: Sequence[torch.return_types.topk]) -> tuple[Tensor, Tensor]:
    """Values and indices of chunks, one after the other."""
    return torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])


def embeddings(model: GPT) -> Float[Tensor, "V C"]:
    """Each token's part of the first residual stream."""
    x = model.embed.weight
    if model.config.architecture == "nanochat":
        x = model.embed_norm(x)
    return centred(x.float(), model)


def cosines(x: Float[Tensor, "F C"], others: Float[Tensor, "V C"]) -> Float[Tensor, "F V"]:
    """Every cosine between two sets of directions; 0 for a vector of zeros."""
    return nn.functional.normalize(x, dim=-1) @ nn.functional.normalize(others, dim=-1).T


def nearest(x: Tensor, others: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The largest cosines and whose they are, (F, k) each."""
    return joined([cosines(rows, others).topk(k) for rows in in_chunks(x)])


def numbered(out: Tensor, neurons: Sequence[int] | None) -> list[str]:
    """Labels of the axis neuron."""
    return [str(i) for i in (range(len(out)) if neurons is None else neurons)]


def to_numpy(x: Tensor) -> np.ndarray:
    """Floats as they are, ids as int32, on the CPU."""
    array: np.ndarray = (x if x.is_floating_point() else x.int()).cpu().numpy()
    return array
