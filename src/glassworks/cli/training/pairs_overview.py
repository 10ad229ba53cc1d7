"""What a training on pairs of texts is about to do: its pairs, its network, the machine, and how long."""

from collections.abc import Iterator

import torch

from glassworks.cli.training.labelled_overview import splits_of
from glassworks.cli.training.words import computed, repeated
from glassworks.core.progress import counted, seconds
from glassworks.core.runs import Run
from glassworks.data.tokenizers.specs import fewer
from glassworks.models.seq2seq.model import Seq2Seq
from glassworks.train.distributed import Ranks
from glassworks.train.plan import plan_of
from glassworks.translation.recipe import pair_recipe_of


def facts(run: Run, place: Ranks, begin: int) -> Iterator[tuple[str, str]]:
    """Names and texts, from what run.json says; `begin` steps are done."""
    recipe, plan, pairs = pair_recipe_of(run), plan_of(run), run.record.get("pairs", {})
    shape = recipe.model
    yield "pairs", pairs.get("what", str(recipe.data))
    for i, note in enumerate(pairs.get("notes", ())):
        yield "" if i else "note", note
    yield from splits_of(pairs, "pair")
    yield (
        "tokenizer",
        f"{recipe.tokenizer}, {counted(shape.vocab_size, 'token')}{few(recipe.tokenizer, shape.vocab_size)}",
    )
    with torch.device("meta"):
        weights = sum(p.numel() for p in Seq2Seq(shape).parameters())
    yield "network", f"encoder-decoder, {weights:,} parameters"
    yield (
        "",
        f"{shape.n_layer} and {counted(shape.decoder_layers, 'layer')} of width {shape.n_embd}, "
        f"{counted(shape.n_head, 'head')}, texts of up to {counted(shape.n_ctx - 1, 'token')}",
    )
    yield "loss", f"label smoothing of {recipe.label_smoothing:g}, dropout of {shape.dropout:g}"
    yield "computed", computed(recipe, plan, place)
    steps = run.steps or plan.steps
    number = steps * recipe.batch_size
    yield "plan", f"{counted(steps, 'step')} of {counted(recipe.batch_size, 'pair')}: {number:,} in all"
    if pairs.get("train"):
        yield "", repeated(number / pairs["train"], "the training split")
    left = steps - begin
    known = plan.step_seconds is not None
    yield (
        "time left" if begin else "time",
        (
            f"about {seconds(left * (plan.step_seconds or 0))}; evaluations and measuring it at the end come on top"
            if known
            else "told as it goes; evaluations and measuring it at the end come on top"
        ),
    )


def few(spec: str, vocab_size: int) -> str:
    """Why a BPE has fewer tokens than were asked for, its start and padding apart."""
    return fewer(spec, vocab_size - 2)
