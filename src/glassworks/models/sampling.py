"""Generation: tokens and text from a GPT, batched, cached and streaming.

A row's tokens depend on its own prompt, its own place in the list and the seed, never on the other prompts of the batch
(up to rounding, since matrix products of other sizes round otherwise). When a row has filled the context, its last
half is kept and computed anew, and the row goes on from there; a prompt longer than the context keeps its tail.

Shape letters: B rows, T time, V vocabulary, M candidates (V, or top_k of them).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from glassworks.core.types import Generate
from glassworks.models.decode import Decoder
from glassworks.models.gpt import GPT, Cache
from glassworks.models.modes import evaluating, threads
from glassworks.models.text import Text, Tokenizer


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen. The filters apply in the order in which they stand here, as in transformers."""

    max_tokens: int = 256
    repetition_penalty: float | int = 1.0
    """Divides positive logits and multiplies negative ones of tokens already in the row (Keskar et al. 2019, 4.1)."""
    temperature: float | int = 1.0
    """Divides the logits; 0 = always the likeliest token."""
    top_k: int | None = None
    """Keep this many of the likeliest tokens."""
    top_p: float | int | None = None
    """Keep the fewest of the likeliest tokens whose probabilities reach this sum (Holtzman et al. 2020)."""
    min_p: float | int | None = None
    """Keep tokens with at least this share of the likeliest one's probability (Nguyen et al. 2024)."""
    stop: Sequence[str] = ()
    """Texts that end a row; they are not part of the result."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values outside their range, naming the field, its value and the remedy."""
        object.__setattr__(self, "stop", (self.stop,) if isinstance(self.stop, str) else tuple(self.stop))
        ranges = {
            "max_tokens": (self.max_tokens >= 0, "at least 0"),
            "repetition_penalty": (0 < self.repetition_penalty < math.inf, "above 0; 1 is no penalty"),
            "temperature": (0 <= self.temperature < math.inf, "at least 0; 0 takes the likeliest token"),
            "top_k": (self.top_k is None or self.top_k >= 1, "at least 1; leave it out to keep all tokens"),
            "top_p": (self.top_p is None or 0 < self.top_p <= 1, "above 0 and at most 1; leave it out to keep all"),
            "min_p": (self.min_p is None or 0 <= self.min_p <= 1, "between 0 and 1; leave it out to keep all tokens"),
            "stop": (all(self.stop), "texts of at least one character; leave it out for none"),
            "seed": (self.seed >= 0, "at least 0"),
        }
        for name, (right, remedy) in ranges.items():
            if not right:
                raise ValueError(f"{name} (={getattr(self, name)!r}) must be {remedy}")


# ----------------------------------------------------------------------------------------------------------------------
# One choice


def penalise(logits: Float[Tensor, "B V"], seen: Bool[Tensor, "B V"], penalty: float) -> Float[Tensor, "B V"]:
    """Make tokens already `seen` less likely (penalty > 1) or more (< 1)."""
    return torch.where(seen, torch.where(logits < 0, logits * penalty, logits / penalty), logits)


def candidates(logits: Float[Tensor, "B V"], how: Sampling) -> tuple[Float[Tensor, "B M"], Int[Tensor, "B M"] | None]:
    """Probabilities of the tokens that the filters keep, and their ids (None: every id, in order).

    The same distribution as transformers' temperature, top-k, top-p and min-p processors in a row, except that of
    tokens that tie for the last place of `top_k` exactly `top_k` are kept.
    """
    ids = None
    if how.top_k is not None and how.top_k < logits.size(-1):
        logits, ids = logits.topk(how.top_k)  # sorted, likeliest first
    elif how.top_p is not None and how.top_p < 1:
        logits, ids = logits.sort(-1, descending=True)
    probabilities = (logits if how.temperature == 1 else logits / how.temperature).softmax(-1)
    if how.top_p is not None and how.top_p < 1:
        before = probabilities.cumsum(-1) - probabilities  # of all likelier tokens together
        probabilities = probabilities.masked_fill(before >= how.top_p, 0)
    if how.min_p:
        largest = probabilities.amax(-1, keepdim=True)
        probabilities = probabilities.masked_fill(probabilities < how.min_p * largest, 0)
    return probabilities, ids


