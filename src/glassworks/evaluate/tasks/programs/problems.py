"""Files of programming problems: HumanEval's and HumanEval+'s own lines, read as data and checked.

Nobody's file is trusted: a line of more than 10 MB, a field that is missing or a test text that does more than call and
compare is one clear line, and what says that it is HumanEval has HumanEval's digest.
"""

import ast
import gzip
import hashlib
import io
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glassworks.core.files import at_home
from glassworks.evaluate.tasks.programs.checks import Check, check_of, tree_of

LONGEST = 10 << 20
"""Bytes of a line."""
DIGESTS = {
    "humaneval": {"1d49078ba3e2b196b9344535bef34a43021f038fad9561d6ee7c53450609a6a2": "openai/human-eval 6d43fb9"},
    "humaneval+": {
        "42526ec0e7d5f3ee0b06d6ced98f8c8bae3d76519151bfb3d36f79010645bd7f": "HumanEval+ 0.1.10",
        "78fbba8865b20c5a979cda6e02fd72538e1762e65980af7d1a6e93c3e87e93af": "HumanEval+ 0.1.10, mini",
    },
}
"""SHA-256 of the lines, unpacked, as published."""
WHERE = {
    "humaneval": "data/HumanEval.jsonl.gz of github.com/openai/human-eval",
    "humaneval+": "HumanEvalPlus.jsonl.gz of github.com/evalplus/humanevalplus_release",
    "programs": "a file of lines as HumanEval's: task_id, prompt, entry_point, canonical_solution, test",
}


@dataclass(frozen=True)
class Problem:
    """One problem: what is asked, the function's name, a program that solves it, and its tests."""

    task_id: str
    prompt: str
    entry_point: str
    canonical_solution: str
    check: Check | None = None
    """The test text as data."""
    inputs: tuple[list[Any], ...] = ()
    """Where there is no text: the inputs on which a program has to return what the canonical solution does."""
    tolerance: float = 0.0
    """Of decimals, where there is no text."""

    @property
    def calls(self) -> tuple[list[Any], ...]:
        """The inputs of all its tests, in order."""
        return self.inputs if self.check is None else tuple(self.check.inputs)


@dataclass(frozen=True)
class ProblemFile:
    """A file's problems, and which file it is."""

    problems: list[Problem]
    digest: str
    known_as: str | None
    """What is published under this digest; None for a file of one's own."""


def read_problems(path: str | Path, task: str = "programs") -> ProblemFile:
    """A task's problems of a file, packed by gzip or not.

    Raises: ValueError, in one line, for a file that cannot be read, is not the one it should be, or holds what no
    problem may.
    """
    data = unpacked_file(path)
    digest = hashlib.sha256(data).hexdigest()
    published = DIGESTS.get(task, {})
    if published and digest not in published:
        raise ValueError(
            f"{path} is not {task} as published (its SHA-256 is {digest[:12]}..., of {len(published)} known): take "
            f"{WHERE[task]}, or --task programs for a file of your own in that form"
        )
    problems = []
    for number, text in enumerate(data.splitlines(), 1):
        if not text.strip():
            continue
        if len(text) > LONGEST:
            raise ValueError(f"{path}, line {number}: it has {len(text) / 1e6:.0f} MB, of at most {LONGEST >> 20}")
        try:
            problems.append(problem_of(json.loads(text)))
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(f"{path}, line {number}: {error}") from None
    names = [problem.task_id for problem in problems]
    if not names or len(set(names)) < len(names):
        twice = next((name for name in names if names.count(name) > 1), None)
        raise ValueError(f"{path} has {f'{twice} twice' if twice else 'no problem'}: give {WHERE[task]}")
    known = {value: name for group in DIGESTS.values() for value, name in group.items()}
    return ProblemFile(problems, digest, known.get(digest))


def unpacked_file(path: str | Path) -> bytes:
    """A file's bytes, unpacked; at most 1 GB of them."""
    try:
        raw = at_home(path).read_bytes()
        if raw[:2] != b"\x1f\x8b":
            return raw
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as packed:
            data = packed.read((1 << 30) + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    if len(data) > 1 << 30:
        raise ValueError(f"{path} unpacks to more than 1 GB")
    return data


def problem_of(row: Any) -> Problem:
    """One line's problem."""
    if not isinstance(row, dict):
        raise ValueError("it is no object: give {...}")
    texts = {}
    for name in ("task_id", "prompt", "entry_point", "canonical_solution"):
        if not isinstance(row.get(name), str):
            raise ValueError(f"it has no text {name!r}")
        texts[name] = row[name]
    if "plus_input" in row:
        inputs = [*row.get("base_input", ()), *row["plus_input"]]
        if not inputs or not all(isinstance(given, list) for given in inputs):
            raise ValueError("base_input and plus_input must be lists of lists of arguments")
        return Problem(**texts, inputs=tuple(inputs), tolerance=float(row.get("atol") or 0.0))
    if not isinstance(row.get("test"), str):
        raise ValueError("it has no text 'test', nor 'plus_input'")
    program = row["prompt"] + row["canonical_solution"]
    return Problem(**texts, check=check_of(check_body(row["test"]), {"candidate", row["entry_point"]}, program))


def check_body(test: str) -> list[ast.stmt]:
    """The statements of a test text's `check(candidate)`."""
    for node in tree_of(test).body:
        if isinstance(node, ast.FunctionDef) and node.name == "check":
            return node.body
    raise ValueError("its test has no function check(candidate)")
