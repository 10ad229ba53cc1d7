"""Whole numbers, years and days in English words, in the several ways in which people say them."""

from random import Random

SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
IRREGULAR = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth"}
IRREGULAR |= {"twelve": "twelfth"}


def below_hundred(number: int) -> str:
    """0 to 99: 'forty-two'."""
    if number < 20:
        return SMALL[number]
    tens, ones = divmod(number, 10)
    return TENS[tens - 2] + (f"-{SMALL[ones]}" if ones else "")


def below_thousand(number: int, joint: str = " and ") -> str:
    """0 to 999: 'three hundred and six'."""
    hundreds, rest = divmod(number, 100)
    if not hundreds:
        return below_hundred(rest)
    return f"{SMALL[hundreds]} hundred" + (f"{joint}{below_hundred(rest)}" if rest else "")


def in_words(number: int, joint: str = " and ") -> str:
    """0 to 999,999.

    >>> in_words(3042), in_words(120_500, joint=" ")
    ('three thousand and forty-two', 'one hundred and twenty thousand five hundred')
    """
    thousands, rest = divmod(number, 1000)
    if not thousands:
        return below_thousand(rest, joint)
    parts = f"{below_thousand(thousands, joint)} thousand"
    if not rest:
        return parts
    return parts + (joint if rest < 100 else " ") + below_thousand(rest, joint)


def ordinal(number: int) -> str:
    """1 to 99: 'twenty-third'."""
    *before, last = below_hundred(number).rpartition("-")
    if last.endswith("y"):
        return "".join(before) + last[:-1] + "ieth"
    return "".join(before) + IRREGULAR.get(last, f"{last}th")


def year_in_words(year: int) -> str:
    """1100 to 2099, as a clock would say it: 'nineteen ninety-seven', 'two thousand and seven'."""
    century, rest = divmod(year, 100)
    if century == 20 and rest < 10:
        return in_words(year)
    if not rest:
        return f"{below_hundred(century)} hundred"
    return f"{below_hundred(century)} {'oh ' if rest < 10 else ''}{below_hundred(rest)}"


# ----------------------------------------------------------------------------------------------------------------------
# As people say them


def said_number(number: int, draw: Random) -> str:
    """One of the ways in which a number is said: with and without 'and', 'thirty-four hundred', 'a thousand'."""
    joint = draw.choice((" and ", " "))
    said = in_words(number, joint)
    hundreds, rest = divmod(number, 100)
    if 11 <= hundreds <= 99 and hundreds % 10 and draw.random() < 0.25:
        said = f"{below_hundred(hundreds)} hundred" + (f"{joint}{below_hundred(rest)}" if rest else "")
    elif said.startswith(("one hundred", "one thousand")) and draw.random() < 0.3:
        said = f"a{said.removeprefix('one')}"
    return loose(said, draw)


def said_year(year: int, draw: Random) -> str:
    """One of the ways in which a year is said."""
    century, rest = divmod(year, 100)
    ways = [year_in_words(year)]
    if century == 20:
        ways += [in_words(year), in_words(year, " ")]
        ways += [f"twenty {'oh ' if rest < 10 else ''}{below_hundred(rest)}"] if rest else []
    elif rest:
        ways.append(f"{below_hundred(century)} hundred{draw.choice((' and ', ' '))}{below_hundred(rest)}")
    return draw.choice(ways)


def said_date(year: int, month: int, day: int, weekday: str, draw: Random) -> str:
    """One of the ways in which a day is said."""
    name, number, in_year = MONTHS[month - 1], ordinal(day), said_year(year, draw)
    said = draw.choice(
        (
            f"the {number} of {name} {in_year}",
            f"the {number} of {name}, {in_year}",
            f"{name} {number}, {in_year}",
            f"{name} the {number} {in_year}",
            f"{weekday}, the {number} of {name} {in_year}",
            f"{weekday} {name} {number} {in_year}",
        )
    )
    return loose(said, draw)


def loose(said: str, draw: Random) -> str:
    """The same, a third of the time without hyphens."""
    return said.replace("-", " ") if draw.random() < 1 / 3 else said
