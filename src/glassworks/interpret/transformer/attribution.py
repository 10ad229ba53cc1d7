"""Who wrote the prediction? Each component's share of a logit, or of the difference of two (logit attribution).

The last layer's residual stream is a sum of writes (see decomposition.py). The final norm divides it by one number for
the whole position; with that number held at its actual value the logit is a sum, too:

    logit(token) = Σ_components write · direction + constant

    RMSNorm      direction = u·g / rms(x)                  constant = 0
    LayerNorm    direction = (u·g - mean(u·g)) / std(x)    constant = u·bias

with u the token's row of the head's matrix, g the norm's gains and x the stream; the means run over the width. The
centring of LayerNorm is folded into the direction, exactly. The terms sum to the logit to rounding.

A term is a component's *direct* effect. What it does by being read by later layers is in their terms, and so a large
term is no proof that the prediction needs the component: ablate it to know.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_room
from glassworks.interpret.tokens import check
from glassworks.interpret.transformer.decomposition import Parts, component_axis, decompose, places
from glassworks.interpret.transformer.legends.attribution import LOGIT_ATTRIBUTION, NEURON_ATTRIBUTION
from glassworks.interpret.transformer.lens import blocks_of, counted, to_numpy
from glassworks.models.gpt.model import GPT
from glassworks.trace.trace import Trace


@public
@torch.no_grad()
def logit_attribution(
    model: GPT,
    tokens: Int[Tensor, " T"],
    labels: Sequence[str],
    *,
    positions: Sequence[int] | None = None,
    target: int | Sequence[int] | None = None,
    against: int | Sequence[int] | None = None,
) -> Trace:
    """What each component adds to a token's logit, directly; or to the difference of two tokens' logits.

    Beside each term stands what the same write adds to all the other tokens. A component that lifts every logit alike
    changes no probability: read term - vocabulary_mean, in units of vocabulary_std.

    Arrays:
        term (component, position): what each component's write adds; over components they sum to the logit.
        vocabulary_mean, vocabulary_std (component, position): of the write's effect over all tokens of the vocabulary;
            for a difference, over pairs of tokens drawn alone: mean 0, √2 times the deviation.
        logit (position,): the sum; before nanochat's softcap.
        output (position,): what the model returns. Where there is a softcap it is softcap · tanh(logit / softcap) of
            each token: in the same order, and smaller the larger it is.
        scale (position,): the number that the final norm divides by, held at its value.
        target (position,): the token whose logit is taken apart: the one predicted, where none was given.
        against (position,): the token whose logit is taken off, in a difference.

    The components are those of `decompose`, and for gpt2 "norm.bias", the constant.

    Args:
        model: any GPT.
        tokens: one sequence.
        labels: one for each token.
        positions: where to look; None = everywhere.
        target: the token of each position, or one for all; None = the model's most probable one.
        against: subtract this token's logit; None = nothing.

    Meta: `unexplained`, the largest distance of a sum of terms from the model's own logit.
    """
    check(model, tokens, labels)
    positions = places(range(len(tokens)) if positions is None else positions, len(tokens))
    parts = decompose(model, tokens, positions)
    goal = Goal(model, parts, target, against)
    terms = torch.einsum("npc,pc->np", parts.writes, goal.direction)
    mean, std = vocabulary(model, parts.writes, goal)
    components = [*parts.labels, *(["norm.bias"] if model.config.architecture == "gpt2" else [])]
    if model.config.architecture == "gpt2":
        terms = torch.cat([terms, goal.constant[None]])
        bias_mean, bias_std = spread_of(norm_weights(model)[1][None], goal)
        mean = torch.cat([mean, bias_mean.expand(1, len(positions))])
        std = torch.cat([std, bias_std.expand(1, len(positions))])
    arrays = {"term": terms, "vocabulary_mean": mean, "vocabulary_std": std}
    single = {"logit": goal.logit, "output": goal.output, "scale": goal.scale, "target": goal.target}
    single |= {} if goal.against is None else {"against": goal.against}
    return Trace(
        method="logit_attribution",
        legend=LOGIT_ATTRIBUTION.with_axes(component=component_axis(components)),
        arrays={name: to_numpy(x) for name, x in (arrays | single).items()},
        axes=dict.fromkeys(arrays, ("component", "position")) | dict.fromkeys(single, ("position",)),
        labels={"component": components, "position": [labels[i] for i in positions]},
        meta={"unexplained": float((terms.sum(0) - goal.logit).abs().max())},
    )


@public
@torch.no_grad()
def neuron_attribution(
    model: GPT,
    tokens: Int[Tensor, " T"],
    labels: Sequence[str],
    *,
    position: int = -1,
    target: int | None = None,
    against: int | None = None,
) -> Trace:
    """What each neuron of each MLP adds to a token's logit at one position, directly. As `logit_attribution`.

    Arrays:
        term (layer, neuron): what each neuron adds, activation · (its column of the output matrix · direction).
        activation (layer, neuron): after the nonlinearity.
        vocabulary_mean, vocabulary_std (layer, neuron): mean and deviation of what it adds to all tokens: its control.
        rest (component,): the terms of everything that is no neuron. `term` and `rest` together sum to the logit.

    Meta: `logit`, the sum; `output`, what the model returns (these differ by nanochat's softcap); `target`, `against`.
    """
    check(model, tokens, labels)
    config = model.config
    if config.width_of_mlp == 0:
        raise ValueError("model (n_inner=0) has no neurons: use logit_attribution")
    (where,) = places([position], len(tokens))
    parts = decompose(model, tokens, [where])
    goal = Goal(model, parts, target, against)
    terms: dict[str, list[Tensor]] = {name: [] for name in ("term", "activation", "vocabulary_mean", "vocabulary_std")}
    for i, block in enumerate(blocks_of(model)):
        columns, hidden = block.mlp.down.weight.float().t(), parts.hidden[i][0]  # (F, C), (F,)
        mean, std = vocabulary(model, columns[:, None], goal)
        terms["term"].append(hidden * (columns @ goal.direction[0]))
        terms["activation"].append(hidden)
        terms["vocabulary_mean"].append(hidden * mean[:, 0])
        terms["vocabulary_std"].append(hidden.abs() * std[:, 0])
    others = [i for i, label in enumerate(parts.labels) if not label.endswith(".mlp")]
    rest = parts.writes[others, 0] @ goal.direction[0]
    names = [parts.labels[i] for i in others]
    if config.architecture == "gpt2":
        rest, names = torch.cat([rest, goal.constant]), [*names, "norm.bias"]
    meta: dict[str, str | float | int] = {"logit": float(goal.logit), "output": float(goal.output)}
    meta |= {"target": int(goal.target), "position": where}
    if goal.against is not None:
        meta["against"] = int(goal.against)
    return Trace(
        method="neuron_attribution",
        legend=NEURON_ATTRIBUTION.with_axes(component=component_axis(names)),
        arrays={name: to_numpy(torch.stack(x)) for name, x in terms.items()} | {"rest": to_numpy(rest)},
        axes=dict.fromkeys(terms, ("layer", "neuron")) | {"rest": ("component",)},
        labels={"layer": counted(config.n_layer), "component": names},
        meta=meta,
    )


# ----------------------------------------------------------------------------------------------------------------------
# Directions


class Goal:
    """The logit, or the difference of two, that is attributed: its direction at each position, and its value."""

    def __init__(
        self,
        model: GPT,
        parts: Parts,
        target: int | Sequence[int] | None,
        against: int | Sequence[int] | None,
    ) -> None:
        best = parts.logits.argmax(-1)
        self.target = best if target is None else token_ids(target, best, model.config.vocab_size, "target")
        self.against = None if against is None else token_ids(against, best, model.config.vocab_size, "against")
        self.scale = norm_scale(model, parts.stream)
        rows, self.output = model.head.weight[self.target].float(), pick(parts.logits, self.target)
        before = model.head(model.norm(parts.stream.to(model.embed.weight.dtype))).float()  # without softcap
        self.logit = pick(before, self.target)
        if self.against is not None:
            rows = rows - model.head.weight[self.against].float()
            self.output = self.output - pick(parts.logits, self.against)
            self.logit = self.logit - pick(before, self.against)
        self.direction = through_norm(model, rows) / self.scale[:, None]  # (P, C)
        self.constant = rows @ norm_weights(model)[1]  # (P,)
        check_room(3 * 4 * model.head.weight.numel(), model.head.weight.device, "use a device with more memory")
        head = model.head.weight.float()
        self.middle = head.mean(0)  # (C,)
        self.covariance = (head - self.middle).t() @ (head - self.middle) / len(head)  # (C, C)


def pick(logits: Float[Tensor, "P V"], tokens: Int[Tensor, " P"]) -> Float[Tensor, " P"]:
    """Each position's logit of its token."""
    return logits.gather(1, tokens[:, None])[:, 0]


def norm_scale(model: GPT, stream: Float[Tensor, "P C"]) -> Float[Tensor, " P"]:
    """What the final norm divides by."""
    centred = stream - stream.mean(-1, keepdim=True) if model.config.architecture == "gpt2" else stream
    return (centred.square().mean(-1) + model.config.eps).sqrt()


def norm_weights(model: GPT) -> tuple[Float[Tensor, " C"], Float[Tensor, " C"]]:
    """The final norm's gains and bias; 1 and 0 where it has none."""
    gains, bias = (getattr(model.norm, name, None) for name in ("weight", "bias"))
    ones = torch.ones(model.config.n_embd, device=model.embed.weight.device)
    return ones if gains is None else gains.float(), 0 * ones if bias is None else bias.float()


def through_norm(model: GPT, rows: Float[Tensor, "*N C"]) -> Float[Tensor, "*N C"]:
    """Directions behind the final norm as directions before it, but for the scale: gains, then LayerNorm's centring."""
    rows = rows * norm_weights(model)[0]
    return rows - rows.mean(-1, keepdim=True) if model.config.architecture == "gpt2" else rows


def vocabulary(model: GPT, writes: Float[Tensor, "N P C"], goal: Goal) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over all tokens of what writes add to the logits, (N, P) each."""
    centred = writes - writes.mean(-1, keepdim=True) if model.config.architecture == "gpt2" else writes
    mean, std = spread_of(centred * norm_weights(model)[0], goal)
    return mean / goal.scale, std / goal.scale


def spread_of(normed: Float[Tensor, "*N C"], goal: Goal) -> tuple[Tensor, Tensor]:
    """The same of vectors behind the norm: x · mean(u) and sqrt(x' cov(u) x), without making the logits."""
    std = ((normed @ goal.covariance) * normed).sum(-1).clamp(min=0).sqrt()
    mean = normed @ goal.middle
    return (mean, std) if goal.against is None else (0 * mean, std * math.sqrt(2))


def token_ids(tokens: int | Sequence[int], like: Tensor, vocab_size: int, name: str) -> Int[Tensor, " P"]:
    """One token for each position; one number means the same everywhere."""
    ids = [tokens] * len(like) if isinstance(tokens, int) else list(tokens)
    if len(ids) != len(like):
        raise ValueError(f"{name} ({len(ids)}) must be one token, or one for each of the {len(like)} positions")
    for token in ids:
        if not 0 <= token < vocab_size:
            raise ValueError(f"{name} (={token}) must be from 0 to {vocab_size - 1}: give a token of the vocabulary")
    return torch.tensor(ids, device=like.device)