def choose(logits: Float[Tensor, "B V"], how: Sampling, uniform: Float[Tensor, " B"] | None) -> Int[Tensor, " B"]:
    """One token a row: the likeliest, or the one at which the distribution function passes `uniform` (in [0, 1))."""
    if uniform is None:
        return logits.argmax(-1)
    probabilities, ids = candidates(logits.float(), how)
    total = probabilities.cumsum(-1)
    place = torch.searchsorted(total, uniform.unsqueeze(-1) * total[:, -1:], right=True)
    place.clamp_(max=total.size(-1) - 1)
    return (place if ids is None else ids.gather(-1, place)).squeeze(-1)


# ----------------------------------------------------------------------------------------------------------------------
# Tokens


def stream(
    model: GPT,
    prompts: Sequence[Sequence[int]],
    *,
    eot: int = 0,
    ended: Callable[[int, int], bool] | None = None,
    **options: Any,
) -> Iterator[list[int | None]]:
    """Yield the next token of every row, again and again; None for a row that has ended.

    `options` are the fields of `Sampling`. An empty prompt starts from `eot`. `ended(row, token)` is asked once about
    every token and says whether it is the row's last; None = a row ends with its first `eot`. The stream ends with the
    last row, or after `max_tokens`. Until then the model is in evaluation mode; afterwards it is as it was.
    """
    how = Sampling(**options)
    is_last = ended or (lambda row, token: token == eot)
    rows = [list(prompt) or [eot] for prompt in prompts]
    check_ids(rows, model.config.vocab_size)
    return _stream(model, rows, how, is_last)


def _stream(
    model: GPT, rows: list[list[int]], how: Sampling, is_last: Callable[[int, int], bool]
) -> Iterator[list[int | None]]:
    """The loop of `stream`, apart from it so that wrong options are refused at the call, not at the first token."""
    if not rows:
        return
    with evaluating(model):
        batch, done = Batch(model, rows, how), set()
        for _ in range(how.max_tokens):
            out: list[int | None] = [None] * len(rows)
            for row, token in zip(batch.rows, batch.step(), strict=True):
                if row not in done:
                    out[row] = token
                    if is_last(row, token):
                        done.add(row)
            yield out
            if len(done) == len(rows):
                return
            alive = [place for place, row in enumerate(batch.rows) if row not in done]
            if 2 * len(alive) <= len(batch.rows):  # halving: all copies together cost less than one more
                batch.keep(alive)


def check_ids(rows: list[list[int]], vocab_size: int) -> None:
    """Refuse tokens that the model has no embedding for."""
    for row, ids in enumerate(rows):
        if min(ids) < 0 or max(ids) >= vocab_size:
            wrong = next(token for token in ids if not 0 <= token < vocab_size)
            raise ValueError(
                f"prompt {row} has token {wrong}, outside the model's vocabulary (vocab_size={vocab_size}): encode it "
                "with the tokenizer that the model was trained with"
            )


