"""The tuned lens (Belrose et al. 2023): the logit lens with a learned change of basis for each layer.

    logit lens   unembed(h)
    tuned lens   unembed(h + A h + b)      A (C, C) and b (C,) of each layer, both 0 at first

Only A and b are learned, to make the last layer's prediction from an earlier layer's stream: the loss is their KL
divergence (eq. 8 of the paper), not the text. So a tuned lens says what the model will make of what is there, and a
translator cannot learn more of the language than an affine map can. Judge one on text that it was not fitted on, beside
the rows of `lens_divergence`.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from glassworks.core.progress import Report, silent, tracked
from glassworks.core.runs import Run
from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_count
from glassworks.interpret.tokens import check, check_logits, check_tokens
from glassworks.interpret.transformer.legends.predictions import LENS_DIVERGENCE
from glassworks.interpret.transformer.lens import (
    counted,
    divergence,
    read_layers,
    residual_streams,
    to_numpy,
    untrained,
)
from glassworks.models.gpt.model import GPT
from glassworks.optim.config import ScheduleConfig
from glassworks.optim.schedules import make_schedule
from glassworks.trace.trace import Trace
from glassworks.train.fit import fit

MAX_LOGITS = 2**24  # logits that are in memory at once, of all layers while fitting: 64 MiB, a few times over


class TunedLens(nn.Module):
    """One affine translator for what enters each block; the last block's output needs none. Starts as the logit lens.

    To keep one: `glassworks.models.io.write_tensors(lens.state_dict(), file)`.
    """

    fitted: str = ""
    """How it came to be, in words, where it was fitted here."""

    def __init__(self, n_layer: int, n_embd: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_layer, n_embd, n_embd))
        self.bias = nn.Parameter(torch.zeros(n_layer, 1, n_embd))

    def forward(self, streams: Float[Tensor, "L N C"]) -> Float[Tensor, "L N C"]:
        """Translate the streams that enter the blocks, N places each."""
        return streams + torch.baddbmm(self.bias, streams, self.weight)

    def translate(self, layer: int, stream: Float[Tensor, "N C"]) -> Float[Tensor, "N C"]:
        """Translate one layer's stream, 0 = what enters the first block; the last block's output stays."""
        if layer == len(self.weight):
            return stream
        return stream + torch.addmm(self.bias[layer], stream.to(self.weight.dtype), self.weight[layer]).to(stream.dtype)


# ----------------------------------------------------------------------------------------------------------------------
# Fitting


@public
def fit_tuned_lens(
    model: GPT,
    batches: Callable[[int], Int[Tensor, "B T"]],
    *,
    steps: int = 100,
    lr: float | None = None,
    run: Run | None = None,
    report: Report = silent,
) -> TunedLens:
    """Fit the translators of all layers at once, by the ordinary `fit`. The model's weights stay as they are.

    Each step runs the model once on a batch, without gradients, and every translator against its last layer. Adam, with
    a learning rate that falls to 0 in a straight line.

    Args:
        model: its residual streams are read.
        batches: the sequences of tokens of a step. They should be many: a translator has C² + C numbers.
        steps: steps to train.
        lr: Adam's first learning rate. None = 1 / n_embd: a step moves each of the C numbers behind an output by as
            much, and so the output by up to C times as much.
        run: where rows are logged.
        report: where progress is told.

    Raises: ValueError for no steps or a learning rate of 0; RunError when the loss is not finite.
    """
    lr = 1 / model.config.n_embd if lr is None else lr
    if steps < 1 or lr <= 0:
        raise ValueError(f"steps (={steps}) and lr (={lr}) must be above 0")
    lens = TunedLens(model.config.n_layer, model.config.n_embd).to(model.embed.weight.device)
    schedule = make_schedule(ScheduleConfig("wsd", decay=1.0, final=0.0))
    loss_fn = functools.partial(lens_loss, model)
    with frozen(model), tracked("fit the lens", steps) as shown:
        fit(
            lens,
            batches,
            loss_fn,
            torch.optim.Adam(lens.parameters(), lr),
            steps=steps,
            schedule=schedule,
            run=run,
            report=shown if report is silent else report,
        )
    lens.fitted = f"to the prediction, in {steps:,} steps"
    return lens.eval()


def lens_loss(model: GPT, lens: nn.Module, tokens: Int[Tensor, "B T"]) -> Float[Tensor, ""]:
    """KL(last layer || translated layer) in nats, mean over tokens and over the layers that are translated.

    Where the logits of all layers would be many, they are made some places at a time, and again for the gradient.
    ValueError for an empty batch, and if the logits of one such part would not fit the memory.
    """
    check_tokens(model, tokens)
    layers = model.config.n_layer + 1
    size = min(max(1, MAX_LOGITS // (layers * model.config.vocab_size)), tokens.numel())
    check_logits(model, layers * size, "give fewer or shorter sequences")
    streams = residual_streams(model, tokens).flatten(1, 2).float()  # (L + 1, N, C)
    parts = torch.split(streams, size, 1)
    total = torch.zeros((), device=streams.device)
    for part in parts:
        if len(parts) == 1:
            total = total + loss_of_places(model, lens, part)
        else:
            total = total + checkpoint(loss_of_places, model, lens, part, use_reentrant=False)
    return total / ((len(streams) - 1) * streams.size(1))


def loss_of_places(model: GPT, lens: nn.Module, streams: Tensor) -> Tensor:
    """Summed over layers and places."""
    dtype = model.embed.weight.dtype
    with torch.no_grad():
        last = model.unembed(streams[-1].to(dtype)).float().log_softmax(-1)  # (N, V)
        p = last.exp()
    read = model.unembed(lens(streams[:-1]).to(dtype)).float().log_softmax(-1)  # (L, N, V)
    entropies = -torch.linalg.vecdot(p, last).sum()
    out: Tensor = -torch.linalg.vecdot(p, read).sum() - len(read) * entropies
    return out


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Let no gradient reach the model's weights inside the block."""
    before = [(p, p.requires_grad) for p in model.parameters()]
    model.requires_grad_(False)
    try:
        yield
    finally:
        for p, wanted in before:
            p.requires_grad_(wanted)


