"""Generation: tokens from a GPT, batched, cached and streaming; `completion` makes texts of them.

A row's tokens depend on its own prompt, its own place in the list and the seed, never on the other prompts of the batch
(up to rounding, since matrix products of other sizes round otherwise). When a row has filled the context, its last
half is kept and computed anew, and the row goes on from there; a prompt longer than the context keeps its tail.

Shape letters: B rows, T time, V vocabulary.
"""

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from glassworks.core.progress import tracked
from glassworks.models.generation.choice import Sampling, as_known, choose, penalise, restrict, sampling_of
from glassworks.models.generation.decode import Decoder
from glassworks.models.generation.text import Tokenizer, ends_of, known_ids
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT, Cache
from glassworks.models.modes import evaluating, refuse_meta, threads

Known = NDArray[np.bool_]
"""Whether each id stands for a token; those past the end do not."""
Watch = Callable[[list[int], Tensor, Tensor], None]
"""Called at each step with the rows that are written (B,), the model's logits (B, V) and the tokens taken (B,)."""
DRAWN = 256
"""Steps for which random numbers are drawn at once."""


def stream(
    model: GPT,
    prompts: Sequence[Sequence[int]],
    *,
    eot: int = 0,
    ended: Callable[[int, int], bool] | None = None,
    known: Known | Sequence[bool] | None = None,
    watch: Watch | None = None,
    **options: Any,
) -> Iterator[list[int | None]]:
    """Yield the next token of every row, again and again; None for a row that has ended.

    `options` are the fields of `Sampling`. An empty prompt starts from `eot`. `ended(row, token)` is asked once about
    every token and says whether it is the row's last; None = a row ends with its first `eot`. Only `known` ids are
    drawn, None = all that the model has. `watch` is shown what each choice was made of. The stream ends with the last
    row, or after `max_tokens`. Until then the model is in evaluation mode; afterwards it is as it was. Modules that
    were replaced, and weights that were written to, count from the next token on.
    """
    check_model(model)
    how = sampling_of(options)
    is_last = ended or (lambda row, token: token == eot)
    rows = as_rows(prompts, eot)
    check_ids(rows, vocabulary(model))
    return _stream(model, rows, how, is_last, None if known is None else as_known(known, vocabulary(model)), watch)


def _stream(
    model: GPT,
    rows: list[list[int]],
    how: Sampling,
    is_last: Callable[[int, int], bool],
    known: Known | None,
    watch: Watch | None,
) -> Iterator[list[int | None]]:
    """The loop of `stream`, apart from it so that wrong options are refused at the call, not at the first token."""
    if not rows:
        return
    with evaluating(model):
        batch, done = Batch(model, rows, how, known, watch), set()
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


def check_model(model: GPT) -> None:
    """Refuse what has no cache to write with, or no weights."""
    if not isinstance(getattr(model, "config", None), GPTConfig):
        raise ValueError(
            f"model (a {type(model).__name__}) must be a GPT: open one by load_model, or that of a run by model_of"
        )
    refuse_meta(model)


def as_rows(prompts: Sequence[Sequence[int]], eot: int) -> list[list[int]]:
    """Each prompt's tokens, or `eot` for none; refuses a single prompt that is not in a list."""
    return [ids or [eot] for ids in as_ids(prompts)]


def as_ids(prompts: Sequence[Sequence[int]]) -> list[list[int]]:
    """Each prompt's tokens as plain numbers."""
    try:
        return [[operator.index(token) for token in prompt] for prompt in prompts]
    except TypeError as error:
        raise ValueError(
            f"prompts must be lists of token ids, as [[1, 2, 3]] ({error}); texts go to generate"
        ) from error


