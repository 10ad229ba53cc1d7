"""From a source to what the network writes: greedily, or by beam search with a length penalty. Both are batched.

The decoder's keys and values are cached, and those of the source are computed once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from glassworks.models.modes import evaluating
from glassworks.models.seq2seq.attention import Cache
from glassworks.models.seq2seq.model import Seq2Seq

MORE = 50
"""Tokens that a target may be longer than its source (section 6.1 of the paper)."""


@dataclass(frozen=True)
class Hypothesis:
    """A target that was considered, without start and end."""

    ids: tuple[int, ...]
    log_probs: tuple[float, ...]
    """Of each token, in nats, given those before it; then that of the end, if it ended."""
    score: float
    """What it is ranked by: the sum of these over the length penalty."""
    ended: bool
    """Whether it ended by itself, before there was no more room."""

    @property
    def log_prob(self) -> float:
        """Of the whole target given the source, in nats."""
        return sum(self.log_probs)


def length_penalty(length: int, alpha: float) -> float:
    """((5 + length) / 6)^alpha, by which a log-probability is divided (Wu et al. 2016, arXiv 1609.08144, eq. 14).

    >>> length_penalty(1, 0.6), length_penalty(7, 1.0)
    (1.0, 2.0)
    """
    return float(((5 + length) / 6) ** alpha)


def rooms(model: Seq2Seq, source: Int[Tensor, "B S"], max_tokens: int | None) -> list[int]:
    """Tokens that are written at most of each source, the end included: whatever it is in a batch with."""
    if max_tokens is not None and max_tokens < 1:
        raise ValueError(f"max_tokens (={max_tokens}) must be at least 1")
    lengths = (source != model.config.pad_id).sum(1).tolist()
    return [min(model.config.n_ctx, length + MORE if max_tokens is None else max_tokens) for length in lengths]


@torch.no_grad()
def greedy(model: Seq2Seq, source: Int[Tensor, "B S"], *, max_tokens: int | None = None) -> list[Hypothesis]:
    """Of each source the target whose every token is the likeliest.

    Args:
        model: the network.
        source: token ids with their end, filled up with padding at the right.
        max_tokens: to write at most, the end included; None = 50 more than the source has. Never more than n_ctx.
    """
    room, end = rooms(model, source, max_tokens), model.config.end_id
    most = max(room)
    with evaluating(model):
        cache = model.cache(*model.encode(source), most)
        last = source.new_full((len(source), 1), model.config.start_id)
        written: list[Tensor] = []
        chosen: list[Tensor] = []
        going = torch.ones(len(source), dtype=torch.bool, device=source.device)
        while len(written) < most and going.any():
            found = model.step(last, cache).float().log_softmax(-1).max(-1)
            written.append(found.indices)
            chosen.append(found.values)
            going &= found.indices != end
            last = found.indices[:, None]
    rows = zip(torch.stack(written, 1).tolist(), torch.stack(chosen, 1).tolist(), room, strict=True)
    return [finished(ids[:most], log_probs[:most], end, 0.0) for ids, log_probs, most in rows]


def finished(ids: Sequence[int], log_probs: Sequence[float], end: int, alpha: float) -> Hypothesis:
    """What was written up to the first end."""
    ended = end in ids
    length = ids.index(end) + 1 if ended else len(ids)
    score = sum(log_probs[:length]) / length_penalty(length, alpha)
    return Hypothesis(tuple(ids[: length - ended]), tuple(log_probs[:length]), score, ended)


# ----------------------------------------------------------------------------------------------------------------------
# Beam search


@torch.no_grad()
def beam_search(
    model: Seq2Seq,
    source: Int[Tensor, "B S"],
    *,
    beams: int = 4,
    alpha: float = 0.6,
    max_tokens: int | None = None,
    watch: Callable[[list[list[Hypothesis]]], object] | None = None,
) -> list[list[Hypothesis]]:
    """Of each source the best hypotheses found, the best first, `beams` of them at most.

    In every step the likeliest 2 · beams continuations of a source's hypotheses are looked at: those among the first
    `beams` that end are finished, the likeliest that do not go on. It stops when so many are finished and none that
    goes on can still become better than the worst of them.

    Args:
        model: the network.
        source: token ids with their end, filled up with padding at the right.
        beams: hypotheses that go on, and that are returned (4 in the paper).
        alpha: of the length penalty (0.6 in the paper): 0 = scores are log-probabilities, which favour short targets.
        max_tokens: to write at most, the end included; None = 50 more than the source has. Never more than n_ctx.
        watch: told after each step, for each source, which hypotheses go on, the likeliest first.
    """
    if beams < 1:
        raise ValueError(f"beams (={beams}) must be at least 1")
    if alpha < 0:
        raise ValueError(f"alpha (={alpha}) must be 0 or more: below, longer targets could only lose")
    room = rooms(model, source, max_tokens)
    done: list[list[Hypothesis]] = [[] for _ in range(len(source))]
    with evaluating(model):
        memory, mask = model.encode(source)
        search = Beams(room, beams, model.cache(memory, mask, max(room)))
        last = source.new_full((len(source), 1), model.config.start_id)
        while search.sources:
            log_probs = model.step(last, search.cache).float().log_softmax(-1)
            last = search.advance(log_probs, done, model.config.end_id, alpha)
            if watch is not None:
                watch(search.going(len(source), alpha))
    return [sorted(found, key=lambda one: -one.score)[:beams] for found in done]


Text = tuple[list[int], list[float]]
"""What was written so far, and the log-probability of each token."""


class Beams:
    """The hypotheses that go on, of all sources that are not done: `width` of each, next to each other in the cache."""

    def __init__(self, room: list[int], beams: int, cache: Cache) -> None:
        self.room, self.beams, self.cache = room, beams, cache
        self.width = 1  # until there are more
        self.length = 0
        self.sources = list(range(len(room)))
        self.totals = torch.zeros(len(room), 1)
        self.texts: list[list[Text]] = [[([], [])] for _ in room]

    def advance(self, log_probs: Tensor, done: list[list[Hypothesis]], end: int, alpha: float) -> Tensor:
        """One more token each; what ends goes to `done`. Returns the last token (B, 1) of each row that goes on."""
        self.length += 1
        tokens = log_probs.size(-1)
        scores = self.totals.to(log_probs.device)[..., None] + log_probs.view(len(self.sources), self.width, tokens)
        best = scores.flatten(1).topk(min(2 * self.beams, self.width * tokens))
        each = log_probs.view(len(self.sources), -1).gather(1, best.indices)
        found = zip(best.values.tolist(), best.indices.tolist(), each.tolist(), strict=True)
        kept: list[tuple[int, list[tuple[float, int, Text]]]] = []  # places, with what goes on there
        for place, candidates in enumerate(found):
            ended = done[self.sources[place]]
            going: list[tuple[float, int, Text]] = []
            for rank, (total, index, log_prob) in enumerate(zip(*candidates, strict=True)):
                parent, token = divmod(index, tokens)
                ids, so_far = self.texts[place][parent]
                text = [*ids, token], [*so_far, log_prob]
                if token == end and rank < self.beams:
                    ended.append(finished(*text, end, alpha))
                elif token != end and len(going) < self.beams:
                    going.append((total, parent, text))
            if self.length == self.room[self.sources[place]]:
                ended += [finished(*text, end, alpha) for *_, text in going]
            elif going and not self.is_over(place, ended, going[0][0], alpha):
                kept.append((place, going))
        return self.go_on(kept)

    def is_over(self, place: int, done: list[Hypothesis], best: float, alpha: float) -> bool:
        """Whether a source has its hypotheses: what goes on becomes no likelier, and is at most so long."""
        if len(done) < self.beams:
            return False
        worst = sorted((one.score for one in done), reverse=True)[self.beams - 1]
        return best / length_penalty(self.room[self.sources[place]], alpha) <= worst

    def go_on(self, kept: list[tuple[int, list[tuple[float, int, Text]]]]) -> Tensor:
        """Have these alone; their last tokens (B, 1)."""
        device = self.cache.mask.device
        rows = [place * self.width + parent for place, going in kept for _, parent, _ in going]
        width, sources = len(kept[0][1]) if kept else 0, [self.sources[place] for place, _ in kept]
        read_alike = (width, sources) == (self.width, self.sources)
        self.width, self.sources = width, sources
        self.texts = [[text for *_, text in going] for _, going in kept]
        self.totals = torch.tensor([[total for total, *_ in going] for _, going in kept], dtype=torch.float32)
        self.cache.keep(torch.tensor(rows, dtype=torch.long, device=device), read_alike=read_alike)
        last = [ids[-1] for texts in self.texts for ids, _ in texts]
        return torch.tensor(last, dtype=torch.long, device=device).view(-1, 1)

    def going(self, sources: int, alpha: float) -> list[list[Hypothesis]]:
        """What goes on, of every source that there was."""
        found: list[list[Hypothesis]] = [[] for _ in range(sources)]
        for row, texts in zip(self.sources, self.texts, strict=True):
            found[row] = [finished(ids, log_probs, -1, alpha) for ids, log_probs in texts]
        return found
