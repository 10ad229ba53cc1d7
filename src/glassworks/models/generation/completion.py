"""Generation: texts from a GPT, with what the model says of each token for those who ask."""

from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any

from torch import Tensor

from glassworks.core.types import Completion, Generate, Reason
from glassworks.models.generation.choice import sampling_of
from glassworks.models.generation.sampling import Watch, as_ids, check_model, stream
from glassworks.models.generation.text import Text, Tokenizer, check_texts, known_ids
from glassworks.models.gpt.model import GPT

Scores = tuple[float, dict[int, float] | None]
"""The log-probability of the token that a row has taken last, and those of the likeliest ones in its place."""

# ----------------------------------------------------------------------------------------------------------------------
# Texts


def generate(model: GPT, tokenizer: Tokenizer, prompts: Sequence[str], **options: Any) -> list[str]:
    """Continue each prompt; return the continuations without the prompts. `options` are the fields of `Sampling`.

    >>> generate(model, tokenizer, ["Once upon a time"], max_tokens=20, temperature=0)
    [' there was a king']
    """
    steps = stream_texts(model, tokenizer, prompts, **options)
    texts = [""] * len(prompts)
    for pieces in steps:
        texts = [text + piece for text, piece in zip(texts, pieces, strict=True)]
    return texts


def generator(model: GPT, tokenizer: Tokenizer, **options: Any) -> Generate:
    """`generate` as a function of the prompts alone."""
    sampling_of(options)  # refuse wrong options now, not at the first call
    return lambda prompts: generate(model, tokenizer, prompts, **options)


def stream_texts(model: GPT, tokenizer: Tokenizer, prompts: Sequence[str], **options: Any) -> Iterator[list[str]]:
    """Yield what each row has gained since the last time ("" for nothing); joined, the rows are those of `generate`.

    A row ends at one of the tokenizer's end-of-text tokens or at a stop string, neither of which is part of it.
    """
    check_texts(prompts)
    sampling_of(options)
    _, steps = written(model, tokenizer, prompts, **options)
    return (pieces for _, pieces in steps)


def stream_text(model: GPT, tokenizer: Tokenizer, prompt: str, **options: Any) -> Iterator[str]:
    """Yield the continuation of one prompt piece by piece."""
    return (pieces[0] for pieces in stream_texts(model, tokenizer, [prompt], **options) if pieces[0])


# ----------------------------------------------------------------------------------------------------------------------
# With tokens, log-probabilities, and why they end


def complete(
    model: GPT,
    tokenizer: Tokenizer,
    prompts: Sequence[str | Sequence[int]],
    *,
    logprobs: bool = False,
    top_logprobs: int = 0,
    **options: Any,
) -> list[Completion]:
    """Continue each prompt, as `generate` does, and say by which tokens, how likely they were, and why the text ends.

    Args:
        model: a GPT.
        tokenizer: the one that it was trained with.
        prompts: texts, or token ids where they are known.
        logprobs: also give the log-probability of each token, in nats: the model's own, of its logits over its whole
            vocabulary at temperature 1, as a forward pass gives it. Temperature, filters, penalty and ids that the
            tokenizer lacks change which token is taken and not what is said of it: where `top_k` is 1 or temperature 0
            it is not 0. Of a row that has outgrown the context, it is that behind the part which the row still sees.
        top_logprobs: also give, for each token, so many of the likeliest in its place, by id; implies `logprobs`.
        options: the fields of `Sampling`.

    A `Completion`'s tokens are all that the model has chosen. With finish_reason "length" they decode to the text; with
    "stop" the last one is the end of the text, which decodes to nothing, or completes the stop string at which the
    text is cut.

    >>> complete(model, tokenizer, ["Once upon a time"], max_tokens=2, temperature=0, logprobs=True)
    [Completion(text=' there was', tokens=(612, 373), logprobs=(-0.02, -0.1), ..., finish_reason='length')]
    """
    steps = stream_completions(model, tokenizer, prompts, logprobs=logprobs, top_logprobs=top_logprobs, **options)
    rows: list[list[Completion]] = [[] for _ in prompts]
    for step in steps:
        for row, new in zip(rows, step, strict=True):
            if new is not None:
                row.append(new)
    return [joined(row) for row in rows]


