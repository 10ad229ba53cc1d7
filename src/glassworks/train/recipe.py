"""A recipe: everything that decides what a pre-training run computes, as one frozen dataclass of plain values."""

import dataclasses
import math
import shlex
from collections import deque
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from glassworks.core.config import check_types, from_dict, read_toml
from glassworks.core.errors import FileDamaged
from glassworks.core.places import model_path
from glassworks.core.runs import Run
from glassworks.core.text import RENAME, check_text
from glassworks.core.types import Precision
from glassworks.data.text.corpora import fingerprint
from glassworks.data.text.reading import Reading
from glassworks.data.text.splits import check_split
from glassworks.data.tokenizers.specs import tokenizer_files
from glassworks.models.gpt.config import GPTConfig
from glassworks.optim.config import OptimizerConfig, ScheduleConfig


@dataclass(frozen=True)
class Recipe:
    """What to train on, what to train, and how. `recipes/*.toml` are files of these; flags go over them."""

    data: str | tuple[str, ...] = "stdlib"
    """The corpus: stdlib (the sources of Python's standard library), a file, a folder, a glob, or hf:<dataset id>; or
    several of these, one after the other."""
    column: str | None = None
    """The column of .jsonl, .parquet, .csv and .tsv that holds the text. None = "text", or the only one that holds
    strings; a .csv or .tsv is plain text then."""
    skip_unreadable: bool = False
    """Leave out the files of a folder or a glob that cannot be read, and list them; otherwise one refuses them all."""
    held_out: float | str | tuple[str, ...] = 0.05
    """The held-out split: a share of the documents, or a corpus of its own."""
    split: Literal["document", "tail"] = "document"
    """document = whole documents are held out; tail = the last share of the text, only to compare with nanoGPT."""
    tokenizer: str = "bpe:2048"
    """bytes, chars, bpe:<vocabulary size>, gpt2:<folder of its vocabulary files>, or the path of a tokenizer.json."""
    start_from: str | None = None
    """A model to go on from: a run, a model folder or a GGUF file. Tokenizer and shape are its own, with a context of
    no more than model.n_ctx; an optimizer that is left out is AdamW at 0.0001. None = weights drawn at random."""
    model: GPTConfig = field(default_factory=GPTConfig)
    """The network's shape. Its vocab_size is the tokenizer's: leave it out."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    batch_size: int = 16
    """Windows of n_ctx tokens in a step, over all ranks and parts together."""
    steps: int = 1000
    """Steps to take; where minutes are given, as many as there is time for."""
    minutes: float | None = None
    """Minutes to train for: steps are planned for them, and counted anew on the way if the machine becomes busier or
    freer; evaluation is not counted."""
    accumulate: int = 1
    """Parts a batch is computed in, to save memory; the gradient is the same."""
    clip: float | None = None
    """Largest norm of the gradient. None = off."""
    ema: float | None = None
    """Decay of a moving average of the weights, which then is what gets evaluated and saved. None = off."""
    recompute: bool = False
    """Compute activations again in the backward pass instead of keeping them: less memory, slower."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    precision: Precision = "auto"
    """Of matrix products: auto = bfloat16 where the hardware multiplies in it and it pays."""
    compile: Literal["auto", "on", "off"] = "auto"
    """torch.compile. auto = on CUDA, and on a CPU in runs of ten minutes or more, where there is a compiler."""
    seed: int = 0
    """Of the weights, of the order of the batches, and of samples."""
    eval_every: int | None = None
    """Steps between evaluations on held-out text. None = 20 times in a run, evenly; fewer where they would
    take longer than the steps."""
    checkpoint_every: int | None = None
    """Steps between checkpoints. None = 10 times in a run, evenly."""
    sample_every: int | None = None
    """Steps between samples of the model's writing. None = 4 times in a run, evenly."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, naming the field, its value and the remedy."""
        check_types(self)
        for name in ("data", "column", "held_out", "tokenizer", "start_from", "device"):
            value = getattr(self, name)
            for text in value if isinstance(value, tuple) else (value,):
                remedy = RENAME if name == "data" else "give it in UTF-8, or rename what it names"
                check_text(text if isinstance(text, str) else "", name, remedy)
        for name in ("batch_size", "steps", "accumulate", "eval_every", "checkpoint_every", "sample_every"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} (={value}) must be at least 1")
        for name in ("minutes", "clip"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} (={value}) must be more than 0, and finite")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed (={self.seed}) must be at least 0 and below 2^63")
        if isinstance(self.held_out, float) and not 0 < self.held_out < 1:
            raise ValueError(f"held_out (={self.held_out}) is a share of the documents: give a number between 0 and 1")
        if self.ema is not None and not 0 < self.ema < 1:
            raise ValueError(f"ema (={self.ema}) is a decay: give a number between 0 and 1, such as 0.99")
        if self.batch_size % self.accumulate:
            raise ValueError(f"batch_size (={self.batch_size}) must be a multiple of accumulate (={self.accumulate})")

    @property
    def tokens_per_step(self) -> int:
        """Tokens in a global batch."""
        return self.batch_size * self.model.n_ctx


RECIPES = Path(__file__).parents[1] / "recipes"
"""The recipes that come with the package; `recipes/` of the checkout is the same folder."""


def find_recipe(name: str) -> Path:
    """The file of a recipe: a path, or the name of one that comes with the package.

    Raises: ValueError, with the names there are, if it is neither.
    """
    own = RECIPES / f"{Path(name).stem}.toml"
    if Path(name).is_file():
        return Path(name)
    if own.is_file() and name in (own.stem, own.name, f"recipes/{own.name}"):
        return own
    names = sorted(path.stem for path in RECIPES.glob("*.toml"))
    near = get_close_matches(Path(name).stem, names, n=1)
    if Path(name).is_dir():
        raise ValueError(f"{name} is a folder, no recipe: to train on what is in it, say --data {shlex.quote(name)}")
    hint = f"did you mean {near[0]}?" if near else f"give a .toml file, or the name of one of ours: {', '.join(names)}"
    raise ValueError(f"there is no recipe {name}: {hint}")


def read_recipe(path: Path) -> Recipe:
    """A recipe from a TOML file."""
    try:
        values = read_toml(path)
        if "steps" in values and "minutes" in values:
            raise ValueError("steps and minutes both say how long to train: leave one out")
        return from_dict(Recipe, values)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


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
    path = model_path(recipe.start_from or "") or Run.open(recipe.start_from or "").path / "model"
    own = {"tokenizer": (recipe.tokenizer, Recipe.tokenizer)}
    for name, default in dataclasses.asdict(GPTConfig()).items():
        own[f"model.{name}"] = (getattr(recipe.model, name), default)
    for name, (value, default) in own.items():
        if value != default and name != "model.n_ctx":
            raise ValueError(f"{name} (={value}) is that of {path}, which training starts from: leave it out")
    return path


def recipe_of(run: Run) -> Recipe:
    """The recipe in a run's run.json."""
    try:
        return from_dict(Recipe, run.record.get("recipe", {}))
    except (ValueError, TypeError) as error:
        raise FileDamaged(f"{run.path / 'run.json'}: {error}; restore it") from None


def to_dict(recipe: Recipe) -> dict[str, Any]:
    """A recipe as plain values, for run.json."""
    return dataclasses.asdict(recipe)
