"""Glassworks raises neural networks and lets you see through them.

    import glassworks as gw

What is used most has a short name here: `gw.fit`, `gw.generate`, `gw.capture`. Each is looked up where it lives when it
is first asked for, so that importing the package loads neither torch nor NumPy.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glassworks.core.runs import Run
    from glassworks.data.tokenizers.build import load_tokenizer
    from glassworks.evaluate.held_out import evaluate_run
    from glassworks.interpret.access.hooks import capture, patch
    from glassworks.interpret.catalogue.subject import open_subject
    from glassworks.micro.engine import Value
    from glassworks.models.generation.completion import complete, generate
    from glassworks.models.gpt.config import GPTConfig
    from glassworks.models.gpt.model import GPT
    from glassworks.models.io import load_model, save_model
    from glassworks.pretraining.recipe import Recipe
    from glassworks.pretraining.run import corpus_of_run, model_of, pretrain, start
    from glassworks.report.run_page import write_report
    from glassworks.trace.legend import Dimension, Legend, Quantity
    from glassworks.trace.trace import Trace
    from glassworks.train.fit import fit
    from glassworks.train.opening import open_run, open_text

__version__ = "0.1.0"

__all__ = [
    "GPT",
    "Dimension",
    "GPTConfig",
    "Legend",
    "Quantity",
    "Recipe",
    "Run",
    "Trace",
    "Value",
    "capture",
    "complete",
    "corpus_of_run",
    "evaluate_run",
    "fit",
    "generate",
    "load_model",
    "load_tokenizer",
    "model_of",
    "open_run",
    "open_subject",
    "open_text",
    "patch",
    "pretrain",
    "save_model",
    "start",
    "write_report",
]

HOMES = {
    "core.runs": ("Run",),
    "trace.legend": ("Dimension", "Legend", "Quantity"),
    "trace.trace": ("Trace",),
    "data.tokenizers.build": ("load_tokenizer",),
    "evaluate.held_out": ("evaluate_run",),
    "interpret.access.hooks": ("capture", "patch"),
    "interpret.catalogue.subject": ("open_subject",),
    "micro.engine": ("Value",),
    "models.gpt.config": ("GPTConfig",),
    "models.gpt.model": ("GPT",),
    "models.io": ("load_model", "save_model"),
    "models.generation.completion": ("complete", "generate"),
    "report.run_page": ("write_report",),
    "train.fit": ("fit",),
    "train.opening": ("open_run", "open_text"),
    "pretraining.run": ("corpus_of_run", "model_of", "pretrain", "start"),
    "pretraining.recipe": ("Recipe",),
}
"""Module to the names of it that have a short one here: those that a type checker is told of above."""


def __getattr__(name: str) -> Any:
    """Look a short name up where it lives, once."""
    for module, names in HOMES.items():
        if name in names:
            found = globals()[name] = getattr(importlib.import_module(f"glassworks.{module}"), name)
            return found
    raise AttributeError(f"module 'glassworks' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The short names."""
    return [*__all__, "__version__"]
