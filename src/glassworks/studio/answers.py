"""What a question comes to, whoever asks it: its value, or the one line that a page shows in its place."""

import importlib
import inspect
import sys
import traceback
from typing import Any

from glassworks.core.errors import GlassworksError
from glassworks.studio.questions.table import QUESTIONS
from glassworks.studio.studio import Studio


class NoQuestion(ValueError):
    """What is asked is no question of this studio."""


MISTAKES = (GlassworksError, ValueError, OSError, MemoryError, RecursionError)
"""Errors that are said in a line, as in a terminal; any other one is a bug of ours."""


def answer_of(studio: Studio, question: str, arguments: dict[str, Any]) -> Any:
    """The answer to a question of `QUESTIONS`; its module is imported when it is first asked."""
    if question not in QUESTIONS:
        raise NoQuestion(f"this studio has no question {question!r}: is the page of another version? Reload it")
    module, name = QUESTIONS[question].split(":")
    return called(getattr(importlib.import_module(module), name), studio, **arguments)


def called(function: Any, *given: Any, **arguments: Any) -> Any:
    """What a function answers; ValueError where what was asked does not fit it."""
    try:
        inspect.signature(function).bind(*given, **arguments)
    except TypeError as error:
        raise ValueError(f"the page asked wrongly ({error}): reload it") from None
    return function(*given, **arguments)


def refusal(error: Exception, question: str, log: str = "its terminal") -> tuple[str, int]:
    """The line for what went wrong, and its HTTP status; of a bug the traceback goes to `log`, which the line names."""
    if isinstance(error, MISTAKES):
        return " ".join(str(error).split()) or type(error).__name__, 404 if isinstance(error, NoQuestion) else 400
    print(f"glassworks studio: {question} failed; this is a bug of ours", file=sys.stderr)
    traceback.print_exception(error)
    return f"the studio failed at this ({type(error).__name__}): {log} says where", 500
