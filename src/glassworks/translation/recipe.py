"""A recipe of pairs: everything that decides what a training on pairs of texts computes, as plain values."""

from dataclasses import dataclass, field

from glassworks.core.errors import RunError
from glassworks.core.runs import Run
from glassworks.core.text import RENAME, check_text
from glassworks.data.pairs.read import PairSource
from glassworks.models.seq2seq.config import Seq2SeqConfig
from glassworks.optim.config import OptimizerConfig, ScheduleConfig
from glassworks.train.training import UTF8, Training, recipe_in


@dataclass(frozen=True)
class PairTexts:
    """Which pairs, in which tokens, and how they are split."""

    data: str | tuple[str, ...] = "dates"
    """dates or dates:<number> (numbers and days, in words and in digits, generated); files of pairs (.tsv, .jsonl), or
    gettext catalogues (.po, .mo); a glob; or several of these."""
    source: str | None = None
    """The column of a table that is read: its name, or, of a .tsv without a line of names, its number from 1. None =
    source, or the first."""
    target: str | None = None
    """The column that is to be written. None = target, or the second."""
    tokenizer: str = "bpe:512"
    """Of both sides: bytes, chars, bpe:<vocabulary size> (a digit a token), gpt2:<folder>, or the path of a
    tokenizer.json."""
    validation: float = 0.02
    """The share of pairs that is looked at on the way. Pairs with the same source are held out together."""
    test: float = 0.05
    """The share that is kept for the end."""


@dataclass(frozen=True)
class Translator:
    """Which encoder-decoder, and what it is trained for."""

    model: Seq2SeqConfig = field(default_factory=Seq2SeqConfig)
    """The network. Its vocab_size and the ids of its marks are the tokenizer's: leave them out."""
    label_smoothing: float = 0.1
    """The share of a target that is given to all tokens alike."""
    beams: int = 4
    """Hypotheses of the beam search by which it is judged."""
    length_penalty: float = 0.6
    """Of that search: a log-probability is divided by ((5 + length) / 6)^length_penalty."""


@dataclass(frozen=True)
class PairRecipe(Training, Translator, PairTexts):
    """What pairs to train on, what to train, and how. `recipes/*.toml` are files of these; flags go over them."""

    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig("adamw", lr=0.001, betas=(0.9, 0.98)))
    schedule: ScheduleConfig = field(default_factory=lambda: ScheduleConfig("wsd", warmup=200, decay=0.65, final=0.01))
    batch_size: int = 64
    """Pairs in a step, over all ranks and parts together."""
    steps: int = 2400
    """Steps to take; where minutes are given, as many as there is time for."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, naming the field, its value and the remedy."""
        super().__post_init__()
        for name in ("data", "source", "target", "tokenizer"):
            value = getattr(self, name)
            for text in value if isinstance(value, tuple) else (value or "",):
                check_text(text, name, RENAME if name == "data" else UTF8)
        for name in ("validation", "test"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} (={getattr(self, name)}) is a share of the pairs: give one between 0 and 1")
        if self.validation + self.test >= 1:
            raise ValueError(
                f"validation (={self.validation}) and test (={self.test}) leave no pairs to train on: give less"
            )
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing (={self.label_smoothing}) is a share: give one from 0 to below 1")
        if self.beams < 1:
            raise ValueError(f"beams (={self.beams}) must be at least 1")
        if self.length_penalty < 0:
            raise ValueError(f"length_penalty (={self.length_penalty}) must be 0 or more")
        self.read_from()

    def read_from(self) -> PairSource:
        """Where its pairs are read from."""
        return PairSource((self.data,) if isinstance(self.data, str) else self.data, self.source, self.target)


def pair_recipe_of(run: Run) -> PairRecipe:
    """The recipe of a run of pairs; RunError for a run of another kind, FileDamaged where it is none."""
    if run.kind_name != "pairs":
        raise RunError(f"{run.path} is {run.kind.what}: it has no recipe of a training on pairs of texts")
    return recipe_in(run, PairRecipe)