# ----------------------------------------------------------------------------------------------------------------------
# Reading


@public
@torch.no_grad()
def tuned_lens(
    model: GPT,
    lens: TunedLens,
    tokens: Int[Tensor, " T"],
    labels: Sequence[str],
    k: int = 5,
    *,
    names: Sequence[str] | None = None,
) -> Trace:
    """What each layer already holds of the model's prediction: `logit_lens` and its arrays, read through `lens`.

    Meta: lens, how it was fitted, if it was fitted here.
    """
    check(model, tokens, labels, k)
    check_lens(model, lens)
    read = lambda i, stream: model.unembed(lens.translate(i, stream))  # noqa: E731
    return replace(read_layers("tuned_lens", model, tokens, labels, k, read, names), meta=notes_of(lens))


@public
@torch.no_grad()
def lens_divergence(model: GPT, lens: TunedLens, tokens: Int[Tensor, "N T"], *, batch: int = 8, seed: int = 0) -> Trace:
    """How far each layer's reading is from the model's prediction, on held-out text, by lens and beside two floors.

    Rows: "tuned lens"; "logit lens"; "constant", which knows no layer and predicts the model's mean distribution over
    this very text, always; "untrained", the logit lens of a network of the same shape with fresh weights against its
    own last layer. What is not below "constant" has read nothing from the stream; "untrained" shows that the layers of
    a network can agree without having learned anything.

    Arrays:
        kl (reading, layer): KL(last || layer) in nats, mean over all places; at the last layer 0 for the lenses.
        error (reading, layer): its standard error, taking the sequences for independent (NaN for "constant").
        loss (reading, layer): nats of the token that follows; at the last layer the model's own loss.

    Args:
        model: the one that the lens was fitted on.
        lens: its translators.
        tokens: sequences that the lens was not fitted on.
        batch: sequences in memory at once.
        seed: of the untrained network.
    """
    check_tokens(model, tokens)
    if tokens.size(1) < 2:
        raise ValueError(f"tokens {tuple(tokens.shape)} must be sequences of at least two: give longer ones")
    check_count("batch", batch, 1)
    check_lens(model, lens)
    check_logits(model, places_at_once(model, tokens[:batch]), "give fewer sequences at once, as batch=1")
    fresh, parts = untrained(model, seed), torch.split(tokens, batch)
    rows = {
        "tuned lens": read_all(model, parts, lens),
        "logit lens": read_all(model, parts, None),
        "constant": constant(model, parts),
        "untrained": read_all(fresh, parts, None),
    }
    kl, error, loss = (torch.stack([row[i] for row in rows.values()]) for i in range(3))
    axes = ("reading", "layer")
    return Trace(
        method="lens_divergence",
        legend=LENS_DIVERGENCE,
        arrays={"kl": to_numpy(kl), "error": to_numpy(error), "loss": to_numpy(loss)},
        axes={"kl": axes, "error": axes, "loss": axes},
        labels={"reading": list(rows), "layer": ["embed", *counted(model.config.n_layer)]},
        meta={**notes_of(lens), "num_tokens": tokens.numel(), "seed": seed},
    )


