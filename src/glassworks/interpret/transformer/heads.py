"""What kind of head is it? Scores of the three patterns that every language model learns, on repeated random tokens.

A sequence is a run of random tokens that comes twice. Nothing in it can be guessed from the language, so a head that
looks at the right place there knows the place by the rule alone:

  previous    from each token to the one before it
  duplicate   from a token to its earlier occurrence
  induction   from a token to what came after its earlier occurrence (Olsson et al. 2022, "prefix matching")

A score is attention mass, so 1 is a head that does nothing else. It says where a head looks, not what the model does
with it: ablate the head to know (the second half's loss must rise).
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_count, check_room
from glassworks.interpret.access.finite import check_values, check_weights, is_finite, kind, where_it_begins
from glassworks.interpret.access.hooks import capture
from glassworks.interpret.transformer.legends.heads import HEAD_SCORES
from glassworks.interpret.transformer.lens import counted, to_numpy, untrained
from glassworks.models.gpt.model import GPT
from glassworks.trace.trace import Trace

MAX_NUMBERS = 2**25  # of one layer's attention pattern, or of the logits, at once: 128 MiB in float32


@public
def head_scores(
    model: GPT, *, seed: int = 0, batch: int = 8, length: int | None = None, first: int | None = None
) -> Trace:
    """Previous-token, duplicate-token and induction score of every head, beside the two levels that mean nothing.

    The mean mass of attention on the pattern's targets, over the queries that have one. The rows: "model"; "untrained",
    a network of the same shape with fresh weights, the floor; "uniform", a head that looks at everything equally.
    TransformerLens's `detect_head` with error measure "mul" divides by all queries instead, also by those without a
    target: for the second half of n tokens that is about half of this score.

    Arrays:
        score, error (network, pattern, layer, head): share of its attention that a head gives to the tokens the
            pattern asks for, the mean over the sequences, and its standard error.
        loss (network, position): mean nats of the token at each position but the first. The tokens are drawn at random
            and then come once more in the same order, so nothing tells those of the first half: a model of language
            does worse there than "uniform", an even guess, ln V. What a network gains from having read the tokens
            before is the fall from the first half to the second.

    Args:
        model: its blocks' `attn.pattern` is read.
        seed: draws the tokens and the weights of the untrained network.
        batch: number of sequences.
        length: tokens before they repeat; None = as many as the context takes, at most 50.
        first: a token to begin each sequence with, as the model's training text did (end of text); None = none.

    Meta: `induction_loss`, nats of the second half's tokens (the first of them excepted, which nothing tells), and
    `first_half_loss`; both for the model and the untrained network. `best_<pattern>`, the model's best head as
    "layer 3, head 1", or `NONE` if its score is not above every control's by two standard errors.
    """
    spare = model.config.n_ctx - (first is not None)
    if length is None:
        length = max(2, min(50, spare // 2))
    tokens = repeated_tokens(model, seed=seed, batch=batch, length=length, first=first)
    networks = {"model": model, "untrained": untrained(model, seed)}
    looks = {name: look_at_repeats(network, tokens) for name, network in networks.items()}
    chance = uniform_scores(targets(tokens))  # (B, P)
    shape = looks["model"][0].shape  # (B, P, L, H)
    scores = torch.stack([*(score for score, _ in looks.values()), chance[:, :, None, None].expand(shape)])
    spread = scores.std(1) / batch**0.5 if batch > 1 else torch.full_like(scores[:, 0], torch.nan)
    flat = torch.full((tokens.size(1) - 1,), float(torch.tensor(model.config.vocab_size).log()))
    losses = torch.stack([*(loss.mean(0) for _, loss in looks.values()), flat])
    return Trace(
        method="head_scores",
        legend=HEAD_SCORES,
        arrays={name: to_numpy(x) for name, x in {"score": scores.mean(1), "error": spread, "loss": losses}.items()},
        axes=dict.fromkeys(("score", "error"), ("network", "pattern", "layer", "head"))
        | {"loss": ("network", "position")},
        labels={
            "network": [*networks, "uniform"],
            "pattern": list(PATTERNS),
            "layer": counted(shape[2]),
            "head": counted(shape[3]),
            "position": [str(t) for t in range(1, tokens.size(1))],
        },
        meta={"seed": seed, "batch": batch, "length": length}
        | best_heads(scores.mean(1), spread[0])
        | halves({name: loss for name, (_, loss) in looks.items()}, length),
    )


def repeated_tokens(model: GPT, *, seed: int, batch: int, length: int, first: int | None = None) -> Int[Tensor, "B T"]:
    """`batch` sequences of `length` random tokens, twice each, on the model's device; perhaps with a first token.

    No token comes twice within the `length` if the vocabulary has as many (then each token of the second half has
    exactly one earlier occurrence); otherwise each is drawn alone.
    """
    config, extra = model.config, 0 if first is None else 1
    check_count("batch", batch, 1)
    if length < 2 or 2 * length + extra > config.n_ctx:
        raise ValueError(
            f"length (={length}) must be between 2 and {(config.n_ctx - extra) // 2}: "
            f"twice as many tokens must fit the context (n_ctx={config.n_ctx})"
        )
    if first is not None and not 0 <= first < config.vocab_size:
        raise ValueError(f"first (={first}) must be a token of the vocabulary: 0 to {config.vocab_size - 1}")
    generator = torch.Generator().manual_seed(seed)
    kinds = torch.arange(config.vocab_size)
    if first is not None and len(kinds) > 1:
        kinds = kinds[kinds != first]
    if len(kinds) >= length:
        order = torch.stack([torch.randperm(len(kinds), generator=generator)[:length] for _ in range(batch)])
    else:
        order = torch.randint(len(kinds), (batch, length), generator=generator)
    half = kinds[order]
    lead = torch.full((batch, extra), first or 0)
    return torch.cat([lead, half, half], 1).to(model.embed.weight.device)


@torch.no_grad()
def look_at_repeats(
    model: GPT, tokens: Int[Tensor, "B T"]
) -> tuple[Float[Tensor, "B P L H"], Float[Tensor, "B T_less_1"]]:
    """Each head's scores on each sequence, and the loss in nats of every token but the first.

    One pass through the model; of the patterns only one layer's are in memory, and of the sequences only as many as
    keep it below `MAX_NUMBERS` numbers.
    """
    check_weights(model)
    T = tokens.size(1)
    each = T * max(model.config.n_head * T, model.config.vocab_size)
    size = min(max(1, MAX_NUMBERS // each), len(tokens))
    check_room(3 * 4 * size * each, tokens.device, "give fewer or shorter sequences")  # logits, in float32, as a loss
    parts = [look_at_part(model, part) for part in torch.split(tokens, size)]
    return torch.cat([score for score, _ in parts]), torch.cat([loss for _, loss in parts])


def look_at_part(model: GPT, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """`look_at_repeats` for as many sequences as fit."""
    masks = targets(tokens)
    x, rope, mask = model.inputs(tokens, None)
    layers = []
    for i, block in enumerate(model.blocks):
        with capture(block, "attn.pattern") as seen:
            x = block(x, rope, mask, None)
        check_values({f"blocks.{i}.attn.pattern": seen["attn.pattern"]})
        layers.append(mass(seen["attn.pattern"].float(), masks))
    logits = model.unembed(x)[:, :-1].float()
    if not is_finite(logits):
        raise ValueError(f"the output holds {kind(logits)}, which begin at {where_it_begins(model, tokens)}")
    loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
    return torch.stack(layers, 2).cpu(), loss.view(len(tokens), -1).cpu()


# ----------------------------------------------------------------------------------------------------------------------
# The patterns


def targets(tokens: Int[Tensor, "B T"]) -> Bool[Tensor, "P B T T"]:
    """For each pattern and query, the keys that the pattern asks to look at: previous, duplicate, induction."""
    T = tokens.size(1)
    earlier = torch.ones(T, T, dtype=torch.bool, device=tokens.device).tril(-1)
    duplicate = (tokens[:, :, None] == tokens[:, None, :]) & earlier
    return torch.stack(
        [
            (earlier & ~earlier.tril(-2)).expand_as(duplicate),
            duplicate,
            F.pad(duplicate[:, :, :-1], (1, 0)),  # the key after an earlier occurrence, at the latest the query itself
        ]
    )


PATTERNS = ("previous", "duplicate", "induction")
NONE = "none above the controls"


def mass(pattern: Float[Tensor, "B H T T"], masks: Bool[Tensor, "P B T T"]) -> Float[Tensor, "B P H"]:
    """Mean attention on the targets, over the queries that have one."""
    total = torch.einsum("bhts,pbts->bph", pattern, masks.to(pattern.dtype))
    return total / masks.any(-1).sum(-1).t().clamp(min=1)[:, :, None]


def uniform_scores(masks: Bool[Tensor, "P B T T"]) -> Float[Tensor, "B P"]:
    """The score of a head that attends equally to all the tokens up to its own."""
    T = masks.size(-1)
    seen = torch.arange(1, T + 1, device=masks.device)
    pattern = (1 / seen)[:, None].expand(T, T).tril()
    return mass(pattern.expand(masks.size(1), 1, T, T), masks)[:, :, 0].cpu()


def best_heads(score: Float[Tensor, "N P L H"], error: Float[Tensor, "P L H"]) -> dict[str, str]:
    """The first network's best head of each pattern, as "layer 3, head 1"; `NONE` where no control is clearly below.

    Clearly: by more than two standard errors of the head's score, where there are any.
    """
    n_head = score.size(3)
    best, places = score[0].flatten(1).max(1)
    least = best - 2 * error.flatten(1).nan_to_num(0).gather(1, places[:, None])[:, 0]
    stands_out = (least > score[1:].amax((0, 2, 3))).tolist()
    named = [f"layer {i // n_head}, head {i % n_head}" for i in places.tolist()]
    return {
        f"best_{pattern}": name if clear else NONE
        for pattern, name, clear in zip(PATTERNS, named, stands_out, strict=True)
    }


def halves(losses: Mapping[str, Tensor], length: int) -> dict[str, float]:
    """Each network's mean loss in the first half, and in the second half without its first token."""
    means = {}
    for name, loss in losses.items():
        suffix = "" if name == "model" else f"_{name}"
        means[f"first_half_loss{suffix}"] = float(loss[:, :-length].mean())
        means[f"induction_loss{suffix}"] = float(loss[:, 1 - length :].mean())
    return means
