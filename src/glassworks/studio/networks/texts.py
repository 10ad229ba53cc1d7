"""Language models as the studio opens them: a run of text at any of its checkpoints, or a model folder."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from glassworks.core.errors import GlassworksError, RunError
from glassworks.core.places import is_model
from glassworks.core.runs import Run
from glassworks.studio.listing import steps_of
from glassworks.studio.networks.named import Named, all_of, named
from glassworks.studio.studio import Studio

if TYPE_CHECKING:
    from glassworks.models.gpt.model import GPT
    from glassworks.train.opening import OpenedText

LONGEST = 20_000
"""Characters of a prompt: it is part of the page's address."""


def text_models(studio: Studio) -> list[dict[str, Any]]:
    """Every run of text that has a network, and every model folder: its checkpoints, and texts to try; newest first."""
    found = []
    for name, of in all_of(studio, "text"):
        steps = steps_of(of.run) if of.run else []
        finished = is_model(of.path / "model" if of.run else of.path)
        if steps or finished:
            examples = prompts_of(of.run) if of.run else []
            found.append({"name": name, "steps": steps, "finished": finished, "examples": examples})
    return found


def prompts_of(run: Run, most: int = 3) -> list[str]:
    """Beginnings of held-out texts that its samples went on from."""
    try:
        rows = list(run.rows("samples"))[-most:]
    except (GlassworksError, OSError, ValueError):
        return []
    return list(dict.fromkeys(str(row["prompt"]) for row in rows if row.get("prompt")))


def open_at(studio: Studio, name: str, step: int | None = None) -> "OpenedText":
    """A language model with its tokenizer, kept open; `step` = a checkpoint's, None = the finished or newest one.

    Raises: RunError for what is none, or a checkpoint that is gone; ValueError for weights that are not finite.
    """
    if (held := studio.held.get(name)) is not None:
        return cast("OpenedText", held)
    of = named(studio, name)
    opened: OpenedText = studio.keeps(("text", name, step), of.state, lambda: opened_text(of, step))
    return opened


def untrained_at(studio: Studio, name: str, step: int | None = None) -> "GPT":
    """The control of a model that is open: a network of its shape with fresh weights; see `lens.untrained`."""
    from glassworks.interpret.transformer.lens import untrained

    model = open_at(studio, name, step).model
    state = () if name in studio.held else named(studio, name).state
    found: GPT = studio.keeps(("untrained", name, step), state, lambda: untrained(model))
    return found


def opened_text(of: Named, step: int | None) -> "OpenedText":
    """Opened anew; without dropout, and with weights that are numbers."""
    from dataclasses import replace

    from glassworks.interpret.access.finite import check_weights
    from glassworks.models.gpt.model import GPT
    from glassworks.train.opening import open_text

    opened = open_text(of.run or of.path)
    if step is not None:
        if of.run is None:
            raise RunError(f"{of.path.name} is a model folder and has no checkpoints: leave the step out")
        model = GPT(opened.model.config)
        load_step(of.run, step, model)
        opened = replace(opened, model=model)
    check_weights(opened.model)
    opened.model.eval().requires_grad_(False)
    return opened


def stops_of(studio: Studio, name: str, most: int) -> "Iterator[tuple[str, GPT]]":
    """The network before its training, at some of its checkpoints, at most so many, and now; each by its name."""
    from glassworks.models.gpt.model import GPT

    opened = open_at(studio, name)
    of = Named(Path(name), None) if name in studio.held else named(studio, name)
    steps = steps_of(of.run) if of.run else []
    steps = [steps[round(i * (len(steps) - 1) / (most - 1))] for i in range(most)] if len(steps) > most else steps
    seed = (of.run.record.get("seed") or 0) if of.run else 0
    yield "untrained", GPT(opened.model.config, seed=seed).eval()
    for step in steps:
        yield f"step {step:,}", opened_text(of, step).model
    yield "now", opened.model


def load_step(run: Run, step: int, model: Any) -> None:
    """Let a model have a checkpoint's weights: the averaged ones, if there are some, as they are what is judged."""
    from glassworks.train.checkpoint import load_checkpoint

    folder = run.path / "checkpoints" / f"step_{step:06}" if isinstance(step, int) else None
    if folder is None or not (folder / "meta.json").is_file():
        there = ", ".join(map(str, steps_of(run))) or "none"
        raise RunError(f"{run.path.name} has no checkpoint of step {step} (it has: {there}): choose another")
    averaged = (folder / "average.safetensors").is_file()
    load_checkpoint(folder, {"average" if averaged else "model": model}, rng=False)


def ids_of(opened: "OpenedText", text: str, written: Sequence[int] = ()) -> list[int]:
    """A prompt's tokens and those written after it; of nothing, the token that begins a text, as in generation."""
    if not isinstance(text, str) or len(text) > LONGEST:
        raise ValueError(f"the text must be one of at most {LONGEST:,} characters: give a shorter one")
    ids = opened.tokenizer.encode(text)
    for id in written:
        if not isinstance(id, int) or not 0 <= id < opened.model.config.vocab_size:
            raise ValueError(f"{id!r} is no token of this model ({opened.model.config.vocab_size} tokens)")
    return [*ids, *written] or [opened.tokenizer.eot]
