"""A sentence worth explaining, and one to contrast it with: where replacing one token turns the answer most.

How far an answer turns is a difference of logits in nats: by how much the model prefers what it says after the sentence
to what it says after the other one, and by how much less after that. Methods that share out an answer have that much
to share. By causality one run of a replacement tells it for every later end of the sentence.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from glassworks.data.tokenizers.build import Tokenizer

SHORTEST = 12
"""Tokens of a sentence that is chosen, at the least."""
APART = 2
"""Tokens from the replaced one to the last at the least, where there are so many."""
WINDOWS = 8
"""Lines of a passage that are tried, of a model that is not large."""
TRIES = 2
"""Replacements tried at a place."""
NUMBERS = 1 << 25
"""Logits that are kept at once."""


class Turn(NamedTuple):
    """A replacement, and how far the answer turns."""

    turned: bool
    """Whether the model then says something else."""
    nats: float
    end: int
    """The place after which the answer is given."""
    place: int
    id: int


def contrast(
    model: nn.Module, tokenizer: Tokenizer, tokens: Int[Tensor, " T"], length: int, against: str | None
) -> tuple[Tensor, str]:
    """The contrasting sentence and a sentence on what it is; `length` is that of the text before it was cut."""
    if against is not None:
        return encoded(tokenizer, tokens, length, against), f"It is contrasted with “{against}”."
    turn = largest_turn(model, tokens, tokenizer.vocab_size, [len(tokens) - 1])
    other = tokens.clone()
    other[turn.place] = turn.id
    old, new = tokenizer.token(int(tokens[turn.place])), tokenizer.token(turn.id)
    note = (
        f"Where a contrast is needed, token {turn.place} “{old}” is replaced by “{new}”: of the sentence's tokens "
        f"the one whose replacement turns the answer most, by {turn.nats:.2g} nats."
    )
    return other, note if turn.nats >= 1 else f"{note} That is little, and so is what a contrast can explain here."


def encoded(tokenizer: Tokenizer, tokens: Int[Tensor, " T"], length: int, against: str) -> Tensor:
    """The contrasting sentence that was given, if it fits."""
    other = torch.tensor([tokenizer.eot, *tokenizer.encode(against)])
    if len(other) != length:
        raise ValueError(
            f"against (={against!r}) must have as many tokens as the text, {length - 1}, not {len(other) - 1}: "
            "change single words of it, or leave it out"
        )
    other = other[: len(tokens)]
    if other.equal(tokens):
        if length > len(tokens):
            raise ValueError(
                f"against (={against!r}) differs only after token {len(tokens) - 1}, and no more are looked at: "
                "change an earlier word, or give shorter texts"
            )
        raise ValueError(f"against (={against!r}) is the text itself: change a word of it, or leave it out")
    return other


def sentence_of(
    model: nn.Module, tokenizer: Tokenizer, passage: Int[Tensor, " P"], longest: int, windows: int = WINDOWS
) -> Tensor:
    """The tokens of a passage, from the begin of a line to some end, whose answer one replacement turns most.

    Led by the passage's first token; of at most `longest`. Of the passage's first lines so many are tried, each with
    every end from `SHORTEST` tokens on: some 60 rows a line in one batch.
    """
    starts = [1, *(i + 1 for i, text in enumerate(map(tokenizer.token, passage.tolist())) if i and "\n" in text)]
    rows = [torch.cat([passage[:1], passage[start : start + longest - 1]]) for start in starts]
    able = [row for row in rows if len(row) >= min(SHORTEST, len(rows[0]))][:windows]
    if len(rows[0]) < 3:
        return rows[0]
    found = []
    for row in able:
        ends = range(min(SHORTEST, len(row)) - 1, len(row))
        found.append((largest_turn(model, row, tokenizer.vocab_size, ends), row))
    turn, row = max(found, key=lambda one: one[0][:2])
    return row[: turn.end + 1]


@torch.no_grad()
def largest_turn(model: nn.Module, tokens: Int[Tensor, " T"], vocab_size: int, ends: Sequence[int]) -> Turn:
    """The replacement of one token by another of the sentence that turns the answer at one of the `ends` most.

    What makes the model say something else comes first. The first token and the last stay; each other is tried with the
    next tokens of the sentence that differ from it, or with the id behind its own.
    """
    tried = list(replacements(tokens.tolist(), vocab_size))
    rows = tokens.repeat(len(tried), 1)
    places, ids = (torch.tensor(one) for one in zip(*tried, strict=True))
    rows[torch.arange(len(tried)), places] = ids.to(rows)
    at = torch.tensor(list(ends), device=tokens.device)
    clean = model(tokens[None])[0, at].float()
    size = max(1, NUMBERS // (len(tokens) * clean.size(-1)))
    best = Turn(False, -1.0, int(at[-1]), *tried[0])
    for first in range(0, len(rows), size):
        corrupt = model(rows[first : first + size])[:, at].float()
        right, wrong = answers(clean.expand_as(corrupt), corrupt)
        moved = (clean - corrupt).nan_to_num()
        nats = (moved.gather(-1, right[..., None]) - moved.gather(-1, wrong[..., None]))[..., 0]
        turned = corrupt.argmax(-1) != right
        gap = at - places[first : first + size, None].to(at)
        able = (gap >= APART) if bool((at >= 1 + APART).all()) else (gap >= 1)
        for which in (turned & able, able):
            if which.any():
                row, end = divmod(int(nats.masked_fill(~which, -torch.inf).argmax()), len(at))
                here = Turn(bool(turned[row, end]), float(nats[row, end]), int(at[end]), *tried[first + row])
                best = max(best, here, key=lambda turn: turn[:2])
    return best


def replacements(ids: list[int], vocab_size: int) -> Iterator[tuple[int, int]]:
    """Places and what each is replaced by."""
    T = len(ids)
    for place in range(1, max(T - 1, 2)):
        later = [ids[(place + step) % T] for step in range(1, T)]
        others = list(dict.fromkeys(id for id in later if id not in (ids[place], ids[0])))
        for id in others[:TRIES] or [(ids[place] + 1) % vocab_size]:
            yield place, id


def answers(
    clean: Float[Tensor, "*n V"], corrupt: Float[Tensor, "*n V"]
) -> tuple[Int[Tensor, "*n"], Int[Tensor, "*n"]]:
    """What is said after each sentence by its logits, and what would rather be said after the contrasting one.

    The second is the contrast's own likeliest token or, if that is the same, of its five likeliest others the one that
    has risen most.
    """
    clean, corrupt = clean.log_softmax(-1), corrupt.log_softmax(-1)
    right, wrong = clean.argmax(-1), corrupt.argmax(-1)
    others = corrupt.scatter(-1, right[..., None], -torch.inf).topk(min(5, corrupt.size(-1) - 1)).indices
    risen = (corrupt - clean).gather(-1, others).argmax(-1, keepdim=True)
    return right, torch.where(right == wrong, others.gather(-1, risen)[..., 0], wrong)
