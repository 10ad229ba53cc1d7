"""Types that rooms share without importing each other."""

from collections.abc import Callable, Sequence
from typing import Literal

Generate = Callable[[Sequence[str]], list[str]]
"""Prompts to completions. A local model, a remote provider and a test double all look like this."""

Precision = Literal["auto", "float32", "bfloat16"]
"""Of matrix products; auto = as it is sooner."""

Tracker = Literal["tensorboard", "trackio", "wandb"]
"""Packages that show the metrics of runs."""
