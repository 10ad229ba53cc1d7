"""What reward models say of comparisons: which to ask a person next, and how often they foretell what a person says.

A *judge* is any callable (comparisons) -> rewards (members, options) of each, NaN where a member has none: one reward
model is a judge of one member, an ensemble one of several.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from glassworks.data.choices.comparison import Comparison
from glassworks.data.choices.figures import TIE, Columns, share

Judge = Callable[[Sequence[Comparison]], list[Float[np.ndarray, "members options"]]]


def judge_of(*rewards: Callable[[Sequence[str], Sequence[str]], Any]) -> Judge:
    """Rewards, each any callable (prompts, completions) -> (B,), as a judge of texts."""

    def judge(comparisons: Sequence[Comparison]) -> list[Float[np.ndarray, "members options"]]:
        prompts = [one.prompt_text for one in comparisons for _ in one.options]
        texts = [option.text for one in comparisons for option in one.options]
        found = np.stack([np.asarray(reward(prompts, texts), dtype=np.float64) for reward in rewards])
        ends = np.cumsum([len(one.options) for one in comparisons])
        return np.split(found, ends[:-1], axis=1)

    return judge


def disagreement(rewards: Float[np.ndarray, "members options"]) -> float:
    """How far an ensemble disagrees on which option is better, from 0 to 1/4.

    It is the variance over members of the probability that one option is preferred to another, of the pair where it is
    greatest (Christiano et al. 2017, section 2.2.4).

    >>> disagreement(np.array([[9.0, 0.0], [0.0, 9.0]])) > 0.24
    True
    """
    differences = rewards[:, :, None] - rewards[:, None, :]
    return float((1 / (1 + np.exp(-np.clip(differences, -60, 60)))).var(0).max())


def accuracy(
    columns: Columns, says: Float[np.ndarray, " C"], held_out: Bool[np.ndarray, " C"] | None = None
) -> dict[str, Any]:
    """How often a judge's best is the annotator's, of first choices that named one.

    Args:
        columns: the choices.
        says: the option of each comparison that the judge finds best, NaN where it was not asked.
        held_out: which comparisons did not train the judge; None = all.

    Returns: `all` such choices, and those that were asked at `random`, which alone are a fair sample where others were
    chosen because the judge was in doubt. `by_chance` is what a judge that knows nothing would get.
    """
    there = columns.first & (columns.label < TIE) & (columns.options > 1)
    if held_out is not None and len(columns.comparison):
        there &= held_out[columns.comparison - 1]
    there &= ~np.isnan(says[columns.comparison - 1]) if len(columns.comparison) else there
    right = there & (says[columns.comparison - 1] == columns.label) if len(columns.comparison) else there
    random = there & columns.random
    return {
        "all": share(int(right.sum()), int(there.sum())),
        "random": share(int((right & random).sum()), int(random.sum())),
        "by_chance": float((1 / columns.options[there]).mean()) if there.any() else None,
    }
