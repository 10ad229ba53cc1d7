"""A recipe of text: everything that decides what a pre-training computes, as one frozen dataclass of plain values."""

from dataclasses import dataclass, field
from typing import Literal

from glassworks.core.errors import RunError
from glassworks.core.runs import Run
from glassworks.core.text import RENAME, check_text
from glassworks.models.gpt.config import GPTConfig
from glassworks.train.training import UTF8, Training, recipe_in


@dataclass(frozen=True)
class Text:
    """Which text, in which tokens."""

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


@dataclass(frozen=True)
class Network:
    """Which GPT."""

    model: GPTConfig = field(default_factory=GPTConfig)
    """The network's shape. Its vocab_size is the tokenizer's: leave it out."""
    recompute: bool = False
    """Compute activations again in the backward pass instead of keeping them: less memory, slower."""


@dataclass(frozen=True)
class GPTTraining(Training, Network):
    """How to train a GPT, whatever its tokens are."""

    batch_size: int = 16
    """Windows of n_ctx tokens in a step, over all ranks and parts together."""

    @property
    def tokens_per_step(self) -> int:
        """Tokens in a global batch."""
        return self.batch_size * self.model.n_ctx


@dataclass(frozen=True)
class Recipe(GPTTraining, Text):
    """What text to train on, what to train, and how. `recipes/*.toml` are files of these; flags go over them."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, naming the field, its value and the remedy."""
        super().__post_init__()
        for name in ("data", "column", "held_out", "tokenizer", "start_from"):
            value = getattr(self, name)
            for text in value if isinstance(value, tuple) else (value,):
                check_text(text if isinstance(text, str) else "", name, RENAME if name == "data" else UTF8)
        if isinstance(self.held_out, float) and not 0 < self.held_out < 1:
            raise ValueError(f"held_out (={self.held_out}) is a share of the documents: give a number between 0 and 1")


def recipe_of(run: Run) -> Recipe:
    """The recipe of a run of text; RunError for a run of another kind, FileDamaged where it is none."""
    if run.kind_name != "text":
        raise RunError(f"{run.path} is {run.kind.what}: it has no recipe of a training on text")
    return recipe_in(run, Recipe)
