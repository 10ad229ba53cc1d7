"""What a recipe of text names, looked for before anything is read or loaded: its texts, its tokenizer, its model."""

import dataclasses
from collections import deque
from pathlib import Path

from glassworks.core.places import model_path
from glassworks.core.runs import Run
from glassworks.data.text.corpora import fingerprint
from glassworks.data.text.reading import Reading
from glassworks.data.text.splits import check_split
from glassworks.data.tokenizers.specs import tokenizer_files
from glassworks.models.gpt.config import GPTConfig
from glassworks.pretraining.recipe import Recipe


def check_sources(recipe: Recipe) -> None:
    """Refuse a recipe whose texts, tokenizer or model to start from are not there, before anything is read or loaded.

    Raises: ValueError and RunError, as training would.
    """
    check_split(recipe.held_out, recipe.split)
    for source in (recipe.data, recipe.held_out):
        if not isinstance(source, float):
            deque(fingerprint(source, Reading(recipe.column, recipe.skip_unreadable)), maxlen=0)
    if recipe.start_from is not None:
        base_of(recipe)
    else:
        tokenizer_files(recipe.tokenizer)


def base_of(recipe: Recipe) -> Path:
    """The model that a recipe starts from; ValueError if it has settings of its own for what is that model's."""
    path = model_path(recipe.start_from or "") or Run.open(recipe.start_from or "", "train --start-from").path / "model"
    own = {"tokenizer": (recipe.tokenizer, Recipe.tokenizer)}
    for name, default in dataclasses.asdict(GPTConfig()).items():
        own[f"model.{name}"] = (getattr(recipe.model, name), default)
    for name, (value, default) in own.items():
        if value != default and name != "model.n_ctx":
            raise ValueError(f"{name} (={value}) is that of {path}, which training starts from: leave it out")
    return path
