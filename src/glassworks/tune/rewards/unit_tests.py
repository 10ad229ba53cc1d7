"""Programs that a model wrote, run on calls whose results are known here: the share that come out right.

A program that is told what is expected can say that it came out. So the process that runs it is given the calls alone;
what they return comes back as text, and is compared here. It has limits on time, memory, files and open handles, a
folder of its own, an empty environment, and no packages but Python's own. That holds off mistakes; it is no wall
against an attacker, who may read what this user may read and use the network.
"""

import ast
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glassworks.core.files import at_home
from glassworks.tune.rewards.ask import Reward
from glassworks.tune.rewards.verifiable import each

SECONDS, MEGABYTES, ANSWER = 5, 512, 65_536
"""Of processor and of wall time; of memory; bytes of what comes back."""

CHILD = """
import json, resource, sys
seconds, megabytes = int(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
told, answers, names = json.load(sys.stdin), sys.stdout, {"__name__": "program"}
sys.stdout = sys.stderr = open("/dev/null", "w")
found = []
try:
    exec(compile(told["program"], "program", "exec"), names)
    for call in told["calls"]:
        try:
            found.append(repr(eval(call, names)))
        except Exception as error:
            found.append(None)
except BaseException:
    pass
answers.write(json.dumps(found))
answers.flush()
"""


@dataclass(frozen=True)
class Case:
    """A call, and what it has to return."""

    call: str
    expected: Any


def cases_of(test: str) -> list[Case]:
    """The cases of a test program: each `assert CALL == VALUE`, where VALUE is a literal. Nothing is executed.

    >>> cases_of("assert add(1, 2) == 3")
    [Case(call='add(1, 2)', expected=3)]
    """
    found = []
    for node in ast.walk(ast.parse(test)):
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare):
            operators, values = node.test.ops, node.test.comparators
            if len(values) == 1 and isinstance(operators[0], ast.Eq):
                with suppress(ValueError):  # no literal
                    found.append(Case(ast.unparse(node.test.left), ast.literal_eval(values[0])))
    if not found:
        raise ValueError(f"test (={test!r:.60}) has no case: give some as assert add(1, 2) == 3")
    return found


def passed(program: str, cases: Sequence[Case], *, seconds: int = SECONDS, megabytes: int = MEGABYTES) -> float:
    """The share of some cases that a program gets right; 0 where it does not run, takes too long, or says nothing."""
    told = json.dumps({"program": program, "calls": [case.call for case in cases]})
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", CHILD, str(seconds), str(megabytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={},
            start_new_session=True,
        )
        try:
            out, _ = process.communicate(told.encode(), timeout=seconds + 1)
        except subprocess.TimeoutExpired:
            out = b""
        finally:
            end(process)
    return verdict(out, cases)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Kill what is left of a process and of those that it began."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    process.wait()


def verdict(out: bytes, cases: Sequence[Case]) -> float:
    """What came back beside what was expected: the share that is equal, of the same type."""
    try:
        answers = json.loads(out[:ANSWER])
    except (ValueError, RecursionError):
        return 0.0
    if not isinstance(answers, list) or len(answers) != len(cases):
        return 0.0
    return sum(is_right(answer, case.expected) for answer, case in zip(answers, cases, strict=True)) / len(cases)


def is_right(answer: object, expected: Any) -> bool:
    """Whether a text is the value that was expected; of decimals, to nine digits."""
    try:
        value = ast.literal_eval(answer) if isinstance(answer, str) else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False
    if isinstance(expected, float) and isinstance(value, int | float) and not isinstance(value, bool):
        return abs(value - expected) <= 1e-9 * max(1.0, abs(expected))
    return type(value) is type(expected) and bool(value == expected)


def unit_tests(known: Mapping[str, Sequence[Case]]) -> Reward:
    """The share of a prompt's cases that the prompt and its completion pass, as one program."""

    def worth(prompt: str, text: str) -> float:
        if prompt not in known:
            raise ValueError("its prompt has no tests")
        return passed(prompt + text, known[prompt])

    return each(worth)


def of_file(argument: str) -> Reward:
    """Unit tests of a file of lines, each {"prompt": ..., "test": "assert add(1, 2) == 3"}."""
    if not argument:
        raise ValueError('reward (=\'tests\') needs a file of lines {"prompt": ..., "test": ...}: give tests:FILE')
    known = {}
    for number, line in enumerate(at_home(Path(argument)).read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            known[str(row["prompt"])] = cases_of(row["test"])
        except (ValueError, KeyError, TypeError, SyntaxError) as error:
            raise ValueError(f"{argument}, line {number}: {error}: give prompt and test") from None
    return unit_tests(known)
