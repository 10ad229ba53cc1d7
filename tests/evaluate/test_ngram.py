import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from glassworks.evaluate.ngram import KneserNey

V, EOT = 7, 6


def layout(documents: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """The stream of some documents, and for each position that of its document's separator."""
    stream = [token for document in documents for token in [EOT, *document]]
    starts = np.cumsum([0, *(len(document) + 1 for document in documents)])
    return np.array(stream), np.repeat(starts[:-1], np.diff(starts))


def random_documents(seed: int, number: int, length: int) -> list[list[int]]:
    """Text with structure: each token is likely to be followed by one of two."""
    generator = np.random.default_rng(seed)
    documents = []
    for _ in range(number):
        document = [int(generator.integers(EOT))]
        for _ in range(int(generator.integers(length))):
            step = int(generator.choice([1, 2, int(generator.integers(EOT))], p=[0.6, 0.25, 0.15]))
            document.append((document[-1] + step) % EOT)
        documents.append(document)
    return documents


class SlowKneserNey:
    """The same model from dictionaries, one gram at a time, as the paper writes it."""

    def __init__(self, documents: list[list[int]], order: int) -> None:
        self.order = order
        grams = [Counter() for _ in range(order + 1)]
        for document in documents:
            padded = [EOT] * order + document
            for i in range(order, len(padded)):
                for k in range(1, order + 1):
                    grams[k][tuple(padded[i - k + 1 : i + 1])] += 1
        self.counts = [Counter(), *(Counter(gram[1:] for gram in grams[k + 1]) for k in range(1, order)), grams[order]]
        self.followers: dict[tuple[int, ...], dict[int, int]] = defaultdict(dict)
        for counts in self.counts:
            for gram, count in counts.items():
                self.followers[gram[:-1]][gram[-1]] = count

    def discount(self, k: int, count: int) -> float:
        n = Counter(self.counts[k].values())
        if not all(n[j] for j in (1, 2, 3, 4)):
            return min(count, 3) / 2
        y = n[1] / (n[1] + 2 * n[2])
        d = [0, 1 - 2 * y * n[2] / n[1], 2 - 3 * y * n[3] / n[2], 3 - 4 * y * n[4] / n[3]]
        return d[min(count, 3)] if min(d[1:]) > 0 else min(count, 3) / 2

    def probability(self, context: tuple[int, ...], token: int) -> float:
        k = len(context) + 1
        shorter = self.probability(context[1:], token) if context else 1 / V
        followers = self.followers.get(context)
        if not followers:
            return shorter
        total = sum(followers.values())
        count = followers.get(token, 0)
        gamma = sum(self.discount(k, c) for c in followers.values()) / total
        return (count - self.discount(k, count) if count else 0) / total + gamma * shorter

    def nats(self, document: list[int]) -> list[float]:
        padded = [EOT] * (self.order - 1) + document
        return [
            -math.log(self.probability(tuple(padded[i : i + self.order - 1]), token))
            for i, token in enumerate(document)
        ]


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("number", [3, 200])
def test_matches_a_slow_dictionary_of_the_paper(order: int, number: int) -> None:
    documents, held_out = random_documents(0, number, 20), random_documents(1, 50, 12)
    fast = KneserNey(*layout(documents), V, order)
    slow = SlowKneserNey(documents, order)
    stream, first = layout(held_out)
    nats = fast.nats(stream, first)
    assert (nats[first == np.arange(len(stream))] == 0).all()
    expected = [x for document in held_out for x in [0.0, *slow.nats(document)]]
    np.testing.assert_allclose(nats, expected, rtol=1e-9)


@pytest.mark.parametrize("order", [1, 3, 5])
@pytest.mark.parametrize("number", [1, 40, 400])
def test_probabilities_sum_to_one_over_the_vocabulary(order: int, number: int) -> None:
    model = KneserNey(*layout(random_documents(0, number, 20)), V, order)
    generator = np.random.default_rng(2)
    for length in [0, 1, 2, 3, 4, 6, 6, 6, 6, 6, 6]:
        context = generator.integers(EOT, size=length).tolist()
        stream, first = layout([[*context, token] for token in range(V)])
        nats = model.nats(stream, first).reshape(V, length + 2)[:, -1]
        assert np.exp(-nats).sum() == pytest.approx(1, abs=1e-12)


def test_beats_shorter_grams_on_text_with_structure() -> None:
    train, held_out = layout(random_documents(0, 2000, 40)), layout(random_documents(1, 100, 40))
    scores = [KneserNey(*train, V, order).nats(*held_out).mean() for order in (1, 2)]
    assert scores[1] < 0.8 * scores[0]


def test_ids_near_the_top_of_a_large_vocabulary_do_not_collide() -> None:
    large = 2**31
    stream, first = layout(random_documents(0, 100, 20))
    held_stream, held_first = layout(random_documents(1, 20, 20))
    shift = large - V
    near_zero = KneserNey(stream, first, large, 4).nats(held_stream, held_first)
    near_top = KneserNey(stream + shift, first, large, 4).nats(held_stream + shift, held_first)
    np.testing.assert_allclose(near_zero, near_top, rtol=1e-12)


def test_a_document_does_not_see_the_one_before_it() -> None:
    model = KneserNey(*layout(random_documents(0, 200, 20)), V)
    one = model.nats(*layout([[1, 2, 3]]))
    two = model.nats(*layout([[4, 5, 1, 0], [1, 2, 3]]))
    np.testing.assert_array_equal(one, two[-4:])
