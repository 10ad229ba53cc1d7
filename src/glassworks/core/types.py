"""Types that rooms share without importing each other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Generate = Callable[[Sequence[str]], list[str]]
"""Prompts to completions. A local model, a remote provider and a test double all look like this."""

Reason = Literal["stop", "length"]
"""Why a text ends: at its end or a stop string, or at the most tokens."""


@dataclass(frozen=True)
class Completion:
    """What a model wrote behind a prompt, or a piece of it as it comes; named as in OpenAI's API and vLLM."""

    text: str
    tokens: tuple[int, ...] = ()
    """All that the model chose: with the token that ended the text, and those of a stop string, which `text` lacks."""
    logprobs: tuple[float, ...] | None = None
    """Of each token, the natural logarithm of the probability that the model gave it. None = not asked for."""
    top_logprobs: tuple[dict[int, float], ...] | None = None
    """For each token, the likeliest ones in its place, likeliest first. None = not asked for."""
    finish_reason: Reason | None = None
    """None = it goes on."""


Precision = Literal["auto", "float32", "bfloat16"]
"""Of matrix products; auto = as it is sooner."""

Tracker = Literal["tensorboard", "trackio", "wandb"]
"""Packages that show the metrics of runs."""