class Batch:
    """Rows written together: the tokens of each, the first one it still sees, and the cache of what is computed."""

    def __init__(self, model: GPT, prompts: list[list[int]], how: Sampling) -> None:
        self.model, self.how, self.steps = model, how, 0
        self.decoder = Decoder(model)
        self.rows = list(range(len(prompts)))  # the prompt that each row of the batch continues
        self.ids = [list(prompt) for prompt in prompts]
        self.first = [max(0, len(ids) - model.config.n_ctx) for ids in self.ids]
        self.device = model.embed.weight.device
        self.tokens = torch.empty(0)
        self.cache: Cache | None = None
        self.uniform = self.seen = None
        if how.temperature:  # every row has numbers of its own, whoever its neighbours are
            own = [np.random.default_rng([how.seed, row]).random(how.max_tokens, np.float32) for row in self.rows]
            self.uniform = torch.tensor(np.stack(own), device=self.device)  # (B, max_tokens)
        if how.repetition_penalty != 1:
            self.seen = torch.zeros(len(prompts), model.config.vocab_size, dtype=torch.bool, device=self.device)
            for row, ids in enumerate(self.ids):
                self.seen[row, ids] = True

    @torch.inference_mode()
    def step(self) -> list[int]:
        """Choose the next token of every row."""
        if self.cache is None or self.cache.length == self.cache.size:
            self.cache, tokens = self.anew()
        else:
            tokens = self.tokens.unsqueeze(1)
        logits = self.logits(tokens, self.cache)
        # torch's threads spin for a while after their work, in the way of the decoder's, so here it has but one.
        with threads(1 if self.decoder.plain else torch.get_num_threads()):
            return self.choose(logits)

    def logits(self, tokens: Int[Tensor, "B T"], cache: Cache) -> Float[Tensor, "B V"]:
        """Logits after the last of some new tokens, which the cache takes in."""
        if self.decoder.applies(*tokens.shape):
            return self.decoder(tokens, cache)
        logits: Tensor = self.model(tokens, cache, last=True)
        return logits[:, -1]

    def choose(self, logits: Float[Tensor, "B V"]) -> list[int]:
        """Take a token for every row."""
        if self.seen is not None:
            logits = penalise(logits, self.seen, self.how.repetition_penalty)
        self.tokens = choose(logits, self.how, None if self.uniform is None else self.uniform[:, self.steps])
        if self.seen is not None:
            self.seen.scatter_(1, self.tokens.unsqueeze(1), True)
        self.steps += 1
        values: list[int] = self.tokens.tolist()
        for ids, token in zip(self.ids, values, strict=True):
            ids.append(token)
        return values

    def anew(self) -> tuple[Cache, Int[Tensor, "B T"]]:
        """An empty cache, and the tokens that belong into it, padded at the left. Full rows lose their older half.

        A row that is not full keeps all it sees, so that it never depends on its neighbours when a row is cut.
        """
        n_ctx = self.model.config.n_ctx
        for place, ids in enumerate(self.ids):
            if len(ids) - self.first[place] > n_ctx:
                self.first[place] = len(ids) - max(1, n_ctx // 2)
        windows = [ids[first:] for ids, first in zip(self.ids, self.first, strict=True)]
        longest = max(map(len, windows))
        padding = [longest - len(window) for window in windows]
        cache = Cache(
            self.model.config,
            len(windows),
            min(n_ctx, longest + self.how.max_tokens - self.steps),
            like=self.model.embed.weight,
            padding=torch.tensor(padding, device=self.device) if any(padding) else None,
        )
        tokens = [[0] * left + window for left, window in zip(padding, windows, strict=True)]
        return cache, torch.tensor(tokens, dtype=torch.int64, device=self.device)

    @torch.inference_mode()
    def keep(self, places: list[int]) -> None:
        """Go on with some of the rows only."""
        index = torch.tensor(places, device=self.device)
        self.rows = [self.rows[place] for place in places]
        self.ids = [self.ids[place] for place in places]
        self.first = [self.first[place] for place in places]
        self.tokens = self.tokens[index]
        self.uniform = None if self.uniform is None else self.uniform[index]
        self.seen = None if self.seen is None else self.seen[index]
        if self.cache is not None:
            self.cache.keep(index)


# ----------------------------------------------------------------------------------------------------------------------
# Text


def stream_texts(model: GPT, tokenizer: Tokenizer, prompts: Sequence[str], **options: Any) -> Iterator[list[str]]:
    """Yield what each row has gained since the last time ("" for nothing); joined, the rows are those of `generate`.

    A row ends at the tokenizer's end-of-text token or at a stop string, neither of which is part of it.
    """
    texts = [Text(tokenizer, Sampling(**options).stop) for _ in prompts]
    tokens = stream(
        model,
        [tokenizer.encode(prompt) for prompt in prompts],
        eot=tokenizer.eot,
        ended=lambda row, token: texts[row].push(token),
        **options,
    )
    return _stream_texts(texts, tokens)


def _stream_texts(texts: list[Text], tokens: Iterator[list[int | None]]) -> Iterator[list[str]]:
    for _ in tokens:
        yield [text.take() for text in texts]
    yield [text.finish() for text in texts]


def stream_text(model: GPT, tokenizer: Tokenizer, prompt: str, **options: Any) -> Iterator[str]:
    """Yield the continuation of one prompt piece by piece."""
    return (pieces[0] for pieces in stream_texts(model, tokenizer, [prompt], **options) if pieces[0])


def generate(model: GPT, tokenizer: Tokenizer, prompts: Sequence[str], **options: Any) -> list[str]:
    """Continue each prompt; return the continuations without the prompts. `options` are the fields of `Sampling`.

    >>> generate(model, tokenizer, ["Once upon a time"], max_tokens=20, temperature=0)
    [' there was a king']
    """
    texts = [""] * len(prompts)
    for pieces in stream_texts(model, tokenizer, prompts, **options):
        texts = [text + piece for text, piece in zip(texts, pieces, strict=True)]
    return texts


def generator(model: GPT, tokenizer: Tokenizer, **options: Any) -> Generate:
    """`generate` as a function of the prompts alone."""
    Sampling(**options)  # refuse wrong options now, not at the first call
    return lambda prompts: generate(model, tokenizer, prompts, **options)
