"""Interpolated n-grams with modified Kneser-Ney smoothing (Chen & Goodman 1999, section 3), in whole-array steps.

With c(g) the count of a gram g = (context, w), and h' the context h without its oldest token:

    p(w | h) = max(c(h w) - D(c(h w)), 0) / sum_v c(h v)  +  gamma(h) p(w | h'),      p(w | nothing) = 1 / V at the end

D takes off D1, D2 or D3 from counts of 1, 2 or more; gamma(h) gives back exactly what was taken, so p sums to 1 over
the vocabulary. Counts of the longest grams are plain ones; a shorter gram counts the distinct tokens seen before it, so
that a token bound to one context ("Francisco") is not thought likely in all others.

Grams are numbered exactly, without hashing: the number of (t1 ... tk) at a position is the rank of the pair (number of
its last k - 1 tokens, t1) among the pairs of the training text. A document starts from a context full of separators.
"""

from typing import NamedTuple

import numpy as np

Array = np.ndarray
FALLBACK = np.array([0.0, 0.5, 1.0, 1.5])


class Level(NamedTuple):
    """What is known of the k-grams of one length; both tables end in the value for an unseen gram or context."""

    keys: Array  # (K,) sorted pairs (number of the last k - 1 tokens) V + first token
    share: Array  # (K + 1,) discounted probability of the gram's last token after the others
    backoff: Array  # (contexts + 1,) weight of the shorter context


class KneserNey:
    """An n-gram of tokens; memory is proportional to the training text, at most 170 bytes a token at order 5.

    Args:
        stream: (T,) token ids, <separator> document <separator> document ...
        first: (T,) for each position, the position of its document's separator (its own for a separator).
        vocab_size: V; ids are below it, and V T must be below 2^63.
        order: the longest gram; 1 is the unigram.
    """

    def __init__(self, stream: Array, first: Array, vocab_size: int, order: int = 5) -> None:
        self.vocab_size, self.order = vocab_size, order
        keys, grams = [], [np.zeros(len(stream), dtype=np.int32)]
        for k in range(order):
            pair_keys, numbers = np.unique(self.pairs(grams[-1], stream, first, k), return_inverse=True)
            keys.append(pair_keys)
            grams.append(numbers.astype(np.int32))
        events = np.flatnonzero(first != np.arange(len(stream)))  # separators are contexts, never predicted
        self.levels = [self.level(keys, grams, events, k) for k in range(order)]

    def pairs(self, grams: Array, stream: Array, first: Array, k: int) -> Array:
        """Extend the k-gram that ends at each position by the token before it: (T,) pair keys."""
        earlier = stream[np.maximum(np.arange(len(stream)) - k, first)]
        keys: Array = grams.astype(np.int64) * self.vocab_size + earlier
        return keys

    def level(self, keys: list[Array], grams: list[Array], events: Array, k: int) -> Level:
        """Count the (k + 1)-grams and discount them."""
        counts = np.bincount(grams[k + 1][events], minlength=len(keys[k]))
        context = np.zeros(len(counts), dtype=np.int32)  # of each gram: the same wherever the gram occurs
        context[grams[k + 1][events]] = grams[k][events - 1]
        occurring = np.flatnonzero(counts)
        if k + 1 < self.order:
            longer = np.flatnonzero(np.bincount(grams[k + 2][events], minlength=len(keys[k + 1])))
            counts = np.bincount(keys[k + 1][longer] // self.vocab_size, minlength=len(counts))
        counts, context = counts[occurring], context[occurring]
        discount = discounts(counts)[np.minimum(counts, 3)]
        num_contexts = len(keys[k - 1]) if k else 1
        total = np.bincount(context, counts, num_contexts)
        discounted = np.bincount(context, discount, num_contexts)
        share = np.zeros(len(keys[k]) + 1)
        share[occurring] = (counts - discount) / total[context]
        backoff = np.ones(num_contexts + 1)
        np.divide(discounted, total, out=backoff[:-1], where=total > 0)
        return Level(keys[k], share, backoff)

    def nats(self, stream: Array, first: Array) -> Array:
        """-ln p of each token of a text laid out as the training text was: (T,) float64, 0 for separators."""
        p = np.full(len(stream), 1 / self.vocab_size)
        context = np.zeros(len(stream), dtype=np.int64)
        for k, (keys, share, backoff) in enumerate(self.levels):
            gram = look_up(keys, self.pairs(context, stream, first, k))  # after an unseen one the key is negative
            before = np.roll(context, 1)  # the gram that ends one position earlier; a separator's is never used
            p = share[gram] + backoff[before] * p
            context = gram
        return np.where(first == np.arange(len(stream)), 0.0, -np.log(p))


def look_up(keys: Array, values: Array) -> Array:
    """Index of each wanted value in the sorted keys, -1 where it is absent."""
    places = np.minimum(np.searchsorted(keys, values), len(keys) - 1)
    places[keys[places] != values] = -1
    return places


def discounts(counts: Array) -> Array:
    """What to take off a count of 0, 1, 2, and 3 or more: Chen & Goodman's estimates from the counts of counts.

    Where one of the first four of these is missing (characters, small texts) there is no estimate: 1/2, 1 and 3/2.
    """
    n = np.bincount(np.minimum(counts, 5), minlength=6)[1:5].astype(np.float64)  # grams seen 1, 2, 3, 4 times
    if not n.all():
        return FALLBACK
    size = np.arange(1.0, 4.0)
    estimate = size - (size + 1) * n[0] / (n[0] + 2 * n[1]) * n[1:] / n[:3]
    return np.array([0.0, *estimate]) if (estimate > 0).all() else FALLBACK
