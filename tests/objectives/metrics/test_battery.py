"""Every metric of the catalogue through one battery: known values, perfect fits, bounds, order, other libraries."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    jaccard_score,
    label_ranking_average_precision_score,
    precision_score,
    recall_score,
)

from glassworks.objectives.catalogue.record import TASKS
from glassworks.objectives.catalogue.table import METRICS
from glassworks.objectives.metrics.boxes import Found

Arguments = tuple[Any, ...]


def arrays(*given: Any) -> Arguments:
    return tuple(np.array(each) if isinstance(each, list) else each for each in given)


@dataclass(frozen=True)
class Case:
    """How a metric is called, and what is known of it."""

    draw: Callable[[np.random.Generator], Arguments]
    known: list[tuple[Arguments, dict[str, Any], float]]
    perfect: Callable[[np.random.Generator], Arguments] | None = None
    peers: list[Callable[..., float]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    examples: int = 0
    """How many of the first arguments are rows of examples, whose order does not matter."""
    figure: Callable[[Any], float] = float


def numbers(rng: np.random.Generator) -> Arguments:
    return rng.normal(2, 1, 20), rng.normal(2, 1, 20)


def same(make: Callable[..., Arguments]) -> Callable[..., Arguments]:
    """What was made first, twice."""

    def twice(rng: np.random.Generator) -> Arguments:
        first, _, *rest = make(rng)
        return first, first, *rest

    return twice


def positive(rng: np.random.Generator) -> Arguments:
    return rng.uniform(0.5, 5, 20), rng.uniform(0.5, 5, 20)


def classes(rng: np.random.Generator) -> Arguments:
    return np.r_[0, 1, 2, rng.integers(0, 3, 20)], np.r_[2, 1, 0, rng.integers(0, 3, 20)]


def yes_no(rng: np.random.Generator) -> Arguments:
    return np.r_[0, 0, 1, 1, rng.integers(0, 2, 20)], np.r_[0, 1, 0, 1, rng.integers(0, 2, 20)]


def scored(rng: np.random.Generator) -> Arguments:
    return yes_no(rng)[0], rng.normal(size=24)


def well_scored(rng: np.random.Generator) -> Arguments:
    targets = yes_no(rng)[0]
    return targets, targets + 0.1 * rng.uniform(size=24)


def likely(rng: np.random.Generator) -> Arguments:
    targets = classes(rng)[0]
    return targets, rng.dirichlet(np.ones(3), len(targets))


def certain(rng: np.random.Generator) -> Arguments:
    targets = classes(rng)[0]
    return targets, np.eye(3)[targets]


def queries(rng: np.random.Generator) -> Arguments:
    return np.c_[np.ones(6, int), rng.integers(0, 2, (6, 8))], rng.normal(size=(6, 9))


def answered(rng: np.random.Generator) -> Arguments:
    relevant = queries(rng)[0]
    return relevant, relevant + 0.1 * rng.uniform(size=relevant.shape)


def boxes(rng: np.random.Generator, number: int = 4) -> np.ndarray:
    corners = rng.uniform(0, 5, (number, 2))
    return np.c_[corners, corners + rng.uniform(1, 4, (number, 2))]


def scene(rng: np.random.Generator) -> Arguments:
    return ([Found(boxes(rng), rng.uniform(size=4), boxes(rng, 3)) for _ in range(3)],)


def found_all(rng: np.random.Generator) -> Arguments:
    there = [boxes(rng, 3) for _ in range(3)]
    return ([Found(each, rng.uniform(size=3), each) for each in there],)


def masks(rng: np.random.Generator) -> Arguments:
    return rng.integers(0, 2, (12, 12)).astype(bool), rng.integers(0, 2, (12, 12)).astype(bool)


def things(rng: np.random.Generator) -> Arguments:
    owner, other = rng.integers(0, 3, (2, 6, 6))
    return np.stack([owner == k for k in range(3)]), np.stack([other == k for k in range(3)])


def pictures(rng: np.random.Generator) -> Arguments:
    return rng.uniform(size=(16, 16)), rng.uniform(size=(16, 16))


def crowds(rng: np.random.Generator) -> Arguments:
    return rng.normal(size=(50, 3)), rng.normal(1, 2, size=(40, 3))


WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "saw", "some", "other", "bird", "there", "today"]


def texts(rng: np.random.Generator) -> Arguments:
    return tuple([" ".join(rng.choice(WORDS, 8)) for _ in range(5)] for _ in range(2))


def sentence(rng: np.random.Generator) -> Arguments:
    return " ".join(rng.choice(WORDS, 8)), " ".join(rng.choice(WORDS, 8))


def vectors(rng: np.random.Generator) -> Arguments:
    return rng.normal(size=(5, 4)), rng.normal(size=(6, 4))


def embeddings(rng: np.random.Generator) -> Arguments:
    return rng.normal(size=4), rng.normal(size=4)


def judged(rng: np.random.Generator) -> Arguments:
    return (rng.integers(0, 2, 9).astype(bool),)


def all_so(rng: np.random.Generator) -> Arguments:
    return (np.ones(5, bool),)


def lifetimes(rng: np.random.Generator) -> Arguments:
    return rng.exponential(size=20), rng.integers(0, 2, 20).astype(bool), rng.normal(size=20)


def in_order(rng: np.random.Generator) -> Arguments:
    times, events, _ = lifetimes(rng)
    return times, events, -times


PAIR = arrays([1.0, 2.0, 3.0], [1.0, 2.0, 6.0])
TABLE = arrays([1, 1, 1, 0, 0, 0, 0, 0], [1, 1, 0, 1, 0, 0, 0, 0])
"""TP 2, FN 1, FP 1, TN 4."""
ORDER = arrays([[0, 1, 0, 1]], [[4.0, 3.0, 2.0, 1.0]])
UNIT = np.array([[0.0, 0, 1, 1]])
ONE_OF_TWO = ([Found(np.array([[0.0, 0, 1, 1], [8, 8, 9, 9]]), np.array([0.5, 0.9]), UNIT)],)
"""What is there is found second."""
SQUARE = np.pad(np.ones((4, 4), bool), 4)

CASES: dict[str, Case] = {
    "mse": Case(numbers, [(PAIR, {}, 3.0)], same(numbers), examples=2),
    "rmse": Case(numbers, [(PAIR, {}, math.sqrt(3))], same(numbers), examples=2),
    "nrmse": Case(numbers, [(PAIR, {}, math.sqrt(3 / (2 / 3)))], same(numbers), examples=2),
    "mae": Case(numbers, [(PAIR, {}, 1.0)], same(numbers), examples=2),
    "median_absolute_error": Case(numbers, [(PAIR, {}, 0.0)], same(numbers), examples=2),
    "mape": Case(positive, [(PAIR, {}, 1 / 3)], same(positive), examples=2),
    "smape": Case(numbers, [(PAIR, {}, 200 / 9)], same(numbers), examples=2),
    "r2": Case(numbers, [(PAIR, {}, 1 - 9 / 2)], same(numbers), examples=2),
    "adjusted_r2": Case(
        lambda rng: (*numbers(rng), 3),
        [((*PAIR, 1), {}, 1 - 4.5 * 2)],
        lambda rng: (*same(numbers)(rng), 3),
        examples=2,
    ),
    "pinball": Case(numbers, [(PAIR, {"alpha": 0.1}, 0.9)], same(numbers), examples=2),
    "poisson_deviance": Case(positive, [(arrays([1.0], [2.0]), {}, 2 * (1 - math.log(2)))], same(positive), examples=2),
    "mase": Case(
        lambda rng: (*numbers(rng), rng.normal(size=30)),
        [((*PAIR, np.array([0.0, 2, 4])), {}, 0.5), ((*PAIR, np.array([0.0, 0, 1, 3])), {"season": 2}, 0.5)],
        lambda rng: (*same(numbers)(rng), rng.normal(size=30)),
        examples=2,
    ),
    "crps": Case(
        lambda rng: (rng.normal(size=9), rng.normal(size=(9, 5))),
        [(arrays([0.0], [[1.0, 3.0]]), {}, 2 - 1), (arrays([0.0], [[4.0]]), {}, 4)],
        peers=[lambda y, x: float(np.mean([fair_crps(a, b) for a, b in zip(y, x, strict=True)]))],
        examples=2,
    ),
    "concordance": Case(
        lifetimes,
        [(arrays([1.0, 2, 3], [True, False, True], [3.0, 2, 5]), {}, 0.5)],
        in_order,
        examples=3,
    ),
    "abs_rel": Case(positive, [(arrays([2.0, 4], [1.0, 4]), {}, 0.25)], same(positive), examples=2),
    "rmse_log": Case(positive, [(arrays([1.0], [math.e]), {}, 1)], same(positive), examples=2),
    "log10_error": Case(positive, [(arrays([1.0], [100.0]), {}, 2)], same(positive), examples=2),
    "delta_accuracy": Case(
        positive, [(arrays([1.0, 1, 1, 1], [1.2, 0.9, 0.7, 1.3]), {}, 0.5)], same(positive), examples=2
    ),
    "high_error_share": Case(
        positive, [(arrays([1.0, 1, 1, 1], [1.1, 0.9, 0.7, 1.3]), {}, 0.5)], same(positive), examples=2
    ),
    "scale_invariant_error": Case(
        positive,
        [(arrays([1.0, 1], [1.0, math.e]), {}, 0.25), (arrays([1.0, 2], [3.0, 6]), {}, 0)],
        same(positive),
        examples=2,
    ),
    "whdr": Case(
        lambda rng: (rng.integers(-1, 2, 9), *rng.uniform(1, 2, (3, 9))),
        [(arrays([1, -1, 0], [2.0, 2, 1], [1.0, 1, 1.05], [1.0, 2, 1]), {}, 0.5)],
        examples=4,
    ),
    "confusion_matrix": Case(classes, [(TABLE, {}, 2)], figure=lambda cells: float(cells[-1, -1]), examples=2),
    "accuracy": Case(classes, [(TABLE, {}, 6 / 8)], same(classes), examples=2),
    "balanced_accuracy": Case(classes, [(TABLE, {}, (2 / 3 + 4 / 5) / 2)], same(classes), examples=2),
    "precision": Case(yes_no, [(TABLE, {}, 2 / 3)], same(yes_no), examples=2),
    "recall": Case(yes_no, [(TABLE, {}, 2 / 3)], same(yes_no), examples=2),
    "f1": Case(yes_no, [(TABLE, {}, 2 / 3)], same(yes_no), examples=2),
    "specificity": Case(
        yes_no, [(TABLE, {}, 4 / 5)], same(yes_no), [lambda y, s: recall_score(y, s, pos_label=0)], examples=2
    ),
    "false_positive_rate": Case(
        yes_no, [(TABLE, {}, 1 / 5)], same(yes_no), [lambda y, s: 1 - recall_score(y, s, pos_label=0)], examples=2
    ),
    "false_negative_rate": Case(
        yes_no, [(TABLE, {}, 1 / 3)], same(yes_no), [lambda y, s: 1 - recall_score(y, s)], examples=2
    ),
    "negative_predictive_value": Case(
        yes_no, [(TABLE, {}, 4 / 5)], same(yes_no), [lambda y, s: precision_score(y, s, pos_label=0)], examples=2
    ),
    "false_discovery_rate": Case(
        yes_no, [(TABLE, {}, 1 / 3)], same(yes_no), [lambda y, s: 1 - precision_score(y, s)], examples=2
    ),
    "false_omission_rate": Case(
        yes_no, [(TABLE, {}, 1 / 5)], same(yes_no), [lambda y, s: 1 - precision_score(y, s, pos_label=0)], examples=2
    ),
    "matthews": Case(yes_no, [(TABLE, {}, (8 - 1) / 15)], same(yes_no), examples=2),
    "kappa": Case(yes_no, [(TABLE, {}, (0.75 - 34 / 64) / (1 - 34 / 64))], same(yes_no), examples=2),
    "top_k_accuracy": Case(
        likely,
        [(arrays([0, 1, 2], [[0.5, 0.2, 0.3], [0.3, 0.2, 0.5], [0.1, 0.2, 0.7]]), {"k": 2}, 2 / 3)],
        certain,
        examples=2,
    ),
    "hamming": Case(
        lambda rng: (rng.integers(0, 2, (9, 4)), rng.integers(0, 2, (9, 4))),
        [(arrays([[1, 0], [0, 0]], [[1, 1], [0, 0]]), {}, 0.25)],
        lambda rng: (np.eye(4, dtype=int), np.eye(4, dtype=int)),
        examples=2,
    ),
    "roc_auc": Case(scored, [(arrays([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4]), {}, 0.75)], well_scored, examples=2),
    "average_precision": Case(
        scored, [(arrays([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4]), {}, 0.5 + 0.5 * 2 / 3)], well_scored, examples=2
    ),
    "precision_recall_curve": Case(
        scored, [(arrays([0, 1], [0.1, 0.9]), {}, 1.5)], figure=lambda curve: float(np.sum(curve[0][:-1])), examples=2
    ),
    "roc_curve": Case(
        scored, [(arrays([0, 1], [0.1, 0.9]), {}, 2)], figure=lambda curve: float(np.sum(curve[1])), examples=2
    ),
    "log_loss": Case(
        likely, [(arrays([0, 1, 2], [[0.5, 0.25, 0.25]] * 3), {}, 5 / 3 * math.log(2))], certain, examples=2
    ),
    "brier": Case(
        lambda rng: (scored(rng)[0], rng.uniform(size=24)),
        [(arrays([0, 1], [0.5, 0.9]), {}, 0.13)],
        lambda rng: (yes_no(rng)[0],) * 2,
        examples=2,
    ),
    "ece": Case(likely, [(arrays([0, 0], [[0.8, 0.2], [0.2, 0.8]]), {}, 0.3)], certain, examples=2),
    "true_accept_rate": Case(
        scored, [(arrays([1, 1, 0, 0], [0.9, 0.5, 0.6, 0.1]), {"false_accepts": 0.0}, 0.5)], well_scored, examples=2
    ),
    "equal_error_rate": Case(scored, [(arrays([1, 1, 0, 0], [0.9, 0.5, 0.6, 0.1]), {}, 0.5)], well_scored, examples=2),
    "box_ious": Case(
        lambda rng: (boxes(rng), boxes(rng)),
        [((UNIT, np.array([[0.0, 0, 1, 2]])), {}, 0.5)],
        lambda rng: (UNIT, UNIT),
        figure=lambda cells: float(cells.max()),
    ),
    "box_average_precision": Case(scene, [(ONE_OF_TWO, {}, 0.5), (ONE_OF_TWO, {"points": 11}, 0.5)], found_all),
    "coco_average_precision": Case(
        scene,
        [(ONE_OF_TWO, {}, 0.5), (([Found(np.array([[0.0, 0, 1, 0.72]]), np.ones(1), UNIT)],), {}, 0.5)],
        found_all,
    ),
    "average_recall": Case(scene, [(ONE_OF_TWO, {}, 1.0), (ONE_OF_TWO, {"most": 1}, 0.0)], found_all),
    "mean_iou": Case(
        lambda rng: (*classes(rng), 3),
        [(arrays([0, 0, 1], [0, 1, 1], 3), {}, 0.5), (arrays([0, 9, 1], [0, 1, 1], 2), {"ignore_index": 9}, 1.0)],
        lambda rng: (*same(classes)(rng), 3),
        [lambda y, p, _: jaccard_score(y, p, average="macro")],
        examples=2,
    ),
    "boundary_f1": Case(
        masks,
        [((SQUARE, np.roll(SQUARE, 2, 0)), {}, 1), ((SQUARE, np.roll(SQUARE, 8, (0, 1))), {"distance": 1.0}, 0)],
        same(masks),
    ),
    "panoptic_quality": Case(things, [((SQUARE[None], np.stack([SQUARE, ~SQUARE])), {}, 1 / 1.5)], same(things)),
    "psnr": Case(pictures, [(arrays([0.0, 0], [0.1, 0.1]), {}, 20)], same(pictures)),
    "ssim": Case(
        pictures,
        [((np.full((12, 12), 0.5), np.full((12, 12), 0.25)), {}, (0.25 + 1e-4) / (0.3125 + 1e-4))],
        same(pictures),
    ),
    "inception_score": Case(
        lambda rng: (rng.dirichlet(np.ones(3), 9),),
        [((np.eye(4),), {}, 4), ((np.full((3, 4), 0.25),), {}, 1)],
        examples=1,
    ),
    "frechet_distance": Case(
        crowds, [(arrays([[0.0], [2]], [[3.0], [7]]), {}, 16 + 2 + 8 - 2 * 4)], same(crowds), examples=0
    ),
    "kernel_distance": Case(crowds, [(arrays([[1.0], [1]], [[0.0], [0]]), {}, 8 + 1 - 2)]),
    "bleu": Case(
        texts, [((["a b c d e"], ["a b c d f"]), {}, 100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)], same(texts)
    ),
    "chrf": Case(
        texts,
        [((["abc"], ["abd"]), {"order": 1, "beta": 1.0}, 200 / 3), ((["ab"], ["abc"]), {}, 500 * 7 / 55)],
        same(texts),
    ),
    "meteor": Case(sentence, [(("a b c", "a b c"), {}, 1 - 0.5 / 27), (("b a", "a b"), {}, 0.5), (("x", "a"), {}, 0)]),
    "rouge_n": Case(texts, [((["a b c"], ["a b d"]), {"n": 2}, 0.5)], same(texts)),
    "rouge_l": Case(texts, [((["a x b c"], ["a b c"]), {}, 6 / 7)], same(texts)),
    "bert_score": Case(vectors, [(arrays([[1.0, 0]], [[1.0, 0], [0, 1]]), {}, 2 / 3)], same(vectors)),
    "perplexity": Case(
        lambda rng: (rng.exponential(size=9),),
        [(arrays([math.log(4)] * 3), {}, 4)],
        lambda rng: (np.zeros(3),),
        examples=1,
    ),
    "exact_match": Case(texts, [((["The cat!", "dog"], ["cat", "a cat"]), {}, 0.5)], same(texts)),
    "token_f1": Case(texts, [((["the big cat"], ["cat"]), {}, 2 / 3)], same(texts)),
    "word_error_rate": Case(texts, [((["a x c"], ["a b c d"]), {}, 0.5)], same(texts)),
    "character_error_rate": Case(texts, [((["kitten"], ["sitting"]), {}, 3 / 7)], same(texts)),
    "ndcg": Case(
        queries, [(ORDER, {}, (1 / math.log2(3) + 1 / math.log2(5)) / (1 + 1 / math.log2(3)))], answered, examples=2
    ),
    "reciprocal_rank": Case(queries, [(ORDER, {}, 0.5)], answered, examples=2),
    "mean_average_precision": Case(
        queries, [(ORDER, {}, 0.5)], answered, [lambda r, s: label_ranking_average_precision_score(r, s)], examples=2
    ),
    "precision_at_k": Case(
        queries, [(ORDER, {"k": 2}, 0.5)], lambda rng: (np.ones((2, 12), int), rng.normal(size=(2, 12))), examples=2
    ),
    "recall_at_k": Case(queries, [(ORDER, {"k": 2}, 0.5)], answered, examples=2),
    "hit_rate_at_k": Case(queries, [(ORDER, {"k": 1}, 0.0), (ORDER, {"k": 2}, 1.0)], answered, examples=2),
    "answer_similarity": Case(embeddings, [(arrays([1.0, 0], [1.0, 1]), {}, math.sqrt(0.5))], same(embeddings)),
    "answer_correctness": Case(
        lambda rng: (*map(int, rng.integers(0, 5, 3)), float(rng.uniform())),
        [((2, 1, 1, 1.0), {}, 0.75 * 2 / 3 + 0.25)],
        lambda rng: (3, 0, 0, 1.0),
    ),
    "answer_relevance": Case(
        lambda rng: (rng.normal(size=4), rng.normal(size=(3, 4))),
        [(arrays([1.0, 0], [[2.0, 0], [0, 1]]), {}, 0.5)],
        lambda rng: (np.ones(3), np.ones((2, 3))),
    ),
    "context_precision": Case(
        judged, [(arrays([True, False, True]), {}, (1 + 2 / 3) / 2), (arrays([False]), {}, 0)], all_so
    ),
    "context_recall": Case(judged, [(arrays([True, False, True, True]), {}, 0.75)], all_so, examples=1),
    "faithfulness": Case(judged, [(arrays([True, False]), {}, 0.5)], all_so, examples=1),
    "summary_score": Case(lambda rng: (*judged(rng), 10, 100), [((np.array([True, False]), 25, 100), {}, 0.625)]),
    "entity_recall": Case(
        lambda rng: (["Ada", "Paris"], ["Ada", "Rome"]),
        [((["Ada", "Paris"], ["Ada", "Rome"]), {}, 0.5)],
        lambda rng: (["Ada"], ["Ada"]),
    ),
    "aspect_critique": Case(
        lambda rng: ([True, False, True],),
        [(([True, False, True],), {}, 1), (([False],), {}, 0)],
        lambda rng: ([True],),
    ),
    "prediction_powered": Case(
        lambda rng: (rng.uniform(size=30), *rng.uniform(size=(2, 10))),
        [(arrays([0.5, 0.7], [0.4, 0.6], [0.3, 0.7]), {}, 0.6)],
        figure=lambda estimate: float(estimate.value),
    ),
}


def fair_crps(target: float, samples: np.ndarray) -> float:
    apart = [abs(a - b) for i, a in enumerate(samples) for j, b in enumerate(samples) if i != j]
    return float(np.abs(samples - target).mean() - np.mean(apart) / 2)


def value(name: str, arguments: Arguments, **settings: Any) -> float:
    case = CASES[name]
    return case.figure(METRICS[name].function(*arguments, **{**case.settings, **settings}))


def drawn(name: str, seed: int = 0) -> Arguments:
    return CASES[name].draw(np.random.default_rng(seed))


def test_every_metric_of_the_catalogue_is_tried_and_no_other() -> None:
    assert CASES.keys() == METRICS.keys()
    assert all(set(metric.tasks) <= TASKS.keys() for metric in METRICS.values())


@pytest.mark.parametrize("name", CASES)
def test_known_values(name: str) -> None:
    for arguments, settings, expected in CASES[name].known:
        assert value(name, arguments, **settings) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.perfect])
def test_a_perfect_fit_is_best(name: str) -> None:
    best = METRICS[name].best
    for seed in range(3):
        found = value(name, CASES[name].perfect(np.random.default_rng(seed)))  # type: ignore[misc]
        assert found == pytest.approx(best, abs=1e-6)
        assert math.isinf(best) or abs(value(name, drawn(name, seed)) - best) >= abs(found - best) - 1e-9


@pytest.mark.parametrize("name", CASES)
def test_values_stay_where_the_record_says(name: str) -> None:
    metric = METRICS[name]
    for seed in range(20):
        found = value(name, drawn(name, seed))
        assert np.isfinite(found)
        assert metric.least - 1e-9 <= found <= metric.most + 1e-9


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.examples])
def test_the_order_of_examples_does_not_matter(name: str) -> None:
    arguments = drawn(name)
    order = np.random.default_rng(1).permutation(len(arguments[0]))
    moved = tuple(each[order] if i < CASES[name].examples else each for i, each in enumerate(arguments))
    assert value(name, moved) == pytest.approx(value(name, arguments), abs=1e-9)


@pytest.mark.parametrize(("name", "which"), [(name, i) for name, case in CASES.items() for i in range(len(case.peers))])
def test_other_ways_to_it_agree(name: str, which: int) -> None:
    for seed in range(3):
        arguments = drawn(name, seed)
        assert value(name, arguments) == pytest.approx(float(CASES[name].peers[which](*arguments)), abs=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_the_record_is_whole(name: str) -> None:
    metric = METRICS[name]
    assert metric.function.__doc__
    for text in (metric.line, metric.formula, metric.takes, metric.when, metric.avoid, metric.source):
        assert text
        assert not text.endswith(".")
    assert np.isnan(metric.best) or metric.least <= metric.best <= metric.most


def test_averages_over_classes_are_scikit_learns() -> None:
    targets, predicted = classes(np.random.default_rng(0))
    for average in ("macro", "micro", "weighted"):
        assert METRICS["f1"].function(targets, predicted, average=average) == f1_score(
            targets, predicted, average=average
        )
    assert METRICS["accuracy"].function is accuracy_score
