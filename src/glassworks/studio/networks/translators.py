"""Encoder-decoders as the studio opens them: a run of pairs at any of its checkpoints, and what it was held out."""

from typing import TYPE_CHECKING, Any

from glassworks.core.errors import GlassworksError, RunError
from glassworks.core.runs import Run
from glassworks.studio.listing import steps_of
from glassworks.studio.networks.texts import LONGEST, load_step
from glassworks.studio.studio import Studio, changed

if TYPE_CHECKING:
    from glassworks.data.tokenizers.build import Tokenizer
    from glassworks.interpret.translation.steps import TranslationSteps
    from glassworks.models.seq2seq.model import Seq2Seq
    from glassworks.train.opening import OpenedPairs

MOST = 64
"""Tokens of a text, its start or its end among them, that a page draws."""
EXAMPLES = 6
"""Held-out pairs that are offered."""


def pair_runs(studio: Studio) -> list[dict[str, Any]]:
    """Every run of pairs that has a network: its checkpoints, and held-out pairs to try; newest first."""
    found = []
    for path in studio.root.glob("*/run.json"):
        try:
            run = studio.whole(path.parent.name)
            steps, finished = steps_of(run), (run.path / "model" / "config.json").is_file()
            if run.kind_name == "pairs" and (steps or finished):
                facts = {"name": run.path.name, "steps": steps, "finished": finished, "examples": sampled(run)}
                found.append((path.parent.stat().st_mtime, facts))
        except (GlassworksError, OSError):
            continue  # damaged, or deleted meanwhile: the list of runs says so
    return [facts for _, facts in sorted(found, key=lambda one: -one[0])]


def sampled(run: Run) -> list[dict[str, str]]:
    """The held-out pairs that its samples follow: each a source and what it should become."""
    try:
        rows = run.rows("samples")
    except (GlassworksError, OSError, ValueError):
        return []
    pairs = {str(row["prompt"]): str(row["is"]) for row in rows if "prompt" in row and "is" in row}
    return [{"source": source, "target": target} for source, target in list(pairs.items())[:EXAMPLES]]


def open_pairs_at(studio: Studio, name: str, step: int | None = None) -> "OpenedPairs":
    """A run's encoder-decoder with its tokenizer, kept open; `step` = a checkpoint's, None = the finished or newest.

    Raises: RunError for a run of another kind or a checkpoint that is gone, ValueError for weights that are not finite.
    """
    run = studio.whole(name)
    opened: OpenedPairs = studio.keeps(("pairs", name, step), changed(run), lambda: opened_pairs(run, step))
    return opened


def opened_pairs(run: Run, step: int | None) -> "OpenedPairs":
    """Opened anew; without dropout, and with weights that are numbers."""
    from dataclasses import replace

    from glassworks.interpret.access.finite import check_weights
    from glassworks.models.seq2seq.model import Seq2Seq
    from glassworks.train.opening import OpenedPairs, open_run, unlike

    opened = open_run(run)
    if not isinstance(opened, OpenedPairs):
        raise unlike(opened, "it has no encoder-decoder, as is needed here")
    if step is not None:
        model = Seq2Seq(opened.model.config)
        load_step(run, step, model)
        opened = replace(opened, model=model)
    check_weights(opened.model)
    opened.model.eval().requires_grad_(False)
    return opened


def untrained_of(studio: Studio, name: str) -> "Seq2Seq":
    """The network that a run began with: its weights as its own seed draws them."""
    from glassworks.models.seq2seq.model import Seq2Seq
    from glassworks.translation.recipe import pair_recipe_of

    run = studio.run(name)
    recipe = pair_recipe_of(run)

    def drawn() -> Seq2Seq:
        return Seq2Seq(recipe.model, seed=recipe.seed).eval().requires_grad_(False)

    found: Seq2Seq = studio.keeps(("untrained pairs", name), changed(run), drawn)
    return found


def wanted_of(studio: Studio, name: str, opened: "OpenedPairs", source: str) -> str | None:
    """What the source of a held-out pair should become; None for any other text, and where the pairs are gone."""
    run = studio.run(name)

    def made() -> dict[str, str]:
        pairs = {one["source"]: one["target"] for one in sampled(run)}
        try:
            data = opened.data
            pairs |= {source: target for part in (data.validation, data.test) for source, target in part.texts}
        except (RunError, OSError):
            pass  # what the samples follow is known without them
        return pairs

    pairs: dict[str, str] = studio.keeps(("held-out pairs", name), changed(run), made)
    return pairs.get(source.strip())


def steps_for(
    studio: Studio, name: str, source: str, target: str | None = None, step: int | None = None
) -> "TranslationSteps":
    """Every number of a translation, kept: the decoder reads `target`, or, where that is None, what it writes itself.

    Raises: ValueError for an empty text, and one of more than 64 tokens.
    """
    from glassworks.interpret.translation.steps import translation_steps
    from glassworks.translation.recipe import pair_recipe_of

    run, opened, control = studio.run(name), open_pairs_at(studio, name, step), untrained_of(studio, name)
    recipe = pair_recipe_of(run)
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
                beams=recipe.beams,
                alpha=recipe.length_penalty,
            )

    found: TranslationSteps = studio.keeps(("translation", name, step, source, target), changed(run), made)
    return found


def refuse_long(opened: "OpenedPairs", what: str, text: object) -> None:
    """ValueError for what is no text, or one that the page could not draw."""
    if not isinstance(text, str) or len(text) > LONGEST:
        raise ValueError(f"the {what} must be a text of at most {LONGEST:,} characters: give a shorter one")
    tokens = len(opened.tokenizer.encode(text.strip())) + 1
    most = min(MOST, opened.model.config.n_ctx)
    if tokens > most:
        raise ValueError(f"the {what} has {tokens} tokens with its mark, and {most} can be drawn: give a shorter one")


def own_of(model: "Seq2Seq", tokenizer: "Tokenizer", source: str) -> list[int]:
    """What the network writes greedily, as far as it is drawn."""
    import torch

    from glassworks.models.seq2seq.decode import greedy
    from glassworks.translation.translate import source_ids

    ids = torch.tensor([source_ids(model, tokenizer, source)])
    most = min(MOST, model.config.n_ctx) - 1
    return list(greedy(model, ids)[0].ids[:most])
