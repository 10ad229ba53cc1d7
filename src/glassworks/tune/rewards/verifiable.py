"""Rewards that need no opinion: arithmetic, form, a regular expression, length. Each is made by its argument.

A reward is a function of prompts and completions, so each reads in the prompt what it needs of the question.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.tune.rewards.ask import Reward

LONGEST = 20_000
"""Characters of a completion that are read."""

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
EXPRESSION = re.compile(r"[-+*/%(). \d]*\d[-+*/%(). \d]*")
ZEROS = re.compile(r"(?<![\d.])0+(?=\d)")
"""Before a number, where Python allows none."""
OPERATORS: Mapping[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
DEEPEST = 50
"""Parts of an expression at most."""


def each(worth: Callable[[str, str], float]) -> Reward:
    """A reward of one completion at a time as one of many."""

    def reward(prompts: Sequence[str], completions: Sequence[str]) -> Float[Tensor, " B"]:
        pairs = zip(prompts, completions, strict=True)
        return torch.tensor([float(worth(prompt, text[:LONGEST])) for prompt, text in pairs])

    return reward


def arithmetic(argument: str = "") -> Reward:
    """1 where the first number of the completion is what the last expression of the prompt comes to; 0 otherwise.

    >>> arithmetic()(["7 + 5 =", "2 * (3 + 1) ="], [" 12", " 7"])
    tensor([1., 0.])
    """

    def worth(prompt: str, text: str) -> float:
        said = NUMBER.search(text)
        return float(said is not None and abs(float(said.group()) - value_of(prompt)) < 1e-9)

    return each(worth)


def value_of(prompt: str) -> float:
    """What the last expression of a text comes to; ValueError where there is none."""
    found = [piece.strip() for piece in EXPRESSION.findall(prompt)]
    for piece in reversed([piece for piece in found if piece]):
        try:
            return computed(ast.parse(ZEROS.sub("", piece), mode="eval").body, [DEEPEST])
        except (SyntaxError, ZeroDivisionError):
            continue
    raise ValueError(f"prompt (={prompt!r:.60}) has no arithmetic: give one such as '7 + 5 ='")


def computed(node: ast.expr, left: list[int]) -> float:
    """The value of a parsed expression of numbers; nothing else is known, and nothing is executed."""
    left[0] -= 1
    if left[0] < 0:
        raise ValueError(f"the prompt's expression has more than {DEEPEST} parts: give a shorter one")
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = computed(node.operand, left)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return OPERATORS[type(node.op)](computed(node.left, left), computed(node.right, left))
    raise SyntaxError("no arithmetic")


PLACES = {"{number}": r"-?\d+(?:\.\d+)?", "{word}": r"\w+", "{line}": r"[^\n]+", "{text}": r"[\s\S]+?"}


def form(argument: str = "{number}") -> Reward:
    """1 where all of the completion is of a form, with places {number}, {word}, {line} and {text}; 0 otherwise.

    White space around it does not count.

    >>> form("<think>{text}</think><answer>{number}</answer>")([""], ["<think>two</think><answer>2</answer>"])
    tensor([1.])
    """
    pieces = re.split(r"(\{\w+\})", argument or "{number}")
    if unknown := [piece for piece in pieces[1::2] if piece not in PLACES]:
        raise ValueError(f"reward (='form:{argument}') has no place {unknown[0]}: there are {', '.join(PLACES)}")
    wanted = re.compile("".join(PLACES[piece] if i % 2 else re.escape(piece) for i, piece in enumerate(pieces)))
    return each(lambda prompt, text: float(wanted.fullmatch(text.strip()) is not None))


def pattern(argument: str = "") -> Reward:
    r"""1 where a regular expression is found in the completion; 0 otherwise.

    >>> pattern(r"return \w+")(["", ""], ["return x", "pass"])
    tensor([1., 0.])
    """
    if not argument:
        raise ValueError("reward (='regex') needs an expression: give one as regex:return \\w+")
    try:
        wanted = re.compile(argument)
    except re.error as error:
        raise ValueError(f"reward (='regex:{argument}') is no regular expression: {error}") from None
    return each(lambda prompt, text: float(wanted.search(text) is not None))


def length(argument: str = "") -> Reward:
    """1 for a completion of so many characters, less the share by which it is longer or shorter; never below 0.

    >>> length("4")(["", "", ""], ["four", "ab", "far too long"])
    tensor([1.0000, 0.5000, 0.0000])
    """
    if not (argument.isascii() and argument.isdigit() and int(argument) > 0):
        raise ValueError(f"reward (='length:{argument}') needs a number of characters: give one as length:80")
    wanted = int(argument)
    return each(lambda prompt, text: max(0.0, 1 - abs(len(text) - wanted) / wanted))


def answers(known: Mapping[str, str]) -> Reward:
    r"""1 where the last number of the completion is the last one of the prompt's known answer, as in GSM8K; else 0.

    >>> answers({"How many?": "3 + 4 = 7\n#### 7"})(["How many?"], ["there are 7."])
    tensor([1.])
    """
    lasts = {prompt: last_number(answer) for prompt, answer in known.items()}

    def worth(prompt: str, text: str) -> float:
        if lasts.get(prompt) is None:
            raise ValueError("its prompt has no answer with a number among the examples")
        return float(last_number(text) == lasts[prompt])

    return each(worth)


def last_number(text: str) -> float | None:
    """The last number of a text, without its commas; None where there is none."""
    found = NUMBER.findall(text.replace(",", ""))
    return float(found[-1]) if found else None
