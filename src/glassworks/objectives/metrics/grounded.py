"""How good answers are that were written from what was found.

RAGAS (Es et al. 2024) and ARES (Saad-Falcon et al. 2024). What a judge says comes in: whether each claim is supported,
whether a passage helps. Embeddings are those of any encoder.
"""

import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

Array = np.ndarray
Judged = Bool[Array, " N"]


def similarity(answer: Float[Array, " D"], truth: Float[Array, " D"]) -> float:
    """The cosine of both embeddings: answer semantic similarity."""
    return float(answer @ truth / (np.linalg.norm(answer) * np.linalg.norm(truth)))


def answer_correctness(right: int, wrong: int, missing: int, similar: float, weight: float = 0.75) -> float:
    """α F1 of claims + (1 - α) similarity; F1 = right / (right + (wrong + missing) / 2).

    >>> answer_correctness(2, 1, 1, 1.0, weight=0.5)
    0.8333333333333333
    """
    whole = right + (wrong + missing) / 2
    return weight * (right / whole if whole else 0.0) + (1 - weight) * similar


def answer_relevance(question: Float[Array, " D"], asked: Float[Array, "Q D"]) -> float:
    """The mean cosine of the question with those that a model guesses from the answer."""
    return float(np.mean([similarity(each, question) for each in asked]))


def context_precision(helpful: Judged) -> float:
    """Σ precision@k over passages that help, by their number: whether those stand first; 0 where none helps."""
    if not helpful.any():
        return 0.0
    precision = helpful.cumsum() / np.arange(1, len(helpful) + 1)
    return float((precision * helpful).sum() / helpful.sum())


def share_of(judged: Judged) -> float:
    """The share that is so, NaN of none.

    Of sentences of the truth, whether passages hold them: context recall; of claims of the answer, whether they support
    them: faithfulness.
    """
    return float(judged.mean()) if len(judged) else float("nan")


def entity_recall(found: Collection[str], truth: Collection[str]) -> float:
    """Of the names in the truth, the share that is in the passages, NaN of none."""
    return len(set(found) & set(truth)) / len(set(truth)) if truth else float("nan")


def summary_score(answered: Judged, summary: int, text: int, weight: float = 0.5) -> float:
    """α times the share of questions that a summary answers + (1 - α) (1 - its length / the text's).

    With the weight at 1/2 a copy of the whole text has 1/2, as an empty one that answers nothing has.
    """
    return weight * share_of(answered) + (1 - weight) * max(0.0, 1 - summary / text)


def majority(verdicts: Sequence[bool]) -> bool:
    """What most of several judgements say: aspect critique; ValueError for an even number, which may be a tie."""
    if len(verdicts) % 2 == 0:
        raise ValueError(f"verdicts are {len(verdicts)}: an odd number cannot be a tie")
    return sum(verdicts) * 2 > len(verdicts)


class Estimate(NamedTuple):
    """A share with its interval of 95 %."""

    value: float
    low: float
    high: float


def prediction_powered(
    judged: Float[Array, " N"], judged_labelled: Float[Array, " n"], labels: Float[Array, " n"]
) -> Estimate:
    """The mean of people's labels, by a judge on many and people on few (Angelopoulos et al. 2023, algorithm 1).

    The judge's mean on the many, less its mean error on the few; the interval holds whatever the judge is worth. ARES
    has context relevance, answer faithfulness and answer relevance of it, by three judges.
    """
    if len(labels) < 2 or len(judged) < 2:
        raise ValueError(f"labels ({len(labels)}) and judged ({len(judged)}) must be at least 2 each")
    errors = judged_labelled - labels
    value = float(judged.mean() - errors.mean())
    half = 1.959964 * math.sqrt(judged.var(ddof=1) / len(judged) + errors.var(ddof=1) / len(errors))
    return Estimate(value, value - half, value + half)
