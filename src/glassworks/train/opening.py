"""From what a user names to a network and what belongs to it: `open_run`, for every kind of run.

What opens a kind of run is in its own file, above this one; `core.kinds` says where. A folder in the Hugging Face
layout and a GGUF file open as text does.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from glassworks.core.errors import RunError
from glassworks.core.places import model_path
from glassworks.core.runs import Run, check_run
from glassworks.data.tokenizers.build import Tokenizer, load_tokenizer
from glassworks.models.gpt.model import GPT
from glassworks.models.io import load_model


@dataclass(frozen=True, eq=False, kw_only=True)
class Opened:
    """A network, where it is, and the run it is of, if it is of one. Kinds of run add what belongs to theirs."""

    model: nn.Module
    path: Path
    run: Run | None = None
    load: Callable[[], Any] | None = field(default=None, repr=False)
    """Reads what the run was trained on, and is judged on."""

    @cached_property
    def data(self) -> Any:
        """What the run was trained on and is judged on, read once it is asked for; RunError where there is none."""
        if self.load is None:
            raise RunError(f"{self.path} is a model without data of its own: give some")
        return self.load()


@dataclass(frozen=True, eq=False, kw_only=True)
class OpenedText(Opened):
    """A language model with its tokenizer; of a run, `data` is its `Corpus`."""

    model: GPT
    tokenizer: Tokenizer

    def __post_init__(self) -> None:
        """Refuse a tokenizer that is not the model's."""
        tokens, rows = self.tokenizer.vocab_size, self.model.config.vocab_size
        if tokens > rows:
            raise RunError(
                f"{self.path}: the tokenizer has {tokens} tokens and the model only {rows}: they do not belong "
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
    if path is not None:
        return OpenedText(model=load_model(path, device=device or "cpu"), tokenizer=load_tokenizer(path), path=path)
    run = named if isinstance(named, Run) else Run.open(str(named))
    check_run(run, use)
    if run.kind.opens is None:
        raise RunError(f"{run.path} is {run.kind.what}: it has no network of its own to open; {run.next_move()}")
    module, name = run.kind.opens.split(":")
    opened: Opened = getattr(importlib.import_module(module), name)(run, device or torch.device("cpu"))
    return opened


def open_text(named: str | Path | Run, device: torch.device | None = None, *, use: str | None = None) -> OpenedText:
    """The same, where it must be a language model with a tokenizer; RunError, in one line, where it is another kind."""
    opened = open_run(named, device, use=use)
    if not isinstance(opened, OpenedText):
        assert opened.run is not None  # folders open as text
        raise RunError(
            f"{opened.run.path} is {opened.run.kind.what}: it has no GPT with a tokenizer, as is needed here"
        )
    return opened
