"""What the catalogue says of a loss, and of a metric. Imports no torch."""

import importlib
import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Loss:
    """A loss of the catalogue."""

    line: str
    """What it is, in one line."""
    formula: str
    """Of one example, in the letters that `takes` has; r is target - prediction, p a probability, y a target."""
    takes: str
    """Arguments in order, with their shapes."""
    tasks: tuple[str, ...]
    """What it is used for, of TASKS."""
    made_by: str
    """module:function, below glassworks.objectives."""
    source: str
    """Whose, with the equation."""
    when: str
    avoid: str
    """When not."""
    estimates: str
    """What the best prediction is, of targets that are noisy: mean, median, mode, a quantile, probabilities, order."""
    outliers: str
    """What one example that is far off, or labelled wrongly, can do."""
    best: float = 0.0
    """Its value at a perfect fit; NaN where that depends on the target."""
    least: float = 0.0
    most: float = math.inf
    """What it can come to, of one example."""
    calibrated: str = ""
    """Whether probabilities that minimise it are the true ones; empty where there are none."""
    survey: str = ""
    """What the survey of losses (Terven et al. 2025, arXiv 2307.02694v5) has wrong of it."""
    home: str = "glassworks"
    """Whose code computes it, of an example."""

    @property
    def function(self) -> Any:
        """The function itself; loads torch."""
        return function_of(self.made_by)


@dataclass(frozen=True)
class Metric:
    """A metric of the catalogue."""

    line: str
    """What it is, in one line."""
    formula: str
    takes: str
    """Arguments in order, with their shapes."""
    tasks: tuple[str, ...]
    """What it is used for, of TASKS."""
    made_by: str
    """module:function, below glassworks.objectives or of sklearn.metrics."""
    best: float
    """Its value at a perfect fit; NaN where that is no number."""
    when: str
    avoid: str
    """When not."""
    source: str
    least: float = 0.0
    most: float = math.inf
    """What it can come to."""
    survey: str = ""
    """What the survey has wrong of it."""

    @property
    def home(self) -> str:
        """Whose code computes it."""
        return "scikit-learn" if self.made_by.startswith("sklearn") else "glassworks"

    @property
    def function(self) -> Any:
        """The function itself; loads NumPy."""
        return function_of(self.made_by)


def function_of(made_by: str) -> Any:
    """What `made_by` names."""
    module, name = made_by.split(":")
    return getattr(importlib.import_module(full_name(module)), name)


def full_name(module: str) -> str:
    """A module as it is imported.

    >>> full_name("criteria.boxes"), full_name("sklearn.metrics")
    ('glassworks.objectives.criteria.boxes', 'sklearn.metrics')
    """
    return module if module.startswith("sklearn") else f"glassworks.objectives.{module}"


TASKS = {
    "regression": "Regression: a number",
    "classification": "Classification: one of several classes, or yes and no",
    "detection": "Detection: boxes, and what is in them",
    "segmentation": "Segmentation: a class a pixel",
    "embedding": "Embeddings: faces, retrieval, what is alike",
    "self-supervised": "Self-supervised: two views of one thing",
    "depth": "Depth from one image",
    "generation": "Generation of images",
    "sequences": "Sequences: text, speech, what is found for a question",
    "preferences": "Preferences and rewards",
    "survival": "Survival: times, some of them cut short",
}
"""What losses and metrics are used for."""
