"""What is asked next, what it is of a store that grows, and what its choices say of those who made them."""

from collections import Counter

import numpy as np
import pytest
from tests.data.choices.stores import pair, said

from glassworks.data.choices.comparison import Comparison, Option, Undo
from glassworks.data.choices.figures import columns_of, figures
from glassworks.data.choices.judges import accuracy, disagreement, judge_of
from glassworks.data.choices.ledger import APART, Ledger
from glassworks.data.choices.store import Store


def ledger_of(store: Store, count: int, **settings: object) -> Ledger:
    """A ledger over so many comparisons."""
    store.set(**settings)
    store.add(pair(i) for i in range(count))
    found = Ledger(store)
    found.read()
    return found


def answered(ledger: Ledger, annotator: str, count: int, best=lambda _: 0, **busy: object) -> list:
    """Choices as a page makes them, one after another."""
    offers = []
    for _ in range(count):
        offer = ledger.next(annotator, **busy)
        if offer is None:
            break
        offers.append(offer)
        ledger.store.append([said(offer.comparison, best(offer), annotator, shown=offer.shown, why=offer.why)])
        ledger.read()
    return offers


def test_everything_is_asked_once_in_an_order_that_the_seed_decides(tmp_path) -> None:
    orders = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        ledger = ledger_of(Store(tmp_path / f"{name}.sqlite"), 30, seed=seed, repeats=0.0, overlap=0.0)
        offers = answered(ledger, "ada", 99)
        assert sorted(offer.comparison for offer in offers) == list(range(1, 31))
        orders.append([(offer.comparison, offer.shown) for offer in offers])
    assert orders[0] == orders[1] != orders[2]
    assert orders[0] != sorted(orders[0])
    assert 5 < sum(shown == (0, 1) for _, shown in orders[0]) < 25


def test_what_is_shared_is_asked_of_everybody_and_the_rest_of_one(tmp_path) -> None:
    ledger = ledger_of(Store(tmp_path / "a.sqlite"), 50, repeats=0.0, overlap=0.3)
    asked = Counter()
    for turn in range(100):
        asked.update(offer.comparison for offer in answered(ledger, ("ada", "bob", "cyd")[turn % 3], 1))
    shared = [number for number, times in asked.items() if times == 3]
    assert sorted(asked) == list(range(1, 51))
    assert set(asked.values()) == {1, 3}
    assert shared == [n for n in asked if ledger.shared[n - 1]]
    assert 5 < len(shared) < 25


def test_repeats_come_later_as_often_as_was_set_and_never_twice(tmp_path) -> None:
    ledger = ledger_of(Store(tmp_path / "a.sqlite"), 300, repeats=0.3, overlap=0.0)
    offers = answered(ledger, "ada", 120)
    repeats = [i for i, offer in enumerate(offers) if offer.why == "repeat"]
    assert 15 < len(repeats) < 55
    first: dict[int, int] = {}
    for i, offer in enumerate(offers):
        if offer.why == "repeat":
            assert i - first[offer.comparison] >= APART
        else:
            assert offer.comparison not in first
            first[offer.comparison] = i
    assert max(Counter(offer.comparison for offer in offers).values()) == 2


def test_what_lies_open_elsewhere_is_not_asked_and_what_was_taken_back_is_again(store: Store) -> None:
    ledger = ledger_of(store, 3, repeats=0.0, overlap=0.0)
    first = ledger.next("ada")
    second = ledger.next("ada", frozenset([first.comparison]))
    assert second.comparison != first.comparison
    (offer,) = answered(ledger, "ada", 1)
    answered(ledger, "ada", 9)
    assert ledger.next("ada") is ledger.next("bob") is None
    id = next(one.id for one in store.choices() if one.comparison == offer.comparison)
    assert ledger.latest("ada") == store.choices()[-1].id
    store.append([Undo("u", id, "ada")])
    ledger.read()
    assert ledger.next("bob").comparison == offer.comparison
    ledger.read()  # what was taken in is not taken in again
    assert int(ledger.asked.sum()) == 2


def test_the_comparison_on_which_models_disagree_most_comes_first_but_for_a_fair_sample(tmp_path) -> None:
    ledger = ledger_of(Store(tmp_path / "a.sqlite"), 200, repeats=0.0, overlap=0.0)
    scores = np.random.default_rng(0).random(200)
    scores[::10] = np.nan  # not looked at yet
    offers = answered(ledger, "ada", 100, scores=scores)
    by_score = [offer.comparison for offer in offers if offer.why == "disagreement"]
    assert 60 < len(by_score) < 90
    left = set(range(1, 201))
    for offer in offers:
        if offer.why == "disagreement":
            assert offer.comparison == max(left, key=lambda n: -1 if np.isnan(scores[n - 1]) else scores[n - 1])
        left.remove(offer.comparison)
    assert scores[[n - 1 for n in by_score]].mean() > 0.75


def test_a_ledger_of_a_store_that_is_read_whole_is_the_one_that_was_kept_up(store: Store) -> None:
    kept = ledger_of(store, 40, repeats=0.2, overlap=0.5)
    for name in ("ada", "bob"):
        answered(kept, name, 25, lambda offer: None if offer.comparison % 7 == 0 else offer.comparison % 2)
    store.append([Undo("u", store.choices()[3].id, "ada")])
    kept.read()
    anew = Ledger(store)
    assert figures(anew) == figures(kept)
    assert kept.next("ada") == anew.next("ada")


# ----------------------------------------------------------------------------------------------------------------------


