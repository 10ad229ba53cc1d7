"""BLEU as sacrebleu computes it (Papineni et al. 2002; Post 2018, arXiv 1804.08771).

With one reference, four orders of n-grams, tokens by the rules of mteval-v13a and exponential smoothing: its signature
there is `nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp`.

BLEU is a function of ten sums over examples, so that of a thousand resamples costs little more than that of one.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

ORDERS = 4
SUMS = 2 * ORDERS + 2
"""Of an example: matches and n-grams of each order, and tokens of hypothesis and reference."""
RULES = (
    (re.compile(r"([\{-\~\[-\` -\&\(-\+\:-\@\/])"), r" \1 "),
    (re.compile(r"([^0-9])([\.,])"), r"\1 \2 "),
    (re.compile(r"([\.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)
"""Punctuation stands by itself; a point and a comma but between digits, and a dash behind a digit."""
ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))


def words_13a(text: str) -> list[str]:
    """The tokens of mteval-v13a.

    >>> words_13a("On 1997-05-03, it cost 3,042.")
    ['On', '1997', '-', '05', '-', '03', ',', 'it', 'cost', '3,042', '.']
    """
    text = text.rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, character in ENTITIES:
        text = text.replace(entity, character)
    text = f" {text} "
    for pattern, replacement in RULES:
        text = pattern.sub(replacement, text)
    return text.split()


def bleu_sums(hypothesis: str, reference: str) -> Float[np.ndarray, " 10"]:
    """What an example adds to the sums that BLEU is made of."""
    ours, theirs = words_13a(hypothesis), words_13a(reference)
    found = np.zeros(SUMS)
    for order in range(1, ORDERS + 1):
        mine, yours = (Counter(zip(*(words[i:] for i in range(order)), strict=False)) for words in (ours, theirs))
        found[order - 1] = sum((mine & yours).values())
        found[ORDERS + order - 1] = max(0, len(ours) - order + 1)
    found[2 * ORDERS :] = len(ours), len(theirs)
    return found


def bleu_of(sums: Float[np.ndarray, "10 ..."]) -> Float[np.ndarray, "..."]:
    """BLEU, from 0 to 100, of sums over examples: of one corpus, or of many.

    An order without a match counts as a half, a quarter, ... of one (exponential smoothing); BLEU is 0 where nothing
    matches, or no hypothesis has four tokens.
    """
    matches, totals = sums[:ORDERS].astype(float), sums[ORDERS : 2 * ORDERS]
    ours, theirs = sums[2 * ORDERS], sums[2 * ORDERS + 1]
    halvings = np.cumsum(matches == 0, axis=0)
    smoothed = np.where(matches == 0, 0.5**halvings, matches)
    known = totals > 0
    with np.errstate(divide="ignore", over="ignore"):
        logs = np.where(known, np.log(smoothed / np.where(known, totals, 1)), -np.inf)
        brevity = np.where(ours < theirs, np.exp(1 - theirs / np.where(ours > 0, ours, np.nan)), 1.0)
    score = 100 * np.nan_to_num(brevity) * np.exp(logs.mean(0))
    return np.where(matches.any(0), score, 0.0)


def corpus_bleu(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """BLEU of a corpus, from 0 to 100; ValueError where there are not as many references, or none."""
    if len(hypotheses) != len(references) or not hypotheses:
        raise ValueError(f"hypotheses ({len(hypotheses)}) and references ({len(references)}) must be as many, and some")
    pairs = zip(hypotheses, references, strict=True)
    return float(bleu_of(np.sum([bleu_sums(ours, theirs) for ours, theirs in pairs], axis=0)))
