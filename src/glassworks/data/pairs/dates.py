"""The default pairs: numbers and dates, in words and in digits. Generated, so that their answers are known.

    three thousand and forty-two            3042
    saturday, may third nineteen oh two     1902-05-03
    1997-10-21                              the twenty-first of october nineteen ninety-seven

Words come in the several ways in which people say them, and become digits; digits become words in one way. Every value
is there once: whoever holds some out holds out numbers and days that training never saw, in whatever words.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from glassworks.data.pairs.pair import Pair
from glassworks.data.pairs.words import MONTHS, in_words, ordinal, said_date, said_number, year_in_words

NUMBER = 40_000
"""Pairs, where nobody says how many."""
MOST = 150_000
VERSION = 1
"""Raised when the same name gives other pairs than before."""
DIGITS = (1, 2, 8, 25, 30, 34)
"""How often a number has 1, 2, ... 6 digits."""
FIRST, LAST = date(1800, 1, 1), date(2099, 12, 31)
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
TO_DIGITS = 0.6
"""The share of pairs that go from words to digits."""


def count_of(name: str) -> int | None:
    """How many pairs `dates` or `dates:<number>` means; None for another name.

    Raises: ValueError for a number that there cannot be.
    """
    stem, _, number = name.partition(":")
    if stem != "dates":
        return None
    if not number and name == "dates":
        return NUMBER
    if not number.isdecimal() or len(number) > 9 or not 100 <= int(number) <= MOST:
        raise ValueError(f"data (={name!r}) must say a number of pairs from 100 to {MOST:,}, as dates:5000 does")
    return int(number)


def dates(number: int = NUMBER, *, seed: int = 0) -> Iterator[Pair]:
    """So many pairs, the same for the same seed; half are numbers from 1 to 999,999, half days from 1800 to 2099."""
    draw, seen = Random(seed), set[int | date]()
    while len(seen) < number:
        value = one_number(draw) if draw.random() < 0.5 else FIRST + timedelta(draw.randrange((LAST - FIRST).days + 1))
        if value in seen:
            continue
        seen.add(value)
        digits, said, canonical = spelled(value, draw)
        yield Pair(said, digits, digits) if draw.random() < TO_DIGITS else Pair(digits, canonical, digits)


def one_number(draw: Random) -> int:
    """A number with as many digits as `DIGITS` has them."""
    (size,) = draw.choices(range(1, 7), DIGITS)
    return draw.randrange(10 ** (size - 1), 10**size)


def spelled(value: int | date, draw: Random) -> tuple[str, str, str]:
    """Digits, words in one of several ways, and words in the one way that is asked for."""
    if isinstance(value, int):
        return str(value), said_number(value, draw), in_words(value)
    day = f"the {ordinal(value.day)} of {MONTHS[value.month - 1]} {year_in_words(value.year)}"
    said = said_date(value.year, value.month, value.day, WEEKDAYS[value.weekday()], draw)
    return value.isoformat(), said, day