def stream_completions(
    model: GPT,
    tokenizer: Tokenizer,
    prompts: Sequence[str | Sequence[int]],
    *,
    logprobs: bool = False,
    top_logprobs: int = 0,
    **options: Any,
) -> Iterator[list[Completion | None]]:
    """Yield a token of every row, and the text that has become certain with it; None for a row that has ended.

    A row's last piece, and only that, has a `finish_reason`; joined, the pieces are what `complete` gives.
    """
    if not isinstance(top_logprobs, int) or isinstance(top_logprobs, bool) or top_logprobs < 0:
        raise ValueError(f"top_logprobs (={top_logprobs!r}) must be a whole number of at least 0; 0 gives none")
    asked, scores, most = bool(logprobs or top_logprobs), dict[int, Scores](), sampling_of(options).max_tokens
    watch = scoring(scores, top_logprobs) if asked else None
    texts, steps = written(model, tokenizer, prompts, watch, **options)
    if most:
        return _stream_completions(texts, steps, most, scores)
    return iter([[Completion("", (), () if asked else None, () if top_logprobs else None, "length")] * len(texts)])


def _stream_completions(
    texts: list[Text], steps: Iterator[tuple[list[int | None], list[str]]], most: int, scores: dict[int, Scores]
) -> Iterator[list[Completion | None]]:
    for number, (tokens, pieces) in enumerate(steps, 1):
        out: list[Completion | None] = [None] * len(texts)
        for row, (token, piece) in enumerate(zip(tokens, pieces, strict=True)):
            if token is not None:
                reason: Reason | None = "stop" if texts[row].is_over else "length" if number == most else None
                own, best = scores.get(row, (None, None))
                out[row] = Completion(
                    piece, (token,), None if own is None else (own,), None if best is None else (best,), reason
                )
        yield out


# ----------------------------------------------------------------------------------------------------------------------
# What both are made of


def written(
    model: GPT, tokenizer: Tokenizer, prompts: Sequence[str | Sequence[int]], watch: Watch | None = None, **options: Any
) -> tuple[list[Text], Iterator[tuple[list[int | None], list[str]]]]:
    """The texts of rows, and what happens to them step by step: the token that each takes, and the text it has gained.

    A text ends as soon as its row does, so what was held back until then does not wait for the others.
    """
    check_model(model)
    how, ids = sampling_of(options), encoded(tokenizer, prompts)
    texts = [Text(tokenizer, tuple(how.stop or ()), row) for row in ids]
    tokens = stream(
        model,
        ids,
        eot=tokenizer.eot,
        ended=lambda row, token: texts[row].push(token),
        known=known_ids(tokenizer),
        watch=watch,
        **options,
    )
    return texts, _written(texts, tokens, how.max_tokens)


def _written(
    texts: list[Text], tokens: Iterator[list[int | None]], most: int
) -> Iterator[tuple[list[int | None], list[str]]]:
    for number, step in enumerate(tokens, 1):
        yield (
            step,
            [
                "" if token is None else text.finish() if text.is_over or number == most else text.take()
                for text, token in zip(texts, step, strict=True)
            ],
        )


def encoded(tokenizer: Tokenizer, prompts: Sequence[str | Sequence[int]]) -> list[list[int]]:
    """The tokens of prompts, each of which is a text or has been encoded before."""
    if isinstance(prompts, str | bytes) or not (isinstance(prompts, Iterable) and isinstance(prompts, Sized)):
        check_texts(prompts)
    return as_ids([tokenizer.encode(prompt) if isinstance(prompt, str) else prompt for prompt in prompts])


def scoring(latest: dict[int, Scores], top: int) -> Watch:
    """What writes each row's newest log-probabilities into a dictionary."""

    def watch(rows: list[int], logits: Tensor, tokens: Tensor) -> None:
        scores = logits.float().log_softmax(-1)
        own = scores.gather(-1, tokens[:, None])[:, 0].tolist()
        best: list[dict[int, float] | None] = [None] * len(rows)
        if top:
            values, ids = scores.topk(min(top, scores.size(-1)))
            best = [dict(zip(*pair, strict=True)) for pair in zip(ids.tolist(), values.tolist(), strict=True)]
        latest.update(zip(rows, zip(own, best, strict=True), strict=True))

    return watch


def joined(pieces: Sequence[Completion]) -> Completion:
    """The whole of its pieces."""
    first = pieces[0]
    return Completion(
        "".join(each.text for each in pieces),
        tuple(token for each in pieces for token in each.tokens),
        None if first.logprobs is None else tuple(score for each in pieces for score in each.logprobs or ()),
        None if first.top_logprobs is None else tuple(best for each in pieces for best in each.top_logprobs or ()),
        pieces[-1].finish_reason,
    )