def vocabulary(model: GPT) -> int:
    """How many ids the model can read; its embedding may have been exchanged."""
    rows = getattr(model.embed, "num_embeddings", None)
    return rows if isinstance(rows, int) else model.config.vocab_size


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

    def __init__(
        self,
        model: GPT,
        prompts: list[list[int]],
        how: Sampling,
        known: Known | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.model, self.how, self.watch, self.steps = model, how, watch, 0
        self.decoder = Decoder(model)
        self.rows = list(range(len(prompts)))  # the prompt that each row of the batch continues
        self.ids = [list(prompt) for prompt in prompts]
        self.first = [max(0, len(ids) - model.config.n_ctx) for ids in self.ids]
        self.like = next(model.parameters())
        self.tokens = torch.empty(0)
        self.cache: Cache | None = None
        self.known = None if known is None else torch.from_numpy(known).to(self.like.device)
        self.seen: Tensor | None = None  # (B, V), tokens that are penalised
        # Every row has random numbers of its own, whoever its neighbours are.
        self.sources = [np.random.default_rng([how.seed, row]) for row in self.rows if not how.greedy]
        self.uniform = torch.empty(0)  # (B, DRAWN), the numbers of these steps

    @torch.no_grad()
    def step(self) -> list[int]:
        """Choose the next token of every row."""
        if self.decoder.changed():
            self.decoder, self.cache = Decoder(self.model), None
        logits = self.cached() if self.decoder.intact else self.anew()
        # torch's threads spin for a while after their work, in the way of the decoder's, so here it has but one.
        with threads(1 if self.decoder.plain else torch.get_num_threads()):
            return self.choose(logits)

    def anew(self) -> Float[Tensor, "B V"]:
        """Logits by the forward pass alone: what the parts of this model do with a cache, nobody knows.

        They may even differentiate, which they could not in inference mode.
        """
        windows = [torch.tensor([window], device=self.like.device) for window in self.windows()]
        return torch.cat([self.model(window)[:, -1] for window in windows])

    @torch.inference_mode()
    def cached(self) -> Float[Tensor, "B V"]:
        """Logits with the keys and values of earlier steps."""
        if self.cache is None or self.cache.length == self.cache.size:
            self.cache, tokens = self.empty()
        else:
            tokens = self.tokens.unsqueeze(1)
        if self.decoder.applies(*tokens.shape):
            return self.decoder(tokens, self.cache)
        logits: Tensor = self.model(tokens, self.cache, last=True)
        return logits[:, -1]

    def choose(self, logits: Float[Tensor, "B V"]) -> list[int]:
        """Take a token for every row."""
        own = logits
        if self.how.repetition_penalty != 1:
            logits = penalise(logits, self.seen_among(logits), self.how.repetition_penalty)
        if self.known is not None:
            logits = restrict(logits, self.known)
        self.tokens = choose(logits, self.how, self.random())
        if self.watch is not None:
            self.watch(self.rows, own, self.tokens)
        self.steps += 1
        values: list[int] = self.tokens.tolist()
        for ids, token in zip(self.ids, values, strict=True):
            ids.append(token)
        return values

    def random(self) -> Float[Tensor, " B"] | None:
        """A number from 0 to 1 for each row; None where none is needed."""
        if self.how.greedy:
            return None
        if self.steps % DRAWN == 0:
            numbers = [source.random(DRAWN, np.float32) for source in self.sources]
            self.uniform = torch.tensor(np.stack(numbers), device=self.like.device)
        return self.uniform[:, self.steps % DRAWN]

    def seen_among(self, logits: Float[Tensor, "B V"]) -> Bool[Tensor, "B V"]:
        """Which tokens each row has read or written."""
        if self.seen is None:
            self.seen = torch.zeros_like(logits, dtype=torch.bool)
            for row, ids in zip(self.seen, self.ids, strict=True):
                row[[id for id in ids if id < len(row)]] = True
        else:
            self.seen.scatter_(1, self.tokens.unsqueeze(1), True)
        return self.seen

    def windows(self) -> list[list[int]]:
        """What each row sees. Full rows lose their older half; others keep all, so that none depends on neighbours."""
        n_ctx = self.model.config.n_ctx
        for place, ids in enumerate(self.ids):
            if len(ids) - self.first[place] > n_ctx:
                self.first[place] = len(ids) - max(1, n_ctx // 2)
        return [ids[first:] for ids, first in zip(self.ids, self.first, strict=True)]

    def empty(self) -> tuple[Cache, Int[Tensor, "B T"]]:
        """An empty cache, and the tokens that belong into it, padded at the left."""
        windows = self.windows()
        longest = max(map(len, windows))
        padding = [longest - len(window) for window in windows]
        cache = Cache(
            self.model.config,
            len(windows),
            min(self.model.config.n_ctx, longest + self.how.max_tokens - self.steps),
            like=self.like,
            padding=torch.tensor(padding, device=self.like.device) if any(padding) else None,
        )
        tokens = [[0] * left + window for left, window in zip(padding, windows, strict=True)]
        return cache, torch.tensor(tokens, dtype=torch.int64, device=self.like.device)

    @torch.no_grad()
    def keep(self, places: list[int]) -> None:
        """Go on with some of the rows only."""
        index = torch.tensor(places, device=self.like.device)
        self.rows = [self.rows[place] for place in places]
        self.ids = [self.ids[place] for place in places]
        self.first = [self.first[place] for place in places]
        self.tokens = self.tokens[index]
        if not self.how.greedy:
            self.sources, self.uniform = [self.sources[place] for place in places], self.uniform[index]
        self.seen = None if self.seen is None else self.seen[index]
        if self.cache is not None:
            self.cache.keep(index)


def continue_ids(model: GPT, tokenizer: Tokenizer, prompts: Sequence[Sequence[int]], **options: Any) -> list[list[int]]:
    """The tokens that continue each prompt's, without the end of a text: what is measured is what the model wrote.

    Text made of them and encoded again may be other tokens, and none at all of bytes that form no character.
    """
    ends = ends_of(tokenizer)
    written: list[list[int]] = [[] for _ in prompts]
    tokens = stream(
        model,
        prompts,
        eot=tokenizer.eot,
        ended=lambda row, token: token in ends,
        known=known_ids(tokenizer),
        **options,
    )
    most = sampling_of(options).max_tokens
    with tracked("write", most) as report:
        for number, step in enumerate(tokens, 1):
            for row, token in zip(written, step, strict=True):
                if token is not None and token not in ends:
                    row.append(token)
            report(number)
        report(most)  # all rows may have ended before
    return written