def test_figures_are_those_that_were_put_in(tmp_path) -> None:
    """Ada says the truth. Bob presses the first key; both meet on every comparison, and each is asked some twice."""
    store = Store(tmp_path / "a.sqlite")
    numbers = store.add(pair(i) for i in range(400))
    chance = np.random.default_rng(0)
    truth = chance.integers(2, size=400)
    for name in ("ada", "bob"):
        for again in (False, True):
            choices = []
            for number in numbers[: 100 if again else 400]:
                shown = tuple(chance.permutation(2).tolist())
                best = int(truth[number - 1]) if name == "ada" else shown[0]
                choices.append(said(number, best, name, shown=shown, seconds=2.0 if name == "ada" else 0.5))
            store.append(choices)
    found = figures(Ledger(store))
    ada, bob = found["annotators"]
    assert (ada["choices"], ada["seconds"], bob["seconds"]) == (500, [2.0] * 3, [0.5] * 3)
    assert ada["consistency"]["value"] == 1.0
    assert ada["consistency"]["of"] == 100
    assert bob["consistency"]["low"] < 0.5 < bob["consistency"]["high"]
    assert ada["position"]["first"]["low"] < 0.5 < ada["position"]["first"]["high"]
    assert bob["position"]["first"]["value"] == 1.0
    agreement = found["agreement"]
    assert (agreement["comparisons"], agreement["raters"], agreement["kappa_is"]) == (400, 2, "Cohen")
    assert agreement["raw"]["low"] < 0.5 < agreement["raw"]["high"]
    assert agreement["by_chance"] == pytest.approx(0.5, abs=0.01)
    assert agreement["alpha_low"] < 0 < agreement["alpha_high"]
    assert agreement["kappa"] == pytest.approx(0, abs=0.12)


def test_ties_skips_and_files_are_counted_for_what_they_are(store: Store) -> None:
    numbers = store.add(pair(i) for i in range(4))
    for name in ("ada", "bob"):
        store.append(
            [
                said(numbers[0], None, name),
                said(numbers[1], 0, name, strength=3),
                said(numbers[2], verdict="bad", ranking=(), annotator=name),
                said(numbers[3], verdict="skip", ranking=(), reason="?", annotator=name),
            ]
        )
    store.append([said(numbers[3], 1, "file", shown=None, seconds=None, why="import")])
    ledger = Ledger(store)
    found = figures(ledger)
    ada = found["annotators"][0]
    assert [ada[name] for name in ("choices", "ties", "bad", "skipped")] == [3, 1, 1, 1]
    assert found["annotators"][2]["seconds"] is None
    agreement = found["agreement"]
    assert (agreement["comparisons"], agreement["raw"]["value"], agreement["alpha"]) == (3, 1.0, 1.0)
    assert (agreement["decisive"]["of"], agreement["ordinal"]) == (1, 1.0)
    assert int(ledger.asked.sum()) == 8  # not the file's: it was asked of nobody here


def test_an_empty_store_has_figures_that_say_nothing(store: Store) -> None:
    found = figures(Ledger(store))
    assert (found["choices"], found["annotators"]) == (0, [])
    assert (found["agreement"]["raw"]["value"], found["agreement"]["alpha"]) == (None, None)
    assert (found["consistency"]["value"], found["position"]["first"]["value"]) == (None, None)


def test_a_choice_of_three_has_a_third_in_each_place(tmp_path) -> None:
    store = Store(tmp_path / "a.sqlite")
    three = Comparison.of("p", [Option({"text": text}) for text in "abc"])[0]
    store.add([three])
    store.append([said(1, best, shown=(2, 0, 1)) for best in (0, 0, 1, 2)])
    found = figures(Ledger(store))["position"]
    assert (found["counts"], found["by_chance"]) == ([1, 2, 1], 1 / 3)


# ----------------------------------------------------------------------------------------------------------------------


def test_disagreement_is_the_variance_of_the_preference(tmp_path) -> None:
    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    assert disagreement(np.array([[1.0, 0.0], [1.0, 0.0]])) == 0
    two = np.array([[0.3, 0.0, 0.1], [0.1, 0.4, 0.1]])
    differences = [(two[:, i] - two[:, j]) for i in range(3) for j in range(3)]
    assert disagreement(two) == pytest.approx(max(sigmoid(d).var() for d in differences))


def test_a_judges_accuracy_is_over_what_it_was_not_shown_beside_chance(tmp_path) -> None:
    store = Store(tmp_path / "a.sqlite")
    numbers = store.add(pair(i) for i in range(100))
    judge = judge_of(lambda prompts, texts: np.array([float(text.startswith("a")) for text in texts]))
    comparisons = store.comparisons()
    says = np.array([found.mean(0).argmax() for found in judge(comparisons)], float)
    assert [one.options[int(best)].text[0] for one, best in zip(comparisons, says, strict=True)] == ["a"] * 100
    store.append(
        [
            said(
                number, int(says[number - 1]) if number > 40 and number % 4 else 1 - int(says[number - 1]), why="random"
            )
            for number in numbers[:80]
        ]
    )
    store.append([said(numbers[90], int(says[90]), why="disagreement"), said(numbers[91], None)])
    columns = columns_of(read(Ledger(store)))
    assert accuracy(columns, says)["all"]["value"] == pytest.approx(31 / 81)
    held_out = accuracy(columns, says, np.arange(100) >= 40)
    assert (held_out["all"]["value"], held_out["all"]["of"]) == (pytest.approx(31 / 41), 41)
    assert (held_out["random"]["of"], held_out["by_chance"]) == (40, 0.5)
    assert accuracy(columns, np.full(100, np.nan))["all"]["value"] is None


def read(ledger: Ledger) -> Ledger:
    ledger.read()
    return ledger
