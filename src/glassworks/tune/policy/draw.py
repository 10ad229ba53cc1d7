"""Completions of prompts by a policy as it stands, as tokens, as text, and as a batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from glassworks.data.tokenizers.codec import Tokenizer
from glassworks.models.adapters.lora import as_merged
from glassworks.models.generation.sampling import stream
from glassworks.models.generation.text import ends_of, known_ids
from glassworks.models.gpt.model import GPT

TAIL = 8
"""Tokens of a prompt behind which a completion is decoded: some tokenizers drop the blank of the first token."""


@dataclass(frozen=True)
class Prompt:
    """What is gone on with: as it is shown and told to a reward, and as tokens."""

    text: str
    ids: tuple[int, ...]


@dataclass(frozen=True)
class Written:
    """What a policy wrote behind a prompt."""

    prompt: Prompt
    ids: tuple[int, ...]
    """With the token that ends it, where there is one."""
    text: str
    is_cut: bool
    """Whether it was cut at the limit."""


def write(
    model: GPT, tokenizer: Tokenizer, prompts: Sequence[Prompt], *, max_tokens: int, temperature: float, seed: int
) -> list[Written]:
    """A completion of each prompt, drawn from all tokens: no filter stands between the policy and what is learned.

    A prompt that leaves no room for `max_tokens` keeps its end.
    """
    room = model.config.n_ctx - max_tokens
    prompts = [Prompt(prompt.text, prompt.ids[-room:]) for prompt in prompts]
    ends, rows = frozenset(ends_of(tokenizer)), [list[int]() for _ in prompts]
    with as_merged(model) as plain:
        assert isinstance(plain, GPT)
        steps = stream(
            plain,
            [prompt.ids for prompt in prompts],
            eot=tokenizer.eot,
            ended=lambda row, token: token in ends,
            known=known_ids(tokenizer),
            max_tokens=max_tokens,
            temperature=temperature,
            seed=seed,
        )
        for step in steps:
            for row, token in zip(rows, step, strict=True):
                if token is not None:
                    row.append(token)
    return [
        Written(prompt, tuple(ids), text_of(tokenizer, prompt.ids, ids, ends), not ids or ids[-1] not in ends)
        for prompt, ids in zip(prompts, rows, strict=True)
    ]


def text_of(tokenizer: Tokenizer, prompt: Sequence[int], ids: Sequence[int], ends: frozenset[int]) -> str:
    """The text of tokens behind a prompt's, without the end."""
    said = [id for id in ids if id not in ends]
    before = list(prompt[-TAIL:])
    first, both = tokenizer.decode(before), tokenizer.decode(before + said)
    return both[len(first) :] if both.startswith(first) else tokenizer.decode(said)


def as_tensors(written: Sequence[Written], filler: int) -> tuple[Int[Tensor, "B S"], Int[Tensor, "B T"]]:
    """Inputs (B, S), filled up at the right, and the targets of their last T positions, -1 where there is none.

    T is as many as all completions need: what stands before every completion's first token has no logits to be made.
    """
    width = max(len(one.prompt.ids) + len(one.ids) for one in written) - 1
    inputs = np.full((len(written), width), filler, np.int64)
    targets = np.full((len(written), width), -1, np.int64)
    for row, one in enumerate(written):
        ids, first = [*one.prompt.ids, *one.ids], len(one.prompt.ids)
        inputs[row, : len(ids) - 1] = ids[:-1]
        targets[row, first - 1 : len(ids) - 1] = one.ids
    since = min(len(one.prompt.ids) for one in written) - 1
    return torch.from_numpy(inputs), torch.from_numpy(targets[:, since:])
