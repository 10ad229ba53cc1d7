"""What a training on text is about to do: its text, its network, the machine, and how long it will take."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from glassworks.cli.training.words import computed, repeated
from glassworks.core.progress import counted, seconds
from glassworks.core.runs import Run
from glassworks.data.text.reading import described, share
from glassworks.data.tokenizers.specs import fewer
from glassworks.models.gpt.model import GPT
from glassworks.pretraining.recipe import Recipe, recipe_of
from glassworks.pretraining.run import LOOK, looks
from glassworks.train.distributed import Ranks
from glassworks.train.plan import Plan, plan_of

SPLITS = ("train", "held_out")
SPLITS_KNOWN = {f"{split}_{what}" for split in SPLITS for what in ("documents", "tokens")}
FAR = 2.0
"""Times that the share held out may be what was asked for, or the reverse, before it is said why."""


def facts(run: Run, place: Ranks, begin: int) -> Iterator[tuple[str, str]]:
    """Names and texts, from what run.json says; `begin` steps are done."""
    recipe, plan, corpus = recipe_of(run), plan_of(run), run.record.get("corpus", {})
    yield "text", source(recipe.data)
    yield from read(corpus)
    if corpus.keys() >= SPLITS_KNOWN:
        yield from splits(recipe, corpus)
    yield "tokenizer", vocabulary(recipe)
    with torch.device("meta"):
        weights = GPT(recipe.model).num_params()
    shape = recipe.model
    yield "network", f"{shape.architecture}, {weights:,} parameters"
    yield (
        "",
        f"{counted(shape.n_layer, 'layer')} of width {shape.n_embd}, "
        f"{counted(shape.n_head, 'head')}, a context of {counted(shape.n_ctx, 'token')}",
    )
    yield "computed", computed(recipe, plan, place)
    steps = run.steps or plan.steps
    tokens = steps * recipe.tokens_per_step
    yield "plan", f"{counted(steps, 'step')} of {recipe.batch_size} × {shape.n_ctx} tokens: {tokens:,} in all"
    if corpus.get("train_tokens"):
        yield "", repeated(tokens / corpus["train_tokens"], "the text")
    yield "time left" if begin else "time", duration(recipe, plan, steps, corpus.get("held_out_tokens", LOOK), begin)
    yield "", "samples, checkpoints and measuring it at the end come on top"
    if corpus.keys() >= SPLITS_KNOWN:
        yield from crowded(recipe, corpus)


def source(data: Any) -> str:
    """What was given to train on."""
    return data if isinstance(data, str) else ", ".join(map(str, data))


def read(corpus: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The columns taken of tables, and the files that were left out or passed over."""
    for i, line in enumerate(described(corpus)):
        yield "note" if i == 0 else "", line


def splits(recipe: Recipe, corpus: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is in both splits, ends of text apart; and where the share held out is far from the one asked for, why."""
    tokens, documents = ([corpus[f"{split}_{what}"] for split in SPLITS] for what in ("tokens", "documents"))
    tokens = [size - n for n, size in zip(documents, tokens, strict=True)]
    amounts = [f"{counted(n, 'document')}, {counted(size, 'token')}" for n, size in zip(documents, tokens, strict=True)]
    actual, requested = tokens[1] / max(sum(tokens), 1), recipe.held_out
    yield "train on", amounts[0]
    yield "held out", f"{amounts[1]}: {share(actual)} of the text"
    if isinstance(requested, float) and recipe.split == "document" and not 1 / FAR < actual / requested < FAR:
        whole = f"{documents[1]:,} of {sum(documents):,} here, however long"
        yield "", f"{share(requested)} was asked for; whole documents are held out, {whole}:"
        yield "", "more or shorter ones come nearer, or a text of its own by --held-out FILE"


def vocabulary(recipe: Recipe) -> str:
    """The tokenizer, and how large its vocabulary came out."""
    actual = recipe.model.vocab_size
    return f"{recipe.tokenizer}, {counted(actual, 'token')}{fewer(recipe.tokenizer, actual)}"


def duration(recipe: Recipe, plan: Plan, steps: int, held_out: int, begin: int) -> str:
    """The time that the steps from `begin` on take, and that of evaluations beside it."""
    n = recipe.eval_every
    times = looks(recipe, plan.steps, held_out)
    due = times - times * begin // steps if n is None else -(-steps // n) - begin // n
    evaluations = min(steps - begin, due)
    count = counted(evaluations, "evaluation")
    if plan.step_seconds is None or plan.token_seconds is None:
        return f"told as it goes, with {count};"
    training = plan.steps * plan.step_seconds * (steps - begin) / steps
    each = min(held_out, LOOK) * plan.token_seconds
    return (
        f"about {seconds(training)} at {1000 * plan.step_seconds:,.1f} ms a step, and "
        f"{seconds(evaluations * each)} for {count};"
    )


def crowded(recipe: Recipe, corpus: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Why a context is too long for the text: a step reads it more than once, or none of what is held out fills it."""
    n_ctx, (train, held_out) = recipe.model.n_ctx, (corpus[f"{split}_tokens"] for split in SPLITS)
    if recipe.tokens_per_step > train:
        yield "note", f"every step reads the whole text {recipe.tokens_per_step / train:.2g} times: choose a smaller"
        yield "", f"--batch-size (={recipe.batch_size}) or a shorter --model.n-ctx (={n_ctx})"
    if n_ctx > held_out:
        yield "note", f"what is held out is shorter than the context, so places beyond {held_out:,} are never measured:"
        yield "", f"choose a shorter --model.n-ctx (={n_ctx}), or hold out more"
