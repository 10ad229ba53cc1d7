"""The stated human likes what it is said to like, and errs as often; functions are read as they stand."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from glassworks.data.choices.store import Store
from glassworks.reproductions.rlhf.chain import pair_rows
from glassworks.reproductions.rlhf.examples import examples, functions
from glassworks.reproductions.rlhf.human import ceiling, chooses_left, compared, flawed, gold, worth


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("    return x\n", 2),
        ("    x = 1\n", 1),
        ("", 0),
        ("    a\n    b\n    c\n    return d\n", 1),
        ("    return x\n    return x\n", 0),
        ("    return return return return x\n", 0),
        ("    a\n    a\n    a\n    a\n", -2),
    ],
)
def test_what_is_liked_is_counted(text: str, points: float) -> None:
    assert worth(text) == points
    assert gold(["p"], [text]).tolist() == [points]


def test_the_flawed_reward_counts_what_is_only_a_sign_of_it() -> None:
    assert flawed([""] * 3, ["return x", "return return\nreturn", "return " * 50]).tolist() == [1, 3, 8]


def test_choices_go_by_worth_by_place_and_by_chance() -> None:
    draw = np.random.default_rng(0)
    far, near = (np.mean([chooses_left(a, b, draw) for _ in range(4000)]) for a, b in ((2.0, -1.0), (1.0, 1.0)))
    assert 0.93 < far < 0.97  # of ten one is made blindly
    assert 0.52 < near < 0.57  # the left one is liked a little more


def test_how_sure_the_human_is_bounds_what_can_be_learned() -> None:
    better, worse = ["    return x\n"] * 2000, ["    a\n    a\n    a\n    a\n"] * 2000
    same, right = ceiling(better, worse, 0)
    assert 0.87 < same < 0.94
    assert 0.92 < right < 0.98
    same, _ = ceiling(better, better, 0)
    assert 0.45 < same < 0.56


def test_choices_are_stored_with_what_was_shown_and_become_pairs(tmp_path: Path) -> None:
    prompts, first, second = ["def f():\n", "def g():\n"], ["    return 1\n", "    x\n"], ["    x\n", "    x\n"]
    said = compared(prompts, first, second, 0)
    assert len(said) == 1  # equal options are no choice
    with_number = [dataclasses.replace(choice, comparison=1) for _, choice in said]
    store = Store(tmp_path / "choices.sqlite")
    store.add([comparison for comparison, _ in said])
    store.append(with_number)
    (row,) = pair_rows(store)
    assert row["prompt"] == "def f():\n"
    assert {row["chosen"], row["rejected"]} == {"    return 1\n", "    x\n"}
    (kept,) = store.choices()
    assert sorted(kept.shown or ()) == [0, 1]
    store.close()


def test_functions_are_cut_out_without_their_indentation() -> None:
    source = "class A:\n    def f(self):\n        return 1\n\n    def g(self): pass\ndef h():\n    a\n\n    b\nx = 1\n"
    assert list(functions(source)) == [
        {"prompt": "def f(self):\n", "completion": "    return 1\n"},
        {"prompt": "def h():\n", "completion": "    a\n\n    b\n"},
    ]


def test_what_is_no_python_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no functions here", encoding="utf-8")
    with pytest.raises(ValueError, match="has 0 short functions, and 40 are needed: give Python sources"):
        examples(str(tmp_path), 100)
