"""From what a user names to a model and its tokenizer: a run, a folder in the Hugging Face layout, or a GGUF file."""

from dataclasses import dataclass
from pathlib import Path

import torch

from glassworks.core.errors import RunError
from glassworks.core.places import model_path
from glassworks.core.runs import Run
from glassworks.data.tokenizers.build import Tokenizer, load_tokenizer
from glassworks.models.gpt.model import GPT
from glassworks.models.io import load_model
from glassworks.train.pretrain import corpus_of_run, model_of


@dataclass(frozen=True, eq=False)
class Opened:
    """A model, its tokenizer, where they are, and the run they are of, if they are of one."""

    model: GPT
    tokenizer: Tokenizer
    path: Path
    run: Run | None


def open_named(name: str, device: torch.device | None = None) -> Opened:
    """The model and tokenizer of a run (by path or name), of a model folder, or of a GGUF file."""
    path = model_path(name)
    if path is None:
        run = Run.open(name)
        path = run.path / "model"
        own = (path / "tokenizer.json").exists()
        opened = Opened(model_of(run, device), load_tokenizer(path) if own else corpus_of_run(run).tokenizer, path, run)
    else:
        opened = Opened(load_model(path, device=device or "cpu"), load_tokenizer(path), path, None)
    tokens, rows = opened.tokenizer.vocab_size, opened.model.config.vocab_size
    if tokens > rows:
        raise RunError(
            f"{name}: the tokenizer has {tokens} tokens and the model only {rows}: they do not belong together; put "
            "the model's own tokenizer.json back"
        )
    return opened
