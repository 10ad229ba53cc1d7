"""Any model on any text: bits per byte and perplexity, without baselines, which would need a text to learn from."""

import math
import sys
import tempfile
from pathlib import Path

from glassworks.core.called import command
from glassworks.core.files import named
from glassworks.core.progress import tracked
from glassworks.core.runs import Run
from glassworks.data.arrays import file_table
from glassworks.data.store import SplitWriter, Tokens
from glassworks.data.text.corpora import Source, documents
from glassworks.data.text.overlap import share_within
from glassworks.data.text.reading import NOTABLE_OVERLAP, Reading, share
from glassworks.data.text.splits import pieces
from glassworks.data.tokenizers.build import Tokenizer
from glassworks.data.tokenizers.lossy import lost_bytes
from glassworks.evaluate.held_out import windows_at_once
from glassworks.evaluate.loss import split_loss
from glassworks.models.gpt.model import GPT
from glassworks.pretraining.seen import corpora_seen, corpus_at_hand

LONGEST = 2048
"""Tokens of a window, unless more are asked for: with a vocabulary of 50,000 their logits take 400 MB."""


def evaluate_text(
    model: GPT,
    tokenizer: Tokenizer,
    source: Source,
    *,
    n_ctx: int | None = None,
    reading: Reading | None = None,
    run: Run | None = None,
) -> str:
    """Score a model on every document of a source, and say so in a line; in two if it was trained on that text.

    Args:
        model: the model.
        tokenizer: its tokenizer. Its end of text stands before each document and is not scored.
        source: text, as `data.corpora` reads it.
        n_ctx: tokens of a window; None = the model's context, at most 2,048.
        reading: which column of tables, and whether to leave out what cannot be read.
        run: the run that the model is of, whose training text is compared with this one; None = of none.

    Raises: ValueError for a source without text, and for a window that the model has no context for.
    """
    width = min(LONGEST, model.config.n_ctx) if n_ctx is None else n_ctx
    if not 1 <= width <= model.config.n_ctx:
        raise ValueError(f"n_ctx (={width}) must be from 1 to the model's context (n_ctx={model.config.n_ctx})")
    with tempfile.TemporaryDirectory() as folder:
        tokens = tokenized(source, tokenizer, Path(folder), reading or Reading())
        with tracked("measure", tokens.num_tokens) as report:
            loss = split_loss(
                model,
                tokens,
                batch_size=windows_at_once(width, model.config.vocab_size),
                n_ctx=width,
                device=model.embed.weight.device,
                progress=report,
            )
        learnt = trained_on(run, tokens)
    return f"{loss}, perplexity {perplexity(loss.nats_per_token):.2f} in windows of {width:,}{learnt}"


def trained_on(run: Run | None, tokens: Tokens) -> str:
    """A line if a run, or those before it, were trained on much of a text, as far as their text is still there."""
    if run is None:
        return ""
    own, before = corpus_at_hand(run), corpora_seen(run.record.get("recipe", {}).get("start_from"))
    corpora = ([own] if own is not None else []) + list(before.values())
    if not corpora or (overlap := share_within(tokens, *(corpus.train for corpus in corpora))) < NOTABLE_OVERLAP:
        return ""
    names = " or ".join([run.name, *before])
    return (
        f"\n{share(overlap)} of this text is in what {names} was trained on, word for word: a low loss on it proves "
        f"nothing; on text held out, measure by {command('eval', run.path)}"
    )


def perplexity(nats: float) -> float:
    """exp(nats); infinite where no number is so large."""
    return math.exp(nats) if nats < math.log(sys.float_info.max) else math.inf


def tokenized(source: Source, tokenizer: Tokenizer, folder: Path, reading: Reading) -> Tokens:
    """All documents of a source as one split in a folder."""
    lost = 0
    with named(folder), SplitWriter(folder, "text", tokenizer.eot, tokenizer.dtype) as writer:
        for document in documents(source, reading):
            for piece in pieces("text", document.name, document.text):
                (ids,) = tokenizer.encode_documents([piece.text])
                if piece.name is not None:
                    writer.begin(piece.name)
                writer.extend(ids, len(piece.text.encode()))
                lost += lost_bytes(piece.text, tokenizer.decode(ids))
        counts = {**writer.finish(), "lost_bytes": lost}
    if not counts["num_documents"]:
        raise ValueError(f"data (={source!r}) has no text to measure on: give some")
    return Tokens(folder, "text", tokenizer.vocab_size, counts, file_table(folder), tokenizer.dtype)
