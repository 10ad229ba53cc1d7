"""From what a user names to a network and what belongs to it: `open_run`, for every kind of run.

What opens a kind of run is in its own file, above this one; `core.kinds` says where. A folder in the Hugging Face
layout opens as what its config.json says it is, and a GGUF file as text does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from glassworks.core.errors import RunError
from glassworks.core.kinds import found
from glassworks.core.places import model_path
from glassworks.core.runs import Run, check_run
from glassworks.data.labelled.source import Task
from glassworks.data.tokenizers.build import Tokenizer, load_tokenizer
from glassworks.models.gpt.model import GPT
from glassworks.models.io import load_model
from glassworks.models.seq2seq.files import is_seq2seq, load_seq2seq
from glassworks.models.seq2seq.model import Seq2Seq
from glassworks.models.vision.build import Network
from glassworks.models.vision.files import load_vision
from glassworks.models.vision.layout import is_vision


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Opened:
    """A network, where it is, and the run it is of, if it is of one. Kinds of run add what belongs to theirs."""

    model: nn.Module
    path: Path
    run: Run | None = None
    load: Callable[[], Any] | None = None
    """Reads what the run was trained on, and is judged on."""

    def __repr__(self) -> str:
        """In a line: without the network's modules, nor all that lies beside it."""
        weights = sum(parameter.numel() for parameter in self.model.parameters())
        return f"{type(self).__name__}({str(self.path)!r}: {type(self.model).__name__}, {weights:,} parameters)"

    @cached_property
    def data(self) -> Any:
        """What the run was trained on and is judged on, read once it is asked for; RunError where there is none."""
        if self.load is None:
            raise RunError(f"{self.path} is a model without data of its own: give some")
        return self.load()


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class OpenedText(Opened):
    """A language model with its tokenizer; of a run, `data` is its `Corpus`."""

    model: GPT
    tokenizer: Tokenizer

    def __post_init__(self) -> None:
        """Refuse a tokenizer that is not the model's."""
        check_belongs(self.path, self.tokenizer, self.model.config.vocab_size)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class OpenedLabelled(Opened):
    """A network for images or for rows of a table; of a run, `data` is its `Labelled`."""

    model: Network
    classes: tuple[str, ...]
    """Names of its outputs, in their order; () where it says a number."""
    preprocessing: dict[str, Any]
    """How an input comes of a file or a row."""

    @property
    def task(self) -> Task:
        """Whether it tells classes apart, or says a number."""
        return self.model.config.task

    @property
    def is_table(self) -> bool:
        """Whether it reads rows of a table, not images."""
        return len(self.model.config.shape) == 1


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class OpenedPairs(Opened):
    """An encoder-decoder with its tokenizer; of a run, `data` is its `Pairs`."""

    model: Seq2Seq
    tokenizer: Tokenizer

    def __post_init__(self) -> None:
        """Refuse a tokenizer that is not the model's."""
        check_belongs(self.path, self.tokenizer, self.model.config.vocab_size)


def check_belongs(path: Path, tokenizer: Tokenizer, rows: int) -> None:
    """RunError for a tokenizer with tokens that a model has no rows for."""
    if tokenizer.vocab_size > rows:
        raise RunError(
            f"{path}: the tokenizer has {tokenizer.vocab_size} tokens and the model only {rows}: they do not belong "
            "together; put the model's own tokenizer.json back"
        )


def open_run(named: str | Path | Run, device: torch.device | None = None, *, use: str | None = None) -> Opened:
    """What a run holds, of any kind (by its path or name, or as it is); or a model folder, or a GGUF file.

    Args:
        named: the run, the folder or the file.
        device: where the network goes; None = the CPU.
        use: a command that it is opened for, refused in one line if it cannot use a run of this kind.

    Raises: RunError for what is no run, has no network yet, or is of a kind that has none; FileDamaged.
    """
    path = None if isinstance(named, Run) else model_path(str(named))
    if path is not None and is_vision(path):
        return open_vision(path, device)
    if path is not None and is_seq2seq(path):
        return open_seq2seq(path, device)
    if path is not None:
        return OpenedText(model=load_model(path, device=device or "cpu"), tokenizer=load_tokenizer(path), path=path)
    run = named if isinstance(named, Run) else Run.open(str(named))
    check_run(run, use)
    if run.kind.opens is None:
        raise RunError(f"{run.path} is {run.kind.what}: it has no network of its own to open; {run.next_move()}")
    opened: Opened = found(run.kind.opens)(run, device or torch.device("cpu"))
    return opened


def open_vision(folder: Path, device: torch.device | None = None, **of_run: Any) -> OpenedLabelled:
    """What `save_vision` wrote into a folder; `of_run` is what is known of the run that it is of."""
    kept = load_vision(folder, device=device or "cpu")
    return OpenedLabelled(
        model=kept.model, path=folder, classes=kept.classes, preprocessing=kept.preprocessing, **of_run
    )


def open_seq2seq(folder: Path, device: torch.device | None = None, **of_run: Any) -> OpenedPairs:
    """An encoder-decoder in Marian's layout with its tokenizer.json; `of_run` is what is known of its run."""
    model = load_seq2seq(folder, device=device or "cpu")
    return OpenedPairs(model=model, tokenizer=load_tokenizer(folder), path=folder, **of_run)


def open_text(named: str | Path | Run, device: torch.device | None = None, *, use: str | None = None) -> OpenedText:
    """The same, where it must be a language model with a tokenizer; RunError, in one line, where it is another kind."""
    opened = open_run(named, device, use=use)
    if not isinstance(opened, OpenedText):
        raise unlike(opened, "it has no GPT with a tokenizer, as is needed here")
    return opened


def open_labelled_model(
    named: str | Path | Run, device: torch.device | None = None, *, use: str | None = None
) -> OpenedLabelled:
    """The same, where it must be a network for images or tables; RunError, in one line, where it is another kind."""
    opened = open_run(named, device, use=use)
    if not isinstance(opened, OpenedLabelled):
        raise unlike(opened, "it has no network for images or tables, as is needed here")
    return opened


def unlike(opened: Opened, reason: str) -> RunError:
    """The one line for a network of another kind than is needed."""
    if opened.run is not None:
        return RunError(f"{opened.run.path} is {opened.run.kind.what}: {reason}")
    kinds = {OpenedLabelled: "a network for images or tables", OpenedPairs: "an encoder-decoder"}
    what = kinds.get(type(opened), "a language model")
    return RunError(f"{opened.path} is {what}: {reason}")
