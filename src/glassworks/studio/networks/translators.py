"""Encoder-decoders as the studio opens them: a run of pairs at any of its checkpoints, or a folder of Marian's."""

import math
from typing import TYPE_CHECKING, Any

from glassworks.core.errors import GlassworksError, RunError
from glassworks.core.places import is_model
from glassworks.core.runs import Run
from glassworks.studio.listing import steps_of
from glassworks.studio.networks.named import Named, all_of, named
from glassworks.studio.networks.texts import LONGEST, load_step
from glassworks.studio.studio import Studio

if TYPE_CHECKING:
    from glassworks.data.tokenizers.build import Tokenizer
    from glassworks.interpret.translation.steps import TranslationSteps
    from glassworks.models.seq2seq.config import Seq2SeqConfig
    from glassworks.models.seq2seq.model import Seq2Seq
    from glassworks.train.opening import OpenedPairs
    from glassworks.translation.recipe import PairRecipe

MOST_NUMBERS = 12_000_000
"""Numbers of all heads' patterns that a page is sent at most: 48 MB."""
EXAMPLES = 6
"""Held-out pairs that are offered."""


def pair_models(studio: Studio) -> list[dict[str, Any]]:
    """Every run of pairs that has a network, and every folder of one: checkpoints, and held-out pairs to try."""
    found = []
    for name, of in all_of(studio, "pairs"):
        steps = steps_of(of.run) if of.run else []
        finished = is_model(of.path / "model" if of.run else of.path)
        if steps or finished:
            examples = sampled(of.run) if of.run else []
            found.append({"name": name, "steps": steps, "finished": finished, "examples": examples})
    return found


def sampled(run: Run) -> list[dict[str, str]]:
    """The held-out pairs that its samples follow: each a source and what it should become."""
    try:
        rows = run.rows("samples")
    except (GlassworksError, OSError, ValueError):
        return []
    pairs = {str(row["prompt"]): str(row["is"]) for row in rows if "prompt" in row and "is" in row}
    return [{"source": source, "target": target} for source, target in list(pairs.items())[:EXAMPLES]]


def open_pairs_at(studio: Studio, name: str, step: int | None = None) -> "OpenedPairs":
    """A run's or a folder's encoder-decoder, kept open; `step` = a checkpoint's, None = the finished or newest one.

    Raises: RunError for another kind or a checkpoint that is gone, ValueError for weights that are not finite.
    """
    of = named(studio, name)
    opened: OpenedPairs = studio.keeps(("pairs", name, step), of.state, lambda: opened_pairs(of, step))
    return opened


def opened_pairs(of: Named, step: int | None) -> "OpenedPairs":
    """Opened anew; without dropout, and with weights that are numbers."""
    from dataclasses import replace

    from glassworks.interpret.access.finite import check_weights
    from glassworks.models.seq2seq.model import Seq2Seq
    from glassworks.train.opening import OpenedPairs, open_run, open_seq2seq, unlike

    opened = open_run(of.run) if of.run else open_seq2seq(of.path)
    if not isinstance(opened, OpenedPairs):
        raise unlike(opened, "it has no encoder-decoder, as is needed here")
    if step is not None:
        if of.run is None:
            raise RunError(f"{of.path.name} is a model folder and has no checkpoints: leave the step out")
        model = Seq2Seq(opened.model.config)
        load_step(of.run, step, model)
        opened = replace(opened, model=model)
    check_weights(opened.model)
    opened.model.eval().requires_grad_(False)
    return opened


def ways_of(studio: Studio, name: str) -> "PairRecipe":
    """How it was trained and is searched: as its run's recipe says; of a folder, which does not say it, by default.

    A folder's targets are not smoothed.
    """
    from dataclasses import replace

    from glassworks.translation.recipe import PairRecipe, pair_recipe_of

    of = named(studio, name)
    if of.run is not None:
        return pair_recipe_of(of.run)
    return replace(PairRecipe(), model=open_pairs_at(studio, name).model.config, label_smoothing=0.0)


def untrained_of(studio: Studio, name: str) -> "Seq2Seq":
    """The network that a run began with, its weights as its own seed draws them; of a folder one of its shape."""
    from glassworks.models.seq2seq.model import Seq2Seq

    ways = ways_of(studio, name)

    def drawn() -> Seq2Seq:
        return Seq2Seq(ways.model, seed=ways.seed).eval().requires_grad_(False)

    found: Seq2Seq = studio.keeps(("untrained pairs", name), named(studio, name).state, drawn)
    return found


def wanted_of(studio: Studio, name: str, opened: "OpenedPairs", source: str) -> str | None:
    """What the source of a held-out pair should become; None for any other text, and where the pairs are gone."""
    of = named(studio, name)
    run = of.run
    if run is None:
        return None

    def made() -> dict[str, str]:
        pairs = {one["source"]: one["target"] for one in sampled(run)}
        try:
            data = opened.data
            pairs |= {source: target for part in (data.validation, data.test) for source, target in part.texts}
        except (RunError, OSError):
            pass  # what the samples follow is known without them
        return pairs

    pairs: dict[str, str] = studio.keeps(("held-out pairs", name), of.state, made)
    return pairs.get(source.strip())


def steps_for(
    studio: Studio, name: str, source: str, target: str | None = None, step: int | None = None
) -> "TranslationSteps":
    """Every number of a translation, kept: the decoder reads `target`, or, where that is None, what it writes itself.

    Raises: ValueError for an empty text, and one of more tokens than the network reads or a page holds.
    """
    from glassworks.interpret.translation.steps import translation_steps

    opened, control, ways = open_pairs_at(studio, name, step), untrained_of(studio, name), ways_of(studio, name)
    for what, text in (("source", source), ("target", target or "")):
        refuse_long(opened, what, text)

    def made() -> "TranslationSteps":
        with studio.at_length(opened.model, control) as (model, untrained):
            return translation_steps(
                model,
                opened.tokenizer,
                source,
                own_of(model, opened.tokenizer, source) if target is None else target,
                untrained=untrained,
                beams=ways.beams,
                alpha=ways.length_penalty,
            )

    key = ("translation", name, step, source, target)
    found: TranslationSteps = studio.keeps(key, named(studio, name).state, made)
    return found


def most_tokens(config: "Seq2SeqConfig") -> int:
    """Tokens of a text, its end among them, that the network reads and of which a page holds every head's pattern."""
    heads = config.n_head * (config.n_layer + 2 * config.decoder_layers)
    return min(config.n_ctx, math.isqrt(MOST_NUMBERS // heads))


def refuse_long(opened: "OpenedPairs", what: str, text: object) -> None:
    """ValueError for what is no text, or one that is too long for the network or the page."""
    if not isinstance(text, str) or len(text) > LONGEST:
        raise ValueError(f"the {what} must be a text of at most {LONGEST:,} characters: give a shorter one")
    tokens, most = len(opened.tokenizer.encode(text.strip())) + 1, most_tokens(opened.model.config)
    if tokens > most:
        can = "this network reads" if most == opened.model.config.n_ctx else "a page of this network holds"
        raise ValueError(f"the {what} has {tokens} tokens with its mark, and {can} {most}: give a shorter one")


def own_of(model: "Seq2Seq", tokenizer: "Tokenizer", source: str) -> list[int]:
    """What the network writes greedily, as far as it is drawn."""
    import torch

    from glassworks.models.seq2seq.decode import greedy
    from glassworks.translation.translate import source_ids

    ids = torch.tensor([source_ids(model, tokenizer, source)])
    most = most_tokens(model.config) - 1
    return list(greedy(model, ids)[0].ids[:most])
