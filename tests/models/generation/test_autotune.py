from collections.abc import Callable
from itertools import pairwise

import pytest

from glassworks.models.generation.autotune import ASLEEP, RARELY, SPELL, Autotune


def spells(tuning: Autotune[str], seconds: Callable[[str], float], count: int) -> list[str]:
    """The way of each of some spells, one piece long each, that take so many times `SPELL`."""
    ways = []
    for _ in range(count):
        ways.append(tuning.way)
        tuning.took(SPELL * seconds(tuning.way))
    return ways


def test_each_other_way_is_tried_once_while_the_first_is_as_fast_as_ever() -> None:
    ways = spells(Autotune("a", "b", "c"), {"a": 1.0, "b": 2.0, "c": 3.0}.__getitem__, 400)
    assert [(at, way) for at, way in enumerate(ways) if way != "a"] == [(1, "b"), (4, "c")]


def test_another_best_way_is_doubted_ever_more_rarely() -> None:
    ways = spells(Autotune("a", "b", "c"), {"a": 2.0, "b": 1.0, "c": 3.0}.__getitem__, 400)
    tries = [at for at, way in enumerate(ways) if at > 1 and way != "b"]
    assert ways[:2] == ["a", "b"]
    assert {ways[at] for at in tries} == {"a", "c"}
    gaps = [right - left for left, right in pairwise(tries)]
    assert gaps == sorted(gaps)
    assert gaps[-1] == RARELY + 1


def test_the_sooner_way_is_taken_and_left_again_when_that_changes() -> None:
    tuning = Autotune("a", "b")
    assert set(spells(tuning, {"a": 1.0, "b": 1.5}.__getitem__, 50)) == {"a", "b"}
    busy = spells(tuning, {"a": 9.0, "b": 3.0}.__getitem__, 80)
    assert busy[2:].count("b") > 70  # "a" was given up at once
    quiet = spells(tuning, {"a": 1.0, "b": 1.5}.__getitem__, 2 * RARELY)
    assert quiet[-5:] == ["a"] * 5


def test_many_short_pieces_make_a_spell_and_time_asleep_is_no_work() -> None:
    tuning = Autotune("a", "b")
    for _ in range(9):
        tuning.took(SPELL / 10)
        tuning.took(2 * ASLEEP)
        tuning.took(7 * ASLEEP, pieces=4)
    assert tuning.way == "a"
    assert tuning.spell == (9, pytest.approx(0.9 * SPELL))
    tuning.took(SPELL / 5, pieces=2)
    assert tuning.way == "b"
    assert tuning.seconds == {0: pytest.approx(0.1 * SPELL)}


def test_many_pieces_may_take_long() -> None:
    """A prompt's tokens on a slow or busy machine."""
    tuning = Autotune("a", "b")
    tuning.took(3 * ASLEEP, pieces=200)
    assert tuning.way == "b"


def test_of_one_way_nothing_is_found_out() -> None:
    assert spells(Autotune("a"), lambda way: 1.0, 10) == ["a"] * 10
