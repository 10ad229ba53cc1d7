"""How the next token is chosen from its logits.

Shape letters: B rows, V vocabulary, K ids of the tokenizer, W of them that the model has too, M candidates (V, or top_k
of them).
"""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from glassworks.core.config import refuse_unknown
from glassworks.core.text import check_text


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen. The filters apply in the order in which they stand here, as in transformers."""

    max_tokens: int = 256
    """The most tokens to write; 0 = none."""
    repetition_penalty: float | int = 1.0
    """Divides positive logits and multiplies negative ones of tokens already in the row (Keskar et al. 2019, 4.1)."""
    temperature: float | int = 1.0
    """Divides the logits; 0 = always the likeliest token, and so does a number too small to tell logits apart."""
    top_k: int | None = None
    """Keep this many of the likeliest tokens."""
    top_p: float | int | None = None
    """Keep the fewest of the likeliest tokens whose probabilities reach this sum (Holtzman et al. 2020)."""
    min_p: float | int | None = None
    """Keep tokens with at least this share of the likeliest one's probability (Nguyen et al. 2024)."""
    stop: Sequence[str] | None = ()
    """A text that ends a row, or several; they are not part of the result. None = none."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values outside their range, naming the field, its value and the remedy."""
        if isinstance(self.stop, str) or self.stop is None:
            object.__setattr__(self, "stop", () if self.stop is None else (self.stop,))
        ranges: dict[str, tuple[Callable[[Any], bool], str]] = {
            "max_tokens": (lambda value: operator.index(value) >= 0, "a whole number of at least 0; 0 writes nothing"),
            "repetition_penalty": (lambda value: 0 < value < math.inf, "above 0 and finite; 1 is no penalty"),
            "temperature": (lambda value: 0 <= value < math.inf, "at least 0 and finite; 0 takes the likeliest token"),
            "top_k": (
                lambda value: value is None or operator.index(value) >= 1,
                "a whole number of at least 1; leave it out to keep all tokens",
            ),
            "top_p": (lambda value: value is None or 0 < value <= 1, "above 0 and at most 1; leave it out to keep all"),
            "min_p": (lambda value: value is None or 0 <= value <= 1, "from 0 to 1; leave it out to keep all tokens"),
            "stop": (
                lambda value: all(isinstance(text, str) and text for text in value),
                "texts of at least one character; leave it out for none",
            ),
            "seed": (lambda value: operator.index(value) >= 0, "a whole number of at least 0"),
        }
        for name, (right, remedy) in ranges.items():
            value = getattr(self, name)
            try:
                accepted = right(value)
            except TypeError:  # no number
                accepted = False
            if not accepted:
                raise ValueError(f"{name} (={value!r}) must be {remedy}")
        for text in self.stop or ():
            check_text(text, "stop")

    @property
    def greedy(self) -> bool:
        """Whether the likeliest token is always taken: logits of float32 differ by more than such a temperature."""
        return self.temperature < 1e-20


def sampling_of(options: Mapping[str, Any]) -> Sampling:
    """The options of a call; ValueError, with the nearest, for a name that is none."""
    refuse_unknown(options, [field.name for field in fields(Sampling)])
    return Sampling(**options)


# ----------------------------------------------------------------------------------------------------------------------
# One choice


def penalise(logits: Float[Tensor, "B V"], seen: Bool[Tensor, "B V"], penalty: float) -> Float[Tensor, "B V"]:
    """Make tokens already `seen` less likely (penalty > 1) or more (< 1)."""
    return torch.where(seen, torch.where(logits < 0, logits * penalty, logits / penalty), logits)


def candidates(logits: Float[Tensor, "B V"], how: Sampling) -> tuple[Float[Tensor, "B M"], Int[Tensor, "B M"] | None]:
    """Probabilities of the tokens that the filters keep, and their ids (None: every id, in order).

    The same distribution as transformers' temperature, top-k, top-p and min-p processors in a row, except that of
    tokens that tie for the last place of `top_k` exactly `top_k` are kept.
    """
    ids = None
    if how.top_k is not None and how.top_k < logits.size(-1):
        logits, ids = logits.topk(how.top_k)  # sorted, likeliest first
    elif how.top_p is not None and how.top_p < 1:
        logits, ids = logits.sort(-1, descending=True)
    probabilities = (logits if how.temperature == 1 else logits / how.temperature).softmax(-1)
    if how.top_p is not None and how.top_p < 1:
        dropped = probabilities.cumsum(-1) - probabilities >= how.top_p  # that of all likelier tokens together
        dropped[:, 0] = False  # however small top_p is
        probabilities = probabilities.masked_fill(dropped, 0)
    if how.min_p:
        largest = probabilities.amax(-1, keepdim=True)
        probabilities = probabilities.masked_fill(probabilities < how.min_p * largest, 0)
    return probabilities, ids


def choose(logits: Float[Tensor, "B V"], how: Sampling, uniform: Float[Tensor, " B"] | None) -> Int[Tensor, " B"]:
    """One token a row: the likeliest, or the one at which the distribution function passes `uniform` (in [0, 1)).

    `ValueError` where logits are NaN, or none is a finite number, so that there is nothing to choose by.
    """
    if uniform is None:
        top, tokens = logits.max(-1)
        check_numbers(top, logits)
        return tokens
    probabilities, ids = candidates(logits.float(), how)
    total = probabilities.cumsum(-1)
    check_numbers(total[:, -1], logits)
    place = torch.searchsorted(total, uniform.unsqueeze(-1) * total[:, -1:], right=True)
    place.clamp_(max=total.size(-1) - 1)
    return (place if ids is None else ids.gather(-1, place)).squeeze(-1)


def check_numbers(values: Float[Tensor, " B"], logits: Float[Tensor, "B V"]) -> None:
    """Refuse to choose where a row's largest logit, or its total probability, is no number."""
    wrong = [place for place, value in enumerate(values.tolist()) if not value > -math.inf]
    if wrong:
        row = logits[wrong[0]]
        raise ValueError(
            f"{int(row.isnan().sum())} of the {len(row)} logits are NaN and {int(row.isinf().sum())} infinite, so no "
            "token can be chosen: look for such weights (`glassworks look` has the method health), or use a wider dtype"
        )


def as_known(known: object, vocab_size: int) -> NDArray[np.bool_]:
    """The mask of the ids that may be drawn; refuses what is none, or knows no id of the model."""
    mask = np.asarray(known)
    if mask.ndim != 1 or mask.dtype != np.bool_:
        raise ValueError("known must be a row of True and False, one for each id: leave it out to draw any")
    if not mask[:vocab_size].any():
        raise ValueError(
            f"known must have a True among the ids of the model (vocab_size={vocab_size}): leave it out to draw any"
        )
    return mask


def restrict(logits: Float[Tensor, "B V"], known: Bool[Tensor, " K"]) -> Float[Tensor, "B W"]:
    """Logits without those of ids past the last that is known; those of other unknown ids are -inf."""
    known = known[: logits.size(-1)]
    logits = logits[:, : len(known)]
    return logits if known.all() else logits.masked_fill(~known, -torch.inf)
