from datetime import date
from random import Random

import pytest

from glassworks.data.pairs.dates import MOST, count_of, dates
from glassworks.data.pairs.words import in_words, ordinal, said_date, said_number, year_in_words

SAID = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen"""
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
VALUES = {word: value for value, word in enumerate(SAID.split())} | {"a": 1}
VALUES |= {word: 10 * value for value, word in enumerate(TENS.split(" "), 2)}


def understood(said: str) -> int:
    """A reader of numbers in words that shares nothing with what writes them."""
    total = part = 0
    for word in said.replace("-", " ").split():
        if word == "thousand":
            total, part = total + 1000 * part, 0
        elif word == "hundred":
            part *= 100
        elif word != "and":
            part += VALUES[word]
    return total + part


def test_numbers_are_understood_in_whatever_way_they_are_said() -> None:
    draw = Random(0)
    for number in [
        *range(1, 130),
        1000,
        1001,
        1100,
        3400,
        9900,
        19_000,
        100_000,
        999_999,
        *draw.sample(range(10**6), 500),
    ]:
        assert understood(in_words(number)) == number
        for _ in range(4):
            assert understood(said_number(number, draw)) == number or number == 0


def test_words_by_hand() -> None:
    assert in_words(120_500) == "one hundred and twenty thousand five hundred"
    assert in_words(3042, " ") == "three thousand forty-two"
    assert [ordinal(n) for n in (1, 2, 3, 12, 20, 23, 31)] == [
        *("first", "second", "third", "twelfth", "twentieth", "twenty-third", "thirty-first"),
    ]
    assert [year_in_words(y) for y in (1905, 1900, 1997, 2000, 2007, 2010)] == [
        *("nineteen oh five", "nineteen hundred", "nineteen ninety-seven"),
        *("two thousand", "two thousand and seven", "twenty ten"),
    ]
    said = {said_date(1997, 10, 21, "tuesday", Random(seed)) for seed in range(200)}
    assert "the twenty-first of october nineteen ninety-seven" in said
    assert "tuesday october twenty first nineteen hundred and ninety seven" in said


def test_pairs_are_the_same_for_a_seed_and_every_value_is_there_once() -> None:
    found = list(dates(3000))
    assert found == list(dates(3000))
    assert found[:10] != list(dates(10, seed=1))
    assert len({pair.group for pair in found}) == 3000
    to_digits = [pair for pair in found if pair.target == pair.group]
    assert 0.55 < len(to_digits) / 3000 < 0.65
    assert all(pair.source == pair.group for pair in found if pair not in to_digits)
    numbers = [pair for pair in found if "-" not in pair.group]
    assert 0.45 < len(numbers) / 3000 < 0.55
    for pair in numbers:
        words = pair.source if pair.target == pair.group else pair.target
        assert understood(words) == int(pair.group)
    days = [date.fromisoformat(pair.group) for pair in found if "-" in pair.group]
    assert min(days).year == 1800
    assert max(days).year == 2099


def test_a_name_says_how_many() -> None:
    assert count_of("dates:500") == 500
    assert count_of("corpus.tsv") is None
    for wrong in ("dates:", "dates:5", "dates:many", f"dates:{MOST + 1}", "dates:" + "9" * 5000):
        with pytest.raises(ValueError, match="must say a number of pairs"):
            count_of(wrong)