def notes_of(lens: TunedLens) -> dict[str, str | float | int]:
    """How the lens was fitted, for a trace's meta."""
    return {"lens": f"fitted {lens.fitted}"} if lens.fitted else {}


def read_all(model: GPT, parts: Sequence[Tensor], lens: TunedLens | None) -> tuple[Tensor, Tensor, Tensor]:
    """Mean KL, its standard error, and mean loss of each layer's reading, (L + 1,) each."""
    numbers = []
    for tokens in parts:
        B, T = tokens.shape
        total = torch.zeros(2, model.config.n_layer + 1, B, device=tokens.device)  # KL and loss
        for streams, following in spans(model, tokens):
            last = log_probabilities(model, streams[-1])
            for i, stream in enumerate(streams):
                seen = stream if lens is None else lens.translate(i, stream.flatten(0, 1)).view_as(stream)
                read = log_probabilities(model, seen)
                total[0, i] += divergence(last, read).sum(1)
                total[1, i] -= read[:, : following.size(1)].gather(-1, following[..., None]).sum((1, 2))
        numbers.append(total / torch.tensor([T, T - 1], device=total.device)[:, None, None])
    kl, loss = torch.cat(numbers, 2)  # (L + 1, N)
    return kl.mean(1), kl.std(1) / kl.size(1) ** 0.5 if kl.size(1) > 1 else kl[:, 0] * torch.nan, loss.mean(1)


def spans(model: GPT, tokens: Int[Tensor, "B T"]) -> Iterator[tuple[Float[Tensor, "L_plus_1 B t C"], Tensor]]:
    """Streams of some positions at a time, as many as keep the logits of one layer few, and the tokens that follow."""
    streams = residual_streams(model, tokens)
    size = places_at_once(model, tokens) // len(tokens)
    for start in range(0, tokens.size(1), size):
        yield streams[:, :, start : start + size], tokens[:, start + 1 : start + size + 1]


def places_at_once(model: GPT, tokens: Int[Tensor, "B T"]) -> int:
    """At how many places of a batch a layer's logits are made at once: whole columns."""
    columns = MAX_LOGITS // (len(tokens) * model.config.vocab_size)
    return min(max(1, columns), tokens.size(1)) * len(tokens)


def log_probabilities(model: GPT, stream: Float[Tensor, "*N C"]) -> Float[Tensor, "*N V"]:
    """A stream read by the model's own head, float32."""
    return model.unembed(stream).float().log_softmax(-1)


def constant(model: GPT, parts: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """The same of the mean prediction: no distribution that is the same at all places has a smaller mean KL."""
    total, entropies, places = torch.zeros(model.config.vocab_size, dtype=torch.float64), 0.0, 0
    for tokens in parts:
        for streams, _ in spans(model, tokens):
            p = log_probabilities(model, streams[-1]).exp().flatten(0, 1)
            total += p.double().sum(0).cpu()
            entropies += float(torch.special.entr(p).sum())
            places += len(p)
    mean = total / places
    kl = float(torch.special.entr(mean).sum()) - entropies / places
    loss = -float(torch.cat([mean[tokens[:, 1:].cpu()].log().flatten() for tokens in parts]).mean())
    like = torch.ones(model.config.n_layer + 1, device=parts[0].device)
    return kl * like, torch.nan * like, loss * like


def check_lens(model: GPT, lens: TunedLens) -> None:
    """Refuse a lens of another shape of model."""
    wanted = (model.config.n_layer, model.config.n_embd, model.config.n_embd)
    if tuple(lens.weight.shape) != wanted:
        raise ValueError(f"lens {tuple(lens.weight.shape)} does not fit the model's {wanted}: fit one on this model")
