r"""The patterns that cut a text into chunks before byte-pair encoding, compiled by Python's own `re`.

`re` lacks `\p{L}`: patterns are rewritten with the characters themselves, by Unicode 16 as in tiktoken 0.14. What
minbpe needs, `regex`, follows newer versions: its 2026.11.15 knows 17,480 letters and numbers more than tiktoken.
"""

import re
import unicodedata
from functools import cache
from itertools import groupby

GPT2_SPLIT_PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
GPT4_SPLIT_PATTERN = (
    r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}"""
    r"""| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"""
)

SPACE = {  # Unicode's White_Space; `re` takes U+001C to U+001F for spaces as well
    r"\s": r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
    r"\S": r"\0-\x08\x0e-\x1f!-\x84\x86-\x9f\xa1-\u167f\u1681-\u1fff\u200b-\u2027\u202a-\u202e\u2030-\u205e"
    r"\u2060-\u2fff\u3001-\U0010ffff",
}
CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co Cn"
NOTHING = r"\ud800"  # for a class without members: a character that is in no text
ADDED = """
Lu 1C89 A7CB-A7CC A7DA A7DC 10D50-10D65
Ll 1C8A A7CD A7DB 10D70-10D85 1DF25-1DF2A
Lm 10D4E 10D6F 16D40-16D42 16D6B-16D6C 1E030-1E06D 1E4EB
Lo 105C0-105F3 10D4A-10D4D 10D4F 10EC2-10EC4 1123F-11240 11380-11389 1138B 1138E 11390-113B5 113B7 113D1 113D3
Lo 11BC0-11BE0 11F02 11F04-11F10 11F12-11F33 1342F 13441-13446 13460-143FA 16100-1611D 16D43-16D6A 18CFF 1B132 1B155
Lo 1E4D0-1E4EA 1E5D0-1E5ED 1E5F0 2B739 2EBF0-2EE5D 31350-323AF
Mn 897 ECE 10D69-10D6D 10EFC-10EFF 11241 113BB-113C0 113CE 113D0 113D2 113E1-113E2 11F00-11F01 11F36-11F3A 11F40 11F42
Mn 11F5A 13440 13447-13455 1611E-16129 1612D-1612F 1E08F 1E4EC-1E4EF 1E5EE-1E5EF
Mc CF3 113B8-113BA 113C2 113C5 113C7-113CA 113CC-113CD 113CF 1171E 11F03 11F34-11F35 11F3E-11F3F 11F41 1612A-1612C
Nd 10D40-10D49 116D0-116E3 11BF0-11BF9 11F50-11F59 16130-16139 16D70-16D79 1CCF0-1CCF9 1E4F0-1E4F9 1E5F1-1E5FA
No 1D2C0-1D2D3
"""
"""Letters, marks and numbers that Unicode 15 to 16 added to the 14 of Python 3.11: so 3.11 to 3.14 cut alike. A later
Python adds its own, and all other categories, such as `\\p{P}`, are those of the Python at hand."""


@cache
def splitter(pattern: str, ascii: bool) -> re.Pattern[str]:
    r"""A pattern of `regex` or tiktoken compiled by `re`; `ascii` if only for such texts, without the large tables.

    Understood beyond `re`, in classes and outside: `\p{..}` and `\P{..}` with a general category, and `\s` as in
    Unicode. Not covered: scripts such as `\p{Han}`, classes in classes.
    """
    one_class, one_escape = r"\[\^?\]?(?:\\.|[^\]\\])*\]", r"\\[pP]\{\w+\}|\\."

    def members(escape: re.Match[str]) -> str:
        if escape[0][:3] in (r"\p{", r"\P{"):
            return category_class(escape[0][3:-1], escape[0][1] == "p", 128 if ascii else 0x110000)
        return SPACE.get(escape[0], escape[0])

    def expand(match: re.Match[str]) -> str:
        if match[0][0] == "[":
            return re.sub(one_escape, members, match[0], flags=re.DOTALL)
        inside = members(match)
        return inside if inside == match[0] else f"[{inside}]"

    try:
        compiled = re.compile(re.sub(f"{one_class}|{one_escape}", expand, pattern, flags=re.DOTALL))
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"pattern (={pattern!r}) is not understood ({error}): correct it") from error
    if compiled.groups:
        raise ValueError(f"pattern (={pattern!r}) has a group that captures: write (?:...) instead of (...)")
    return compiled


@cache
def category_class(name: str, positive: bool, limit: int) -> str:
    """The characters below `limit` in (or, not `positive`, outside) a general category, as the inside of a class."""
    if not any(category.startswith(name) for category in CATEGORIES.split()):
        raise ValueError(f"pattern names the category {name!r}: it must be one of {CATEGORIES}, or their first letter")
    found = [f"\\U{first:08x}-\\U{last:08x}" for of, first, last in runs(limit) if of.startswith(name) == positive]
    return "".join(found) or NOTHING


@cache
def runs(limit: int) -> list[tuple[str, int, int]]:
    """Every stretch of characters below `limit` of one general category: the category, the first, the last."""
    added: dict[int, str] = {}
    for category, *ranges in map(str.split, ADDED.strip().split("\n")):
        for first, _, last in (codes.partition("-") for codes in ranges):
            added |= dict.fromkeys(range(int(first, 16), int(last or first, 16) + 1), category)
    stretches = groupby(range(limit), lambda code: added.get(code) or unicodedata.category(chr(code)))
    return [(category, codes[0], codes[-1]) for category, (*codes,) in stretches]
