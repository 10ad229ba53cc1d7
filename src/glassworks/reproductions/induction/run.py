"""Induction heads: two layers of attention alone learn to continue what they have seen before; one layer cannot.

Two networks without MLPs, of one and of two layers, are trained alike on text. On the way every head is scored on
random tokens that come twice, and the loss late in the context is compared with that early on. Afterwards heads are
ablated, and the keys, queries and values by which layers compose are told apart.

Sources: Olsson et al. 2022, In-context Learning and Induction Heads (arguments 1, 3); Elhage et al. 2021, A
Mathematical Framework for Transformer Circuits (two-layer models). Limits: their networks are 12 heads of width 64 in
contexts of 8192, trained on 10^10 tokens of mixed text; ours have a few heads in contexts of 128, trained for minutes
on source code. So what is compared is what happens, in which order, and not how many nats.
"""

import dataclasses
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from glassworks.core.errors import RunError
from glassworks.core.files import locked
from glassworks.core.progress import tell
from glassworks.core.runs import Run
from glassworks.data.batches import Windows
from glassworks.data.text.corpora import documents
from glassworks.data.text.reading import Reading, described
from glassworks.data.text.shards import Corpus
from glassworks.interpret.transformer.heads import head_scores, repeated_tokens
from glassworks.interpret.transformer.lens import attention_patterns
from glassworks.models.gpt.model import GPT
from glassworks.pretraining.recipe import Recipe
from glassworks.pretraining.run import corpus_of
from glassworks.reproductions.finding import Finding
from glassworks.reproductions.folder import on_two_cores, open_or_create
from glassworks.reproductions.induction.measures import ablation, composition, formation
from glassworks.reproductions.induction.rows import finding
from glassworks.reproductions.induction.training import QUICK_STEPS, STEPS, Sights, network, train
from glassworks.trace.trace import Trace
from glassworks.train.distributed import Ranks
from glassworks.train.opening import open_text

NETWORKS = {"one layer": 1, "two layers": 2}
MINUTES, MINUTES_A_STEP = 0.5, 1.7e-3
"""On two quiet cores, of both networks together."""
SHOWN = 12
"""Random tokens, twice each, that attention is drawn on."""


def run(
    data: str = "stdlib",
    *,
    quick: bool = False,
    folder: Path = Path("runs/induction"),
    seed: int | None = None,
    steps: int | None = None,
    column: str | None = None,
    skip_unreadable: bool = False,
    command: Sequence[str] = (),
) -> Finding:
    """Train both networks, measure, and save finding.json and the traces in the run directory `folder`.

    The networks are ordinary runs in folders of their own there. The same call goes on where an earlier one was
    stopped, at any instant. Progress is told on stderr.

    Args:
        data: the text: "stdlib", a file, a folder or a glob, as `data.corpora` has it.
        quick: train for fewer steps.
        folder: a new run's folder, or that of an unfinished one with the same text and settings.
        seed: of weights, batches and random tokens. None = 0.
        steps: of each training; None = as many as show the change, or fewer if quick.
        column: of tables, as in a recipe.
        skip_unreadable: leave out files that cannot be read, as in a recipe.
        command: what the user typed, for run.json.

    Raises:
        ValueError: text or settings that cannot be used.
        RunError: the folder holds something else, or another process is at work in it, or a training diverged.
        KeyboardInterrupt: on ctrl-C or SIGTERM; what is done is kept.
    """
    if steps is not None and steps < 1:
        raise ValueError(f"steps (={steps}) must be at least 1")
    steps, seed = steps or (QUICK_STEPS if quick else STEPS), seed or 0
    reading: dict[str, Any] = {"column": column, "skip_unreadable": skip_unreadable}
    recipes = {
        name: dataclasses.replace(network(layers, data, steps=steps, seed=seed), **reading)
        for name, layers in NETWORKS.items()
    }
    settings = {"name": "induction", "data": data, "steps": steps, "seed": seed}
    settings |= {name: value for name, value in reading.items() if value}
    with locked(Run(folder).lock, wait=False) as ours:
        if not ours:
            raise RunError(f"another process is at work in {folder}: wait for it, or choose another --name")
        if not (folder / "run.json").exists():
            check_text(recipes["two layers"], folder)
        opened = open_or_create(folder, settings, command, on_two_cores(MINUTES + MINUTES_A_STEP * steps))
        runs = {name: train(folder / name.replace(" ", "-"), recipe, command) for name, recipe in recipes.items()}
        result = finding(traces(opened, runs, seed), data=data, steps=steps, quick=quick)
        result.save(opened.path / "finding.json")
    return result


def check_text(recipe: Recipe, folder: Path) -> None:
    """Refuse text that cannot be trained on before anything says that a reproduction on it was begun."""
    if len(list(islice(documents(recipe.data, Reading(recipe.column, recipe.skip_unreadable)), 2))) == 1:
        raise ValueError(f"data (={recipe.data!r}) holds one document, and one of several is held out: give more text")
    corpus = corpus_of(recipe, folder, Ranks())
    for line in described(corpus.meta):
        tell(line)
    for tokens in (corpus.train, corpus.val):  # the networks are looked at on what is held out
        Windows(tokens, 1, recipe.model.n_ctx, recipe.seed)


def traces(opened: Run, runs: dict[str, Run], seed: int) -> dict[str, Trace]:
    """Everything that is measured, each in traces/ of the reproduction; those that are there already are read."""
    opened_runs = {name: open_text(run) for name, run in runs.items()}
    models = {name: one.model for name, one in opened_runs.items()}
    untrained = {name: GPT(model.config, seed=seed) for name, model in models.items()}
    two, corpus = models["two layers"], opened_runs["two layers"].data
    sights = Sights.of(corpus, two, seed)
    makers: dict[str, Callable[[], Trace]] = {
        "formation": lambda: formation(runs, untrained, sights),
        "head_scores": lambda: head_scores(two, seed=seed, batch=len(sights.repeats), length=two.config.n_ctx // 2),
        "ablation": lambda: ablation(two, sights, seed=seed),
        "composition": lambda: composition(two, sights),
        "attention": lambda: example(two, corpus, seed),
    }
    return {name: cached(opened.path / "traces" / name, make) for name, make in makers.items()}


def cached(stem: Path, make: Callable[[], Trace]) -> Trace:
    """A trace from its files, which are written if they are not there."""
    if stem.with_suffix(".json").exists():
        return Trace.load(stem)
    trace = make()
    stem.parent.mkdir(exist_ok=True)
    trace.save(stem)
    return trace


def example(model: GPT, corpus: Corpus, seed: int) -> Trace:
    """Attention on a few random tokens that come twice; words where the vocabulary has enough of them."""
    texts = [corpus.tokenizer.decode([i]) for i in range(model.config.vocab_size)]
    words = [i for i, text in enumerate(texts) if len(text.strip()) > 2 and text.strip().isalpha()]
    length = min(SHOWN, model.config.n_ctx // 2)
    places = torch.randperm(len(words), generator=torch.Generator().manual_seed(seed))[:length]
    tokens = repeated_tokens(model, seed=seed, batch=1, length=length)[0]
    if len(words) >= length:
        tokens = torch.tensor(words)[places].repeat(2)
    return attention_patterns(model, tokens, [texts[i] for i in tokens.tolist()])
