"""Where a program ends in what a model wrote: rules that harnesses use, by name and version.

The rule alone moves scores, so a report says which it is and shows what the others make of the same texts. A rule that
is changed gets a new number.
"""

import re
from collections.abc import Callable

PAPER = ("\nclass", "\ndef", "\n#", "\nif", "\nprint")
EVALPLUS = ("\ndef ", "\nclass ", "\nimport ", "\nfrom ", "\nassert ", "\nprint(", "\nif __name__")
FENCE = re.compile(r"^```[^\n]*\n(.*?)(?:^```|\Z)", re.DOTALL | re.MULTILINE)


def cut(text: str, stops: tuple[str, ...]) -> str:
    r"""A text up to the first of some stops.

    >>> cut("    return 1\n\ndef g():", PAPER)
    '    return 1\n'
    """
    found = [at for at in (text.find(stop) for stop in stops) if at >= 0]
    return text[: min(found, default=len(text))]


def fenced(prompt: str, text: str, entry_point: str) -> str:
    """The first fenced block that defines the function, behind the prompt's imports; else as `none-1`.

    Four prompts of HumanEval define another function first, so the whole prompt stays in front: what the block
    defines anew replaces it.
    """
    for block in FENCE.findall(text):
        if re.search(rf"^def\s+{re.escape(entry_point)}\b", block, re.MULTILINE):
            return f"{prompt}\n    pass\n\n{block}"
    return prompt + text


RULES: dict[str, Callable[[str, str, str], str]] = {
    "paper-1": lambda prompt, text, entry_point: prompt + cut(text, PAPER),
    "evalplus-1": lambda prompt, text, entry_point: prompt + cut(text, EVALPLUS),
    "fenced-1": fenced,
    "none-1": lambda prompt, text, entry_point: prompt + text,
}
"""Prompt, text and the function's name to the program. paper-1 is the Codex paper's five stops (2107.03374, section
2.1) and lm-eval's; evalplus-1 evalplus 0.3.1's before its sanitiser; fenced-1 is for models that answer in prose."""


def program_of(rule: str, prompt: str, text: str, entry_point: str) -> str:
    """The program that a rule makes of what was written.

    Raises: ValueError for a rule that is none.
    """
    if rule not in RULES:
        raise ValueError(f"rule (={rule!r}) is none of {', '.join(RULES)}")
    return RULES[rule](prompt, text, entry_point)
