"""What a tuned model forgot: its loss on text that the model before it was measured on, before and after.

The text is what the runs held out that it goes back to, one row a run; or what the recipe names; or, for a model that
is of no run, the sources of Python's standard library. PEFT's comparison of methods measures the same: the mean loss a
token on general text, after less before.
"""

import math
import os
from collections.abc import Iterator

import torch

from glassworks.core.errors import GlassworksError
from glassworks.core.progress import tell, tracked
from glassworks.data.store import Tokens
from glassworks.data.text.shards import prepare
from glassworks.evaluate.loss import document_sizes, split_loss
from glassworks.evaluate.tuning.paired import Change, change
from glassworks.models.gpt.model import GPT
from glassworks.pretraining.run import corpus_of_run
from glassworks.pretraining.seen import runs_before
from glassworks.tune.material import Material

MOST_TOKENS = 32_768
"""Of each text, at most."""
MOST_WORK = 1e12
"""Weights times tokens that a text is read for at most: a large model reads less."""
LONGEST = 1024
"""Tokens of a window at most."""


def texts_before(material: Material) -> Iterator[tuple[str, Tokens]]:
    """Names of the texts by which forgetting is measured, and their tokens."""
    assert material.run is not None
    recipe, base = material.recipe, material.base
    runs = [run for run in runs_before(recipe.start_from) if run.kind_name == "text"]
    found = False
    for run in runs if recipe.general is None else []:
        try:
            yield f"the text held out by {run.name}", corpus_of_run(run).val
            found = True
        except (ValueError, OSError, GlassworksError) as error:
            tell(f"what {run.name} held out is not measured: {error}")
    if not found:
        source = recipe.general or "stdlib"
        name = source if isinstance(source, str) else ", ".join(source)
        where = os.fspath(base.path) if base.run is None else os.fspath(base.run.path / "model")
        yield name, prepare(source, where, material.run.path.parent / ".tokens", held_out=0.1).val


def forgetting(material: Material, before: GPT, after: GPT) -> dict[str, Change]:
    """By the name of a text, nats a token before and after."""
    return {name: on_text(name, tokens, before, after) for name, tokens in texts_before(material)}


def on_text(name: str, tokens: Tokens, before: GPT, after: GPT) -> Change:
    """Nats a token on the first tokens of a text, document by document."""
    weights = sum(p.numel() for p in after.parameters())
    most = min(MOST_TOKENS, max(2048, int(MOST_WORK / weights)), tokens.num_tokens)
    sizes, _ = document_sizes(tokens, most)
    nats = []
    for when, model in (("before", before), ("after", after)):
        config = model.config
        width = min(config.n_ctx, LONGEST)
        with tracked(f"{name}, {when}", most) as report:
            loss = split_loss(
                model,
                tokens,
                n_ctx=width,
                batch_size=max(1, min(8192, (1 << 26) // config.vocab_size) // width),
                max_tokens=most,
                device=next(model.parameters()).device,
                progress=report,
            )
        assert loss.documents is not None
        nats.append(loss.documents.nats)
    return change(nats[0], nats[1], sizes)


def moved(before: GPT, after: GPT) -> dict[str, float]:
    """Whether the weights moved: the share of tensors that did, and how far in all, against their length."""
    old, new = before.state_dict(), after.state_dict()
    names = [name for name in old if name != "head.weight" or before.config.is_tied == after.config.is_tied]
    length = distance = 0.0
    changed = 0
    for name in names:  # one after the other: both models are in memory already
        a, b = old[name].double(), new[name].double()
        length, distance = length + float(a.square().sum()), distance + float((b - a).square().sum())
        changed += not torch.equal(a, b)
    return {"tensors": changed / len(names), "relative": math.sqrt(distance / max(length, 1e-300))}
