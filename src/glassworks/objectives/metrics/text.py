"""How good texts are beside others: errors of words and letters, n-grams in common, exact answers."""

import re
import string
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float

Array = np.ndarray


def edits(one: Sequence[str], two: Sequence[str]) -> int:
    """The fewest insertions, deletions and replacements that make one of the other (Levenshtein 1966)."""
    row = list(range(len(two) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(two, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def as_many(said: Sequence[str], references: Sequence[str]) -> None:
    """Raises ValueError where there are not as many references, or none."""
    if len(said) != len(references) or not said:
        raise ValueError(f"texts ({len(said)}) and references ({len(references)}) must be as many, and some")


def word_error_rate(said: Sequence[str], references: Sequence[str]) -> float:
    """Edits of words by the words of the references, over all texts; it may be above 1.

    >>> word_error_rate(["the cat sat"], ["the cat sat down"])
    0.25
    """
    as_many(said, references)
    wrong = sum(edits(a.split(), b.split()) for a, b in zip(said, references, strict=True))
    return wrong / max(sum(len(text.split()) for text in references), 1)


def character_error_rate(said: Sequence[str], references: Sequence[str]) -> float:
    """Edits of characters by the characters of the references, over all texts."""
    as_many(said, references)
    wrong = sum(edits(list(a), list(b)) for a, b in zip(said, references, strict=True))
    return wrong / max(sum(map(len, references)), 1)


def perplexity(losses: Float[Array, " N"]) -> float:
    """Exp of the mean loss of tokens in nats: among as many it is as hard to guess as among these."""
    return float(np.exp(np.mean(losses)))


def normalised(text: str) -> str:
    """A text as SQuAD compares it: lower case, without punctuation, articles and more than one blank."""
    kept = "".join(each for each in text.lower() if each not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split())


def exact_match(said: Sequence[str], references: Sequence[str]) -> float:
    """The share that is the same, as SQuAD compares it (Rajpurkar et al. 2016)."""
    as_many(said, references)
    return sum(normalised(a) == normalised(b) for a, b in zip(said, references, strict=True)) / len(said)


def token_f1(said: Sequence[str], references: Sequence[str]) -> float:
    """The mean F1 of words, as SQuAD compares them."""
    as_many(said, references)
    found = []
    for a, b in zip(said, references, strict=True):
        ours, theirs = Counter(normalised(a).split()), Counter(normalised(b).split())
        shared, whole = (ours & theirs).total(), ours.total() + theirs.total()
        found.append(2 * shared / whole if whole else 1.0)
    return sum(found) / len(found)


def rouge_words(text: str) -> list[str]:
    """Words as rouge-score has them: letters and digits in lower case."""
    return re.findall(r"[a-z0-9]+", text.lower())


def f_measure(shared: int, ours: int, theirs: int) -> float:
    """2 P R / (P + R), 0 of nothing."""
    return 2 * shared / (ours + theirs) if shared else 0.0


def rouge_n(said: Sequence[str], references: Sequence[str], n: int = 1) -> float:
    """The mean F1 of n-grams (Lin 2004), words as rouge-score has them, without stemming.

    >>> rouge_n(["the cat sat"], ["the cat sat down"], 2)
    0.8
    """
    as_many(said, references)
    found = []
    for pair in zip(said, references, strict=True):
        a, b = (Counter(zip(*(rouge_words(t)[i:] for i in range(n)), strict=False)) for t in pair)
        found.append(f_measure((a & b).total(), a.total(), b.total()))
    return sum(found) / len(found)


def rouge_l(said: Sequence[str], references: Sequence[str]) -> float:
    """The mean F1 of the longest common subsequence of words (Lin 2004)."""
    as_many(said, references)
    found = []
    for pair in zip(said, references, strict=True):
        a, b = map(rouge_words, pair)
        found.append(f_measure(longest_common(a, b), len(a), len(b)))
    return sum(found) / len(found)


def longest_common(one: Sequence[str], two: Sequence[str]) -> int:
    """The length of the longest common subsequence."""
    row = [0] * (len(two) + 1)
    for a in one:
        before = 0
        for j, b in enumerate(two, 1):
            before, row[j] = row[j], before + 1 if a == b else max(row[j], row[j - 1])
    return row[-1]


def meteor(said: str, reference: str) -> float:
    """F with recall nine times as heavy, less half of (runs / matches)³ (Banerjee & Lavie 2005).

    Words match where they are the same: stems and synonyms, which the paper has, too, are not looked up.
    """
    ours, theirs = said.lower().split(), reference.lower().split()
    places: dict[str, list[int]] = {}
    for j, word in enumerate(theirs):
        places.setdefault(word, []).append(j)
    pairs: list[tuple[int, int]] = []
    for i, word in enumerate(ours):
        free = places.get(word)
        if free:
            after = pairs[-1][1] + 1 if pairs and pairs[-1][0] == i - 1 else -1
            j = after if after in free else free[0]
            free.remove(j)
            pairs.append((i, j))
    if not pairs:
        return 0.0
    runs = 1 + sum(b != (a[0] + 1, a[1] + 1) for a, b in pairwise(pairs))
    precision, recall = len(pairs) / len(ours), len(pairs) / len(theirs)
    f = 10 * precision * recall / (recall + 9 * precision)
    return f * (1 - 0.5 * (runs / len(pairs)) ** 3)


def chrf(said: Sequence[str], references: Sequence[str], order: int = 6, beta: float = 2.0) -> float:
    """F of the mean precision and recall of n-grams of letters, blanks left out, 0 to 100: sacrebleu's chrF2.

    Popović 2015; recall counts β² times as much. Orders for which a text is too short do not count.
    """
    as_many(said, references)
    sums = np.zeros((order, 3))
    for pair in zip(said, references, strict=True):
        a, b = ("".join(text.split()) for text in pair)
        for n in range(1, order + 1):
            ours, theirs = (Counter(text[i : i + n] for i in range(len(text) - n + 1)) for text in (a, b))
            counted = ours.total() if theirs else 0  # as sacrebleu: nothing where the reference is too short
            sums[n - 1] += (ours & theirs).total(), counted, theirs.total()
    known = sums[(sums[:, 1] > 0) & (sums[:, 2] > 0)]
    if not known[:, 0].any():
        return 0.0
    p, r = (known[:, :1] / known[:, 1:]).mean(0)
    return float(100 * (1 + beta**2) * p * r / (beta**2 * p + r))


def bert_score(said: Float[Array, "A D"], reference: Float[Array, "B D"]) -> float:
    """F1 of each token's best cosine with the other's (Zhang et al. 2020), of any encoder's vectors of tokens.

    Without weights by rarity and without their rescaling.
    """
    one, two = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (said, reference))
    cosines = one @ two.T
    precision, recall = cosines.max(1).mean(), cosines.max(0).mean()
    return float(2 * precision * recall / (precision + recall))
