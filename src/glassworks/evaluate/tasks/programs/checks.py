"""Test texts as data: the inputs that they call a program with, and a verdict on what it returned.

A text is never executed: the program's process is given its inputs alone, and each `assert` is computed here
of what came back.
"""

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from glassworks.evaluate.sandbox.outcome import Answer, Outcome
from glassworks.evaluate.tasks.programs.reading import MODULES, Reader


class Unknown:
    """What a program will return: nothing can be computed of it yet."""


@dataclass(frozen=True)
class Check:
    """A test text on a function: the inputs of its calls in order, and how what they return is judged."""

    body: list[ast.stmt]
    asked: set[str]
    prompt: list[ast.stmt] = field(default_factory=list)
    """Functions and imports beside the task's own, which the text may use: computed here as the text is."""
    inputs: list[list[Any]] = field(default_factory=list)

    def judge(self, outcome: Outcome) -> list[bool]:
        """Whether each assertion holds, in order: of a call that raised or was not answered it does not."""
        answers = iter(outcome.answers)
        held: list[bool] = []

        def ask(given: list[Any]) -> Any:
            answer: Answer | None = next(answers, None)
            if answer is None or answer.error is not None:
                raise ArithmeticError(answer.error if answer else "not answered")
            return answer.value

        reader = self.reader(ask)

        def on_assert(test: ast.expr, names: dict[str, Any]) -> None:
            before = len(calls_in(test, self.asked))
            ahead = [next(answers, None) for _ in range(before)]  # those of this assertion, however it ends
            replies = iter(ahead)

            def reply(given: list[Any]) -> Any:
                answer = next(replies, None)
                if answer is None or answer.error is not None:
                    raise ArithmeticError("no value")
                return answer.value

            reader.ask = reply
            try:
                held.append(bool(reader.value(test, names)))
            except Exception:  # whatever a comparison of unlike values raises
                held.append(False)
            reader.ask = ask

        try:
            reader.run(self.body, {}, on_assert)
        except Exception:
            held.append(False)
        return held

    def reader(self, ask: Any) -> Reader:
        """A reader of the text, with the functions of its prompt."""
        reader = Reader(self.asked, ask, {})
        reader.run(self.prompt, reader.names, lambda test, names: None)
        return reader


def calls_in(node: ast.AST, asked: set[str]) -> list[ast.Call]:
    """The calls of a program within an expression, in the order in which they are computed."""
    found = [call for part in ast.iter_child_nodes(node) for call in calls_in(part, asked)]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in asked:
        found.append(node)
    return found


def check_of(body: Sequence[ast.stmt], asked: set[str], program: str = "") -> Check:
    """A test text's statements as data: its inputs are computed now. `program` solves the task.

    Raises: ValueError for what no test text may hold, and for one that calls nothing.
    """
    check = Check(list(body), asked, [node for node in tree_of(program).body if is_known(node, asked)])

    def ask(given: list[Any]) -> Unknown:
        check.inputs.append(given)
        return Unknown()

    reader = check.reader(ask)

    def on_assert(test: ast.expr, names: dict[str, Any]) -> None:
        for call in calls_in(test, asked):
            reader.value(call, names)

    reader.run(check.body, {}, on_assert)
    if not check.inputs:
        raise ValueError(f"its test calls {' and '.join(sorted(asked))} nowhere")
    return check


def is_known(node: ast.stmt, asked: set[str]) -> bool:
    """Whether a statement of a prompt is a function beside the one that is asked for, or an import that there is."""
    if isinstance(node, ast.FunctionDef):
        return node.name not in asked
    return isinstance(node, ast.Import) and all(part.name in MODULES for part in node.names)


def tree_of(text: str) -> ast.Module:
    """A text of Python, read; ValueError for one that is none."""
    try:
        return ast.parse(text)
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"it is no Python: {error}") from None
